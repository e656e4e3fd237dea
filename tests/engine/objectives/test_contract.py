"""What every objective promises, read from the table; the numbers were worked out on paper."""

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.objectives import OBJECTIVES
from engine.objectives.base import Batch, Objective

LN2 = 0.693147
NAMES = list(OBJECTIVES)

# a = (-10, -14), b = (-12, -13), n = (4, 5), reason -6 in 3 tokens, so: delta = (2, -1), h = 3,
# a / n = (-2.5, -2.8), delta / n = (0.5, -0.2). log(1 + e^-0.3) = log 1.740818 = 0.554355.
HAND: list[tuple[str, dict[str, Any], float]] = [
    ("dpo", {"beta": 0.1}, 0.554355),
    ("rpo", {"beta": 0.1, "eta": 1.0}, 3.054355),  # 0.554355 + 2.5
    ("cdpo", {"beta": 0.1, "slips": 0.1}, 0.584355),  # 0.9 * 0.554355 + 0.1 * 0.854355
    ("rdpo", {"beta": 0.1, "slips": 0.1}, 0.516855),  # (0.498920 - 0.085436) / 0.8
    ("ipo", {"tau": 0.1}, 18.49),  # (0.7 - 5)^2
    ("ipo", {"tau": 0.1, "per_token": False}, 4.0),  # (3 - 5)^2
    ("hinge", {"beta": 0.1}, 0.7),  # 1 - 0.3
    ("cpo", {"beta": 0.1, "alpha": 1.0}, 3.013015),  # log(1 + e^-0.4) = 0.513015, + 2.5
    ("simpo", {"beta": 2.0, "gamma": 0.5}, 0.644397),  # log(1 + e^-(0.6 - 0.5))
    # p = (0.082085, 0.060810); logits -2.414350 and -2.737262; 0.1 log(1 + e^-0.322912) + 2.5
    ("orpo", {"weight": 0.1}, 2.554467),
    ("ln_dpo", {"beta": 2.0}, 0.220418),  # log(1 + e^-1.4) = log 1.246597
    ("flex_dpo", {"beta": 0.1, "gentle": 0.2}, 0.589185),  # log(1 + e^-(0.2 + 0.02))
    ("f_dpo", {"beta": 0.1, "divergence": "reverse_kl"}, 0.554355),
    ("f_dpo", {"beta": 0.1, "divergence": "forward_kl"}, 0.572316),  # e - e^-2 = 2.582947
    ("f_dpo", {"beta": 0.1, "divergence": "js"}, 0.635589),  # 1.313262 - 0.126928 = 1.186334
    ("f_dpo", {"beta": 0.1, "divergence": "alpha", "alpha": 0.5}, 0.573243),  # 2e^.5 - 2/e
    ("f_dpo", {"beta": 0.1, "divergence": "alpha", "alpha": 1.0}, 0.554355),
    ("f_dpo", {"beta": 0.1, "divergence": "alpha", "alpha": 0.0}, 0.572316),
    ("rationale", {"beta": 0.1, "gamma": 0.1}, 1.154355),  # + 0.1 * 6
    ("rationale", {"beta": 0.1, "gamma": 0.1, "saturating": True}, 1.591843),  # + log(1 + e^.6)
    ("dove", {"beta": 0.1}, 0.554355),
    ("ra_dpo", {"beta": 0.1}, 0.554355),
    ("fspo", {"tau": 0.1}, 4.0),
    ("fspo", {"tau": 0.1, "per_token": True}, 18.49),
    ("pro", {"keep": 1.0}, 3.054355),  # log(1 + e^-0.3) + 2.5
    ("pro", {"keep": 0.0}, 0.554355),
    ("plackett_luce", {"beta": 0.1}, 0.554355),
    ("best_of_n", {}, 2.5),
    ("diffusion_dpo", {"beta": 0.1, "floor": 1.0}, 0.554355),  # the chosen gained: no floor
    # A(10) = 5 / (e^5 - 1) = 0.033918, A(14) = 0.006389; 10 + 0.1 log(1 + e^-0.275293)
    ("mapo", {"beta": 0.1, "steep": 0.5, "scale": 10.0}, 10.056494),
    ("ncp", {"beta": 0.1}, 0.554355),
    ("diffusion_cpo", {"beta": 0.1, "alpha": 1.0}, 10.513015),  # log(1 + e^-0.4) + 10
    ("diffusion_cpo", {"beta": 0.1, "alpha": 0.0}, 0.513015),
    ("sft", {}, 10.0),  # the error of the chosen, of as many pictures as there are: one
    ("dcpo", {"beta": 0.1}, 0.554355),
]
AT_START = {"ipo": 25.0, "fspo": 25.0, "hinge": 1.0, "rpo": LN2 + 2.5}


