"""bench untrained: what pictures gain from a person's taste when nothing is trained.

Simulated people with hidden tastes over raw pixels give 25 answers through the Studio; the starter
model then draws things for them on the same seeds: plain, pushed by the belief's gradient, told
liked less disliked captions, on picked noise, best of four. The judge is the hidden taste on the
pixels. `swapped`: another person's pushed pictures. `fit`: share of pictures whose thing is among
the first five of the taught ones by the nearest class mean of Lite0. `cost`: seconds beside plain.
"""

import io
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import tasters
from tests.bench.draws import wins_of
from tests.bench.taste import look

ANSWERS, SLIP, PEOPLE, QUICK = 25, 0.1, 8, 3
UNSEEN = ("bear", "tulip", "bus", "star", "penguin", "pear", "rocket", "fish")
POINTS, GRIDS, CELLS = 5, 12, 64


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures over people; a row each."""
    from app.studio import Studio

    rng = np.random.default_rng([seed, 77])
    with tempfile.TemporaryDirectory() as folder, Studio.open(Path(folder)) as studio:
        user = studio.store.local_user()
        shown = {s.id: s for s in look(studio, "picture", user)}
        every = list(shown.values())
        crowd = people(rng) if people else tasters.people(rng, every, QUICK if quick else PEOPLE)
        beliefs = [_answered(studio, user, p, shown, (seed, i)) for i, p in enumerate(crowd)]
        easel = Easel(UNSEEN[: 4 if quick else len(UNSEEN)], every, seed)
        rows = [_row(easel, crowd, beliefs, i) for i in range(len(crowd))]
        for row, person, belief in zip(rows, crowd, beliefs, strict=True):
            row |= _different(belief, person, shown, rng)
        mixed = _blended(easel, crowd, beliefs)
    keys = [k for k in rows[0] if k != "person"]
    figures = {k: float(np.mean([r[k] for r in rows])) for k in keys} | mixed
    return {"figures": figures, "rows": rows}


def _answered(
    studio: Any, user: int, person: Any, shown: Any, at: tuple[int, int]
) -> tuple[Any, Any]:
    """The belief after ANSWERS answers, and the features it is about."""
    profile = studio.new_profile(user)["id"]
    rng = np.random.default_rng([*at, 6])
    question = studio.question(user, profile, "picture")
    for n in range(ANSWERS):
        items = [shown[i["id"]] for i in question["items"]]
        outcome = tasters.reply(person, items, rng, SLIP)
        question = studio.answer(user, question["id"], outcome, key=f"untrained-{n:04d}")["next"]
    studio.minds.refit(profile, "picture")
    mind = studio.minds.seat(profile, "picture").mind
    return mind.belief, mind.shelf.features


class Easel:
    """The model, what is asked of it, and how pictures are looked at. `scale`: what tastes need to
    judge new pictures as they judge the collection.
    """

    def __init__(self, things: Sequence[str], every: Any, seed: int) -> None:
        from engine.encoders import ENCODERS
        from engine.encoders.soft_picture import SoftPicture
        from engine.starter.drawer.conditions import WHITE, Told
        from engine.starter.drawer.data import lesson
        from engine.starter.drawer.known import starter

        self.words, self.backbone = lesson()[0], starter()
        self.things = [t for t in things if t in self.words]
        self.told = [Told(f"a {self.words[t][0]}", {}, WHITE) for t in self.things]
        self.seeds = [1000 * seed + k for k in range(len(self.told))]
        raw = tasters._raw(every)
        self.middle = np.median(raw, 0)
        flat = tasters._flat(raw, self.middle)
        self.scale = flat.mean(0), flat.std(0).clip(1e-9)
        self.encoder = ENCODERS["starter-picture"].load()()
        self.see = SoftPicture(self.encoder._learned)
        self.known, self.captions = self._collection()
        begun = time.monotonic()
        self.plain = self.drawn()
        self.seconds = time.monotonic() - begun

    def _collection(self) -> tuple[Any, Any]:
        """Means of Lite0 features of the things it was taught, and its drawings as captions: by
        words alone, by style and facts, with their rows and topics.
        """
        from PIL import Image

        from engine.starter.drawer.captions import SPOKEN
        from engine.starter.drawer.conditions import WHITE, Told
        from engine.starter.drawer.data import TOLD
        from engine.starter.drawer.known import lesson
        from engine.starter.pool import pictures

        pool, known = pictures(), lesson()
        rows = [k for k, r in enumerate(pool.records)
                if r["concept"] in self.words and r["style"] in known.styles]  # fmt: skip
        names = [s.name for s in pool.stat_names]
        facts = pool.stats[:, [names.index(n) for n in TOLD]] - known.mean[: len(TOLD)]
        facts = (facts / known.std[: len(TOLD)]).clip(-3, 3)
        said, told, topics, seen = [], [], [], []
        for k in rows:
            record = pool.records[k]
            thing = f"a {self.words[record['concept']][0]}"
            said.append(f"{thing}, {SPOKEN[record['style']][0]}")
            more = {n: (float(v), 1.0) for n, v in zip(TOLD, facts[k], strict=True)}
            told.append(Told(thing, {record["style"]: 1.0}, {**WHITE, **more}))
            topics.append(record["concept"])
            seen.append(Image.open(io.BytesIO(pool.bytes(k))).convert("RGB"))
        learned = self.encoder._learned.encode(seen)
        means = {t: learned[np.array(topics) == t].mean(0) for t in self.words}
        return means, (said, told, topics, pool.features[rows])

    def drawn(self, told: Any = None, seeds: Any = None) -> list[Any]:
        from engine.data import Draw

        told, seeds = told or self.told, seeds or self.seeds
        found = {s.index: s.pixels for s in self.backbone.stream(told, seeds, Draw("")) if s.done}
        return [found[k] for k in range(len(told))]

    def worth(self, person: Any, pictures: Any) -> Any:
        """(n,) hidden liking."""
        from PIL import Image

        small = [np.asarray(Image.fromarray(p).resize((64, 64))) for p in pictures]
        new = [tasters.Shown(-1, "picture", p) for p in small]
        if not hasattr(person, "weights"):
            return np.array([person.utility(s) for s in new])
        flat = (tasters._flat(tasters._raw(new), self.middle) - self.scale[0]) / self.scale[1]
        return flat @ person.weights

    def score(self, belief: Any, pictures: Any) -> Any:
        """(n,) the belief's own score."""
        from PIL import Image

        return belief.believe(self.encoder.encode([Image.fromarray(p) for p in pictures]))[0]

    def fit(self, pictures: Any) -> float:
        from PIL import Image

        seen = self.encoder._learned.encode([Image.fromarray(p) for p in pictures])
        middle = np.mean(list(self.known.values()), 0)
        means = np.stack(list(self.known.values())) - middle
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        best = np.argsort(-((seen - middle) @ means.T), axis=1)[:, :5]
        names = list(self.known)
        asked = (self.things * len(pictures))[: len(pictures)]
        return float(
            np.mean([t in [names[k] for k in b] for t, b in zip(asked, best, strict=True)])
        )


