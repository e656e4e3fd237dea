"""The taste space that gradients pass: near the measured one, and it says which way is up."""

import io
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.encoders import picture_stats, soft_stats
from engine.encoders.soft_picture import SoftPicture
from engine.starter.pool import pictures


@cache
def some() -> tuple[Any, np.ndarray, torch.Tensor]:
    """The pool, rows of it, and their pixels (n, 3, 192, 192)."""
    pool = pictures()
    rows = np.random.default_rng(3).choice(len(pool), 48, replace=False)
    seen = [Image.open(io.BytesIO(pool.bytes(int(r)))).convert("RGB") for r in rows]
    stack = np.stack([np.asarray(p, np.float32) for p in seen])
    return pool, rows, torch.from_numpy(stack).permute(0, 3, 1, 2) / 127.5 - 1


def test_the_soft_statistics_follow_the_measured_ones() -> None:
    pool, rows, pixels = some()
    soft, measured = soft_stats.measure(pixels).numpy(), pool.stats[rows]
    for k, stat in enumerate(picture_stats.NAMES):
        if stat.name in soft_stats.ABSENT:
            continue
        assert np.corrcoef(soft[:, k], measured[:, k])[0, 1] > 0.85, stat.name


def test_a_red_square_by_hand() -> None:
    names = [s.name for s in picture_stats.NAMES]
    red = torch.ones(1, 3, 96, 96)
    red[:, 1:, 24:72, 24:72] = -1
    seen = dict(zip(names, soft_stats.measure(red)[0].tolist(), strict=True))
    wanted = {"brightness": 0.299, "colour strength": 1.0, "fill": 0.25, "redness": 1.0,
              "symmetry": 0.0, "green parts": 0.0}  # fmt: skip
    for name, value in wanted.items():
        assert seen[name] == pytest.approx(value, abs=0.04), name


def test_the_space_is_the_one_of_the_encoder() -> None:
    pool, rows, pixels = some()
    with torch.inference_mode():
        found = SoftPicture()(pixels).numpy()
    assert SoftPicture.space == pool.space and found.shape == (48, pool.features.shape[1])
    known = np.concatenate([[s.name not in soft_stats.ABSENT for s in picture_stats.NAMES],
                            np.ones(34, bool)])  # fmt: skip
    assert not found[:, ~known].any()
    fits = [np.corrcoef(found[:, k], pool.features[rows, k])[0, 1] for k in np.flatnonzero(known)]
    assert min(fits) > 0.7 and np.mean(fits) > 0.96
    # Tastes as the prior expects them, the unknown statistics among what is liked.
    tastes = np.random.default_rng(0).standard_normal((40, 64)) * np.sqrt(pool.prior_var)
    scores = [np.corrcoef(found @ u, pool.features[rows] @ u)[0, 1] for u in tastes]
    assert np.median(scores) > 0.85


def test_a_step_along_the_gradient_raises_the_score() -> None:
    pool, _, pixels = some()
    see, made = SoftPicture(), np.random.default_rng(1)
    # Like what a decoder gives: no pixel is exactly white, no two channels exactly equal.
    grain = torch.randn(8, 3, 192, 192, generator=torch.Generator().manual_seed(0))
    x = (pixels[:8] * 0.97 + 0.03 * grain).clamp(-0.99, 0.99).requires_grad_()
    taste = torch.from_numpy(made.standard_normal(64) * np.sqrt(pool.prior_var)).float()
    before = see(x) @ taste
    slope = torch.autograd.grad(before.sum(), x)[0]
    size = slope.square().mean((1, 2, 3), keepdim=True).sqrt()
    with torch.no_grad():
        after = see(x + 0.001 * slope / size) @ taste
    assert (after > before + 0.2).all()


def test_a_blank_picture_has_a_finite_gradient() -> None:
    x = torch.ones(1, 3, 96, 96).requires_grad_()
    found = SoftPicture()(x)
    assert torch.isfinite(found).all()
    assert torch.isfinite(torch.autograd.grad(found.sum(), x)[0]).all()
