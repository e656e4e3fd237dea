"""bench ppd: do a few pairs of a new person bend what the starter model draws to their taste?

Simulated people with hidden tastes over raw pixels (tests/bench/tasters.py; the adapter was taught
by other people, over other measures) judge K pairs of the collection, asked as the studio asks,
without slips. The pairs become a vector, and the model draws known things for it on the seeds of
plain drawings, others for each person. The judge is the hidden taste on the pixels: it shares
nothing with encoder, vector or training. A row a person. Beside it: somebody else's vector
(swapped), the best of four plain drawings by the same vector (rerank), the prompt naming the style
that was picked most, leaning (no training), an adapter taught with everybody's choices alike
(population), and people who care about nothing but green, which no teacher did (heldout_axis).
`slips_4`: one answer of ten is a slip.
"""

import io
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from engine.data import Features
from tests.bench import tasters

PEOPLE, QUICK, GREEN, COUNTS = 40, 6, 12, (1, 2, 4, 8)
THINGS = ("bear", "penguin", "turtle", "tulip", "red apple", "bus", "house with garden", "star")
BLENDS, SHARES = 6, (0.0, 0.25, 0.5, 0.75, 1.0)
POPULATION = 80
# Turns are seeds: the people's own are 0, 1, ..., then come those outside and what reranking adds,
# so that nobody shares the noise of a drawing with anybody else.
OUTSIDE, MORE = 1000, 2000


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures over people; a row each."""
    table = Table()
    rng = np.random.default_rng([seed, 41])
    count = QUICK if quick else PEOPLE
    crowd = people(rng) if people else tasters.people(rng, table.shown, count)
    crowd = [one(p, table) for p in crowd]
    green = list(tasters.VISIBLE).index("green")
    alone = [Someone("green", np.eye(len(tasters.VISIBLE))[green] * (1 if i % 4 else -1))
             for i in range(2 if quick else GREEN)]  # fmt: skip
    sketch = Sketch(seed)
    rows = [_row(sketch, table, p, i, rng) for i, p in enumerate(crowd)]
    vectors = [r.pop("vector") for r in rows]
    drawn = [r.pop("drawn") for r in rows]
    for i, person in enumerate(crowd):
        rows[i]["swapped_4"] = wins(*drawn[(i + 1) % len(crowd)], person)
    population = _population(sketch, table, crowd, [plain for _, plain in drawn])
    outside = [_row(sketch, table, p, OUTSIDE + i, rng, (4,)) for i, p in enumerate(alone)]
    figures = {k: float(np.mean([r[k] for r in rows])) for k in rows[0] if k != "person"}
    figures |= {
        "worst_4": min(r["win_4"] for r in rows),
        "heldout_axis_4": float(np.mean([r["win_4"] for r in outside])),
        "strength": sketch.full,
        "zero_bit_equal": float(sketch.zero()),
        **population,
        **_blends(sketch, table, crowd, vectors),
        **sketch.fit(drawn_for=vectors[: 4 if quick else 20]),
    }
    return {"figures": figures, "rows": rows}


class Someone:
    """Weights (measures,) over the judge's measures."""

    def __init__(self, name: str, weights: Any) -> None:
        self.name, self.weights = name, weights


def one(person: Any, table: "Table") -> Any:
    """A person of a --people file has a utility only: what it says of the collection is fitted."""
    if hasattr(person, "weights"):
        return person
    likes = np.array([person.utility(s) for s in table.shown])
    found = np.linalg.lstsq(table.measures, likes - likes.mean(), rcond=None)[0]
    return Someone(getattr(person, "name", "given"), found)


class Table:
    """The collection as people see it, measured once on one scale."""

    def __init__(self) -> None:
        from PIL import Image

        from engine.starter.pool import pictures

        self.pool = pictures()
        small = [np.asarray(Image.open(io.BytesIO(self.pool.bytes(k))).convert("RGB")
                            .resize((64, 64))) for k in range(len(self.pool))]  # fmt: skip
        self.shown = [tasters.Shown(k, "picture", p) for k, p in enumerate(small)]
        raw = tasters._raw(self.shown)
        self.middle = np.median(raw, 0)
        flat = tasters._flat(raw, self.middle)
        self.mean, self.std = flat.mean(0), flat.std(0).clip(1e-9)
        self.measures = (flat - self.mean) / self.std
        names = np.array([r["concept"] for r in self.pool.records])
        self.groups = [np.flatnonzero(names == n) for n in np.unique(names)]
        self.features = Features(self.pool.space, np.arange(len(names)), self.pool.features)

    def seen(self, pictures: Sequence[Any]) -> Any:
        """(n, measures) of drawn pictures (h, w, 3)."""
        from PIL import Image

        small = [np.asarray(Image.fromarray(p).resize((64, 64))) for p in pictures]
        raw = tasters._raw([tasters.Shown(-1, "picture", p) for p in small])
        return (tasters._flat(raw, self.middle) - self.mean) / self.std

    def pairs(self, person: Any, count: int, rng: Any, slip: float = 0.0) -> tuple[Any, Any]:
        """Rows of the chosen and the rejected of `count` pairs, asked as the studio asks: what the
        belief so far would learn most from, every other pair of one thing.
        """
        from engine import laplace
        from engine.preference.bradley_terry import BradleyTerry
        from engine.queries.d_optimal import pick
        from engine.starter.prior import prior

        belief, x = BradleyTerry.blank(prior("picture")), self.pool.features
        liking, found = self.measures @ person.weights, []
        for n in range(count):
            one, two = pick(belief, self.features, 2, rng, groups=None if n % 2 else self.groups)
            first = (liking[one] > liking[two]) ^ (rng.random() < slip)
            found.append((one, two) if first else (two, one))
            row = np.zeros((1, x.shape[1] + 2))
            row[0, :-2] = x[found[-1][0]].astype(np.float64) - x[found[-1][1]]
            made = laplace.update(laplace.Gaussian(belief.mean, belief.cov),
                                  laplace.Answer(("pick", 2, 1), row))  # fmt: skip
            belief = replace(belief, mean=made.mean, cov=made.cov)
        return tuple(np.array(found).T)  # type: ignore[return-value]

    def vector(self, chosen: Any, rejected: Any) -> Any:
        from engine.preference import ppd
        from engine.starter.prior import prior

        x = self.pool.features
        return ppd.from_pairs(x[chosen], x[rejected], prior("picture"), self.pool.space)


