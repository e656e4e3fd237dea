"""A model of the hub: only its id asks for it, one copy of the weights comes, pinned, and once."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.fetching import NOTE, fetch, kept, place, wanted
from app.picture_models import Absent, Own, chosen
from engine.pipelines import BadModel
from tests.engine.picture_job import save_tiny

SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """The two calls that are made of the hub's library, over a folder."""

    def __init__(self, source: Path) -> None:
        self.source, self.asked, self.brought = source, [], []  # type: ignore[var-annotated]

    def model_info(self, repo: str, revision: str | None, files_metadata: bool) -> Any:
        self.asked.append((repo, revision, files_metadata))
        files = [p for p in self.source.rglob("*") if p.is_file()]
        told = [SimpleNamespace(rfilename=str(p.relative_to(self.source)), size=p.stat().st_size)
                for p in files]  # fmt: skip
        return SimpleNamespace(siblings=told, sha=SHA, card_data=SimpleNamespace(license="mit"))

    def bring(self, repo: str, revision: str, local_dir: str, allow_patterns: list[str]) -> None:
        assert revision == SHA, "what is fetched is pinned, never a branch"
        for name in allow_patterns:
            target = Path(local_dir) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((self.source / name).read_bytes())
            self.brought.append(name)


def flags(asked: str, models: Path) -> Any:
    return SimpleNamespace(pictures=asked, pictures_steps=None, pictures_size=None,
                           pictures_guidance=None, models_dir=str(models))  # fmt: skip


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    source = save_tiny(tmp_path / "source", "sd15")
    unet = next((source / "unet").glob("*.safetensors"))
    unet.with_name("diffusion_pytorch_model.fp16.safetensors").write_bytes(unet.read_bytes())
    (source / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"x")
    (source / "whole-model.safetensors").write_bytes(b"x")
    (source / "setup.py").write_text("x = 1")
    return Hub(source)


def test_one_copy_of_the_weights_comes_and_nothing_that_can_run(hub: Hub, tmp_path: Path) -> None:
    told = fetch("owner/Small", "", tmp_path / "models", hub, hub.bring)
    folder = Path(told["folder"])
    assert not any(n.endswith((".bin", ".py")) or "fp16" in n or "whole" in n for n in hub.brought)
    note = json.loads((folder / NOTE).read_text())
    assert note["upstream"] == "owner/Small" and note["revision"] == SHA
    assert place("hub:owner/Small", tmp_path / "models", online=False) == folder
    assert place(f"hub:owner/Small@{SHA[:8]}", tmp_path / "models", online=False) == folder
    assert kept("owner/Small", "another", tmp_path / "models") is None
    draws = chosen(flags("hub:owner/Small", tmp_path / "models"))
    assert isinstance(draws, Own) and draws.title == "small"
    base = draws.base()
    assert (base["upstream"], base["revision"], base["licence"]) == ("owner/Small", SHA, "mit")


def test_a_fetch_that_breaks_off_leaves_no_model_that_counts(hub: Hub, tmp_path: Path) -> None:
    def short(*_: Any, **__: Any) -> None:
        raise OSError("the line went dead")

    with pytest.raises(OSError):
        fetch("owner/Small", "", tmp_path / "models", hub, short)
    assert kept("owner/Small", None, tmp_path / "models") is None


def test_16_bits_are_taken_where_there_is_nothing_else() -> None:
    names = ["model_index.json", "unet/a.fp16.safetensors", "vae/a.safetensors", "unet/config.json",
             "a/b/config.json"]  # fmt: skip
    found = wanted(dict.fromkeys(names, 1))
    assert set(found) == set(names[:4])


@pytest.mark.parametrize("missing", ["model_index.json", "safetensors"])
def test_what_is_no_pipeline_is_refused_before_it_comes(
    hub: Hub, tmp_path: Path, missing: str
) -> None:
    for path in list(hub.source.rglob("*")):
        if path.name.endswith(missing):
            path.unlink()
    with pytest.raises(BadModel):
        fetch("owner/Small", "", tmp_path / "models", hub, hub.bring)
    assert not hub.brought


@pytest.mark.parametrize("asked", ["hub:owner/Small", "hub:owner/Small@v1", "hub:../x", "hub:x"])
def test_offline_nothing_is_asked_of_the_hub(tmp_path: Path, asked: str) -> None:
    draws = chosen(flags(asked, tmp_path))
    assert isinstance(draws, Absent)
    assert ("not fetched yet" if "owner/Small" in asked else "no model of the hub") in draws.why_not


def test_a_path_is_never_taken_for_an_id(tmp_path: Path) -> None:
    draws = chosen(flags("owner/Small", tmp_path), online=True)
    assert isinstance(draws, Absent) and "is not there" in draws.why_not
