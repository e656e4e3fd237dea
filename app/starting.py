"""Where a taste starts: from nothing, or, where somebody chose so, from other tastes of the user.

Only tastes that were allowed to help are looked at, only those of the same user, and only when
there are five at least: whoever logs in as somebody else is never met. Before any answer the start
is what they have in common; after the first few answers, what those nearest to them like. Both are
worked out behind the person's back and stored with their numbers (docs/decisions/0007), so that
nothing on the way of a click grows with the number of people.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.mind import Shelf
from app.minds import METHOD
from app.wire import Bad
from engine.data import Kind
from engine.preference import PREFERENCE
from engine.preference.pooling import Contribution, Pool, Settings, common, near

if TYPE_CHECKING:
    from app.studio import Studio

KINDS: tuple[Kind, ...] = ("picture", "text")
# Answers a taste needs before it helps; answers after which the nearest are looked for.
ENOUGH, FROM, TO = 10, 3, 8
# How many of the nearest are weighed against each other.
WIDE = 16
KEPT = 1000


@dataclass(frozen=True)
class Other:
    """A taste that may help: its belief as one mean (d,) in the units of the prior."""

    profile: int
    version: int
    mean: NDArray[np.float64]


class Starting:
    """`studio.minds` takes its shelves from here, and asks `renew` before every refit."""

    def __init__(self, studio: "Studio") -> None:
        self.studio, self.starts = studio, studio.store.starts
        # By version, which never changes.
        self._means: dict[int, NDArray[np.float64]] = {}
        studio.minds.shelf, studio.minds.settle = self.shelf, self.renew

    # what a person does

    def about(self, user: int, profile: int) -> dict[str, Any]:
        """Both switches, and per medium whether others can be started from."""
        self.studio.profile(user, profile)
        counts = self.studio.store.counts(profile)
        return {
            "helps": profile in self.starts.helping(user),
            "least": Settings().least,
            "media": {kind: self._about(user, profile, kind, counts[kind]) for kind in KINDS},
        }

    def _about(self, user: int, profile: int, kind: Kind, answers: int) -> dict[str, Any]:
        start = self.starts.of(profile, kind, self._space(kind))
        on, others = start is not None and not start.plain, len(self._others(user, profile, kind))
        return {
            "on": on,
            "others": others,
            "offered": not answers and (on or others >= Settings().least),
            "from": len(start.who) if start else 0,
            "nearest": on and start is not None and start.seq > 0,
        }

    def help(self, user: int, profile: int, on: bool) -> dict[str, Any]:
        """Whether this taste may help others of the user to start. What they have stays theirs."""
        self.studio.profile(user, profile)
        self.starts.help(user, profile, on)
        return self.about(user, profile)

    def begin(self, user: int, profile: int, kind: Kind, on: bool) -> dict[str, Any]:
        """Start from what others have in common, or from nothing; before the first answer."""
        self.studio.profile(user, profile)
        others = self._others(user, profile, kind)
        prior = self.studio.shelves.prior(kind)
        pool = common(prior, [_given(o, prior.space) for o in others])
        if on and pool is None:
            raise Bad(
                f"{len(others)} of your tastes may help others to start and know enough about this "
                f"medium, {Settings().least} are needed; let more of them help, in Settings"
            )
        seat = self.studio.minds.seat(profile, kind)
        with seat.mind.lock:
            note = _noted(pool if on else None, others)
            if self.starts.take(user, profile, kind, prior.space, note) is None:
                if self.starts.counted(profile, kind):
                    raise Bad("there are answers already; make a new taste to start from others")
                raise Bad("a taste that was to help has just been deleted; switch it on again")
            self._read_again(profile, kind)
        return self.about(user, profile)

    # what the loop asks

    def shelf(self, profile: int, kind: Kind) -> Shelf:
        """What can be asked about, with the prior that this taste started from."""
        shelf = self.studio.shelves.of_profile(profile, kind)
        start = self.starts.of(profile, kind, shelf.features.space)
        if start is None or start.plain:
            return shelf
        pool = Pool(np.array(start.mean), start.narrow, np.array([w for *_, w in start.who]))
        return replace(shelf, prior=pool.on(shelf.prior))

    def renew(self, profile: int, kind: Kind) -> None:
        """After the first few answers: the start is taken anew from the nearest."""
        start = self.starts.of(profile, kind, self._space(kind))
        if start is None or start.plain:
            return
        mind = self.studio.minds.seat(profile, kind).mind
        if not FROM <= mind.answers <= TO or mind.seq == start.seq:
            return
        user = self.studio.store.profile(profile).user_id
        found = self._nearest(user, mind.profile, kind, mind.seq)
        if found is None:
            return
        with mind.lock:
            taken = self.starts.take(user, profile, kind, found[0], found[1])
            if taken is not None:
                self._read_again(profile, kind)
        # The question in front of the person and the one after it, before they are asked for.
        self.studio.minds.question(profile, kind)

    @contextmanager
    def without(self, user: int, profile: int) -> Iterator[None]:
        """While a profile is deleted: tastes that started from it are fitted from their answers."""
        before = self.starts.held(user)
        yield
        after = self.starts.held(user)
        for owner, kind in before:
            if owner != profile and before[owner, kind] != after.get((owner, kind), 0):
                if kind in self.studio.minds.loaded(owner):
                    self._read_again(owner, kind)
                self._fit_again(owner, kind)
        self._means.clear()

    # what it is made of

    def _nearest(
        self, user: int, profile: int, kind: Kind, seq: int
    ) -> tuple[str, dict[str, Any]] | None:
        """(space, what to note) of the mixture of the nearest, given the answers up to `seq`."""
        others = self._others(user, profile, kind)
        if len(others) < Settings().least:
            return None
        shelf = self.studio.shelves.of_profile(profile, kind)
        told = self.studio.store.comparisons(profile, kind)
        usable = [c for c in told if all(i in shelf.features for i in c.question.items)]
        if not usable or told[-1].seq != seq:
            return None
        # Under the plain prior: others must not be chosen by what they said themselves.
        own = PREFERENCE["bradley_terry"].load().fit(usable, shelf.features, shelf.prior)
        mean, cov = own.scale * own.mean[:-2], own.scale**2 * own.cov[:-2, :-2]
        space = shelf.features.space
        places = self.starts.near(space, [o.mean for o in others], mean, WIDE)
        nearest = [others[i] for i in sorted(places)]
        pool = near(shelf.prior, [_given(o, space) for o in nearest], (mean, cov))
        return space, {**_noted(pool, nearest), "seq": seq}

    def _others(self, user: int, profile: int, kind: Kind) -> list[Other]:
        """Tastes of this user that may help, with enough answers, as last stored."""
        space, store = self._space(kind), self.studio.store
        found = []
        for helper in self.starts.helping(user):
            if helper == profile or store.counts(helper)[kind] < ENOUGH:
                continue
            counted = self.starts.counted(helper, kind)
            version = store.version_within(helper, kind, METHOD, space, counted)
            if version is not None:
                found.append(Other(helper, version.id, self._mean(version.id, space)))
        return found

    def _mean(self, version: int, space: str) -> NDArray[np.float64]:
        mean = self._means.get(version)
        if mean is None:
            if len(self._means) >= KEPT:
                self._means.clear()
            state = self.studio.store.version_arrays(version)
            linear = PREFERENCE[METHOD].load().from_state(state, space).linear
            # A belief counts in its own temperature; times that, all are in the prior's units.
            # Kept in hand: a deletion in another thread may empty the cache at any time.
            mean = self._means[version] = linear.scale * linear.mean[:-2]
        return mean

    def _space(self, kind: Kind) -> str:
        return str(self.studio.shelves.prior(kind).space)

    def _read_again(self, profile: int, kind: Kind) -> None:
        last = self.studio.store.last_answer(profile, kind)
        # Nothing is taken back up to the last one: the mind is read anew, as a restore does.
        self.studio.minds.back_to(profile, kind, last.seq if last else 0, "start")

    def _fit_again(self, profile: int, kind: Kind) -> None:
        minds = self.studio.minds
        self.studio.ahead.slowly(("refit", profile, kind), lambda: _refit(minds, profile, kind))


def _refit(minds: Any, profile: int, kind: Kind) -> None:
    minds.refit(profile, kind)


def _given(other: Other, space: str) -> Contribution:
    return Contribution(other.profile, space, other.mean, allowed=True)


def _noted(pool: Pool | None, others: list[Other]) -> dict[str, Any]:
    """The numbers of a start, as they are stored; nothing: as without others."""
    if pool is None:
        return {"seq": 0}
    who = tuple((o.profile, o.version, float(w)) for o, w in zip(others, pool.weights, strict=True))
    return {"seq": 0, "mean": tuple(pool.mean.tolist()), "narrow": pool.narrow, "who": who}
