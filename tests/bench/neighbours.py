"""bench neighbours: what a start from others is worth to somebody new, and what a liar does to it.

Crowds of 24 simulated people over raw pixels and raw text: each for themselves (tasters.people),
one camp, three camps, five. All answer 30 questions with 10 % slips and are learnt from; somebody
new answers 0, 2, 4 or 8. Accuracy on 300 held-out pairs without slips, with the start the studio
would take minus without; `own_minus_swapped`: with one's own start minus with that of somebody
else who is new. The liar: one helper replaced by a thousand times the opposite of what the new one
likes. With --data the same for real people: see people_starts.py.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.starting import FROM, WIDE
from engine.data import Comparison, Features, Outcome, Question
from engine.preference import PREFERENCE
from engine.preference.base import Prior
from engine.preference.pooling import Contribution, Pool, common, length, near
from engine.starter.pool import passages, pictures
from engine.starter.prior import prior as starter_prior
from profiles.neighbours import Neighbours
from tests.bench import tasters

KS = (0, 2, 4, 8)
CROWD, TOLD, HELD, SLIP, SEEN = 24, 30, 300, 0.1, 400
CROWDS = {"alone": 0, "one_camp": 1, "three_camps": 3, "five_camps": 5}
WITHIN = {1: 0.7, 3: 0.35, 5: 0.35}


@dataclass(frozen=True)
class Newcomer:
    """told(k) are the first k answers; right(belief) is the share of held-out pairs foretold."""

    told: Callable[[int], Sequence[Comparison]]
    right: Callable[[Any], float]
    likes: np.ndarray


def run(
    quick: bool = False, seed: int = 0, people: Any = None, data: Path | None = None
) -> dict[str, Any]:
    """Figures by medium, crowd and k; a row a crowd."""
    figures: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    for kind in ("text",) if quick else ("picture", "text"):
        rng = np.random.default_rng([seed, kind == "text"])
        shown, features = look(kind, rng)
        for name, camps in CROWDS.items():
            rng = np.random.default_rng([seed, camps, kind == "text"])
            found = simulated(kind, (shown, features), rng, (camps, 8 if quick else 60))
            rows.append({"medium": kind, "crowd": name, **found})
            figures |= {f"{kind}_{name}_{k}": v for k, v in found.items()}
    if data is not None:
        from tests.bench.people_starts import real

        for name, found in real(data, seed, quick):
            rows.append({"medium": "text", "crowd": name, **found})
            figures |= {f"{name}_{k}": v for k, v in found.items()}
    return {"figures": figures, "rows": rows}


def look(kind: str, rng: np.random.Generator) -> tuple[list[tasters.Shown], Features]:
    """Things of the pool as a person sees them, and as the studio does."""
    pool = pictures() if kind == "picture" else passages()
    rows = np.sort(rng.permutation(len(pool.records))[:SEEN]).astype(np.int64)
    matrix = np.asarray(pool.features[rows], np.float32)
    if kind == "text":
        shown = [tasters.Shown(int(r), kind, text=str(pool.records[r]["text"])) for r in rows]
    else:
        shown = [tasters.Shown(int(r), kind, _pixels(pool.bytes(int(r)))) for r in rows]
    return shown, Features(pool.space, rows, matrix)


def _pixels(body: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB").resize((64, 64)))


def simulated(
    kind: str, pool: tuple[list[tasters.Shown], Features], rng: np.random.Generator,
    many: tuple[int, int],
) -> dict[str, float]:  # fmt: skip
    shown, features = pool
    camps, new = many
    crowd = _crowd(rng, shown, CROWD + new, camps)
    prior = starter_prior(kind)  # type: ignore[arg-type]
    every = [_answers(kind, p, shown, rng) for p in crowd]
    helpers = [belief(a, features, prior)[0] for a in every[:CROWD]]
    fresh = [_newcomer(p, a, pool, rng) for p, a in zip(crowd[CROWD:], every[CROWD:], strict=True)]
    return measure(helpers, fresh, features, prior)


def _crowd(
    rng: np.random.Generator, shown: list[tasters.Shown], n: int, camps: int
) -> list[tasters.Person]:
    """Everybody around the middle of a camp; without camps everybody for themselves."""
    if not camps:
        return tasters.people(rng, shown, n)
    table = tasters.measures(shown)
    middles = rng.standard_normal((camps, table.shape[1]))
    made = []
    for _ in range(n):
        weights = middles[rng.integers(camps)]
        weights = weights + WITHIN[camps] * rng.standard_normal(len(weights))
        values = table @ weights
        values = (values - values.mean()) / values.std()
        likes = {s.id: float(v) for s, v in zip(shown, values, strict=True)}
        made.append(tasters.Person("of a camp", likes, weights))
    return made


def _answers(
    kind: str, person: tasters.Person, shown: list[tasters.Shown], rng: np.random.Generator
) -> list[Comparison]:
    """Two grids, then a pair, as the studio asks; what is asked about is random."""
    told = []
    for n in range(TOLD):
        size = 2 if n % 3 == 2 else 9 if kind == "picture" else 3
        items = [shown[i] for i in rng.choice(len(shown), size, replace=False)]
        picks = tuple(tasters.reply(person, items, rng, SLIP)["picks"])
        question = Question(n + 1, 1, kind, tuple(s.id for s in items))  # type: ignore[arg-type]
        told.append(Comparison(n + 1, question, Outcome(picks)))
    return told


def _newcomer(
    person: tasters.Person, told: list[Comparison], pool: tuple[list[tasters.Shown], Features],
    rng: np.random.Generator,
) -> Newcomer:  # fmt: skip
    shown, features = pool
    pairs = np.array([rng.choice(len(shown), 2, replace=False) for _ in range(HELD)])
    values = np.array([person.likes[s.id] for s in shown])
    first = values[pairs[:, 0]] > values[pairs[:, 1]]

    def right(made: Any) -> float:
        p = made.prob(features.matrix[pairs[:, 0]], features.matrix[pairs[:, 1]])
        return float(np.mean(np.where(p == 0.5, 0.5, (p > 0.5) == first)))

    x = features.matrix.astype(np.float64)
    ridge = x.T @ x + len(x) * 0.01 * np.eye(x.shape[1])
    return Newcomer(lambda k: told[:k], right, np.linalg.solve(ridge, x.T @ values))


def belief(
    told: Sequence[Comparison], features: Features, prior: Prior
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of a taste in the units of the prior."""
    made = PREFERENCE["bradley_terry"].load().fit(told, features, prior)
    return made.scale * made.mean[:-2], made.scale**2 * made.cov[:-2, :-2]


