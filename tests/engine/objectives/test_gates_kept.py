"""Papers 29 and 42: does what was liked stay likely? On 30 texts, 40 pairs among 10 of them.

Figures are means over ten simulated worlds: log-probability against the reference of the chosen
and the rejected, and the share of texts nobody compared (20 of 30 before).
"""

from typing import Any

import pytest
import torch

from engine.objectives import OBJECTIVES
from tests.engine.objectives.toy import kl, pick, ten_of_thirty, train


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, float]]:
    settings: dict[str, Any] = {
        "dpo": {"beta": 0.1},
        "rpo": {"beta": 0.1, "eta": 0.2},
        "flex_dpo": {"beta": 0.1, "gentle": 0.2},
    }
    return {name: _figures(name, given) for name, given in settings.items()}


def _figures(name: str, given: dict[str, Any]) -> dict[str, float]:
    policy, pairs = ten_of_thirty()
    objective = OBJECTIVES[name].load()
    before = policy.logp(policy.start)
    after = train(policy, pairs, (objective, objective.settings(**given)), steps=3000, rate=0.5)
    moved = pick(after - before, pairs)
    return {
        "chosen": float(moved[..., 0].mean()),
        "rejected": float(moved[..., 1].mean()),
        "unseen": float(after[:, 10:].exp().sum(1).mean()),
        "reference": float(before[:, 10:].exp().sum(1).mean()),
        "kl": float(kl(after, before).mean()),
    }


def test_dpo_drops_degrades_and_disperses(figures: dict[str, dict[str, float]]) -> None:
    """Measured: chosen -32.3, rejected -63.8, unseen 0.70 of 0.67, KL 3.2 nats."""
    dpo = figures["dpo"]
    assert dpo["chosen"] <= -5 and dpo["rejected"] <= -10
    assert dpo["unseen"] > dpo["reference"]


def test_rpo_keeps_what_was_liked(figures: dict[str, dict[str, float]]) -> None:
    """Measured: chosen +0.40, unseen 0.40, KL 0.82."""
    rpo = figures["rpo"]
    assert rpo["chosen"] >= 0
    assert rpo["unseen"] <= rpo["reference"]
    assert rpo["kl"] <= 0.5 * figures["dpo"]["kl"]


def test_flex_dpo_trips_none_of_the_three(figures: dict[str, dict[str, float]]) -> None:
    """Measured: chosen +0.36, rejected -2.1, unseen 0.41."""
    flex = figures["flex_dpo"]
    assert flex["chosen"] > -5 and flex["rejected"] > -10
    assert flex["unseen"] <= flex["reference"]


def test_the_toy_is_exact() -> None:
    """Before training nothing has moved and 20 of 30 texts are unseen."""
    policy, pairs = ten_of_thirty(seeds=2)
    objective = OBJECTIVES["dpo"].load()
    still = train(policy, pairs, (objective, objective.defaults), steps=0, rate=0.5)
    assert torch.equal(still, policy.logp(policy.start))
    assert float(still[:, 10:].exp().sum(1).mean()) == pytest.approx(20 / 30)
