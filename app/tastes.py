"""Any belief as generation needs it: one door to Create for every method and space.

What a belief can do is asked of the belief, where it lives is told by the name of its space; so a
new method needs no line here. Spaces that can be looked in: the taste space of a medium, and its
named axes (engine/starter/axes.py).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from app.compass import Compass
from app.making import Taste
from app.shelves import ENCODER
from engine.data import Array, Features, Kind, WrongSpace
from engine.preference import PREFERENCE
from engine.preference.base import Prior
from engine.starter import axes

if TYPE_CHECKING:
    from app.studio import Studio


def taste_of(studio: "Studio", profile: int, kind: Kind) -> Taste:
    """What the studio believes of this person now."""
    mind = studio.minds.seat(profile, kind).mind
    with mind.lock:
        return of_belief(studio, profile, kind, mind.belief)


def fitted(studio: "Studio", profile: int, kind: Kind, method: str, prior: Prior) -> Any:
    """A belief of the table, fitted to the stored answers in the space of the prior."""
    x = features(studio, profile, kind, prior.space)
    told = studio.store.comparisons(profile, kind)
    usable = [c for c in told if all(i in x for i in c.question.items)]
    return PREFERENCE[method].load().fit(usable, x, prior)


def of_belief(studio: "Studio", profile: int, kind: Kind, belief: Any) -> Taste:
    """The taste that a belief of this person is; WrongSpace where nothing can be looked at."""
    mind = studio.minds.seat(profile, kind).mind
    pool, read = _seen(studio, kind, belief.space)
    vector = (lambda: _vector(studio, belief, pool)) if kind == "picture" else None
    return Taste(
        features=features(studio, profile, kind, belief.space),
        score=belief.believe,
        key=(profile, mind.seq),
        answers=mind.answers,
        pool=pool,
        read=read,
        vector=vector,
    )


def features(studio: "Studio", profile: int, kind: Kind, space: str) -> Features:
    """What may be shown, in a space. On the axes: the collection, and own things asked about."""
    shelf = studio.minds.seat(profile, kind).mind.shelf
    if space == shelf.features.space:
        found: Features = shelf.features
        return found
    if space != axes.pool_axes(kind).space:
        raise WrongSpace(_unknown(kind, space))
    return Compass.of(studio).features(kind, studio.store.comparisons(profile, kind))


def _seen(
    studio: "Studio", kind: Kind, space: str
) -> tuple[Array, Callable[[Sequence[Any]], Array]]:
    """The collection (n, d) in a space, in its own order, and what looks at new things there."""
    pool = studio.shelves.pool(kind)
    if space == pool.space:
        return pool.features, lambda things: studio.maker.encode(ENCODER[kind], things)
    known = axes.pool_axes(kind)
    if space == known.space:
        return known.standard(known.raw), lambda t: known.standard(axes.measured(kind, t))
    raise WrongSpace(_unknown(kind, space))


def _unknown(kind: Kind, space: str) -> str:
    known = f"starter:{kind}, axes:{kind}"
    return f"nothing of this kind can be looked at in {space}; fit the belief in one of {known}"


def _vector(studio: "Studio", belief: Any, pool: Array) -> Array:
    """(d,) for a model that attends (engine/preference/ppd.py): the straight line nearest to the
    scores of the collection; of a blend, its linear part.
    """
    from engine.preference import ppd
    from engine.starter.prior import prior

    linear = getattr(belief, "linear", belief)
    scores = np.asarray(linear.believe(pool)[0], np.float64)
    line = ppd.slope(studio.shelves.pool("picture").features, scores)
    return ppd.of_belief(line, prior("picture"), getattr(linear, "scale", 1.0))
