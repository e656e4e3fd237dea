"""bench reach: does every kind of belief reach what is made? Answers, vector, pictures and words.

Simulated people with hidden tastes (tasters.py over raw pixels, voices.py over raw text) give
ANSWERS answers through the studio, a tenth of them slips. A method of the table is fitted to what
was stored, becomes a Taste by the one door (app/tastes.py), and Create makes things with it: words
steered and the best of four drafts, pictures leaned by the scores or attending to the vector. A win
is a thing that the hidden taste likes more than the plain one of the same prompt and seed; words
are cut to equal length. `swapped`: made for the next person, judged by this one. Errors are over
people, so that with few of them they are rough. `python -m tests.bench.reach FILE.png` draws the
contact sheet of the first two people.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.starter import axes
from engine.starter.prior import prior
from tests.bench import tasters, voices

ANSWERS, SLIP, PEOPLE, TOKENS, N = 24, 0.1, 4, 48, 2
MODELS = Path(__file__).resolve().parents[2] / ".models"
PROMPTS = {
    "picture": ("a bear", "a tulip", "a bus", "a star", "a penguin", "a red apple", "a rocket",
                "a fish"),
    "text": ("Describe a small flat.", "Invite a friend to dinner on Friday.",
             "Explain the tides to a child.", "Write about a walk in the rain.",
             "Thank a neighbour for their help."),
}  # fmt: skip


@dataclass(frozen=True)
class Way:
    """A method of the table, where it is fitted, and how pictures take it; words steer."""

    method: str
    start: Callable[[Any], Any] = prior
    attends: bool = False


WAYS = {
    "auto": Way("auto"),
    "pal": Way("pal"),
    "dpa": Way("dpa", axes.prior),
    "fspo": Way("fspo"),
}
# The personal attention takes anybody's vector; PPD's own is read from a Gaussian over directions.
ATTENDING = {"ppd": Way("bradley_terry", attends=True)} | {
    f"{name}_attends": replace(way, attends=True) for name, way in WAYS.items() if name != "auto"
}


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures of both media; a row a person and method."""
    halves = [half(kind, quick, seed, people) for kind in ("picture", "text")]
    figures = {k: v for rows in halves for k, v in _figures(rows).items()}
    return {"figures": figures, "rows": [r for rows in halves for r in rows]}


def half(kind: Any, quick: bool, seed: int, people: Any = None) -> list[dict[str, Any]]:
    """One medium: for every way, everybody's things, then everybody's judgement."""
    count = 1 if quick else PEOPLE
    prompts = PROMPTS[kind][: 1 if quick else None]
    # The next person is needed for `swapped`, also where one alone is judged.
    with tempfile.TemporaryDirectory() as place, sitting(Path(place)) as studio:
        room = Pictures(studio) if kind == "picture" else Words(studio)
        rng = np.random.default_rng([seed, 53])
        crowd = room.crowd(rng, max(2, count), people)
        profiles = [room.answered(p, (seed, i)) for i, p in enumerate(crowd)]
        rows = []
        for name, way in (WAYS | (ATTENDING if kind == "picture" else {})).items():
            made = [room.made(p, way, prompts, seed) for p in profiles]
            for i in range(count):
                row = _row(room, name, crowd[i], made[i], made[(i + 1) % len(made)])
                rows.append(row | room.sense(made[i], prompts))
            print({k: v for k, v in _figures(rows).items() if f"_{name}_" in k}, flush=True)
    return rows


@contextmanager
def sitting(folder: Path) -> Iterator[Any]:
    """A studio in which nothing is drawn behind the bench's back."""
    from app.studio import Studio

    with Studio.open(folder, models=MODELS) as studio:
        studio.fresh.switch(studio.store.local_user(), False)
        yield studio


@dataclass(frozen=True)
class Made:
    """What one person's taste made: personal things and their plain twins, in one order."""

    personal: list[Any]
    plain: list[Any]