def start(
    helpers: Sequence[np.ndarray], told: Sequence[Comparison], features: Features, prior: Prior
) -> Pool:
    """What the studio takes: common ground at first, then the nearest."""
    given = [Contribution(i, prior.space, m, True) for i, m in enumerate(helpers)]
    if len(told) < FROM:
        pool = common(prior, given)
    else:
        own = belief(told, features, prior)
        index = Neighbours(prior.space, range(len(helpers)), np.array(helpers, np.float32))
        ids, _ = index.near(own[0].astype(np.float32), WIDE)
        pool = near(prior, [given[i] for i in sorted(ids.tolist())], own)
    assert pool is not None
    return pool


def measure(
    helpers: Sequence[np.ndarray], fresh: Sequence[Newcomer], features: Features, prior: Prior
) -> dict[str, float]:
    """Per k: plain accuracy, gain with its 95 % interval over people, own - swapped, the liar."""
    fit = PREFERENCE["bradley_terry"].load().fit
    out: dict[str, float] = {}
    for k in KS:
        starts = [start(helpers, p.told(k), features, prior) for p in fresh]

        def right(i: int, pool: Pool | None, k: int = k) -> float:
            begun = prior if pool is None else pool.on(prior)
            return fresh[i].right(fit(fresh[i].told(k), features, begun))

        n = range(len(fresh))
        plain = np.array([right(i, None) for i in n])
        own = np.array([right(i, starts[i]) for i in n])
        other = np.array([right(i, starts[i - 1]) for i in n])
        bad = [_lied(helpers, fresh[i], k, features, prior) for i in n]
        lied = np.array([right(i, bad[i]) for i in n])
        gone = [np.linalg.norm(b.mean - s.mean) for b, s in zip(bad, starts, strict=True)]
        out |= {f"plain_{k}": float(plain.mean()), **_told(f"gain_{k}", own - plain)}
        out |= _told(f"own_minus_swapped_{k}", own - other)
        out |= {f"liar_costs_{k}": float((own - lied).mean()),
                f"liar_moves_{k}": float(np.max(gone) / length(prior))}  # fmt: skip
    return out


def _lied(
    helpers: Sequence[np.ndarray], new: Newcomer, k: int, features: Features, prior: Prior
) -> Pool:
    against = -1000 * new.likes / np.linalg.norm(new.likes) * length(prior)
    return start([against, *helpers[1:]], new.told(k), features, prior)


def _told(name: str, gain: np.ndarray) -> dict[str, float]:
    half = 1.96 * float(gain.std(ddof=1)) / np.sqrt(len(gain))
    return {name: float(gain.mean()), f"{name}_half": half}
