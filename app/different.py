"""Show me something different: one grid of things unlike what was shown lately, still likely liked.

The person presses for it; the question in front of them waits and comes right after it. Novelty
over an archive (engine/queries/novelty.py, founding papers 17 and 33); the answer counts like any
other.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from app.mind import GRID
from engine.data import Kind

if TYPE_CHECKING:
    from app.studio import Studio

RULE = "novelty"


def different(studio: "Studio", user: int, profile: int, kind: Kind) -> dict[str, Any]:
    """The new question, in place of the one that is open."""
    from engine.queries import QUERIES

    studio.profile(user, profile)
    seat = studio.minds.seat(profile, kind)
    with seat.mind.lock:
        mind, replaced = seat.mind, studio.minds.question(profile, kind)
        features, belief = mind.shelf.features, mind.belief
        rng = np.random.default_rng([profile, mind.asked, mind.seq])
        rows = QUERIES[RULE].load()(
            belief, features, GRID[kind], rng,
            groups=mind.shelf.groups if kind == "text" else (mind.shelf.roam,),
            recent=tuple(mind.recent),
        )  # fmt: skip
        plan = mind.offered(tuple(int(i) for i in features.ids[rows]), RULE)
        asked = studio.store.add_question(profile, kind, plan.items, plan.rule, None)
        # Pressed again: what waits is still the question that was there first.
        if replaced.rule != RULE:
            seat.waiting = replaced
        seat.current = asked
    return studio.question(user, profile, kind)
