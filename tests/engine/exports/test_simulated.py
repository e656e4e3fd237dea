"""An export of an example says so: in the header of its files and on top of its card."""

from dataclasses import replace
from pathlib import Path

from engine.exports import EXPORTS
from engine.exports.base import Proof
from engine.exports.card import SIMULATED, body
from tests.engine.exports.materials import material


def test_the_stamp_and_the_card_of_an_example_say_simulated(tmp_path: Path) -> None:
    what = material(tmp_path)
    export = EXPORTS["peft"].load()
    proof = Proof("keys checked", 1, 1)
    assert "penchant.simulated" not in what.stamp() and SIMULATED not in body(export, what, proof)
    example = replace(what, facts=replace(what.facts, simulated=True))
    assert example.stamp()["penchant.simulated"] == "true"
    assert "simulated: true" in body(export, example, proof)
