"""A personal vector with its adapter is read again in a fresh process and draws the same."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors

from engine.backbones.diffusion import ODD, Diffusion
from engine.data import Draw
from engine.exports import EXPORTS
from engine.exports.base import Facts, Material, Refused, make, prove
from engine.exports.checks import picture
from engine.exports.ppd import ADAPTER, PERSON
from engine.steering.cross_attention import Personal, personal
from tests.engine.exports.pictures import sd3, sd15
from tests.tiny_pictures import tiny_face, tiny_pictures

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


@pytest.mark.parametrize("kind", ["sd3", "sd15"])
def test_its_instructions_draw_what_the_studio_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Run as they are written, with guidance. They told the rows without a prompt too."""
    tiny_pictures(kind).save_pretrained(tmp_path / "model")
    backbone, what = Diffusion("tiny-pictures", tiny_face(kind)), material(tmp_path / "model")
    assert what.personal is not None
    make(PPD, what, tmp_path / "out", fresh=False)
    asked = Draw("a cat", n=2, seed=3, steps=2, guidance=4.0, size=(16, 16))
    with personal(backbone, what.personal, [what.vector] * 2, what.facts.full):
        ours = [s.pixels for s in backbone.generate(asked) if s.done]

    code = re.findall("`([^`]+)`", PPD.how(what))
    call = "pipe(['a cat'] * n, generator=made(), num_inference_steps=2, guidance_scale=4.0, " \
           "height=16, width=16, output_type='np')"  # fmt: skip
    source = "\n".join(code).replace("pipe(...)", call)
    if kind == "sd15":
        source = source.replace("pipe.transformer", "pipe.unet")
    monkeypatch.chdir(tmp_path / "out")

    def seeded() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(3 * ODD + i) for i in range(2)]

    names = {"torch": torch, "Personal": Personal, "load_file": load_tensors, "n": 2,
             "pipe": backbone.face.pipe, "made": seeded}  # fmt: skip

    def by(text: str) -> Any:
        exec(text, names)
        return (np.asarray(names["images"]) * 255).round().astype(np.uint8)

    np.testing.assert_array_equal(by(source), ours)
    assert (by(source.replace(", rows)", ")")) != ours).any(), "the rows matter here"


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
