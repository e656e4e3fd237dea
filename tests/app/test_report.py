"""The meter: more of the same answer is knowing more, contradictions are knowing less."""

import numpy as np
import pytest

from app import report
from app.mind import Mind, Shelf
from engine.data import Comparison, Features, Outcome, Question
from engine.preference.base import Prior

D, N = 16, 400


def meter(method: str, contradicted: bool | None, seed: int) -> float:
    """After 40 picks of pairs by somebody simulated; then the same again, or their opposites."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((N, D)).astype(np.float32)
    features = Features("test:space", np.arange(N, dtype=np.int64), matrix)
    prior = Prior("test:space", np.zeros(D), np.full(D, 0.3))
    shelf = Shelf("picture", features, (), np.arange(N), prior)
    u, told = rng.standard_normal(D), []
    for k in range(40):
        a, b = (int(i) for i in rng.choice(N, 2, replace=False))
        best = a if (matrix[a] - matrix[b]) @ u > 0 else b
        told.append(Comparison(k + 1, Question(k + 1, 1, "picture", (a, b)), Outcome((best,))))
    more = told if contradicted is not None else []
    if contradicted:
        more = [Comparison(c.seq, c.question, c.outcome.opposite(c.question.items)) for c in told]
    mind = Mind.blank(1, shelf, method)
    mind.belief = mind.refit([*told, *more])
    return report.known(mind)


@pytest.mark.parametrize("method", ["bradley_terry", "auto"])
@pytest.mark.parametrize("seed", [0, 1])
def test_contradictions_lower_the_meter_and_more_of_the_same_lifts_it(
    method: str, seed: int
) -> None:
    once, same, torn = (meter(method, which, seed) for which in (None, False, True))
    assert 0 < torn < once < same < 1
