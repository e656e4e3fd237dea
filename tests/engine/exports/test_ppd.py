"""A personal vector with its adapter is read again in a fresh process and draws the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from engine.exports import EXPORTS
from engine.exports.base import Facts, Material, Refused, make, prove
from engine.exports.checks import picture
from engine.exports.ppd import ADAPTER, PERSON
from engine.steering.cross_attention import Personal
from tests.engine.exports.pictures import sd3, sd15

PPD = EXPORTS["ppd"].load()


class Stand:
    """What Personal.fresh asks of a backbone."""

    name, device = "tiny-pictures", "cpu"

    def __init__(self, model: Path) -> None:
        self.module = picture.load(model)

    def trainable(self) -> Any:
        return self.module


def material(model: Path) -> Material:
    adapter = Personal.fresh(Stand(model), "toy:four", 4)
    g = torch.Generator().manual_seed(1)
    for name, value in adapter.weights.items():
        made = torch.randn(value.shape, generator=g) if name.endswith(".v") else value
        adapter.weights[name] = made.half().float()
    facts = Facts(answers=9, profile="p1", full=2.0)
    return Material("Anna's", model, personal=adapter, vector=(1.0, 0.0, -1.0, 0.5), facts=facts)


@pytest.mark.parametrize("kind", [sd3, sd15])
def test_a_fresh_reader_draws_what_ours_draws(tmp_path: Path, kind: Any) -> None:
    proof = make(PPD, material(kind(tmp_path / "model")), tmp_path / "out", fresh=kind is sd3)
    assert proof.tick == "loaded there" and proof.matched == proof.total
    assert proof.max_diff is not None and proof.max_diff < 1e-5 < (proof.effect or 0)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "2 * vector" in card and "Anna" not in card


@pytest.mark.parametrize("change", ["cut", "another space", "other vector", "layer dropped"])
def test_a_wrong_file_is_refused(tmp_path: Path, change: str) -> None:
    what = material(sd3(tmp_path / "model"))
    make(PPD, what, tmp_path / "out", fresh=False)
    adapter, person = tmp_path / "out" / ADAPTER, tmp_path / "out" / PERSON
    if change == "cut":
        adapter.write_bytes(adapter.read_bytes()[:-30])
    elif change == "layer dropped":
        assert what.personal is not None
        weights = {k: v for k, v in what.personal.weights.items() if not k.endswith(".v")}
        replace(what.personal, weights=weights).save(adapter)
    else:
        vector = load_file(str(person))["vector"]
        told = {"space": "toy:five" if change == "another space" else "toy:four", "strength": "2"}
        save_file({"vector": -vector if change == "other vector" else vector}, str(person),
                  metadata=told)  # fmt: skip
    with pytest.raises(Refused):
        prove(PPD, what, tmp_path / "out", fresh=False)


def test_without_a_vector_there_is_no_export(tmp_path: Path) -> None:
    what = replace(material(sd3(tmp_path / "model")), vector=())
    with pytest.raises(Refused, match="needs vector"):
        make(PPD, what, tmp_path / "out")
    nothing = replace(what, vector=tuple(np.zeros(4)))
    with pytest.raises(Refused, match="changes nothing"):
        make(PPD, nothing, tmp_path / "out", fresh=False)
