"""bench preference: every method of the table on one person, and many people at once, beside peers.

Simulated people over 64 features: half like along a direction, half have a best point; a tenth of
the answers slip. Held out: 400 pairs without slips. Peers: scikit-learn's logistic regression on
the differences, choix's EP (it knows items only, so it is timed and not judged), botorch's
PairwiseGP with its own fit of the length scales. Times are medians of interleaved rounds.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine import laplace
from engine.data import Comparison, Features, Outcome, Question
from engine.preference import PREFERENCE
from engine.preference.base import Prior
from tests.people import world

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-bench-botorch"
D, ITEMS, HELD, SLIP = 64, 600, 400, 0.1
ANSWERS = (8, 40)
CROWD = 10_000


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures and one row a method."""
    features = world(np.random.default_rng(seed), ITEMS, D)
    prior = Prior(features.space, np.zeros(D), np.full(D, 4.0 / D))
    count = 4 if quick else 24
    crowd = [_person(features, seed, i) for i in range(count)]
    figures: dict[str, float] = {}
    rows = []
    for name in PREFERENCE:
        if name == "dpa":
            continue  # the same sums as Bradley-Terry, over columns that have names
        row = _method(name, features, prior, crowd)
        rows.append(row)
        figures |= {f"{name}_{k}": v for k, v in row.items() if k != "method"}
    figures |= _judged(features, crowd) | _timed(features, prior, crowd[0][0], 3 if quick else 7)
    figures |= _many(seed)
    return {"figures": figures, "rows": rows}