class Sketch:
    """Draws THINGS for vectors, on the same seeds."""

    def __init__(self, seed: int) -> None:
        from engine.encoders.starter_picture import StarterPicture
        from engine.starter.drawer.conditions import WHITE, Told
        from engine.starter.drawer.data import lesson
        from engine.starter.drawer.known import starter
        from engine.starter.drawer.personal import FULL, adapter

        words, self.encoder = lesson()[0], StarterPicture()
        self.seed, self.full, self.backbone = seed, FULL, starter()
        self.adapter = adapter(self.backbone)
        self.things = [words[t][0] for t in THINGS]
        self.told = [Told(f"a {t}", {}, WHITE) for t in self.things]

    def draw(self, told: Sequence[Any], seeds: Sequence[int], vectors: Sequence[Any],
             adapter: Any = None) -> list[Any]:  # fmt: skip
        from engine.data import Draw
        from engine.steering.cross_attention import personal

        with personal(self.backbone, adapter or self.adapter, vectors, self.full):
            found = {s.index: s.pixels for s in self.backbone.stream(told, seeds, Draw(""))
                     if s.done}  # fmt: skip
        return [found[k] for k in range(len(told))]

    def seeds(self, turn: int = 0) -> list[int]:
        return [self.seed * 7919 + 100 * turn + k for k in range(len(self.told))]

    def plain(self, turns: Sequence[int]) -> list[Any]:
        """(turns x things) drawings, a turn after the other."""
        return [p for t in turns
                for p in self.draw(self.told, self.seeds(t), [None] * len(self.told))]  # fmt: skip

    def mine(self, vector: Any, turn: int = 0) -> list[Any]:
        return self.draw(self.told, self.seeds(turn), [vector] * len(self.told))

    def zero(self) -> bool:
        nothing = np.zeros(64, np.float32)
        return bool(all((a == b).all() for a, b in zip(self.mine(nothing), self.plain([0]),
                                                       strict=True)))  # fmt: skip

    def fit(self, drawn_for: Sequence[Any]) -> dict[str, float]:
        """Share of drawings whose thing is named in the first five, plain less personal."""
        from engine.starter.drawer.data import read
        from tests.bench.starter import Judge

        judge = Judge(read())
        turns = range(len(drawn_for))
        seen = {"plain": self.plain(turns),
                "mine": [p for t in turns for p in self.mine(drawn_for[t], t)]}  # fmt: skip
        shares = {}
        for name, pictures in seen.items():
            asked = [(t, "") for _, t in zip(pictures, itertools.cycle(THINGS), strict=False)]
            shares[name] = judge.figures(_pil(pictures), asked)["concept_top5"]
        return {"prompt_fit_drop": shares["plain"] - shares["mine"],
                "prompt_fit_plain": shares["plain"]}  # fmt: skip


def _pil(pictures: Sequence[Any]) -> list[Any]:
    from PIL import Image

    return [Image.fromarray(p) for p in pictures]


def wins(mine: Any, plain: Any, person: Any) -> float:
    """Share of drawings liked more than their plain twin; equal ones count half."""
    a, b = mine @ person.weights, plain @ person.weights
    return float(np.mean((a > b) + 0.5 * (a == b)))


