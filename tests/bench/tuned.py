"""bench tuned: some answers, a quick tuning, and does the person like what comes of it?

Pictures stand in draws.py; this is about words.

Simulated people, one for each hidden voice (voices.py), answer through the Studio with 10 %
mis-clicks; the quick card tunes SmolLM2 in its own process. A hundred prompts that nobody was asked
about are written once by each side on the same noise. A win is one prompt where the hidden judge
likes the own text more than the plain one, both cut to equal length. Beside it: steered, prompted,
best of four; and the same person's adapter judged by somebody else (swapped).
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import Request
from engine.starter.pool import passages
from tests.bench import voices

ANSWERS, SLIP, TOKENS, DRAFTS, BESIDE = 40, 0.1, 48, 4, 50
MODELS = Path(__file__).resolve().parents[2] / ".models"
PROMPTS = (Path(__file__).parent / "prompts.txt").read_text().splitlines()


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Words, then pictures (draws.py): figures, rows per person."""
    from tests.bench import draws

    halves = [words(quick, seed, people), draws.run(quick, seed)]
    figures = {k: v for half in halves for k, v in half["figures"].items()}
    return {"figures": figures, "rows": [r for half in halves for r in half["rows"]]}


def words(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """The half of words. `people(rng)` may bring its own."""
    records = passages().records
    crowd = people(np.random.default_rng(seed)) if people else voices.people(
        [r["text"] for r in records], [r["voice"] for r in records])  # fmt: skip
    crowd = crowd[:2] if quick else crowd
    prompts = PROMPTS[:16] if quick else PROMPTS
    rows, tuned = [], []
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for number, person in enumerate(crowd):
            with Sitting(place / str(number), person, [seed, number]) as sitting:
                row, texts = sitting.judged(prompts, sitting.plain(place, prompts))
            rows.append(row)
            tuned.append(texts)
            print(
                {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True
            )
        plain = sitting.plain(place, prompts)
    for number, row in enumerate(rows):
        other = tuned[(number + 1) % len(tuned)]
        row["swapped"] = voices.win(crowd[number].utility, other, plain[0])
    return {"figures": _figures(rows), "rows": rows}


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    mean = lambda key: float(np.mean([r[key] for r in rows]))  # noqa: E731
    return {
        "words_win": mean("tuned"),
        "words_worst": float(min(r["tuned"] for r in rows)),
        "words_agreement": mean("agreement"),
        "words_held_out": mean("held_out"),
        "words_minutes": float(max(r["minutes"] for r in rows)),
        "words_win_swapped": mean("swapped"),
        "words_win_steered": mean("steered"),
        "words_win_prompted": mean("prompted"),
        "words_win_best_of_n": mean("best_of_n"),
        "distinct2_ratio": mean("distinct2"),
    }


class Sitting:
    """One person in front of a studio of their own."""

    shared: dict[str, list[list[str]]] = {}

    def __init__(self, folder: Path, person: Any, seed: list[int]) -> None:
        from app.studio import Studio

        self.person, self.rng = person, np.random.default_rng(seed)
        self.studio = Studio.open(folder, models=MODELS)
        self.user = self.studio.store.local_user()
        self.profile = int(self.studio.new_profile(self.user, person.name)["id"])

    def __enter__(self) -> "Sitting":
        return self

    def __exit__(self, *_: object) -> None:
        self.studio.close()

    def answer(self) -> None:
        question = self.studio.question(self.user, self.profile, "text")
        for n in range(ANSWERS):
            items = question["items"]
            best = max(items, key=lambda i: self.person.utility(i["text"]))
            if self.rng.random() < SLIP:
                best = [i for i in items if i is not best][self.rng.integers(len(items) - 1)]
            question = self.studio.answer(
                self.user, question["id"], {"picks": [best["id"]]}, key=f"bench-tuned-{n:03d}"
            )["next"]

    def tune(self) -> tuple[Any, float]:
        """(finished adapter row, minutes from the click to the adapter)."""
        begun = time.monotonic()
        job = self.studio.keeping.tune(self.user, self.profile, {"preset": "quick"})
        while job["state"] in ("queued", "running"):
            time.sleep(1)
            job = self.studio.keeping.job(self.user, job["id"])
        if job["state"] != "done":
            raise RuntimeError(f"the tuning {job['state']}: {job['error']}")
        row = self.studio.keeping.one(self.user, job["adapter"])
        return row, (time.monotonic() - begun) / 60

    def plain(self, place: Path, prompts: Sequence[str]) -> list[list[str]]:
        """DRAFTS texts of the base for every prompt, written once for everybody."""
        if not self.shared.get(str(place)):
            self.shared[str(place)] = [self.write(prompts, draft=d) for d in range(DRAFTS)]
        return self.shared[str(place)]

    def write(self, prompts: Sequence[str], draft: int = 0, words: Sequence[str] = ()) -> list[str]:
        from engine.steering.prompt import said

        asked = [Request(p, n=1, seed=1000 * draft + i, max_tokens=TOKENS, temperature=0.5)
                 for i, p in enumerate(prompts)]  # fmt: skip
        backbone = self.studio.maker.language_model()
        return list(backbone.write([said(r, words, 1.0) for r in asked]))

    def judged(
        self, prompts: Sequence[str], plain: list[list[str]]
    ) -> tuple[dict[str, Any], list[str]]:
        """One row of the table, and the tuned texts."""
        from engine.coherence import distinct2
        from engine.steering.lora import lora

        self.answer()
        row, minutes = self.tune()
        backbone = self.studio.maker.language_model()
        with lora(backbone, self.studio.keeping.load(row["id"]), 1.0):
            texts = self.write(prompts)
        win = lambda mine: voices.win(self.person.utility, mine, plain[0][: len(mine)])  # noqa: E731
        fresh = np.mean([distinct2(t) for t in texts]) / np.mean([distinct2(t) for t in plain[0]])
        card = row["card"]
        told = {
            "person": self.person.name, "tuned": win(texts), "minutes": minutes,
            "agreement": card["accuracy"]["accuracy"], "low": card["accuracy"]["low"],
            "high": card["accuracy"]["high"], "held_out": card["measured"].get("agreement", 0.0),
            "kl": card["measured"].get("kl", 0.0), "distinct2": float(fresh),
            "words": float(np.mean([len(t.split()) for t in texts])),
            "plain_words": float(np.mean([len(t.split()) for t in plain[0]])),
            "best_of_n": win(self._best(plain)), "verdict": card["verdict"],
        }  # fmt: skip
        return {**told, **self._beside(prompts[:BESIDE], win)}, texts

    def _best(self, plain: list[list[str]]) -> list[str]:
        """Of each prompt's drafts the one the belief likes most."""
        mind = self.studio.minds.seat(self.profile, "text").mind
        scores = [mind.belief.believe(self.studio.maker.encode("starter-text", draft))[0]
                  for draft in plain]  # fmt: skip
        best = np.argmax(np.stack(scores), 0)
        return [plain[b][i] for i, b in enumerate(best)]

    def _beside(self, prompts: Sequence[str], win: Any) -> dict[str, float]:
        """The shallower depths on the first prompts."""
        from app.create import direction
        from app.tastes import taste_of
        from engine.steering.activation import activation

        studio = self.studio
        backbone = studio.maker.language_model()
        found = direction(studio, backbone, taste_of(studio, self.profile, "text"))
        with activation(backbone, found, studio.maker.safe(backbone, found)):
            steered = self.write(prompts)
        axes = studio.belief(self.user, self.profile, "text")["axes"]
        words = [a["high_word"] if a["mean"] > 0 else a["low_word"] for a in axes if a["sure"]]
        return {"steered": win(steered), "prompted": win(self.write(prompts, words=words))}