def load(name: str, **settings: Any) -> tuple[Objective, Any]:
    objective: Objective = OBJECTIVES[name].load()
    return objective, objective.settings(**settings)


def value(name: str, batch: Batch, **settings: Any) -> Tensor:
    objective, chosen = load(name, **settings)
    return objective.loss(batch, chosen)[0]


def pairs(a: Any, b: Any, n: Any, dtype: torch.dtype = torch.float64) -> Batch:
    return Batch.pairs(*(torch.as_tensor(v, dtype=dtype) for v in (a, b, n)))


def some(m: int = 20, dtype: torch.dtype = torch.float64, spread: float = 1.0) -> Batch:
    """Random pairs, the policy within `spread` of the reference."""
    g = torch.Generator().manual_seed(0)
    n = torch.randint(3, 30, (m, 2), generator=g).double()
    b = -n * (1 + torch.rand(m, 2, generator=g).double())
    a = b + spread * (2 * torch.rand(m, 2, generator=g).double() - 1)
    return pairs(a, b, n, dtype)


def padded(batch: Batch, fill: float) -> Batch:
    """The same groups with one more column that holds nothing."""

    def wider(t: Tensor, x: float) -> Tensor:
        return torch.cat((t, torch.full((len(t), 1), x, dtype=t.dtype)), 1)

    grown = {k: wider(getattr(batch, k), fill) for k in ("a", "b", "labels")}
    valid = torch.cat((batch.valid, torch.zeros(len(batch.a), 1, dtype=torch.bool)), 1)
    return replace(batch, n=wider(batch.n, 0.0), valid=valid, **grown)


def slopes(name: str, batch: Batch, **given: Any) -> tuple[Tensor, Tensor]:
    """Loss per group and its gradient in a."""
    objective, settings = load(name, **given)
    a = batch.a.clone().requires_grad_()
    loss, _ = objective.loss(replace(batch, a=a), settings)
    (slope,) = torch.autograd.grad(loss.sum(), a)
    return loss.detach(), slope


@pytest.mark.parametrize(("name", "settings", "expected"), HAND)
def test_value_by_hand(name: str, settings: dict[str, Any], expected: float) -> None:
    batch = pairs([[-10.0, -14.0]], [[-12.0, -13.0]], [[4.0, 5.0]])
    said = replace(batch, rationale=torch.tensor([-6.0]), rationale_n=torch.tensor([3.0]))
    assert value(name, said, **settings).item() == pytest.approx(expected, abs=2e-6)


def test_every_objective_has_a_value_by_hand() -> None:
    assert {name for name, _, _ in HAND} == set(NAMES)


@pytest.mark.parametrize("name", [n for n in NAMES if OBJECTIVES[n].load().reference])
def test_value_at_the_start(name: str) -> None:
    """At a = b every log-ratio is zero; only what is kept of the chosen (2.5 a token) remains."""
    same = [[-10.0, -14.0]]
    got = value(name, pairs(same, same, [[4.0, 5.0]])).item()
    assert got == pytest.approx(AT_START.get(name, LN2), abs=1e-6)


