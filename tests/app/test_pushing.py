"""A push: into a private repository, by the explicit command, with a token, and never offline."""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import pushing
from app.wire import Bad


@dataclass
class Hub:
    """Remembers what it was asked."""

    private: bool = True
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def create_repo(self, repo: str, **given: Any) -> None:
        self.calls.append(("create", {"repo": repo, **given}))

    def repo_info(self, repo: str, **given: Any) -> Any:
        return SimpleNamespace(private=self.private)

    def upload_folder(self, *, folder_path: Path, **given: Any) -> None:
        files = sorted(p.name for p in folder_path.rglob("*") if p.is_file())
        self.calls.append(("upload", {**given, "files": files}))


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "peft.zip", "w") as made:
        made.writestr("mine/README.md", "card")
        made.writestr("mine/adapter_config.json", "{}")
    return tmp_path / "peft.zip"


def test_it_goes_to_a_private_repository(packed: Path) -> None:
    hub = Hub()
    told = pushing.push(packed, "ada/mine", "model", hub)
    assert told["files"] == ["README.md", "adapter_config.json"] and told["private"]
    (_, made), (_, sent) = hub.calls
    assert made == {"repo": "ada/mine", "repo_type": "model", "private": True, "exist_ok": True}
    assert sent["repo_id"] == "ada/mine" and sent["files"] == told["files"]


def test_a_public_one_gets_nothing(packed: Path) -> None:
    hub = Hub(private=False)
    with pytest.raises(Bad, match="public"):
        pushing.push(packed, "ada/mine", "dataset", hub)
    assert [name for name, _ in hub.calls] == ["create"]


@pytest.mark.parametrize(("repo", "token", "offline", "said"), [
    ("ada/mine", "secret", True, "--offline"), ("mine", "secret", False, "NAME/REPO"),
    ("../mine", "secret", False, "NAME/REPO"), ("ada/mine", "", False, "HF_TOKEN"),
])  # fmt: skip
def test_what_is_missing_is_said_before_anything_leaves(
    packed: Path, monkeypatch: pytest.MonkeyPatch, repo: str, token: str, offline: bool, said: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr(pushing.subprocess, "run", lambda *_, **__: pytest.fail("it was started"))
    with pytest.raises(Bad, match=said):
        pushing.away(packed, repo, "model", offline)


def test_the_other_process_is_online_and_the_token_is_no_word_of_it(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def run(words: list[str], env: dict[str, str], **_: Any) -> Any:
        seen.update(words=words, env=env)
        return SimpleNamespace(returncode=0, stdout='progress\n{"repo": "ada/mine"}\n', stderr="")

    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(pushing.subprocess, "run", run)
    assert pushing.away(packed, "ada/mine", "model", False) == {"repo": "ada/mine"}
    assert seen["env"]["HF_HUB_OFFLINE"] == "0" and "secret" not in seen["words"]


def test_nothing_else_calls_it() -> None:
    root = Path(pushing.__file__).parents[1]
    files = [p for top in ("app", "engine", "profiles") for p in (root / top).rglob("*.py")]
    using = {p.name for p in files if "pushing" in p.read_text() and p.name != "pushing.py"}
    assert using == {"cli_keep.py"}