def taste(belief: Any) -> Any:
    return getattr(belief, "linear", belief).mean[:-2].astype(np.float32)


def _arms(easel: Easel, belief: Any) -> dict[str, Any]:
    """What is drawn for a person, by method; `best4` and `implicit4` pick among the same four."""
    from engine.data import Draw
    from engine.steering.best_of import best_of, implicit
    from engine.steering.noise import liked_noise
    from engine.steering.prompt_direction import from_captions, prompt_direction
    from engine.steering.reward_gradient import reward_gradient

    backbone, u = easel.backbone, taste(belief)
    said, told, topics, features = easel.captions
    made: dict[str, Any] = {}
    for name, strength in (("pushed", 1.0), ("half", 0.5)):
        begun = time.monotonic()
        with reward_gradient(backbone, easel.see, [u], strength, belief.space):
            made[name] = easel.drawn()
        made["cost"] = (time.monotonic() - begun) / easel.seconds
    liking = features @ u
    directions = {"said": from_captions(backbone, said, liking, topics),
                  "told": from_captions(backbone, told, liking, topics)}  # fmt: skip
    for name, found in directions.items():
        with prompt_direction(backbone, found, 1.0):
            made[name] = easel.drawn()

    def explicit(pictures: Any, _prompts: Any = None) -> Any:
        return easel.score(belief, pictures)

    seeds = liked_noise(backbone, easel.told, easel.seeds, Draw(""), explicit, 1.0)
    made["noise12"] = easel.drawn(seeds=seeds)
    four = best_of(backbone, easel.told, easel.seeds, Draw(""), explicit, 3 / 7)
    made["best4"] = [c.best.pixels for c in four]
    judge = implicit(backbone, lambda: prompt_direction(backbone, directions["told"], 1.0))
    made["implicit4"] = [_liked(judge, c, t) for c, t in zip(four, easel.told, strict=True)]
    return made


