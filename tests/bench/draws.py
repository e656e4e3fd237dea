"""bench draws: does a person's taste reach drawn pictures, by leaning and by tuning?

Simulated people with hidden tastes over raw pixels give 30 answers through the Studio. Then the
starter model draws things that none of the tuning's examples showed: plain, leaning (no training)
and with a LoRA tuned on the answers (Diffusion-DPO, all examples of taught concepts), on the same
seeds. The judge is the hidden taste on the pixels; it shares nothing with encoder, belief or loss.
`swapped`: somebody else's lean or LoRA. `best4`: the best of four plain ones by the belief.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import tasters
from tests.bench.taste import look

ANSWERS, SLIP, PEOPLE, QUICK = 30, 0.1, 8, 2
UNSEEN = ("bear", "penguin", "fish", "turtle", "tulip", "cactus", "pear", "doughnut",
          "bus", "rocket", "house with garden", "star")  # fmt: skip
SEEDS = 4
# Found on other simulated people (seed 1000): more steps or a higher rate tell no more.
STEPS, PAIRS, RATE = 80, 96, 2e-3


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures over people; a row each."""
    from app.studio import Studio

    rng = np.random.default_rng([seed, 31])
    with tempfile.TemporaryDirectory() as folder, Studio.open(Path(folder)) as studio:
        user = studio.store.local_user()
        shown = {s.id: s for s in look(studio, "picture", user)}
        every = list(shown.values())
        crowd = people(rng) if people else tasters.people(rng, every, QUICK if quick else PEOPLE)
        made = [Bent(studio, user, p, shown, (seed, i)) for i, p in enumerate(crowd)]
        plain = made[0].drawn(None)
        rows = [_row(person, made, i, plain, every) for i, person in enumerate(crowd)]
    figures = {f"{k}_win": float(np.mean([r[k] for r in rows]))
               for k in ("lean", "tuned", "swapped_lean", "swapped_tuned", "best4")}  # fmt: skip
    figures |= {f"{k}_worst": float(min(r[k] for r in rows)) for k in ("lean", "tuned")}
    figures["minutes_slowest"] = max(r["minutes"] for r in rows)
    return {"figures": figures, "rows": rows}


def _row(person: Any, made: list[Any], i: int, plain: Any, every: Any) -> dict[str, Any]:
    mine, other = made[i], made[(i + 1) % len(made)]
    base = worth(person, plain, every)
    found = {"lean": mine.drawn("lean"), "tuned": mine.drawn("tuned"),
             "swapped_lean": other.drawn("lean"), "swapped_tuned": other.drawn("tuned"),
             "best4": mine.best(plain)}  # fmt: skip
    wins = {k: wins_of(worth(person, v, every), base) for k, v in found.items()}
    return {"person": i, **wins, "minutes": mine.minutes, "examples": mine.examples}


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
    """One person: the answers, the lean, the LoRA, and what is drawn with each."""

    kept: dict[tuple[int, str], Any] = {}

    def __init__(
        self, studio: Any, user: int, person: Any, shown: Any, at: tuple[int, int]
    ) -> None:
        self.studio, self.number = studio, at[1]
        self.profile = studio.new_profile(user)["id"]
        rng = np.random.default_rng([*at, 5])
        question = studio.question(user, self.profile, "picture")
        for n in range(ANSWERS):
            items = [shown[i["id"]] for i in question["items"]]
            outcome = tasters.reply(person, items, rng, SLIP)
            question = studio.answer(user, question["id"], outcome, key=f"draws-{n:04d}")["next"]
        studio.minds.refit(self.profile, "picture")
        begun = time.monotonic()
        self.lora, self.examples = self._tune()
        self.minutes = (time.monotonic() - begun) / 60

    def backbone(self) -> Any:
        from engine.starter.drawer.known import starter

        return self.studio.maker.part("starter pictures", starter)

    def _tune(self) -> tuple[Any, int]:
        from engine.examples import from_answers, from_belief
        from engine.starter.drawer.known import lesson
        from engine.training import Settings, Training

        studio, backbone = self.studio, self.backbone()
        comparisons = studio.store.comparisons(self.profile, "picture")
        taught = set(lesson().concepts) - set(UNSEEN)
        mind = studio.minds.seat(self.profile, "picture").mind
        features = mind.shelf.features
        pool = [studio.shelves.candidate(int(i)) for i in features.ids]
        known = [k for k, c in enumerate(pool) if c.prompt in taught]
        mean, std = mind.belief.believe(features.matrix[known])
        told = from_belief([pool[k] for k in known], mean, std, 3)
        own = from_answers(comparisons, {c.id: c for c in pool}, "picture")
        own = [e for e in own if e.prompt in taught and not e.prompts]
        made = np.random.default_rng(self.number)
        examples = [own[i] for i in made.permutation(len(own))[: PAIRS // 3]]
        examples += [told[i] for i in made.permutation(len(told))[: PAIRS - len(examples)]]
        backbone.album = Album(studio, backbone, {c.hash: c for c in pool})
        settings = Settings(objective="diffusion_dpo", steps=STEPS, batch=4, micro=4, rate=RATE,
                            held_out=0.0, seed=self.number)  # fmt: skip
        training = Training(backbone, [examples], settings)
        list(training.prepare_references())
        list(training.run())
        return training.lora, len(examples)

    def drawn(self, how: str | None) -> Any:
        """Pictures (n, h, w, 3) of every unseen thing and seed."""
        key = (self.number if how else -1, how or "")
        if key not in self.kept:
            self.kept[key] = self._drawn(how)
        return self.kept[key]

    def _drawn(self, how: str | None) -> Any:
        from contextlib import nullcontext

        from engine.data import Draw
        from engine.starter.drawer.conditions import WHITE, Told
        from engine.starter.drawer.data import lesson
        from engine.steering.leaning import leaning

        words, backbone = lesson()[0], self.backbone()
        told = [Told(f"a {words[c][0]}", {}, WHITE) for c in UNSEEN if c in words
                for _ in range(SEEDS)]  # fmt: skip
        if how == "lean":
            told = [leaning(t, self._lean(), 1.0) for t in told]
        bent = self.lora.on(backbone.trainable()) if how == "tuned" else nullcontext()
        with bent:
            stream = backbone.stream(told, range(len(told)), Draw(""))
            found = {s.index: s.pixels for s in stream if s.done}
        return [found[k] for k in range(len(told))]

    def _taste(self) -> Any:
        from app.create import _taste

        return _taste(self.studio, self.profile, "picture")

    def _lean(self) -> Any:
        from app.drawing import lean

        return lean(self.studio, self._taste())

    def best(self, plain: Any) -> Any:
        """For each thing the plain one of its seeds that the belief likes best, against each."""
        from PIL import Image

        features = self.studio.maker.encode("starter-picture", [Image.fromarray(p) for p in plain])
        mean, _ = self._taste().score(features)
        groups = mean.reshape(-1, SEEDS).argmax(1)
        return [plain[g * SEEDS + groups[g]] for g in range(len(groups)) for _ in range(SEEDS)]


class Album:
    """Latents of pool pictures by hash, made once."""

    def __init__(self, studio: Any, backbone: Any, by_hash: dict[str, Any]) -> None:
        self.studio, self.backbone, self.by_hash = studio, backbone, by_hash
        self.made: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        import io

        from PIL import Image

        if name not in self.made:
            body, _ = self.studio.shelves.media(self.by_hash[name])
            self.made[name] = self.backbone.encode([Image.open(io.BytesIO(body))])[0]
        return self.made[name]
