"""`launch.py fit-population`: what many people chose becomes the start of one who said nothing."""

from pathlib import Path
from typing import Any


def fit(given: Any) -> str:
    """Learn, write, and say what was learnt. ValueError and OSError name the cure."""
    from engine.starter.population_recipe import run

    file = Path(given.out)
    if file.suffix != ".safetensors":
        file = file.with_name(file.name + ".safetensors")
    only = tuple(n for n in (given.sets or "").split(",") if n)
    words = run(Path(given.data), file, only, given.shippable)
    return f"{words}\nThe prior lies in {file}, its cards beside it."
