"""Two texts or pictures, one of them tuned, and nobody says which: the person's eyes decide.

A choice is an answer like any other (it is learnt from), and it is counted on the adapter's card.
Against itself it is a round of fresh drafts (founding paper 48): both come from the adapter as it
stands, and what is answered about them is what the next tuning learns from. Trials live in memory
only: one that was not judged is worth nothing.
"""

import secrets
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from app.minds import Vote
from app.wire import Bad, Missing
from engine.data import Outcome, Request

if TYPE_CHECKING:
    from app.keeping import Keeping

KEPT, TOKENS, FAR = 64, 64, 104_729
EMPTY = {"mine": 0, "other": 0, "same": 0}


class Blind:
    """Trials of one studio."""

    def __init__(self, keeping: "Keeping") -> None:
        self.keeping, self.studio = keeping, keeping.studio
        self._open: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._one = threading.Lock()

    def begin(
        self, user: int, adapter: int, prompt: str, seed: int, against: str = "plain"
    ) -> dict[str, Any]:
        """Write the prompt twice, sides tossed: with and without the adapter on the same noise, or
        against "itself", twice with it on different noise.
        """
        row = self.keeping.one(user, adapter)
        tuned, fresh = self.keeping.load(adapter), against == "itself"
        make = self._drawn if row["kind"] == "picture" else self._written
        texts = make(prompt, [(tuned if fresh else None, seed), (tuned, seed + FAR * fresh)])
        if not all(t.strip() for t in texts) or texts[0] == texts[1]:
            raise Bad("both came out alike here; try another one")
        first = "tuned" if fresh else "plain"
        turned = bool(secrets.randbelow(2))
        sides = ["tuned", first] if turned else [first, "tuned"]
        shown = texts[::-1] if turned else texts
        trial = secrets.token_urlsafe(12)
        self._open[trial] = {"adapter": adapter, "sides": sides, "texts": shown, "prompt": prompt,
                             "profile": row["profile_id"], "user": user,
                             "kind": row["kind"]}  # fmt: skip
        mine = [name for name, one in self._open.items() if one["user"] == user]
        for name in mine[:-KEPT]:
            self._open.pop(name, None)
        return {"trial": trial, "left": shown[0], "right": shown[1], "kind": row["kind"]}

    def _written(self, prompt: str, rows: list[tuple[Any, int]]) -> list[str]:
        from engine.steering.lora import lora

        maker = self.studio.maker
        backbone = maker.language_model()
        asked = [Request(prompt, n=1, seed=s, max_tokens=TOKENS, temperature=0.5) for _, s in rows]
        with maker.slot(), lora(backbone, [a for a, _ in rows], 1.0):
            texts: list[str] = backbone.write(asked)
        return texts

    def _drawn(self, prompt: str, rows: list[tuple[Any, int]]) -> list[str]:
        """Pictures as data URLs."""
        from app import drawing
        from app.trying import rows_drawn

        return [drawing.as_url(p) for p in rows_drawn(self.studio, prompt, rows)]

    def end(self, user: int, adapter: int, trial: str, pick: str) -> dict[str, Any]:
        """Learn from the choice, count it, and say which was which."""
        # One at a time: two posts of one trial must not both be counted.
        with self._one:
            return self._end(user, adapter, trial, pick)

    def _end(self, user: int, adapter: int, trial: str, pick: str) -> dict[str, Any]:
        row = self.keeping.one(user, adapter)
        found = self._open.get(trial)
        if found is None or found["user"] != user or found["adapter"] != adapter:
            raise Missing("this comparison is over; start another")
        if pick != "same":
            self._learn(user, found, 0 if pick == "left" else 1, trial)
        del self._open[trial]
        sides = found["sides"]
        if sides[0] == sides[1]:
            fresh = int(row["card"].get("fresh", 0)) + 1
            self.studio.store.work.note_adapter(adapter, {"fresh": fresh})
            tally = {**EMPTY, **row["card"].get("blind", {})}
            return {"left": sides[0], "right": sides[1], "tally": tally, "fresh": fresh}
        won = {"left": sides[0], "right": sides[1]}.get(pick, "same")
        key = {"tuned": "mine", "plain": "other"}.get(won, "same")
        tally = {**EMPTY, **row["card"].get("blind", {})}
        tally[key] += 1
        self.studio.store.work.note_adapter(adapter, {"blind": tally})
        return {"left": sides[0], "right": sides[1], "tally": tally}

    def _learn(self, user: int, found: dict[str, Any], pick: int, trial: str) -> None:
        studio, profile = self.studio, found["profile"]
        ids = self._items(user, found)
        if len(set(ids)) < 2:
            return
        asked = studio.store.add_question(profile, found["kind"], tuple(ids), "blind")
        outcome = Outcome(picks=(ids[pick],))
        studio.minds.answer(Vote(asked, outcome, 1.0, None, "blind", f"blind-{trial}"))

    def _items(self, user: int, found: dict[str, Any]) -> list[int]:
        """What was judged becomes items of this person, never asked about again."""
        studio, profile = self.studio, found["profile"]
        if found["kind"] == "text":
            return studio.add_results(user, profile, found["texts"], found["prompt"])
        from app.drawing import from_url

        blobs = [(found["prompt"], from_url(url)) for url in found["texts"]]
        ids = studio.shelves.add_pictures((user, profile), blobs, "generated")
        studio.reshelve(user, "picture")
        return ids
