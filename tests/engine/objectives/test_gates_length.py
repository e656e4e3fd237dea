"""Paper 39: what length bias does to dpo and not to ln_dpo, over five presets of strength."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from engine.objectives import OBJECTIVES
from engine.objectives.base import Batch
from tests.engine.objectives.toy import F64, batch_of, descend, generator, uniform

LONGEST, PAIRS, SEEDS = 30, 600, 3
PRESETS = torch.tensor([0.05, 0.1, 0.2, 0.5, 1.0], dtype=F64)


def _biased(g: torch.Generator) -> tuple[Tensor, Tensor]:
    """(S, m, 2) lengths and good tokens of pairs, the chosen first. A person likes the share of
    good tokens (6 a unit) and, too much, length (1 for ten tokens).
    """
    n = torch.randint(1, LONGEST + 1, (SEEDS, PAIRS, 2), generator=g).to(F64)
    tokens = (uniform(g, SEEDS, PAIRS, 2, LONGEST) < 0.5).to(F64)
    good = (tokens * (torch.arange(LONGEST) < n[..., None])).sum(-1)
    liking = 6 * good / n + n / 10
    first = uniform(g, SEEDS, PAIRS) < torch.sigmoid(liking[..., 0] - liking[..., 1])
    order = torch.where(first[..., None], torch.tensor([0, 1]), torch.tensor([1, 0]))
    return n.gather(-1, order), good.gather(-1, order)


def _trained(name: str, strengths: Tensor, n: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
    """(presets,) mean length and share of good tokens. Theta: 30 length logits, one of quality.

    A preset of strength c is beta = 1 on log-probabilities times c: all presets in one descent.
    """
    objective = OBJECTIVES[name].load()
    presets = len(strengths)
    n, good = n.repeat(presets, 1, 1), good.repeat(presets, 1, 1)
    scale = strengths.repeat_interleave(SEEDS)[:, None, None]

    def logp(theta: Tensor) -> Tensor:
        length = torch.log_softmax(theta[:, :LONGEST], -1)
        at = length.gather(1, n.long().flatten(1) - 1).reshape(n.shape)
        q = theta[:, LONGEST, None, None]
        return at + good * logsigmoid(q) + (n - good) * logsigmoid(-q)

    start = torch.zeros(presets * SEEDS, LONGEST + 1, dtype=F64)
    before = logp(start)

    def batch(theta: Tensor) -> Batch:
        return batch_of(scale * logp(theta), scale * before, n)

    theta = descend(start, batch, (objective, objective.settings(beta=1.0)), 500, 2.0)
    tokens = torch.arange(1, LONGEST + 1, dtype=F64)
    length = (torch.softmax(theta[:, :LONGEST], -1) * tokens).sum(-1)
    quality = torch.sigmoid(theta[:, LONGEST])
    return length.reshape(presets, -1).mean(1), quality.reshape(presets, -1).mean(1)


def test_by_the_token_texts_stay_shorter_and_better() -> None:
    """Medians over five presets (ln_dpo's ten times dpo's, as ten tokens are one text): length
    21.8 against 24.5 tokens, good tokens 0.92 against 0.66.
    """
    n, good = _biased(generator(0))
    long, poor = _trained("dpo", PRESETS, n, good)
    short, rich = _trained("ln_dpo", 10 * PRESETS, n, good)
    assert short.median() <= 0.9 * long.median()
    assert rich.median() >= poor.median()


def test_before_training_neither_length_nor_quality_has_moved() -> None:
    n, good = _biased(generator(0))
    length, quality = _trained("dpo", 0 * PRESETS, n, good)
    torch.testing.assert_close(length, torch.full_like(length, 15.5))
    torch.testing.assert_close(quality, torch.full_like(quality, 0.5))
