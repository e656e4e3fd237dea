"""Putting the language model in place: whole or not at all, once, and it says what it is."""

import hashlib
import json
from pathlib import Path

import pytest

from engine.starter import convert_lm


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the packed weights, and a writer that copies them."""
    gguf = tmp_path / "package" / convert_lm.FILE
    gguf.parent.mkdir()
    gguf.write_bytes(b"weights")
    monkeypatch.setattr(convert_lm, "source", lambda: gguf)
    monkeypatch.setattr(
        convert_lm, "_write", lambda g, part: (part / "model.safetensors").write_bytes(b"made")
    )
    return gguf


def test_the_manifest_names_upstream_and_every_file(packed: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / "lm"
    convert_lm.convert(target)
    manifest = json.loads((target / "manifest.json").read_text())
    assert manifest["upstream"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert "Q4_1" in manifest["note"] and "Apache" in (target / "LICENSE").read_text()
    assert manifest["files"]["model.safetensors"] == hashlib.sha256(b"made").hexdigest()
    assert manifest["source_sha256"] == hashlib.sha256(b"weights").hexdigest()


def test_what_is_done_is_not_done_again(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert_lm.convert(tmp_path / "lm")
    monkeypatch.setattr(convert_lm, "_write", lambda *_: pytest.fail("written twice"))
    convert_lm.convert(tmp_path / "lm")


def test_an_interruption_leaves_nothing_that_looks_whole(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "lm"

    def full(_gguf: Path, part: Path) -> None:
        (part / "model.safetensors").write_bytes(b"ha")
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(convert_lm, "_write", full)
        with pytest.raises(OSError):
            convert_lm.convert(target)
    assert not target.exists()
    convert_lm.convert(target)
    assert (target / "model.safetensors").read_bytes() == b"made"
    assert not target.with_name("lm.part").exists()


def test_a_missing_package_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(FileNotFoundError, match="launch.py"):
        convert_lm.source()
