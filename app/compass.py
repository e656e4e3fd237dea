"""The compass of My taste: two named axes, where the answers point, and where the hand points.

The belief is engine/preference/dpa.py over the axes of engine/rewards. A direction that was set by
hand is an event of the profile and medium; taking it back is another one. Nothing is trained.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.making import Taste
from app.wire import Bad
from engine.data import Array, Candidate, Comparison, Features, Kind
from engine.preference.dpa import DPA
from engine.starter import axes

if TYPE_CHECKING:
    from app.studio import Studio

NOTE = "compass"
SHOWN: dict[Kind, int] = {"picture": 6, "text": 3}
Z90 = 1.645
# Weights below this share of a direction are not worth a word.
LEVEL = 0.2


class Compass:
    """Cheap to make; what was measured is kept as long as it lives: ask `Compass.of` for it."""

    def __init__(self, studio: "Studio") -> None:
        self.studio = studio
        self._pool: dict[Kind, Features] = {}
        self._records: dict[Kind, list[Mapping[str, Any]]] = {}
        self._own: dict[str, Array] = {}
        self._rings: dict[tuple[Kind, int, int], list[dict[str, Any]]] = {}

    @classmethod
    def of(cls, studio: "Studio") -> "Compass":
        """The one compass of a studio."""
        found: Compass = studio.maker.part("compass", lambda: cls(studio))
        return found

    # what a person does

    def show(
        self, user: int, profile: int, kind: Kind, plane: Sequence[str] = ()
    ) -> dict[str, Any]:
        """The axes, both directions, and everything that is among the best on some side."""
        self.studio.profile(user, profile)
        belief, answers = self.belief(profile, kind)
        hand, names = self.hand(profile, kind), axes.names(kind)
        plane = plane or (hand["plane"] if hand else _strongest(belief, names))
        x, y = columns(kind, plane)
        angle = belief.angle(x, y)
        return {
            "medium": kind,
            "answers": answers,
            "axes": _told(belief, kind),
            "plane": [names[x], names[y]],
            "fitted": {"angle": angle.mean, "low": angle.low, "high": angle.high},
            "hand": hand,
            "shown": SHOWN[kind],
            "items": self._ring(kind, x, y),
        }

    def point(
        self, user: int, profile: int, kind: Kind, plane: Sequence[str], angle: float
    ) -> dict[str, Any]:
        """Set by hand: degrees from the first axis of the plane towards the second."""
        self.studio.profile(user, profile)
        columns(kind, plane)
        hand = {"plane": list(plane), "angle": round(angle, 1)}
        self.studio.notes.add(user, profile, NOTE, {"medium": kind, **hand})
        return {"hand": hand, "words": words(kind, hand)}

    def release(self, user: int, profile: int, kind: Kind) -> dict[str, Any]:
        """Back to what the answers say."""
        self.studio.profile(user, profile)
        if self.hand(profile, kind):
            self.studio.notes.add(user, profile, NOTE, {"medium": kind, "plane": None})
        return {"hand": None, "words": ""}

    def hand(self, profile: int, kind: Kind) -> dict[str, Any] | None:
        """Plane and angle as last set by hand; None when nothing is, or an axis is gone."""
        notes = self.studio.notes.of_profile(profile, NOTE)
        last = next((n for n in reversed(notes) if n["medium"] == kind), None)
        if last is None or not last["plane"] or not set(last["plane"]) <= set(axes.names(kind)):
            return None
        return {"plane": last["plane"], "angle": last["angle"]}

    # what Create does with it

    def leaning(self, profile: int, kind: Kind, taste: Taste) -> tuple[Taste, str]:
        """The taste with its part in the plane of the hand as the hand has it, and that in words.

        Everything that the plane does not show stays as the answers have it.
        """
        hand = self.hand(profile, kind)
        if hand is None:
            return taste, ""
        plane = columns(kind, hand["plane"])
        answers = self.belief(profile, kind)[0].among(plane)
        moved = answers.by_hand(pointed(hand["angle"])).weights() - answers.weights()
        lean = self._heads(kind)[:, plane] @ moved

        def score(features: Array) -> tuple[Array, Array]:
            mean, std = taste.score(features)
            return np.asarray(mean + features @ lean, np.float32), std

        return replace(taste, score=score, vector=self._turned(taste, lean)), words(kind, hand)

    def _turned(self, taste: Taste, lean: NDArray[np.float64]) -> Callable[[], Array] | None:
        """What a model that attends is given, with the hand in it."""
        from engine.preference import ppd
        from engine.starter.prior import prior

        answers = taste.vector
        if answers is None:
            return None
        return lambda: answers() + ppd.of_belief(lean, prior("picture"))

    def _heads(self, kind: Kind) -> NDArray[np.float64]:
        """(d, k) the axes as directions of the taste space, fitted on the pool once."""
        from engine.rewards.heads import fit

        def made() -> NDArray[np.float64]:
            pool, known = self.studio.shelves.pool(kind), axes.pool_axes(kind)
            rows = Features(pool.space, np.arange(len(pool)), pool.features)
            return fit(rows, known.standard(known.raw), known.names).weights

        found: NDArray[np.float64] = self.studio.maker.part(f"axes of {kind}", made)
        return found

    # what it is made of

    def belief(self, profile: int, kind: Kind) -> tuple[DPA, int]:
        """The direction that the answers say, and how many answers there are."""
        told = self.studio.store.comparisons(profile, kind)
        features = self.features(kind, told)
        usable = [c for c in told if all(i in features for i in c.question.items)]
        return DPA.fit(usable, features, axes.prior(kind)), len(usable)

    def features(self, kind: Kind, told: Sequence[Comparison]) -> Features:
        """The pool on its axes, and whatever else was asked about, measured when first met."""
        if kind not in self._pool:
            self._pool[kind] = self._starter(kind)
        pool = self._pool[kind]
        asked = dict.fromkeys(i for c in told for i in c.question.items if i not in pool)
        found = {i: row for i in asked if (row := self._measured(kind, i)) is not None}
        if not found:
            return pool
        ids = np.concatenate([pool.ids, np.array(list(found), np.int64)])
        return Features(pool.space, ids, np.concatenate([pool.matrix, list(found.values())]))

    def _starter(self, kind: Kind) -> Features:
        """What the shelf shows on its axes; the record of each row is kept, for its group."""
        known, shelf = axes.pool_axes(kind), self.studio.shelves.starter(kind)
        by_hash = {self.studio.shelves.candidate(int(i)).hash: int(i) for i in shelf.features.ids}
        records = self.studio.shelves.pool(kind).records
        rows = [k for k, r in enumerate(records) if r["hash"] in by_hash]
        self._records[kind] = [records[k] for k in rows]
        ids = np.array([by_hash[r["hash"]] for r in self._records[kind]], np.int64)
        return Features(known.space, ids, known.standard(known.raw[rows]))

    def _measured(self, kind: Kind, item: int) -> Array | None:
        """(k,) of a thing outside the pool; None when it was deleted since."""
        try:
            candidate = self.studio.shelves.candidate(item)
        except KeyError:
            return None
        if candidate.hash not in self._own:
            raw = axes.measured(kind, [self._body(candidate)])
            self._own[candidate.hash] = axes.pool_axes(kind).standard(raw)[0]
        return self._own[candidate.hash]

    def _body(self, candidate: Candidate) -> Any:
        if candidate.kind == "text":
            return candidate.text or ""
        from PIL import Image

        return Image.open(io.BytesIO(self.studio.shelves.media(candidate)[0]))

    def _ring(self, kind: Kind, x: int, y: int) -> list[dict[str, Any]]:
        """Every item of the pool that is among the best in some direction of the plane.

        One of each concept or task at a time; a page can then choose for any angle by itself.
        """
        if (kind, x, y) not in self._rings:
            pool = self._pool[kind]
            names = [str(r.get("concept") or r.get("task")) for r in self._records[kind]]
            groups = np.unique(names, return_inverse=True)[1]
            flat = np.asarray(pool.matrix[:, [x, y]], np.float64).round(3)
            self._rings[kind, x, y] = [
                {**self.studio.item_json(int(pool.ids[row])), "x": flat[row, 0], "y": flat[row, 1],
                 "group": int(groups[row])}
                for row in around(flat, groups, SHOWN[kind])
            ]  # fmt: skip
        return self._rings[kind, x, y]


def columns(kind: Kind, plane: Sequence[str]) -> tuple[int, int]:
    """Numbers of two different axes of a medium."""
    names = axes.names(kind)
    if len(plane) != 2 or plane[0] == plane[1] or not set(plane) <= set(names):
        raise Bad(f"a compass has two different axes out of {', '.join(names)}")
    return names.index(plane[0]), names.index(plane[1])


def pointed(angle: float) -> NDArray[np.float64]:
    """(cos, sin) of degrees."""
    return np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])


def words(kind: Kind, hand: dict[str, Any]) -> str:
    """'short and warm', the stronger first."""
    found, plane = axes.axes(kind), columns(kind, hand["plane"])
    parts = sorted(zip(pointed(hand["angle"]), plane, strict=True), key=lambda p: -abs(p[0]))
    said = [found[k].high_word if v > 0 else found[k].low_word for v, k in parts if abs(v) > LEVEL]
    return " and ".join(said)


def around(flat: NDArray[np.float64], groups: NDArray[Any], shown: int) -> list[int]:
    """Rows of flat (n, 2) that are among the `shown` best of different groups at a whole degree."""
    found: dict[int, None] = {}
    most = min(40 * shown, len(flat))
    for angle in range(360):
        scores = flat @ pointed(angle)
        near = np.sort(np.argpartition(-scores, most - 1)[:most])
        order = near[np.argsort(-scores[near], kind="stable")]
        _, first = np.unique(groups[order], return_index=True)
        found |= dict.fromkeys(order[np.sort(first)[:shown]].tolist())
    return list(found)


def _strongest(belief: DPA, names: Sequence[str]) -> list[str]:
    """The two axes whose weight is surest to differ from nothing; the first two before any."""
    k = len(names)
    sure = np.abs(belief.mean[:k]) / np.sqrt(np.diag(belief.cov)[:k])
    return [names[i] for i in np.argsort(-sure, kind="stable")[:2]]


def _told(belief: DPA, kind: Kind) -> list[dict[str, Any]]:
    """Every axis in words, with its weight in logits for one deviation of the pool."""
    sd = np.sqrt(np.diag(belief.cov))
    return [
        {
            "name": name,
            "label": axis.name,
            "definition": axis.definition,
            "unit": axis.unit,
            "low_word": axis.low_word,
            "high_word": axis.high_word,
            "mean": float(belief.mean[k]),
            "low": float(belief.mean[k] - Z90 * sd[k]),
            "high": float(belief.mean[k] + Z90 * sd[k]),
        }
        for k, (name, axis) in enumerate(zip(axes.names(kind), axes.axes(kind), strict=True))
    ]
