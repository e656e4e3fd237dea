"""The share of the roofline counts the work of a batch, and nothing else."""

from typing import Any

import pytest

from tests.bench import roofline
from tests.engine.starter.test_personal import backbone  # noqa: F401


def test_twice_the_pictures_are_twice_the_work(
    backbone: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked(work: Any, device: str) -> float:
        assert device == "cpu"
        work()
        return 2.0

    monkeypatch.setattr(roofline, "quickest", asked)
    monkeypatch.setattr(roofline, "SIDES", (16, 0))
    found = []
    for count in (1, 2):
        monkeypatch.setattr(roofline, "BATCHES", (count, 0))
        found.append(roofline.figures(backbone))
    assert [f["samples_s"] for f in found] == [0.5, 1.0]
    assert found[0]["roofline_share"] > 0
    assert found[1]["roofline_share"] == pytest.approx(2 * found[0]["roofline_share"])


def test_a_bare_product_is_two_operations_a_cell_and_row(
    backbone: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(roofline, "quickest", lambda work, device: 0.5)
    assert roofline.bare(backbone, 10) == 2 * 1000 / 0.5
