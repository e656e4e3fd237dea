"""bench newuser: from eight answers to a usable vector, cold and warm, one person and many.

cold_ratio_encoder: eight pairs of new passages, encoded and learnt, over encoding them alone.
ratio_pal_fit: PAL's own recipe for a new person (its w alone, AdamW, 20 passes over the pairs;
RamyaLab/pluralistic-alignment, restated in torch) over ours on the same prototypes. Medians of
interleaved rounds; people are simulated.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import laplace
from engine.data import Comparison, Features, Outcome, Question
from engine.preference import PREFERENCE, pal
from engine.preference.base import Prior
from engine.starter.pool import passages
from engine.starter.prior import prior as starter_prior
from tests.people import Linear, asked, world

K, D, KINDS = 8, 64, 8
TOLD = ("bradley_terry", "ideal_point", "pal", "fspo", "auto")


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; a row a method."""
    rounds = 5 if quick else 25
    rng = np.random.default_rng(seed)
    features = world(rng, 400, D)
    person = Linear((rng.standard_normal(D) / 4).astype(np.float32))
    told = [asked(features, rng.choice(400, 2, replace=False), person, rng, n) for n in range(K)]
    prior = Prior(features.space, np.zeros(D), np.full(D, 4.0 / D), rng.standard_normal((KINDS, D)))
    work = {n: _fit(n, told, features, prior) for n in TOLD}
    times = {n: [] for n in TOLD}  # type: ignore[var-annotated]
    for name in list(TOLD) * (rounds + 1):
        times[name].append(_seconds(work[name]))
    rows = [{"method": n, "warm_ms_k8": 1e3 * float(np.median(t[1:]))} for n, t in times.items()]
    figures = {f"{r['method']}_warm_ms_k8": float(r["warm_ms_k8"]) for r in rows}
    figures["warm_ms_k8"] = figures["bradley_terry_warm_ms_k8"]
    figures["cold_ratio_encoder"] = _cold(3 if quick else 9)
    figures["ratio_pal_fit"] = _pal(features, told, rng, rounds)
    figures["batch_people_per_s"] = _batch(rng)
    return {"figures": figures, "rows": rows}


def _fit(name: str, told: Any, features: Features, prior: Prior) -> Callable[[], Any]:
    model, probe = PREFERENCE[name].load(), features.matrix[:9]
    return lambda: model.fit(told, features, prior).believe(probe)


def _cold(rounds: int) -> float:
    """A person's own texts: encoding and learning beside encoding."""
    from engine.encoders import ENCODERS

    encoder = ENCODERS["starter-text"].load()()
    texts = [str(r["text"]) for r in passages().records[: 2 * K]]
    model, prior = PREFERENCE["bradley_terry"].load(), starter_prior("text")
    encoder.encode(texts[:2])

    def alone() -> Any:
        return encoder.encode(texts)

    def whole() -> Any:
        pool = Features(prior.space, np.arange(2 * K), encoder.encode(texts))
        told = [Comparison(n + 1, Question(n + 1, 1, "text", (2 * n, 2 * n + 1)), Outcome((2 * n,)))
                for n in range(K)]  # fmt: skip
        return model.fit(told, pool, prior).direction()

    times = np.array([[_seconds(alone), _seconds(whole)] for _ in range(rounds)])
    return float(np.median(times[:, 1] / times[:, 0]))


def _pal(features: Features, told: Any, rng: np.random.Generator, rounds: int) -> float:
    import torch

    won = features.of([c.outcome.picks[0] for c in told])
    lost = features.of([next(i for i in c.question.items if i != c.outcome.picks[0]) for c in told])
    shared = pal.Shared(features.space, np.eye(D), rng.standard_normal((KINDS, D)) / 8, 1.0)
    points = torch.tensor(shared.points, dtype=torch.float32)
    one, two = (torch.tensor(v, dtype=torch.float32) for v in (won, lost))

    def theirs() -> Any:
        logits = torch.randn(KINDS, requires_grad=True)
        steps = torch.optim.AdamW([logits], lr=5e-3)
        for _ in range(20):
            for a, b in zip(one, two, strict=True):
                ideal = torch.softmax(logits, 0) @ points
                loss = torch.relu(1.0 + (a - ideal).norm() - (b - ideal).norm())
                steps.zero_grad()
                loss.backward()
                steps.step()
        return logits

    def ours() -> Any:
        return pal.mixtures(shared, won[None], lost[None], features.space)

    theirs(), ours()
    times = np.array([[_seconds(theirs), _seconds(ours)] for _ in range(max(3, rounds // 4))])
    return float(np.median(times[:, 0] / times[:, 1]))


def _batch(rng: np.random.Generator, people: int = 10_000) -> float:
    """New people a second, eight answers each, all at once in 32 shared directions."""
    rows = rng.standard_normal((people, K, 32)) / 4
    begun = time.perf_counter()
    laplace.fit_many(np.zeros((people, K)), rows @ rows.swapaxes(1, 2), np.ones((people, K)))
    return people / (time.perf_counter() - begun)


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
