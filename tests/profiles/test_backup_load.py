"""A copy made under load is whole and complete."""

from pathlib import Path

from tests.profiles import backup_load


def test_copies_made_while_answers_come_lack_nothing(tmp_path: Path) -> None:
    told = backup_load.run(tmp_path / "data", 1.0, 0.2, clients=8)
    assert told["copies"] >= 2 and told["answers"] >= 390
    assert told["not_whole"] == told["lacking"] == 0
