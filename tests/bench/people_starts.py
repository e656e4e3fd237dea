"""The neighbours bench on real people: helpers are people learnt from, newcomers those judged.

What carries over is words alone, as in the studio: 32 directions of a sentence encoder. A vote of
polis is an answer against the person's level, which stands as a thing without features.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import Comparison, Features, Outcome, Question
from engine.preference.base import Prior
from tests.bench import people_data
from tests.bench.neighbours import CROWD, Newcomer, belief, measure
from tests.bench.people_methods import COLUMNS, columns

SPACE, MOST = "bench:words", 400


def real(data: Path, seed: int, quick: bool) -> Iterator[tuple[str, dict[str, float]]]:
    place = people_data.folder(data)
    for name, read in (("jester", people_data.jester), ("polis", people_data.polis)):
        groups = read(place, seed, 16 if quick else MOST)
        found = [_group(g, x) for g, x in zip(groups, columns(groups), strict=True)]
        rows = [(f, n) for f, n in found if n]
        people = sum(n for _, n in rows)
        keys = rows[0][0]
        # Over conversations by people; intervals of independent groups add in squares.
        yield (
            name,
            {
                "people": people,
                **{k: _over(k, [(f[k], n / people) for f, n in rows]) for k in keys},
            },
        )


def _over(name: str, parts: Sequence[tuple[float, float]]) -> float:
    if name.endswith("_half"):
        return float(np.sqrt(sum((v * share) ** 2 for v, share in parts)))
    if name.startswith("liar_moves"):
        return max(v for v, _ in parts)
    return float(sum(v * share for v, share in parts))


def _group(group: people_data.Group, x: Any) -> tuple[dict[str, float], int]:
    """Figures and how many people they are of: none where there are too few to help."""
    n = len(group.texts)
    features = Features(SPACE, np.arange(n + 1), np.pad(x, ((0, 1), (0, 0))).astype(np.float32))
    prior = Prior(SPACE, np.zeros(COLUMNS), np.ones(COLUMNS))
    crowd, judged = group.check[0], group.judged
    if len(crowd) < 6 or len(judged) < 2:
        return {}, 0
    helpers = [belief(_told(crowd, i), features, prior)[0] for i in range(min(CROWD, len(crowd)))]
    fresh = [_newcomer(judged, i, features) for i in range(len(judged))]
    return measure(helpers, fresh, features, prior), len(fresh)


def _told(asked: people_data.Asked, i: int) -> list[Comparison]:
    told = []
    for k, (left, right, label) in enumerate(
        zip(asked.left[i].tolist(), asked.right[i].tolist(), asked.label[i], strict=True)
    ):
        said = Outcome((left if label > 0 else right,)) if label else Outcome(word="skip")
        told.append(Comparison(k + 1, Question(k + 1, 1, "text", (left, right)), said))
    return told


def _newcomer(asked: people_data.Asked, i: int, features: Features) -> Newcomer:
    mine, told = asked.who == i, _told(asked, i)
    gap = features.matrix[asked.won[mine]] - features.matrix[asked.lost[mine]]

    def right(made: Any) -> float:
        p = made.prob(gap, np.zeros_like(gap))
        return float(np.mean(np.where(p == 0.5, 0.5, p > 0.5)))

    return Newcomer(lambda k: told[:k], right, gap.mean(0).astype(np.float64))
