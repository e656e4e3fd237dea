"""The gauges on runs small enough to be exact, and the verdicts on histories made by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import gauges
from engine.objectives import OBJECTIVES
from engine.objectives.base import Batch
from tests.engine.objectives.toy import (
    F64,
    batch_of,
    descend,
    generator,
    kl,
    normal,
    pick,
    ten_of_thirty,
    train,
    uniform,
)

ONE = Batch.pairs(
    torch.tensor([[-10.0, -14.0], [-9.0, -8.0]]),
    torch.tensor([[-12.0, -13.0], [-10.0, -7.0]]),
    torch.full((2, 2), 4.0),
)


def test_by_hand() -> None:
    """delta = (2, -1) and (1, -1); a_w - a_l = 4 and -1; b_l - b_w = -1 and 3."""
    assert gauges.ranking_accuracy(ONE) == 0.5
    assert gauges.implicit_accuracy(ONE) == 1.0
    assert gauges.degradation(ONE) == 1.5 and gauges.drop(ONE) == -1.0
    np.testing.assert_allclose(gauges.difficulty(ONE, 0.1), [-0.1, 0.3], rtol=1e-6)
    assert gauges.explicit_accuracy([[1.0, 0.0], [0.2, 0.4], [3.0, -1.0], [0.0, 1.0]]) == 0.5
    # Two texts of 0.1 become 0.2 and 0.3: log(0.5 / 0.2).
    got = gauges.dispersion(np.log([0.2, 0.3]), np.log([0.1, 0.1]))
    assert got == pytest.approx(np.log(2.5))


def test_the_perfect_model_by_hand() -> None:
    """Where 3 of 4 agree the odds are 3; with beta 0.5 the ratio is e^(b_w - b_l) * 3^2."""
    got = gauges.ideal_margin(ONE, [0.75, 0.75], 0.5)
    np.testing.assert_allclose(got, [1 + 2 * np.log(3), -3 + 2 * np.log(3)])
    assert gauges.best_possible(ONE, [0.75, 0.75], 0.5) == 0.5
    assert gauges.best_possible(ONE, [1.0, 1.0], 0.5) == 1.0


def test_texts_are_measured_against_those_before() -> None:
    before = ["one two three four", "five six seven eight"]
    assert gauges.length_ratio(["a b c d e f g h", "i j k l"], before) == 1.5
    assert gauges.freshness(before, before) == 1.0
    # "la la la la": one of three word pairs is different.
    assert gauges.freshness(["la la la la"], before) == pytest.approx(1 / 3)


# paper 18


def test_a_loss_tells_whether_the_pair_is_ranked_right() -> None:
    g = generator(0)
    a, b = -40 * uniform(g, 2000, 2), -40 * uniform(g, 2000, 2)
    batch = Batch.pairs(a, b, torch.ones_like(a))
    dpo = OBJECTIVES["dpo"].load()
    for beta in (0.05, 0.5):
        losses, _ = dpo.loss(batch, dpo.settings(beta=beta))
        right = gauges.ranked_right(losses, batch, beta)
        assert (right == (a[:, 0] >= a[:, 1]).numpy()).all()
        assert gauges.ranking_accuracy(batch) == right.mean()


def test_the_perfect_model_is_the_minimum_of_the_loss() -> None:
    """A margin fitted to each pair's own expected loss comes out at the formula, to 1e-6."""
    g = generator(1)
    b = 2 * normal(g, 1, 50, 2)
    agreed, beta = 0.1 + 0.8 * uniform(g, 50), 0.5
    dpo = OBJECTIVES["dpo"].load()

    def batch(theta: Tensor) -> Batch:
        a = torch.stack((theta, 0 * theta), -1)
        both = torch.cat((a, a.flip(-1)), 1), torch.cat((b, b.flip(-1)), 1)
        return batch_of(*both)

    class Weighted:
        """dpo, with w preferred by a share of people and l by the rest."""

        @staticmethod
        def loss(made: Batch, settings: Any) -> Any:
            losses, metrics = dpo.loss(made, settings)
            return torch.cat((agreed, 1 - agreed)) * losses, metrics

    method: Any = (Weighted, dpo.settings(beta=beta))
    theta = descend(torch.zeros(1, 50, dtype=F64), batch, method, 4000, 300.0)
    pairs = Batch.pairs(b[0], b[0], torch.ones_like(b[0]))
    expected = gauges.ideal_margin(pairs, agreed, beta)
    np.testing.assert_allclose(theta[0].numpy(), expected, atol=1e-6)
    assert gauges.best_possible(pairs, agreed, beta) == float((theta > 0).double().mean())