@pytest.mark.parametrize("name", [n for n in NAMES if not OBJECTIVES[n].load().reference])
def test_without_a_reference_b_is_not_read(name: str) -> None:
    batch = some()
    nothing = replace(batch, b=torch.full_like(batch.b, float("nan")))
    assert torch.equal(value(name, batch), value(name, nothing))


@pytest.mark.parametrize("name", NAMES)
def test_the_chosen_is_pulled_up_and_the_rejected_pushed_down(name: str) -> None:
    # Errors of pictures differ by hundredths; on batches made for nats their beta leaves no slope.
    held = {"beta": 20.0} if name in ("diffusion_dpo", "dcpo") else {}
    _, slope = slopes(name, some(), **held)
    assert (slope[:, 0] < 0).all()
    if name in ("best_of_n", "sft"):
        assert (slope[:, 1] == 0).all()  # they only write, or draw
    else:
        assert (slope[:, 1] > 0).all()


@pytest.mark.parametrize("fill", [0.0, -1e4])
@pytest.mark.parametrize("name", NAMES)
def test_an_empty_column_changes_nothing(name: str, fill: float) -> None:
    batch = some()
    plain, slope = slopes(name, batch)
    loss, wider = slopes(name, padded(batch, fill))
    assert torch.equal(loss, plain)
    assert torch.equal(wider[:, :2], slope) and (wider[:, 2] == 0).all()


