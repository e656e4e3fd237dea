"""`launch.py train-fspo`: the language model learns to read anybody's pairs, over many people."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def train(given: Any, models: Path, lm: str | None, say: Callable[[str], None]) -> Path:
    """Where the adapter lies. ValueError and OSError name the cure."""
    from app.keeping import base_of
    from app.making import MODEL
    from engine.fspo_people import personas, voices

    people = [*personas(Path(given.data)), *voices(_passages(), given.voices)]
    place = Path(lm) if lm else models / MODEL
    if not (place / "config.json").exists():
        raise ValueError(
            f"no language model in {place}; run launch.py once, or point --lm at a folder that "
            "holds a causal language model"
        )
    from engine.backbones.causal_lm import CausalLM
    from engine.device import choose
    from engine.fspo_recipe import Plan, learn

    _check(given.device, choose().name)
    plan = Plan(Path(given.out), given.minutes, given.resume, given.steps, given.shots,
                given.objective, given.beta, given.rate, given.batch, given.lessons,
                given.rows, given.seed, dict(base_of(place)))  # fmt: skip
    backbone = CausalLM.load(str(place), cpu=given.device == "cpu")
    return learn(backbone, people, plan, say)


def _passages() -> Any:
    from engine.starter.pool import passages

    return passages().records


def _check(wanted: str, found: str) -> None:
    if wanted == "cuda" and found != "cuda":
        raise ValueError(f"--device cuda was asked for, and this machine has {found}; say auto")