def _person(features: Features, seed: int, i: int) -> tuple[list[Comparison], Any, str]:
    """Answers, the sign of every held-out pair, and what kind of person it is."""
    rng = np.random.default_rng([seed, i, 11])
    x = features.matrix.astype(np.float64)
    cares = rng.choice(D, 8, replace=False)
    if i % 2:
        best = 0.7 * rng.standard_normal(8)
        liking = -((x[:, cares] - best) ** 2).sum(1)
    else:
        liking = x[:, cares] @ rng.standard_normal(8)
    told = []
    for n in range(max(ANSWERS)):
        a, b = (int(k) for k in rng.choice(ITEMS // 2, 2, replace=False))
        won = a if (liking[a] > liking[b]) ^ (rng.random() < SLIP) else b
        ids = (int(features.ids[a]), int(features.ids[b]))
        question = Question(n + 1, 1, "picture", ids)
        told.append(Comparison(n + 1, question, Outcome((int(features.ids[won]),))))
    pairs = ITEMS // 2 + rng.integers(0, ITEMS // 2, (HELD, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return told, (pairs, liking[pairs[:, 0]] > liking[pairs[:, 1]]), "point" if i % 2 else "line"


def _method(name: str, features: Features, prior: Prior, crowd: Sequence[Any]) -> dict[str, Any]:
    model = PREFERENCE[name].load()
    row: dict[str, Any] = {"method": name}
    for k in ANSWERS:
        hits: dict[str, list[float]] = {"line": [], "point": []}
        for told, (pairs, right), kind in crowd:
            made = model.fit(told[:k], features, prior)
            p = made.prob(features.matrix[pairs[:, 0]], features.matrix[pairs[:, 1]])
            hits[kind].append(float(np.mean((p > 0.5) == right)))
        row |= {f"acc_{kind}_{k}": float(np.mean(v)) for kind, v in hits.items()}
        row[f"ms_fit_{k}"] = 1e3 * _median(lambda k=k: model.fit(crowd[0][0][:k], features, prior))
    made = model.fit(crowd[0][0], features, prior)
    row["us_update"] = 1e6 * _median(lambda: made.update(crowd[0][0][0], features), 50)
    row["kb"] = sum(v.nbytes for v in made.state().values()) / 1024
    return row


def _order(c: Comparison) -> tuple[int, int]:
    """Chosen, rejected."""
    one, two = c.question.items
    return (one, two) if c.outcome.picks[0] == one else (two, one)


def _gaps(features: Features, told: Sequence[Comparison]) -> Any:
    won, lost = zip(*(_order(c) for c in told), strict=True)
    return features.of(won) - features.of(lost)


def _sklearn(gaps: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(fit_intercept=False).fit(
        np.concatenate([gaps, -gaps]), np.repeat([1, 0], len(gaps))
    )


def _gp(features: Features, told: Sequence[Comparison]) -> Any:
    """botorch's PairwiseGP over the items of the answers, its length scales fitted."""
    import torch
    from botorch import fit_gpytorch_mll
    from botorch.models.pairwise_gp import PairwiseGP, PairwiseLaplaceMarginalLogLikelihood

    ids = sorted({i for c in told for i in c.question.items})
    at = {i: n for n, i in enumerate(ids)}
    x = torch.tensor(features.of(ids), dtype=torch.double)
    model = PairwiseGP(x, torch.tensor([[at[i] for i in _order(c)] for c in told]))
    fit_gpytorch_mll(PairwiseLaplaceMarginalLogLikelihood(model.likelihood, model))
    return model


def _liked(model: Any, vectors: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.posterior(torch.tensor(vectors, dtype=torch.double)).mean[:, 0].numpy()


def _judged(features: Features, crowd: Sequence[Any]) -> dict[str, float]:
    """The peers' accuracy after the most answers, by kind of person."""
    _botorch()
    found: dict[str, list[float]] = {}
    for told, (pairs, right), kind in crowd:
        linear = _sklearn(_gaps(features, told)).coef_[0]
        gap = features.matrix[pairs[:, 0]] - features.matrix[pairs[:, 1]]
        found.setdefault(f"sklearn_acc_{kind}_40", []).append(
            float(np.mean((gap @ linear > 0) == right))
        )
        liked = _liked(_gp(features, told), features.matrix)
        said = liked[pairs[:, 0]] > liked[pairs[:, 1]]
        found.setdefault(f"botorch_acc_{kind}_40", []).append(float(np.mean(said == right)))
    return {k: float(np.mean(v)) for k, v in found.items()}


def _timed(
    features: Features, prior: Prior, told: Sequence[Comparison], rounds: int
) -> dict[str, float]:
    """Seconds of a refit to 40 answers: the peers' over ours, interleaved."""
    import choix

    line, auto = (PREFERENCE[n].load() for n in ("bradley_terry", "auto"))
    gaps = _gaps(features, told)
    ids = sorted({i for c in told for i in c.question.items})
    at = {i: n for n, i in enumerate(ids)}
    data = [tuple(at[i] for i in _order(c)) for c in told]
    work: tuple[Callable[[], Any], ...] = (
        lambda: line.fit(told, features, prior),
        lambda: auto.fit(told, features, prior),
        lambda: _sklearn(gaps),
        lambda: choix.ep_pairwise(len(ids), data, 1.0),
        lambda: _gp(features, told),
    )
    times = np.array([[_seconds(w) for w in work] for _ in range(rounds)])
    own, blend, sklearn, ep, gp = np.median(times, 0)
    return {"ratio_sklearn": sklearn / own, "ratio_choix": ep / own, "ratio_botorch": gp / own,
            "ratio_botorch_auto": gp / blend}  # fmt: skip


def _many(seed: int) -> dict[str, float]:
    """CROWD people, 8 answers each, over 500 things in 32 shared directions: one batched pass."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((500, 32)) / np.sqrt(32)
    left, right = rng.integers(0, 500, (2, CROWD, 8))
    begun = time.perf_counter()
    rows = factor[left] - factor[right]
    laplace.fit_many(np.zeros((CROWD, 8)), rows @ rows.swapaxes(1, 2), np.ones((CROWD, 8)))
    seconds = time.perf_counter() - begun
    return {"refit_10000_s": seconds, "people_per_s": CROWD / seconds}


def _median(work: Callable[[], Any], rounds: int = 7) -> float:
    work()
    return float(np.median([_seconds(work) for _ in range(rounds)]))


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _botorch() -> None:
    """The peer beside the studio's packages; downloaded on first use."""
    wanted = Path(__file__).parent / "requirements-botorch.txt"
    stamp = PEERS / "ready"
    if not stamp.exists() or stamp.read_text() != wanted.read_text():
        words = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(PEERS),
                 "-r", str(wanted)]  # fmt: skip
        subprocess.run(words, check=True)
        stamp.write_text(wanted.read_text())
    sys.path.append(str(PEERS))