class Room:
    """What both media share: a profile that answers, and Create with any method's belief."""

    kind: Any

    def __init__(self, studio: Any) -> None:
        self.studio, self.user = studio, studio.store.local_user()

    def answered(self, person: Any, at: tuple[int, int]) -> int:
        """The profile of somebody after ANSWERS answers."""
        profile = int(self.studio.new_profile(self.user, f"simulated {at[1]}")["id"])
        rng = np.random.default_rng([*at, 7])
        question = self.studio.question(self.user, profile, self.kind)
        for n in range(ANSWERS):
            outcome = self.reply(person, question["items"], rng)
            question = self.studio.answer(
                self.user, question["id"], outcome, key=f"reach-{profile}-{n:04d}"
            )["next"]
        return profile

    def reply(self, person: Any, items: Any, rng: np.random.Generator) -> Any:
        raise NotImplementedError

    def taste(self, profile: int, way: Way) -> Any:
        from app.tastes import fitted, of_belief

        belief = fitted(self.studio, profile, self.kind, way.method, way.start(self.kind))
        taste = of_belief(self.studio, profile, self.kind, belief)
        return taste if way.attends else replace(taste, vector=None)

    def made(self, profile: int, way: Way, prompts: Sequence[str], seed: int) -> Made:
        """N things a prompt and their twins, through Create."""
        from app.create import create

        taste, both = self.taste(profile, way), Made([], [])
        for k, prompt in enumerate(prompts):
            wanted = {"medium": self.kind, "prompt": prompt, "n": N, "strength": 1.0,
                      "seed": 100 * seed + k, "depth": "steered", "max_tokens": TOKENS}  # fmt: skip
            found: dict[tuple[str, int], Any] = {}
            for line in create(self.studio, self.user, profile, wanted, lambda: False, taste):
                if line["type"] == "error":
                    raise RuntimeError(line["error"])
                if line["type"] == "sample" and (thing := self.thing(line)) is not None:
                    found[line["side"], line["index"]] = thing
            for index in sorted(i for side, i in found if side == "plain"):
                both.plain.append(found["plain", index])
                both.personal.append(found["personal", index])
        return both

    def thing(self, line: dict[str, Any]) -> Any:
        raise NotImplementedError