def test_difficulty_tells_beforehand_what_stays_wrong() -> None:
    """60 prompts of 6 texts, 12 shared features, 6 steps: area under the curve 0.86."""
    g, s, beta = generator(8), 10, 0.1
    ref, phi = 2 * normal(g, s, 60, 6), normal(g, s, 60, 6, 12)
    liking = (phi * normal(g, s, 12)[:, None, None]).sum(-1)
    i = torch.randint(0, 6, (s, 60), generator=g)
    j = (i + torch.randint(1, 6, (s, 60), generator=g)) % 6
    first = liking.gather(2, i[..., None]) > liking.gather(2, j[..., None])
    pairs = torch.where(first, torch.stack((i, j), -1), torch.stack((j, i), -1))

    def logp(theta: Tensor) -> Tensor:
        table = torch.log_softmax(ref + (phi * theta[:, None, None]).sum(-1), -1)
        return table.gather(2, pairs)

    start = torch.zeros(s, 12, dtype=F64)
    b = logp(start)
    dpo = OBJECTIVES["dpo"].load()
    theta = descend(start, lambda t: batch_of(logp(t), b), (dpo, dpo.settings(beta=beta)), 6, 10.0)
    areas = []
    for k in range(s):
        batch = Batch.pairs(logp(theta)[k], b[k], torch.ones_like(b[k]))
        hard, wrong = gauges.difficulty(batch, beta), gauges.margin(batch.a) <= 0
        areas.append((hard[wrong][:, None] > hard[~wrong]).mean())
    assert np.mean(areas) >= 0.7


# paper 42


def _run(name: str, steps: int, **given: float) -> tuple[Batch, float, float]:
    """All pairs of ten worlds after so many steps, their dispersion and mean KL."""
    policy, pairs = ten_of_thirty()
    objective = OBJECTIVES[name].load()
    before = policy.logp(policy.start)
    after = train(policy, pairs, (objective, objective.settings(**given)), steps, 0.5)
    batch = batch_of(pick(after, pairs), pick(before, pairs))
    outside = gauges.dispersion(after[:, 10:].flatten(), before[:, 10:].flatten())
    return batch, outside, float(kl(after, before).mean())


def test_the_gauges_trip_on_dpo_and_not_on_rpo() -> None:
    batch, outside, _ = _run("dpo", 3000, beta=0.1)
    assert gauges.tripped(batch, outside) == ["drop", "degradation", "dispersion"]
    assert gauges.tripped(batch) == ["drop", "degradation", "dispersion"], "from the pairs alone"
    batch, outside, _ = _run("rpo", 3000, beta=0.1, eta=0.2)
    assert gauges.tripped(batch, outside) == []
    assert gauges.tripped(batch) == []
    assert gauges.degradation(batch) > 0 and outside < 0


def _watched(name: str, **given: float) -> gauges.Verdict:
    """The verdict on a run checked at 250, 500 and 1000 steps; a text counts as ten tokens."""
    history = []
    for step in (250, 500, 1000):
        batch, _, far = _run(name, step, **given)
        history.append({
            "step": step, "kl": far / 10, "degradation": gauges.degradation(batch),
            "drop": gauges.drop(batch), "agreement": None,
            "train_accuracy": gauges.implicit_accuracy(batch),
        })  # fmt: skip
    return gauges.verdict(history)


def test_the_verdict_on_dpo_is_fading_and_on_rpo_learning() -> None:
    said = _watched("dpo", beta=0.1)
    assert said.state == "fading" and not said.stop and "RPO" in said.advice
    assert said.words == "what you liked is fading: a safer setting is offered"
    said = _watched("rpo", beta=0.1, eta=0.2)
    assert (said.state, said.words, said.keep) == ("learning", "learning you", 1000)


# paper 59


def test_an_explicit_reward_carries_further_than_the_policy_s_own() -> None:
    """60 tokens with 8 traits, texts of 12; learnt on tokens 0-39, tried on 20-59. The policy has
    a number for every token, the head a weight for every trait; the gap between their accuracies
    grows from -1.9 points on what was learnt to 2.7 on new pairs and 16 on new tokens.
    """
    s, g = 5, generator(10)
    traits, taste = normal(g, s, 60, 8), normal(g, s, 8, 1)
    worth = (traits @ taste)[..., 0]

    def counted(low: int, high: int, m: int) -> Tensor:
        """(S, m, 2, 60) token counts of pairs, the better text first (by choice noise)."""
        drawn = torch.randint(low, high, (s, m, 2, 12), generator=g)
        counts = torch.zeros(s, m, 2, 60, dtype=F64)
        counts.scatter_add_(3, drawn, torch.ones_like(drawn, dtype=F64))
        liking = (counts * worth[:, None, None]).sum(-1) / 3
        first = uniform(g, s, m) < torch.sigmoid(liking[..., 0] - liking[..., 1])
        return torch.where(first[..., None, None], counts, counts.flip(2))

    def fit(features: Tensor, beta: float) -> Tensor:
        dpo = OBJECTIVES["dpo"].load()
        zero = torch.zeros(features.shape[:3], dtype=F64)

        def batch(theta: Tensor) -> Batch:
            return batch_of((features * theta[:, None, None]).sum(-1), zero)

        start = torch.zeros(s, features.shape[-1], dtype=F64)
        return descend(start, batch, (dpo, dpo.settings(beta=beta)), 300, 0.1)

    seen = counted(0, 40, 300)
    tokens, weights = fit(seen, 1.0), fit(seen @ traits[:, None], 1.0)
    gaps = []
    for texts in (seen, counted(0, 40, 400), counted(20, 60, 400)):
        own = (texts * tokens[:, None, None]).sum(-1).reshape(-1, 2)
        head = ((texts @ traits[:, None]) * weights[:, None, None]).sum(-1).reshape(-1, 2)
        batch = Batch.pairs(own, torch.zeros_like(own), torch.ones_like(own))
        gaps.append(gauges.explicit_accuracy(head) - gauges.implicit_accuracy(batch))
    assert gaps[0] < gaps[1] < gaps[2] and gaps[2] >= 0.10