@pytest.mark.parametrize("name", [n for n in NAMES if OBJECTIVES[n].load().lists])
def test_a_shorter_group_beside_a_longer_one(name: str) -> None:
    g = torch.Generator().manual_seed(1)
    a, b = (-20 * torch.rand(2, 4, generator=g).double() for _ in range(2))
    n = torch.full((2, 4), 5.0).double()
    labels = torch.tensor([[1.0, 0.7, 0.3, 0.0], [1.0, 0.4, 0.0, 0.0]]).double()
    valid = torch.tensor([[True] * 4, [True, True, False, False]])
    short = torch.where(valid, n, 0.0)
    none = torch.zeros(2).double()
    both = Batch(a, b, short, labels, valid, none + 1, none, none)
    one = Batch(a[1:, :2], b[1:, :2], n[1:, :2], labels[1:, :2], valid[1:, :2], none[1:] + 1,
                none[1:], none[1:])  # fmt: skip
    assert value(name, both)[1].item() == pytest.approx(value(name, one).item(), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_finite_at_extremes(name: str) -> None:
    ends = torch.tensor([-1e4, -1.0, -1e-6, 0.0])
    grid = torch.cartesian_prod(ends, ends, ends, ends)
    batch = pairs(grid[:, :2], grid[:, 2:], torch.ones(len(grid), 2), torch.float32)
    batch = replace(batch, rationale=batch.a[:, 0], rationale_n=torch.ones(len(grid)))
    loss, slope = slopes(name, batch)
    assert torch.isfinite(loss).all() and torch.isfinite(slope).all()


@pytest.mark.parametrize("divergence", ["reverse_kl", "forward_kl", "js", "alpha"])
def test_f_dpo_finite_at_extremes(divergence: str) -> None:
    ends = torch.tensor([-1e4, 0.0])
    grid = torch.cartesian_prod(ends, ends, ends, ends)
    batch = pairs(grid[:, :2], grid[:, 2:], torch.ones(len(grid), 2), torch.float32)
    assert torch.isfinite(value("f_dpo", batch, divergence=divergence)).all()


@pytest.mark.parametrize("name", NAMES)
def test_single_and_double_precision_agree(name: str) -> None:
    exact, rough = some(spread=20.0), some(dtype=torch.float32, spread=20.0)
    torch.testing.assert_close(
        value(name, rough).double(), value(name, exact), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", NAMES)
def test_shape_and_metrics(name: str) -> None:
    objective, settings = load(name)
    loss, metrics = objective.loss(some(7), settings)
    assert loss.shape == (7,)
    assert metrics and all(v.dim() == 0 for v in metrics.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_says_what_it_does(name: str) -> None:
    objective, settings = load(name)
    for f in fields(objective.settings):
        assert f.metadata["help"]
        if isinstance(f.default, float | int) and not isinstance(f.default, bool):
            low, high = f.metadata["range"]
            assert low <= f.default <= high
    with pytest.raises(AttributeError):
        settings.anything = 1


def test_plackett_luce_of_three_by_hand() -> None:
    """delta = (2, 1, 0): log(1 + e^-1 + e^-2) = 0.407606, then log(1 + e^-1) = 0.313262."""
    a, zero = torch.tensor([[2.0, 1.0, 0.0]]), torch.zeros(1)
    labels = torch.tensor([[1.0, 0.5, 0.0]])
    valid = torch.ones(1, 3, dtype=torch.bool)
    three = Batch(a, 0 * a, a + 1, labels, valid, zero + 1, zero, zero)
    assert value("plackett_luce", three, beta=1.0).item() == pytest.approx(0.720868, abs=1e-6)
    tied = replace(three, labels=torch.tensor([[1.0, 0.0, 0.0]]))
    assert value("plackett_luce", tied, beta=1.0).item() == pytest.approx(0.407606, abs=1e-6)


def test_pro_of_three_by_hand() -> None:
    """s = (-1, -2, -3), v = (1, 0.5, 0): log(1 + 1 + e^-2) = 0.758624, then log(1 + e^-0.5) =
    0.474077. With the last two tied: 1 / T = (1, 1, 1), log(1 + e^-1 + e^-2) = 0.407606.
    """
    a, zero = torch.tensor([[-2.0, -4.0, -6.0]]), torch.zeros(1)
    labels = torch.tensor([[1.0, 0.5, 0.0]])
    valid = torch.ones(1, 3, dtype=torch.bool)
    three = Batch(a, 0 * a, 0 * a + 2, labels, valid, zero + 1, zero, zero)
    assert value("pro", three, keep=0.0).item() == pytest.approx(1.232701, abs=1e-6)
    tied = replace(three, labels=torch.tensor([[1.0, 0.0, 0.0]]))
    assert value("pro", tied, keep=0.0).item() == pytest.approx(0.407606, abs=1e-6)


def test_pro_of_a_pair_is_simpo() -> None:
    batch = some()
    simple = value("simpo", batch, beta=1.0, gamma=0.0)
    torch.testing.assert_close(value("pro", batch, keep=0.0), simple)


def test_rdpo_is_the_clean_loss_on_average() -> None:
    """Over a flip with chance eps the expected loss is dpo's, and cdpo's is not (paper 41)."""
    batch, eps = some(200, spread=10.0), 0.3
    flipped = replace(batch, a=batch.a.flip(1), b=batch.b.flip(1))
    clean = value("dpo", batch)
    mean = (1 - eps) * value("rdpo", batch, slips=eps) + eps * value("rdpo", flipped, slips=eps)
    assert (mean - clean).abs().max() < 1e-9
    blunt = (1 - eps) * value("cdpo", batch, slips=eps) + eps * value("cdpo", flipped, slips=eps)
    assert (blunt - clean).abs().max() > 0.1


def test_slips_of_a_half_say_nothing() -> None:
    with pytest.raises(ValueError, match="below 0.5"):
        load("rdpo", slips=0.5)


def test_a_pair_without_a_reason_is_dpo() -> None:
    batch = some()
    for saturating in (False, True):
        got = value("rationale", batch, saturating=saturating)
        assert torch.equal(got, value("dpo", batch))


def test_dcpo_under_one_caption_is_diffusion_dpo() -> None:
    """With the settings a person gets, on chosen pictures drawn better and worse than before."""
    a, b = -torch.rand(2, 256, 2, generator=torch.Generator().manual_seed(22))
    batch = Batch.pairs(a, b, torch.ones_like(a))
    dcpo, dpo = (OBJECTIVES[name].load() for name in ("dcpo", "diffusion_dpo"))
    (ours, _), (theirs, _) = (o.loss(batch, o.defaults) for o in (dcpo, dpo))
    assert (ours - theirs).abs().max() <= 1e-7
