"""Paper 60: even steps. Numbers by hand, the same size of J as the paper's, and the wiggly toy."""

import pytest
import torch
from torch import Tensor

from engine.objectives.smooth import MOVES, Smooth, speed
from engine.steering.blend import istd
from tests.engine.objectives.toy import F64, generator, normal


def test_by_hand_the_speed_of_a_straight_line() -> None:
    """(x, y) -> (3 x, 4 y): along (1, 1) by (3, 4), a root mean square of 5 / sqrt 2."""
    x = torch.tensor([[7.0, -2.0], [0.0, 0.0]], dtype=F64)
    n = torch.tensor([[1.0, 1.0], [0.0, 2.0]], dtype=F64)
    found = speed(lambda z: z * torch.tensor([3.0, 4.0], dtype=F64), x, n)
    assert found.tolist() == pytest.approx([5 / 2**0.5, 8 / 2**0.5])


def test_its_square_has_the_mean_that_the_papers_has() -> None:
    """E ||J n||^2 = ||J||_F^2 = E ||J^T n||^2, at a point of a map that bends, by 20,000 draws."""
    g = generator(2)
    a, b, x = normal(g, 12, 12), normal(g, 12, 12), normal(g, 12)

    def bent(z: Tensor) -> Tensor:
        return torch.tanh(z @ a / 12) @ b

    jacobian = torch.func.jacrev(bent)(x)
    n = normal(g, 20_000, 12)
    ours = speed(bent, x.expand(20_000, 12), n).square().mean()
    theirs = (n @ jacobian).square().mean()
    size = jacobian.square().sum() / 12
    assert float(ours / size) == pytest.approx(1.0, abs=0.02)
    assert float(theirs / size) == pytest.approx(1.0, abs=0.02)


def test_by_hand_the_mean_starts_at_the_first_speeds_and_moves_by_a_tenth() -> None:
    made = Smooth(2.0)
    assert made.term(torch.tensor([1.0, 3.0]), [0, 0]).tolist() == [2.0, 2.0]
    assert made.means == {0: 2.0} and MOVES == 0.1
    assert made.term(torch.tensor([4.0]), [0]).tolist() == pytest.approx([2 * 1.8**2])
    assert made.means[0] == pytest.approx(2.2)


def test_each_person_has_a_mean_of_their_own_and_none_learns_from_it() -> None:
    made = Smooth(1.0)
    speeds = torch.tensor([1.0, 5.0, 3.0], requires_grad=True)
    term = made.term(speeds, [0, 1, 0])
    assert made.means == {0: 2.0, 1: 5.0} and term.tolist() == [1.0, 0.0, 1.0]
    torch.autograd.backward(term.sum())
    assert speeds.grad is not None and speeds.grad.tolist() == [-2.0, 0.0, 2.0]
    again = Smooth(1.0)
    again.restore(made.state())
    assert again.means == made.means


def test_where_nothing_moves_the_gradient_is_nothing() -> None:
    x = torch.zeros(2, 3, requires_grad=True)
    term = Smooth(1.0).term(speed(lambda z: 0 * z, x, torch.ones(2, 3)), [0, 1])
    torch.autograd.backward(term.sum())
    assert x.grad is not None and torch.equal(x.grad, torch.zeros(2, 3))


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_a_weight_below_nothing_or_of_no_number_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="0 \\(off\\) or more"):
        Smooth(wrong)


# The toy: a generator of two numbers from two learns z + WIGGLE sin(4 z), number by number.
WIGGLE = 0.15


def wiggly(weight: float) -> tuple[float, float, float]:
    """ISTD and mean step on 40 straight ways through what it learnt, and its error of fit."""
    g = generator(0)
    parts = [normal(g, 2, 64) * 1.5, normal(g, 64), normal(g, 64, 64) / 8, normal(g, 64) / 10,
             normal(g, 64, 2) / 8]  # fmt: skip
    a, b, c, d, e = (p.requires_grad_(True) for p in parts)

    def made(z: Tensor) -> Tensor:
        return torch.tanh(torch.tanh(z @ a + b) @ c + d) @ e

    def missed(z: Tensor) -> Tensor:
        return (made(z) - z - WIGGLE * torch.sin(4 * z)).square().mean(1)

    optimizer, smooth = torch.optim.Adam(parts, lr=5e-3), Smooth(weight)
    for _ in range(500):
        z, n = normal(g, 64, 2), normal(g, 64, 2)
        loss = missed(z)
        if weight:
            loss = loss + smooth.term(speed(made, z, n), [0] * 64)
        optimizer.zero_grad()
        torch.autograd.backward(loss.mean())
        optimizer.step()
    with torch.no_grad():
        share = torch.linspace(0, 1, 33, dtype=F64)[:, None]
        ways = [istd(made(normal(g, 2) * (1 - share) + normal(g, 2) * share).numpy())
                for _ in range(40)]  # fmt: skip
        fit = float(missed(normal(g, 2000, 2)).mean().sqrt())
    return sum(w[0] for w in ways) / 40, sum(w[1] for w in ways) / 40, fit


def test_a_wiggly_generator_moves_evenly_and_pays_with_its_fit() -> None:
    """As printed: ISTD .0206 to .0091, mean step .0625 to .0601, error of fit .043 to .082."""
    plain, even = wiggly(0.0), wiggly(0.08)
    for name, was, now in zip(("ISTD", "mean step", "error of fit"), plain, even, strict=True):
        print(f"{name}: {was:.4f} without, {now:.4f} with the term")
    assert even[0] <= 0.6 * plain[0], "evenness"
    assert even[1] >= 0.9 * plain[1], "not by moving less"
    # The cost is real, and below that of knowing nothing of the wiggle: its root mean square.
    assert 1.2 * plain[2] < even[2] < WIGGLE / 2**0.5, "the fit pays, and stays a fit"
