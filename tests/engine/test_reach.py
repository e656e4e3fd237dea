"""Every belief reaches the generator through one door: `believe(features) -> mean, std`.

Stand-ins for the vector families (an ideal point, a direction, a few labelled shots) of two people
who like opposite things: each of their ways to the model must tell the two apart, and a belief that
knows nothing must bend nothing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.data import Candidate
from engine.examples import from_belief
from engine.steering.activation import from_scores
from engine.steering.rerank import best

Believe = Callable[[Any], tuple[Any, Any]]
RNG = np.random.default_rng(0)
POOL = RNG.standard_normal((40, 6)).astype(np.float32)
PROMPTS = [f"task {i // 4}" for i in range(40)]
TEXTS = [Candidate(i, "text", f"{i:064d}", PROMPTS[i], f"text {i}") for i in range(40)]
STATES = np.concatenate([POOL, RNG.standard_normal((40, 2))], 1)[:, None].astype(np.float32)
TASTE = np.array([1.0, -0.5, 0.0, 0.0, 0.3, 0.0], np.float32)


def ideal_point(taste: Any) -> Believe:
    """PAL-like: liking falls with the distance to a point."""
    return lambda x: (-((x - 2 * taste) ** 2).sum(1), np.full(len(x), 0.3, np.float32))


def direction(taste: Any) -> Believe:
    """DPA-like: liking is the share of a direction in reward space."""
    return lambda x: (x @ taste, np.full(len(x), 0.3, np.float32))


def shots(taste: Any) -> Believe:
    """FSPO-like: liking is read off a few labelled examples, never a parameter."""
    seen = POOL[::5]
    labels = np.sign(seen @ taste)

    def believe(x: Any) -> tuple[Any, Any]:
        near = np.exp(-((x[:, None] - seen[None]) ** 2).sum(-1) / 4)
        return (near @ labels) / (near.sum(1) + 1e-6), np.full(len(x), 0.05, np.float32)

    return believe


FAMILIES = {"ideal point": ideal_point, "direction": direction, "shots": shots}


@pytest.fixture(params=FAMILIES, ids=list(FAMILIES))
def people(request: Any) -> tuple[Any, Any]:
    made = FAMILIES[request.param]
    return made(TASTE)(POOL), made(-TASTE)(POOL)


def test_ranking_gives_each_their_own(people: Any) -> None:
    (own, _), (other, _) = people
    mine, theirs = best(own.tolist(), 1.0), best(other.tolist(), 1.0)
    assert POOL[mine] @ TASTE > 0 > POOL[theirs] @ TASTE


def test_directions_point_apart(people: Any) -> None:
    (own, _), (other, _) = people
    mine, theirs = (from_scores("m", STATES, s, PROMPTS, (0,)).layers[0] for s in (own, other))
    assert mine @ theirs < 0 and mine[:6] @ TASTE > 0


def test_examples_prefer_what_the_person_likes(people: Any) -> None:
    (own, std), (other, _) = people
    for scores, sign in ((own, 1), (other, -1)):
        made = from_belief(TEXTS, scores, std)
        gaps = [sign * (POOL[int(e.texts[0][5:])] - POOL[int(e.texts[1][5:])]) @ TASTE
                for e in made]  # fmt: skip
        assert made and np.mean(gaps) > 0 and all(e.source == "belief" for e in made)


def test_knowing_nothing_bends_nothing() -> None:
    nothing, doubt = np.zeros(40, np.float32), np.ones(40, np.float32)
    assert from_belief(TEXTS, nothing, doubt) == []
    assert not from_scores("m", STATES, nothing, PROMPTS, (0,)).layers[0].any()