def _row(sketch: Sketch, table: Table, person: Any, turn: int, rng: Any,
         counts: Sequence[int] = COUNTS) -> dict[str, Any]:  # fmt: skip
    chosen, rejected = table.pairs(person, max(COUNTS), rng)
    plain = table.seen(sketch.plain([turn]))
    row: dict[str, Any] = {"person": person.name}
    for k in counts:
        vector = table.vector(chosen[:k], rejected[:k])
        seen = table.seen(sketch.mine(vector, turn))
        row[f"win_{k}"] = wins(seen, plain, person)
        if k == 4:
            row |= {"vector": vector, "drawn": (seen, plain)}
    if counts is COUNTS:
        four = chosen[:4], rejected[:4]
        beside = _beside(sketch, table, four, row["vector"], turn)
        row |= {name: wins(seen, plain, person) for name, seen in beside.items()}
        slipped = table.vector(*table.pairs(person, 4, rng, 0.1))
        row["slips_4"] = wins(table.seen(sketch.mine(slipped, turn)), plain, person)
    return row


def _beside(sketch: Sketch, table: Table, pairs: Any, vector: Any, turn: int) -> dict[str, Any]:
    """What can be done with the same four pairs otherwise: (things, measures) of drawings each."""
    liking = vector * np.sqrt(table.pool.prior_var)
    told = [replace(t, text=f"{t.text}, {_style(table, pairs)}") for t in sketch.told]
    spoken = sketch.draw(told, sketch.seeds(turn), [None] * len(told))
    return {"rerank_4": table.seen(_best(sketch, liking, turn)),
            "named_style": table.seen(spoken),
            "lean_4": table.seen(_leaning(sketch, table, liking, turn))}  # fmt: skip


def _best(sketch: Sketch, liking: Any, turn: int) -> list[Any]:
    """Of four plain drawings of each thing, the person's own turn among them, the most liked."""
    many = sketch.plain([turn, *(MORE + 3 * turn + k for k in range(3))])
    features = sketch.encoder.encode(_pil(many))
    best = (features @ liking).reshape(4, -1).argmax(0)
    return [many[t * len(THINGS) + k] for k, t in enumerate(best)]


def _style(table: Table, pairs: Any) -> str:
    """The style that was chosen most and rejected least, in words."""
    from engine.starter.drawer.captions import SPOKEN

    styles = [r["style"] for r in table.pool.records]
    score: dict[str, int] = {}
    for rows, sign in ((pairs[0], 1), (pairs[1], -1)):
        for k in rows:
            score[styles[k]] = score.get(styles[k], 0) + sign
    return str(SPOKEN[max(score, key=lambda s: score[s])][0])


def _leaning(sketch: Sketch, table: Table, direction: Any, turn: int) -> list[Any]:
    from engine.starter.drawer.data import TOLD
    from engine.starter.drawer.known import lesson
    from engine.steering.leaning import from_scores, leaning

    taught = lesson()
    names = [s.name for s in table.pool.stat_names]
    facts = table.pool.stats[:, [names.index(n) for n in TOLD]]
    facts = (facts - taught.mean[: len(TOLD)]) / taught.std[: len(TOLD)]
    lean = from_scores(table.pool.features @ direction, [r["style"] for r in table.pool.records],
                       facts, (taught.styles, TOLD))  # fmt: skip
    told = [leaning(t, lean, 1.0) for t in sketch.told]
    return sketch.draw(told, sketch.seeds(turn), [None] * len(told))


def _population(sketch: Sketch, table: Table, crowd: Any, plains: Any) -> dict[str, float]:
    """One vector for everybody: Diffusion-DPO on all choices alike."""
    import torch

    from engine.encoders.starter_picture import StarterPicture
    from engine.starter.drawer.crowd import Crowd, Lot
    from engine.starter.drawer.personal import Lesson, Plan
    from engine.starter.prior import prior

    lot = Lot.of(sketch.backbone.face.pipe.vae, StarterPicture().encode, 2)
    teachers = Crowd.of(lot, 200, prior("picture"), 9)
    same = torch.full((200, 64), 0.25)
    alike = replace(teachers, vectors=same)
    lesson = Lesson(sketch.backbone, lot, alike, Plan(steps=POPULATION, lean=0.0))
    list(lesson.run())
    vectors, found = [same[0].numpy()] * len(THINGS), []
    for turn, (person, plain) in enumerate(zip(crowd, plains, strict=True)):
        drawn = sketch.draw(sketch.told, sketch.seeds(turn), vectors, lesson.adapter)
        found.append(wins(table.seen(drawn), plain, person))
    return {"population_dpo": float(np.mean(found))}


def _blends(sketch: Sketch, table: Table, crowd: Any, vectors: Any) -> dict[str, float]:
    """From one person to the next: does liking move from the one's to the other's?"""
    from engine.preference.ppd import blend

    paths = []
    for i in range(min(BLENDS, len(crowd) - 1)):
        both, gap = np.stack([vectors[i], vectors[i + 1]]), crowd[i + 1].weights - crowd[i].weights
        mixed = [blend(both, np.array([1 - s, s])) for s in SHARES]
        paths.append([float((table.seen(sketch.mine(m, i)) @ gap).mean()) for m in mixed])
    mean = np.mean(paths, 0)
    return {"blend_monotone": float(np.all(np.diff(mean) > 0)),
            "blend_steps_up": float(np.mean(np.diff(paths, axis=1) > 0))}  # fmt: skip
