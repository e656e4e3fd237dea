"""Kill -9 while clients answer: nothing acknowledged is lost, nothing is there twice."""

from pathlib import Path

from tests.profiles.kill_harness import run


def test_six_kills_lose_nothing(tmp_path: Path) -> None:
    told = run(tmp_path / "data", 6, seed=1)
    assert told["acknowledged"] > 100
    assert {told[k] for k in ("lost", "duplicated", "unequal", "broken")} == {0}
    assert told["open_again_ms"] < 2000
