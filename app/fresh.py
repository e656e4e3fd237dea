"""Drawn for you: pairs that are drawn behind the person's back from the taste as it is now.

Learning from fresh samples of the current model moves faster than from an old pool (paper 48). A
pair shows one thing on one seed, bent by two draws from the posterior (Thompson), so that it
differs in what is still open about the taste. Drawing uses the one generation slot when nobody has
it, ends when somebody wants it, and stands back behind everything else. What was drawn waits as a
question and counts as nothing until it is answered.
"""

import logging
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app import bending, drawing
from app.ahead import Ahead
from app.making import Unavailable
from app.mind import RANDOM_EVERY, Mind, Plan
from engine.data import Draw

if TYPE_CHECKING:
    from app.studio import Studio

RULE, SETTING = "drawn", "drawn for you"
# At most one question in SHARE; the first after FROM answers; PAIRS wait at most.
SHARE, FROM, PAIRS = 6, 6, 2
QUIET, LATER = 3.0, 30.0
# Mean difference of two drawings, of 255, under which there is nothing to choose between.
APART = 6.0
# Seconds a picture may take to be drawn ahead.
QUICK = 5.0
# Runnable work a core, over which the machine is busy.
CROWDED = 1.5
log = logging.getLogger("penchant")


class Fresh:
    """What is drawn ahead, by profile. `studio.minds` asks `plan` for every question."""

    def __init__(self, studio: "Studio") -> None:
        self.studio = studio
        self.ahead = Ahead("drawing", meek=True)
        self._pairs: dict[int, deque[tuple[int, int]]] = defaultdict(deque)
        self._asked: dict[int, int] = {}
        # Another with every answer: drawing ends when somebody chooses again. A thing and no count,
        # so that none is lost where several threads stir at once. Whose it was, and when.
        self._stirred = object()
        self._last = (0, 0.0)
        # Held while what was drawn comes in, and by whoever wants it not to. Minds are locked
        # inside of it, never around it.
        self._keeping = threading.Lock()
        studio.minds.offer = self.plan

    def close(self) -> None:
        self.ahead.close()

    @contextmanager
    def without(self, profile: int) -> Iterator[None]:
        """While a profile is deleted: nothing that is being drawn for it comes in any more, and no
        words of it stay in memory.
        """
        with self._keeping:
            yield
            self._stir()
            self._pairs.pop(profile, None)
            self._asked.pop(profile, None)
            self.studio.captions.forget(profile)

    def _stir(self) -> None:
        """What is being drawn is for a taste that was."""
        self._stirred = object()

    # the setting

    def on(self, user: int) -> bool:
        """Whether this person wants it; it is on until switched off."""
        told = self.studio.notes.last_of_user(user, SETTING)
        return True if told is None else bool(told["on"])

    def about(self, user: int) -> dict[str, Any]:
        return {"on": self.on(user), "ships": drawing.ready(self.studio), "share": f"1 in {SHARE}"}

    def switch(self, user: int, on: bool) -> dict[str, Any]:
        with self._keeping:
            self.studio.notes.add(user, None, SETTING, {"on": on})
            profiles = [] if on else [row.id for row in self.studio.store.profiles(user)]
            if not on:
                self._stir()
            for profile in profiles:
                self._pairs.pop(profile, None)
        for profile in profiles:
            self.studio.minds.unplan(profile, "picture", RULE)
        return self.about(user)

    # asking

    def plan(self, mind: Mind, form: str) -> Plan | None:
        """A drawn pair when its turn has come; called under the mind's lock."""
        waiting = self._pairs.get(mind.profile)
        if form != "pair" or mind.shelf.kind != "picture" or not waiting:
            return None
        last = self._asked.get(mind.profile, mind.asked)
        if mind.asked - last < SHARE or mind.asked % RANDOM_EVERY == RANDOM_EVERY - 1:
            return None
        pair = waiting.popleft()
        if not all(i in mind.shelf.features for i in pair):
            return None
        self._asked[mind.profile] = mind.asked
        return mind.offered(pair, RULE)

    # drawing

    def after(self, user: int, profile: int) -> None:
        """An answer about pictures came in: perhaps draw, once the person has paused a little."""
        self._stir()
        self._last = (profile, time.monotonic())
        self.ahead.do(profile, lambda: self._step(user, profile), QUIET)

    def _step(self, user: int, profile: int) -> None:
        """Draw when there is something to draw for and nothing better to do; else look later.

        Never for a taste that left memory: to read it again costs more than a vote, and takes the
        place of somebody who votes.
        """
        if "picture" not in self.studio.minds.loaded(profile):
            return
        if self._others(profile):
            self.ahead.do(profile, lambda: self._step(user, profile), LATER)
            return
        if not self.quick() or len(self._pairs.get(profile, ())) >= PAIRS or not self.on(user):
            return
        mind = self.studio.minds.seat(profile, "picture").mind
        if mind.answers < FROM:
            return
        stirred = self._stirred
        try:
            done = not self.busy() and self.draw(user, profile)
        except Unavailable as missing:
            # Whoever draws something meets the same error with its cure.
            log.info("nothing is drawn ahead: %s", missing)
            return
        if not done and self._stirred is stirred:
            self.ahead.do(profile, lambda: self._step(user, profile), LATER)

    def _others(self, profile: int) -> bool:
        """Whether somebody else chooses just now, whom drawing would only be called off for."""
        who, when = self._last
        return who != profile and time.monotonic() - when < QUIET

    def quick(self) -> bool:
        """Whether to draw ahead: another model than ours must have shown that it is quick here."""
        maker = self.studio.maker
        if not drawing.ready(self.studio) or maker.draws.ships:
            return drawing.ready(self.studio)
        return maker.pace is not None and maker.pace <= QUICK

    def busy(self) -> bool:
        """A training runs, or the processors have more than enough to do."""
        running = any(j["state"] == "running" for j in self.studio.store.work.open_jobs())
        return running or os.getloadavg()[0] > CROWDED * (os.cpu_count() or 1)

    def draw(self, user: int, profile: int) -> bool:
        """Draw, encode and keep PAIRS pairs. False when a person wanted the slot, or chose on."""
        stirred = self._stirred
        mind = self.studio.minds.seat(profile, "picture").mind
        with mind.lock:
            belief, seq, asked = mind.belief, mind.seq, mind.asked
        self._asked.setdefault(profile, self._last_asked(profile, asked))
        rng = np.random.default_rng([profile, seq, asked])
        orders = self._orders(profile, belief, rng)
        with self.studio.maker.spare(user) as wanted:
            if wanted is None:
                return False
            called_off = lambda: wanted() or self._stirred is not stirred  # noqa: E731
            pictures = self._pictures(profile, orders, called_off)
        if pictures is None:
            return False
        with self._keeping:
            if self._stirred is not stirred or not self.on(user):
                return False
            self._keep(user, profile, orders, pictures)
        return True

    def _last_asked(self, profile: int, asked: int) -> int:
        """When a drawn pair was last asked, counted as questions are: the share holds over a
        restart. Long ago when it is not among the last answers."""
        recent = self.studio.store.comparisons(profile, "picture")[-SHARE:]
        return next((asked - k for k, c in enumerate(reversed(recent)) if c.question.rule == RULE),
                    asked - SHARE)  # fmt: skip

    def _orders(self, profile: int, belief: Any, rng: np.random.Generator) -> list[dict[str, Any]]:
        """Two rows a pair: what to draw, on which seed, with which lean."""
        mean, root = belief.joint(self.studio.shelves.pool("picture").features)
        things = self.studio.maker.draws.things()
        depth = bending.deepest(self.studio, profile)
        made = []
        for _ in range(PAIRS):
            thing = things[rng.integers(len(things))]
            seed = int(rng.integers(2**31))
            for side in range(2):
                scores = mean + root @ rng.standard_normal(root.shape[1]).astype(np.float32)
                # Tuned without a lean is one taste only: there the noise has to differ.
                alone = depth == "tuned" and not bending.leans_beside(self.studio, profile)
                noise = seed ^ side if alone else seed
                made.append({"thing": thing, "seed": noise, "depth": depth,
                             "lean": bending.lean(self.studio, scores)})  # fmt: skip
        return made

    def _pictures(self, profile: int, orders: list[dict[str, Any]], wanted: Any) -> Any:
        """The pixels of every order, or None when it was called off."""
        from app.tastes import taste_of

        studio = self.studio
        backbone = drawing.model(studio)
        scene = bending.Scene(studio, backbone, taste_of(studio, profile, "picture"),
                              (1.0,) * len(orders), [o["lean"] for o in orders])  # fmt: skip
        told = [studio.maker.draws.told(o["thing"]) for o in orders]
        asked = Draw("", len(orders), cancelled=wanted)
        found: dict[int, NDArray[np.uint8]] = {}
        with bending.bent(scene, told, orders[0]["depth"]) as rows:
            for sample in backbone.stream(rows, [o["seed"] for o in orders], asked):
                if sample.done and sample.pixels is not None:
                    found[sample.index] = sample.pixels
        return None if wanted() or len(found) < len(orders) else found

    def _keep(
        self, user: int, profile: int, orders: list[dict[str, Any]], pictures: dict[int, Any]
    ) -> None:
        """Pairs that differ become items of this person, and wait to be asked about."""
        pairs = [(k, k + 1) for k in range(0, len(orders), 2)
                 if apart(pictures[k], pictures[k + 1]) >= APART]  # fmt: skip
        rows = [k for pair in pairs for k in pair]
        if not rows:
            return
        drawn = [(orders[k]["thing"], drawing.from_url(drawing.as_url(pictures[k])),
                  {"for": profile, "drawn": _told(orders[k])}) for k in rows]  # fmt: skip
        ids, shelf = self.studio.shelves.add_drawn((user, profile), drawn)
        for row in self.studio.store.profiles(user):
            self.studio.minds.put_shelf(row.id, "picture", shelf)
        for left, right in zip(ids[::2], ids[1::2], strict=True):
            if left != right:
                self._pairs[profile].append((left, right))


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two pictures, of 255."""
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


def _told(order: dict[str, Any]) -> dict[str, Any]:
    """How it was drawn, for whoever wants to draw it again; only the shipped model has facts."""
    told = {"prompt": order["thing"], "seed": order["seed"], "depth": order["depth"]}
    lean = order.get("lean")
    if lean is None or not hasattr(lean, "facts"):
        return told
    return {**told, "styles": dict(lean.styles), "facts": dict(lean.facts)}