class Words(Room):
    kind = "text"

    def crowd(self, rng: np.random.Generator, count: int, people: Any) -> list[Any]:
        """Voices far apart in the alphabet: abstract, dry, lush, terse."""
        if people:
            return list(people(rng))[:count]
        records = self.studio.shelves.pool("text").records
        every = voices.people([r["text"] for r in records], [r["voice"] for r in records])
        return every[:: len(every) // count][:count]

    def reply(self, person: Any, items: Any, rng: np.random.Generator) -> Any:
        order = sorted(items, key=lambda i: -person.utility(i["text"]))
        best = order[0] if rng.random() >= SLIP else order[1 + rng.integers(len(order) - 1)]
        return {"picks": [best["id"]]}

    def thing(self, line: dict[str, Any]) -> Any:
        return line["text"]

    def sense(self, made: Made, _prompts: Sequence[str]) -> dict[str, float]:
        """Pairs of words that are not said twice, personal beside plain."""
        from engine.coherence import distinct2

        fresh = [float(np.mean([distinct2(t) for t in ts])) for ts in (made.personal, made.plain)]
        return {"distinct2": fresh[0] / fresh[1]}

    def wins(self, person: Any, mine: Made, plain: Made) -> float:
        return voices.win(person.utility, mine.personal, plain.plain)


class Pictures(Room):
    kind = "picture"

    def __init__(self, studio: Any) -> None:
        from tests.bench.ppd import Table

        super().__init__(studio)
        self.table = Table()
        rows = {r["hash"]: k for k, r in enumerate(self.table.pool.records)}
        ids = studio.shelves.starter("picture").features.ids
        self.row = {int(i): rows[studio.shelves.candidate(int(i)).hash] for i in ids}

    def crowd(self, rng: np.random.Generator, count: int, people: Any) -> list[Any]:
        from tests.bench.ppd import one

        found = people(rng) if people else tasters.people(rng, self.table.shown, count)
        return [one(p, self.table) for p in found[:count]]

    def reply(self, person: Any, items: Any, rng: np.random.Generator) -> Any:
        """People know rows of the pool, the studio its own ids."""
        ids = {self.row[i["id"]]: i["id"] for i in items}
        liking = self.table.measures[list(ids)] @ person.weights
        known = tasters.Person("", dict(zip(ids, liking, strict=True)), person.weights)
        outcome = tasters.reply(known, [self.table.shown[r] for r in ids], rng, SLIP)
        return {"picks": [ids[r] for r in outcome["picks"]]}

    def thing(self, line: dict[str, Any]) -> Any:
        """Pixels of what was drawn; what comes from the collection does not count."""
        import io

        from PIL import Image

        from app.drawing import from_url

        if "image" not in line:
            return None
        return np.asarray(Image.open(io.BytesIO(from_url(line["image"]))).convert("RGB"))

    def sense(self, made: Made, prompts: Sequence[str]) -> dict[str, float]:
        return {"named": self.named(made.personal, prompts),
                "named_plain": self.named(made.plain, prompts)}  # fmt: skip

    def named(self, pictures: Sequence[Any], prompts: Sequence[str]) -> float:
        """Share of pictures whose thing is among the first five of all known ones, by the nearest
        class mean of Lite0.
        """
        from PIL import Image

        things, means, middle = self.classes
        seen = self.studio.maker.encode("lite0", [Image.fromarray(p) for p in pictures]) - middle
        best = np.argsort(-(seen @ means.T), axis=1)[:, :5]
        asked = [p.removeprefix("a ") for p in prompts for _ in range(N)]
        return float(np.mean([a in things[b] for a, b in zip(asked, best, strict=True)]))

    @cached_property
    def classes(self) -> tuple[Any, Any, Any]:
        """Names (c,), unit means (c, d) about the middle, and the middle, of the collection."""
        import io

        from PIL import Image

        from engine.starter.drawer.known import lesson

        pool, known = self.table.pool, sorted(lesson().concepts)
        rows = [k for k, r in enumerate(pool.records) if r["concept"] in known]
        seen = self.studio.maker.encode(
            "lite0", [Image.open(io.BytesIO(pool.bytes(k))).convert("RGB") for k in rows]
        )
        of = np.array([pool.records[k]["concept"] for k in rows])
        means = np.stack([seen[of == name].mean(0) for name in known])
        middle = means.mean(0)
        means -= middle
        return np.array(known), means / np.linalg.norm(means, axis=1, keepdims=True), middle

    def wins(self, person: Any, mine: Made, plain: Made) -> float:
        from tests.bench.ppd import wins

        return wins(self.table.seen(mine.personal), self.table.seen(plain.plain), person)


def _row(room: Any, name: str, person: Any, mine: Made, other: Made) -> dict[str, Any]:
    return {"medium": room.kind, "method": name, "person": getattr(person, "name", ""),
            "things": len(mine.plain), "own": room.wins(person, mine, mine),
            "swapped": room.wins(person, other, mine)}  # fmt: skip


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Means over people, and the error of own and of own less swapped."""
    figures: dict[str, float] = {}
    for kind, name in dict.fromkeys((r["medium"], r["method"]) for r in rows):
        found = [r for r in rows if (r["medium"], r["method"]) == (kind, name)]
        own, swapped = (np.array([r[k] for r in found]) for k in ("own", "swapped"))
        for key in ("named", "named_plain", "distinct2"):
            if key not in found[0]:
                continue
            figures[f"{kind}_{name}_{key}"] = float(np.mean([r[key] for r in found]))
        for key, values in (("own", own), ("swapped", swapped), ("gap", own - swapped)):
            figures[f"{kind}_{name}_{key}"] = float(values.mean())
            if len(values) > 1:
                error = float(values.std(ddof=1) / np.sqrt(len(values)))
                figures[f"{kind}_{name}_{key}_se"] = error
    return figures


def sheet(file: Path, seed: int = 0, prompts: Sequence[str] = PROMPTS["picture"][:3]) -> None:
    """Two people, a few prompts: plain, then each way for the person and for the other one."""
    from PIL import Image, ImageDraw

    names = ["pal", "dpa", "fspo", "ppd"]
    with tempfile.TemporaryDirectory() as place, sitting(Path(place)) as studio:
        room = Pictures(studio)
        crowd = room.crowd(np.random.default_rng([seed, 53]), 2, None)
        profiles = [room.answered(p, (seed, i)) for i, p in enumerate(crowd)]
        made = {n: [room.made(p, (WAYS | ATTENDING)[n], prompts, seed) for p in profiles]
                for n in names}  # fmt: skip
    size, top, left = 72, 28, 8
    columns = ["plain", *(f"{n} {w}" for n in names for w in ("own", "swap"))]
    tall = (size + 4) * len(prompts) + top
    paper = Image.new("RGB", (left + (size + 4) * len(columns), tall * len(crowd)), "white")
    pen = ImageDraw.Draw(paper)
    for i, person in enumerate(crowd):
        pen.text((left, i * tall + 1), f"simulated person {i + 1}: {person.name}", "black")
        every = [made["pal"][i].plain, *(made[n][(i + j) % 2].personal
                                         for n in names for j in range(2))]  # fmt: skip
        for c, (title, pictures) in enumerate(zip(columns, every, strict=True)):
            x = left + c * (size + 4)
            pen.text((x, i * tall + 14), title, "black")
            for k, picture in enumerate(pictures[::N]):
                small = Image.fromarray(picture).resize((size, size))
                paper.paste(small, (x, i * tall + top + k * (size + 4)))
    paper.quantize(256).save(file, optimize=True)


if __name__ == "__main__":
    sheet(Path(sys.argv[1]))
