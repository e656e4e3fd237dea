"""Trying a tuned picture model: the same words and seeds, with the adapter and without.

Works on a Studio. Plain and tuned rows share one batch; plain rows come out as the model alone
draws them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app import drawing
from app.wire import Bad

if TYPE_CHECKING:
    from app.studio import Studio

ODD, MOST = 7919, 4


def rows_drawn(studio: "Studio", prompt: str, rows: Sequence[tuple[Any, int]]) -> list[Any]:
    """Pixels (h, w, 3) for every (adapter or None, seed). Bad: the model does not know the thing.

    WrongSpace when an adapter belongs to other weights.
    """
    from engine.data import Draw
    from engine.steering.lora import lora

    if unknown := drawing.unknown(studio, prompt):
        raise Bad(unknown)
    backbone = drawing.model(studio)
    adapters, seeds = [a for a, _ in rows], [s for _, s in rows]
    with studio.maker.slot(), lora(backbone, adapters, 1.0):
        stream = backbone.stream([prompt] * len(rows), seeds, Draw(prompt))
        found = {s.index: s.pixels for s in stream if s.done}
    return [found[k] for k in range(len(rows))]


def attempt(
    studio: "Studio", user: int, adapter: int, prompt: str, seed: int = 0, n: int = 2
) -> dict[str, Any]:
    """n pictures with a tuned model and without, seed by seed, as data URLs."""
    if studio.keeping.one(user, adapter)["kind"] != "picture":
        raise Bad("this one writes; try it on the Create page")
    n = max(1, min(n, MOST))
    mine = studio.keeping.load(adapter)
    seeds = [seed * ODD + k for k in range(n)]
    drawn = rows_drawn(studio, prompt, [(None, s) for s in seeds] + [(mine, s) for s in seeds])
    urls = [drawing.as_url(p) for p in drawn]
    return {"prompt": prompt, "seed": seed, "plain": urls[:n], "tuned": urls[n:]}
