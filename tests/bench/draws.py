"""bench draws: thirty answers, a quick tuning of the picture model, and is it liked?

Simulated people with hidden tastes over raw pixels answer through the Studio with 10 % slips; the
quick card of Keep tunes the shipped model in its own process. Then it draws things that no example
of the tuning showed, and that its own checks do not draw: plain, with the adapter, and leaning (no
training), both at once (what Create does after a tuning), on the same seeds. The judge is the
hidden taste on the pixels; it shares nothing with encoder, belief or loss. `swapped`: somebody
else's. `best4`: the best of four plain ones by the belief. The same is the pictures' half of bench
tuned.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import tasters
from tests.bench.taste import look

ANSWERS, SLIP, PEOPLE, QUICK, LONGEST = 30, 0.1, 8, 2, 1800.0
UNSEEN = ("bear", "penguin", "fish", "turtle", "tulip", "cactus", "pear", "doughnut",
          "bus", "rocket", "house with garden", "star")  # fmt: skip
SEEDS = 4
KINDS = ("tuned", "lean", "both", "swapped", "swapped_lean", "best4")
NAMES = {"tuned": "win", "lean": "win_lean", "both": "win_both", "swapped": "win_swapped",
         "swapped_lean": "win_swapped_lean", "best4": "win_best4"}  # fmt: skip


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures over people; a row each."""
    from app.studio import Studio

    rng = np.random.default_rng([seed, 31])
    with tempfile.TemporaryDirectory() as folder, Studio.open(Path(folder)) as studio:
        studio.keeping.pictures.left_out = frozenset(UNSEEN)
        user = studio.store.local_user()
        shown = {s.id: s for s in look(studio, "picture", user)}
        every = list(shown.values())
        crowd = people(rng) if people else tasters.people(rng, every, PEOPLE)
        crowd = crowd[: QUICK if quick else PEOPLE]
        made = [Bent(studio, user, p, shown, (seed, i)) for i, p in enumerate(crowd)]
        plain = made[0].drawn()
        rows = []
        for i, person in enumerate(crowd):
            rows.append(_row(person, made[i], made[(i + 1) % len(made)], (plain, every)))
            print({k: round(v, 3) if isinstance(v, float) else v for k, v in rows[-1].items()},
                  flush=True)  # fmt: skip
    figures = {f"pictures_{NAMES[k]}": float(np.mean([r[k] for r in rows])) for k in KINDS}
    figures["pictures_worst"] = float(min(r["tuned"] for r in rows))
    figures["pictures_minutes"] = max(r["minutes"] for r in rows)
    known = [r["held_out"] for r in rows if r["held_out"] is not None]
    if known:
        figures["pictures_held_out"] = float(np.mean(known))
    return {"figures": figures, "rows": rows}


def _row(person: Any, mine: "Bent", other: "Bent", drawn: tuple[Any, Any]) -> dict[str, Any]:
    plain, every = drawn
    base = worth(person, plain, every)
    found = {"tuned": mine.drawn("tuned"), "lean": mine.drawn("lean"),
             "both": mine.drawn("both"),
             "swapped": other.drawn("tuned"), "swapped_lean": other.drawn("lean"),
             "best4": mine.best(plain)}  # fmt: skip
    wins = {k: wins_of(worth(person, v, every), base) for k, v in found.items()}
    card, seen = mine.row["card"], mine.row["card"]["measured"]
    return {"medium": "picture", "person": getattr(person, "name", ""), **wins,
            "minutes": mine.minutes, "steps": card["steps"], "own_samples": seen["win"],
            "held_out": seen.get("agreement"), "winner": seen["winner"],
            "distance": seen["distance"], "verdict": card["verdict"]}  # fmt: skip


def wins_of(mine: Any, plain: Any) -> float:
    """Share of pairs won; equal pictures count half."""
    return float(np.mean((mine > plain) + 0.5 * (mine == plain)))


def worth(person: Any, pictures: Any, every: Any) -> Any:
    """(n,) hidden liking of drawn pictures, on the scale of the collection."""
    from PIL import Image

    small = [np.asarray(Image.fromarray(p).resize((64, 64))) for p in pictures]
    new = [tasters.Shown(-1, "picture", p) for p in small]
    return tasters.measures_of(new, every) @ person.weights


class Bent:
    """One person: the answers, the adapter that came of them, and what is drawn with each."""

    def __init__(
        self, studio: Any, user: int, person: Any, shown: Any, at: tuple[int, int]
    ) -> None:
        self.studio, self.user = studio, user
        self.kept: dict[str, Any] = {}
        self.profile = int(studio.new_profile(user, f"person {at[1]}")["id"])
        rng = np.random.default_rng([*at, 5])
        question = studio.question(user, self.profile, "picture")
        for n in range(ANSWERS):
            items = [shown[i["id"]] for i in question["items"]]
            outcome = tasters.reply(person, items, rng, SLIP)
            question = studio.answer(user, question["id"], outcome, key=f"draws-{n:04d}")["next"]
        studio.minds.refit(self.profile, "picture")
        begun = time.monotonic()
        self.row = self._tuned()
        self.minutes = (time.monotonic() - begun) / 60

    def _tuned(self) -> Any:
        keeping = self.studio.keeping
        job = keeping.tune(self.user, self.profile, {"preset": "quick", "medium": "picture"})
        end = time.monotonic() + LONGEST
        while job["state"] in ("queued", "running") and time.monotonic() < end:
            time.sleep(0.5)
            job = keeping.job(self.user, job["id"])
        if job["state"] != "done":
            raise RuntimeError(f"the tuning {job['state']}: {job['error']}")
        return keeping.one(self.user, job["adapter"])

    def drawn(self, how: str = "plain") -> Any:
        """Pictures (n, h, w, 3) of every unseen thing and seed."""
        if how not in self.kept:
            self.kept[how] = self._drawn(how)
        return self.kept[how]

    def _drawn(self, how: str) -> Any:
        from app import drawing
        from engine.data import Draw
        from engine.starter.drawer.conditions import WHITE, Told
        from engine.starter.drawer.data import lesson
        from engine.steering.leaning import leaning
        from engine.steering.lora import lora

        words, backbone = lesson()[0], drawing.model(self.studio)
        told = [Told(f"a {words[c][0]}", {}, WHITE) for c in UNSEEN for _ in range(SEEDS)]
        if how in ("lean", "both"):
            told = [leaning(t, self._lean(), 1.0) for t in told]
        adapter = self.studio.keeping.load(self.row["id"])
        strength = 1.0 if how in ("tuned", "both") else 0.0
        # The studio draws ahead on this same model; it waits while the slot is held.
        with self.studio.maker.slot(), lora(backbone, adapter, strength):
            stream = backbone.stream(told, range(len(told)), Draw(""))
            found = {s.index: s.pixels for s in stream if s.done}
        return [found[k] for k in range(len(told))]

    def _lean(self) -> Any:
        from app.bending import lean

        mean, _ = self._belief().believe(self.studio.shelves.pool("picture").features)
        return lean(self.studio, mean)

    def _belief(self) -> Any:
        return self.studio.minds.seat(self.profile, "picture").mind.belief

    def best(self, plain: Any) -> Any:
        """For each thing the plain one of its seeds that the belief likes best, against each."""
        from PIL import Image

        features = self.studio.maker.encode("starter-picture", [Image.fromarray(p) for p in plain])
        mean, _ = self._belief().believe(features)
        groups = mean.reshape(-1, SEEDS).argmax(1)
        return [plain[g * SEEDS + groups[g]] for g in range(len(groups)) for _ in range(SEEDS)]
