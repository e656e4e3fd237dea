"""bench update: one answer into the belief, at several sizes and after any history.

Peers: a refit by scikit-learn's logistic regression on the differences, and choix's EP, both on 20
answers; the gap is held-out negative log-likelihood of steps against the full fit after 40.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.data import Comparison, Features
from engine.preference import PREFERENCE
from engine.preference.base import Prior
from tests.people import Linear, asked, world

HISTORY = (10, 1_000, 20_000)


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; times are medians of interleaved rounds."""
    figures: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    for d in (16, 64, 256):
        figures[f"us_d{d}"] = _step(d, seed, 40 if quick else 400)
    times = [_after(n, seed) for n in HISTORY[: 2 if quick else 3]]
    rows += [{"history": n, "us": t} for n, t in zip(HISTORY, times, strict=False)]
    slope = np.polyfit(np.log(HISTORY[: len(times)]), np.log(times), 1)[0]
    figures["slope_history"] = float(slope)
    figures["nll_gap"] = float(np.mean([_gap(seed + k, False) for k in range(4 if quick else 16)]))
    figures["nll_gap_grids"] = float(
        np.mean([_gap(seed + k, True) for k in range(4 if quick else 16)])
    )
    ours, sklearn, choix = _peers(seed, 3 if quick else 9)
    figures |= {"ratio_sklearn": sklearn / ours, "ratio_choix": choix / ours}
    return {"figures": figures, "rows": rows}


def _model() -> Any:
    return PREFERENCE["bradley_terry"].load()


def _start(d: int, seed: int) -> tuple[Features, Any, list[Comparison]]:
    rng = np.random.default_rng(seed)
    features = world(rng, 400, d)
    person = Linear(rng.standard_normal(d).astype(np.float32))
    belief = _model().blank(Prior("test:space", np.zeros(d), np.full(d, 4.0 / d)))
    pairs = [asked(features, rng.choice(400, 2, replace=False), person, rng, k) for k in range(64)]
    return features, belief, pairs


def _step(d: int, seed: int, rounds: int) -> float:
    features, belief, pairs = _start(d, seed)
    times = []
    for k in range(rounds):
        begun = time.perf_counter()
        belief = belief.update(pairs[k % len(pairs)], features)
        times.append(time.perf_counter() - begun)
    return float(np.median(times)) * 1e6


def _after(history: int, seed: int) -> float:
    """Microseconds of a step once `history` answers are in."""
    features, belief, pairs = _start(64, seed)
    for k in range(history):
        belief = belief.update(pairs[k % len(pairs)], features)
    times = []
    for k in range(400):
        begun = time.perf_counter()
        belief.update(pairs[k % len(pairs)], features)
        times.append(time.perf_counter() - begun)
    return float(np.median(times)) * 1e6


def _gap(seed: int, grid: bool) -> float:
    """Held-out negative log-likelihood of steps over that of the fit, minus one."""
    rng = np.random.default_rng([seed, 5])
    features, d = world(rng, 400, 64), 64
    person = Linear((rng.standard_normal(d) / 4).astype(np.float32))
    prior = Prior("test:space", np.zeros(d), np.full(d, 4.0 / d))
    size = 9 if grid else 2
    answers = [
        asked(features, rng.choice(400, size, replace=False), person, rng, k) for k in range(40)
    ]
    stepped = _model().blank(prior)
    for answer in answers:
        stepped = stepped.update(answer, features)
    fitted = _model().fit(answers, features, prior)
    a, b = features.matrix[:200], features.matrix[200:]
    true = rng.random(200) < 1 / (1 + np.exp(-(a - b) @ person.u))
    losses = [-np.mean(np.log(np.where(true, p, 1 - p))) for p in
              (m.prob(a, b) for m in (stepped, fitted))]  # fmt: skip
    return float(abs(losses[0] / losses[1] - 1))


def _peers(seed: int, rounds: int) -> tuple[float, float, float]:
    """Seconds of one step of ours, of a sklearn refit, of a choix refit, on 20 answers, d = 64."""
    import choix
    from sklearn.linear_model import LogisticRegression

    features, belief, pairs = _start(64, seed)
    made = belief
    for pair in pairs[:20]:
        made = made.update(pair, features)
    won = [features.rows([p.outcome.picks[0]])[0] for p in pairs[:20]]
    lost = [features.rows([i for i in p.question.items if i != p.outcome.picks[0]])[0]
            for p in pairs[:20]]  # fmt: skip
    gap = features.matrix[won] - features.matrix[lost]
    x, y = np.concatenate([gap, -gap]), np.repeat([1, 0], 20)
    number = {int(r): k for k, r in enumerate(dict.fromkeys([*won, *lost]))}
    data = [(number[int(a)], number[int(b)]) for a, b in zip(won, lost, strict=True)]
    work: tuple[Callable[[], Any], ...] = (
        lambda: made.update(pairs[21], features),
        lambda: LogisticRegression(fit_intercept=False).fit(x, y),
        lambda: choix.ep_pairwise(len(number), data, 1.0),
    )
    times = [[_timed(w) for w in work] for _ in range(rounds)]
    ours, sklearn, other = np.median(times, axis=0)
    return float(ours), float(sklearn), float(other)


def _timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
