"""The taste as a text leaves as it is, with what was measured beside it."""

from pathlib import Path

import pytest

from engine.exports import EXPORTS
from engine.exports.base import Refused, make, prove
from tests.engine.exports.told import told

PROMPT = EXPORTS["system_prompt"].load()
TEXT = "You are a gifted writer. Write warm.\r\n\n## Example 1\n"


def test_the_text_is_there_and_the_card_is_honest(tmp_path: Path) -> None:
    what = told(tmp_path, prompt=TEXT)
    proof = make(PROMPT, what, tmp_path / "out")
    assert (tmp_path / "out" / "system_prompt.txt").read_bytes() == TEXT.encode()
    assert proof.tick == "keys checked" and proof.matched == proof.total == 4
    assert "no gain" in (tmp_path / "out" / "README.md").read_text()
    (tmp_path / "out" / "system_prompt.txt").write_text(TEXT.replace("warm", "cold"))
    with pytest.raises(Refused, match="3 of 4"):
        prove(PROMPT, what, tmp_path / "out", fresh=False)


def test_nothing_to_say_and_nothing_allowed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="needs prompt"):
        make(PROMPT, told(tmp_path), tmp_path / "out")
    with pytest.raises(Refused, match="pseudonymous"):
        make(PROMPT, told(tmp_path, "vector only", prompt=TEXT), tmp_path / "out")