# verdicts on histories made by hand


def history(**series: list[Any]) -> list[dict[str, Any]]:
    """Checks at steps 20, 40, ... with these values."""
    length = max(len(v) for v in series.values())
    sound = {"kl": 0.05, "distinct2": 1.0, "degradation": 1.0, "drop": -2.0, "train_accuracy": 0.9,
             "length_ratio": 1.0, "agreement": None}  # fmt: skip
    return [
        {**sound, "step": 20 * (k + 1), **{name: v[k] for name, v in series.items()}}
        for k in range(length)
    ]


CASES: list[tuple[str, dict[str, list[Any]], str, bool, int]] = [
    ("nothing unusual", {"agreement": [0.5, 0.6, 0.7]}, "learning", False, 60),
    ("no answers held out", {"agreement": [None] * 3}, "learning", False, 60),
    ("equal twice: the later", {"agreement": [0.7, 0.7, 0.6]}, "learning", False, 40),
    ("at first", {"train_accuracy": [0.5]}, "early", False, 20),
    ("repeats a little, once", {"distinct2": [1.0, 0.7]}, "learning", False, 20),
    ("repeats a little, twice", {"distinct2": [1.0, 0.9, 0.7, 0.7]}, "repeating", True, 40),
    ("repeats much, once", {"distinct2": [1.0, 0.4]}, "repeating", True, 20),
    ("repeats from the start", {"distinct2": [0.3]}, "repeating", True, 20),
    ("far away", {"kl": [0.2, 0.6, 1.2]}, "drifting", True, 40),
    ("worse at last", {"agreement": [0.6, 0.8, 0.7, 0.6, 0.6]}, "unlearning", True, 40),
    ("worse, not always", {"agreement": [0.6, 0.8, 0.6, 0.8, 0.6]}, "learning", False, 80),
    ("one answer less of six is chance",
     {"agreement": [0.66, 0.83, 0.66, 0.66, 0.66], "held": [6] * 5}, "learning", False, 40),
    ("what was liked fades", {"degradation": [0.0, -3.0, -6.0]}, "fading", False, 60),
    ("own answers not fitted", {"train_accuracy": [0.5, 0.52, 0.5]}, "contradicting", False, 60),
    ("still getting better", {"train_accuracy": [0.45, 0.5, 0.6]}, "early", False, 60),
    ("twice as long", {"length_ratio": [1.0, 2.0]}, "longer", False, 40),
    ("fitted, not predicted", {"agreement": [0.5, 0.4, 0.5]}, "no_signal", False, 60),
    ("the gravest is said", {"kl": [0.1, 2.0], "degradation": [0, -9]}, "drifting", True, 20),
]  # fmt: skip


@pytest.mark.parametrize(("case", "series", "state", "stop", "keep"), CASES)
def test_verdicts(
    case: str, series: dict[str, list[Any]], state: str, stop: bool, keep: int
) -> None:
    said = gauges.verdict(history(**series))
    assert (said.state, said.stop, said.keep) == (state, stop, keep)
    assert said.words and (said.advice or state in ("early", "learning"))


def test_words_of_a_stop_name_the_step_that_is_kept() -> None:
    said = gauges.verdict(history(distinct2=[1.0] * 4 + [0.3]))
    assert said.words == "repeating itself: stopped and kept step 80"
    said = gauges.verdict(history(kl=[1.5, 1.7]))
    assert said.words == "drifted too far from the base model from the start: " \
        "stopped and kept step 20"  # fmt: skip


def test_the_kept_step_only_ever_moves_to_the_newest_check() -> None:
    """So that a run needs to hold one copy of its weights beside the current ones."""
    rng = np.random.default_rng(0)
    made = history(agreement=list(rng.integers(0, 7, 60) / 6), kl=list(rng.uniform(0, 1.3, 60)))
    kept = gauges.verdict(made[:1]).keep
    for n in range(2, 61):
        now = gauges.verdict(made[:n]).keep
        assert now in (kept, made[n - 1]["step"])
        kept = now


def test_nothing_measured_is_said_plainly() -> None:
    assert gauges.verdict([]).state == "early"
    assert gauges.verdict([{"step": 20}]).state == "early"
