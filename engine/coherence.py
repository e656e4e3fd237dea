"""The coherence guard: the largest strength at which steered text still makes sense.

Sense is judged by the unsteered model: perplexity of the steered text at most PERPLEXITY times
that of plain text, and distinct word pairs at least DISTINCT of it. Bisection over a few short
texts; the bound for the shipped model was measured by bench steer and needs no search.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.data import Request
from engine.steering.activation import Direction, activation

PERPLEXITY, DISTINCT = 1.5, 0.8
PROMPTS = ("Describe a walk in the rain.", "Invite a friend to dinner.")
MOST, STEPS, TOKENS = 2.0, 3, 24


def distinct2(text: str) -> float:
    """Share of different word pairs: falls when a model repeats itself."""
    words = text.lower().split()
    pairs = list(zip(words, words[1:], strict=False))
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def safe_strength(
    backbone: Any, direction: Direction, prompts: Sequence[str] = PROMPTS, seed: int = 0
) -> float:
    """Between 0 and MOST, to MOST / 2^STEPS; the slider only turns this way."""
    base = _sense(backbone, direction, 0.0, prompts, seed)

    def sane(strength: float) -> bool:
        loss, fresh = _sense(backbone, direction, strength, prompts, seed)
        return bool(np.exp(loss - base[0]) <= PERPLEXITY and fresh >= DISTINCT * base[1])

    low, high = 0.0, MOST
    if sane(MOST):
        return MOST
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if sane(middle) else (low, middle)
    return low


def _sense(
    backbone: Any, direction: Direction, strength: float, prompts: Sequence[str], seed: int
) -> tuple[float, float]:
    """(mean loss a token under the unsteered model, mean distinct word pairs)."""
    sums, counts, fresh = 0.0, 0.0, []
    for k, prompt in enumerate(prompts):
        request = Request(prompt, n=2, seed=seed + k, max_tokens=TOKENS, temperature=0.5)
        with activation(backbone, direction, strength):
            texts = [s.text for s in backbone.generate(request) if s.done and s.text]
        losses, tokens = backbone.logps(prompt, texts) if texts else (np.zeros(1), np.ones(1))
        sums, counts = sums - float(losses.sum()), counts + float(tokens.sum())
        fresh += [distinct2(text) for text in texts]
    return sums / max(counts, 1.0), float(np.mean(fresh or [0.0]))