def _liked(judge: Callable[..., Any], choice: Any, told: Any) -> Any:
    pictures = [s.pixels for s in choice.drawn]
    return pictures[int(np.argmax(judge(pictures, [told] * len(pictures))))]


def _row(easel: Easel, crowd: Any, beliefs: Any, i: int) -> dict[str, Any]:
    person, belief, other = crowd[i], beliefs[i][0], crowd[(i + 1) % len(crowd)]
    plain = easel.worth(person, easel.plain)
    made = _arms(easel, belief)
    row: dict[str, Any] = {"person": i, "cost": made.pop("cost")}
    scores = [easel.score(belief, p).mean() for p in (easel.plain, made["half"], made["pushed"])]
    row["ordered"] = float(scores == sorted(scores))
    for name, pictures in made.items():
        gain = easel.worth(person, pictures) - plain
        row[f"{name}_win"] = wins_of(gain, 0 * gain)
        row[f"{name}_gain"] = float(gain.mean() / _size(person, plain))
    row["pushed_over_best4"] = wins_of(easel.worth(person, made["pushed"]),
                                       easel.worth(person, made["best4"]))  # fmt: skip
    swapped = easel.worth(other, made["pushed"]) - easel.worth(other, easel.plain)
    row["swapped_win"] = wins_of(swapped, 0 * swapped)
    row["plain_fit"], row["pushed_fit"] = easel.fit(easel.plain), easel.fit(made["pushed"])
    row["told_fit"] = easel.fit(made["told"])
    return row


def _size(person: Any, plain: Any) -> float:
    return float(np.linalg.norm(person.weights) if hasattr(person, "weights") else plain.std())


def _different(
    belief: tuple[Any, Any], person: Any, shown: Any, rng: np.random.Generator
) -> dict[str, float]:
    """GRIDS grids of nine by a rule: share of CELLS of the collection that were seen, and how much
    what was shown is liked, in deviations.
    """
    from engine.queries import QUERIES

    mind, features = belief
    middles = features.matrix[rng.choice(len(features), CELLS, replace=False)]
    far = ((features.matrix[:, None] - middles[None]) ** 2).sum(2)
    cell, found = far.argmin(1), {}
    liking = np.array([person.utility(shown[int(i)]) for i in features.ids])
    for name in ("uniform", "thompson", "novelty"):
        rule, recent = QUERIES[name].load(), []
        for k in range(GRIDS):
            rows = rule(mind, features, 9, np.random.default_rng(k), recent=tuple(recent))
            recent.append(tuple(int(i) for i in features.ids[rows]))
        rows = features.rows([i for r in recent for i in r])
        found[f"{name}_cells"] = len(np.unique(cell[rows])) / CELLS
        found[f"{name}_liking"] = float((liking[rows].mean() - liking.mean()) / liking.std())
    return found


def _blended(easel: Easel, crowd: Any, beliefs: Any) -> dict[str, float]:
    """From the first person to the second: does liking pass over evenly? `order`: rank correlation
    of the share with what the second likes more than the first; `jump`: ISTD of Lite0 features,
    beside their mean step.
    """
    from PIL import Image

    from engine.steering.blend import blend, istd
    from engine.steering.reward_gradient import reward_gradient

    a, b = taste(beliefs[0][0]), taste(beliefs[1][0])
    told, seeds = easel.told[:2], easel.seeds[:2]
    gaps, looks = [], []
    for share in np.linspace(0, 1, POINTS):
        u = blend(a, b, float(share))
        with reward_gradient(easel.backbone, easel.see, [u], 1.0):
            made = easel.drawn(told, seeds)
        sizes = [_size(p, np.ones(1)) for p in crowd[:2]]
        gaps.append(np.mean(easel.worth(crowd[1], made)) / sizes[1]
                    - np.mean(easel.worth(crowd[0], made)) / sizes[0])  # fmt: skip
        looks.append(easel.encoder._learned.encode([Image.fromarray(p) for p in made]))
    steps = [istd(np.stack([look[k] for look in looks])) for k in range(len(told))]
    ranks = np.argsort(np.argsort(gaps))
    return {"blend_order": float(np.corrcoef(ranks, np.arange(POINTS))[0, 1]),
            "blend_gain": float(gaps[-1] - gaps[0]),
            "blend_jump": float(np.mean([d / m for d, m in steps]))}  # fmt: skip
