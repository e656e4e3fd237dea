"""bench steer: does a direction move the text, smoothly, and does the text stay sane?

Three contrasts of voices in the shipped passages give three directions. Each is judged by a plain
statistic of the text that the direction was not made from, at strengths -2 to 2 (full strength of
the slider is 1), on the same prompts and noise. Perplexity is the unsteered model's.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)
SUBJECTS = ("a walk in the rain", "an old bicycle", "the first snow", "a busy market", "my aunt's "
            "kitchen", "a night train", "the neighbour's dog", "a broken umbrella")  # fmt: skip
FORMS = ("Describe {}.", "Tell a friend about {}.", "Write a note about {}.", "Explain {}.",
         "Remember {}.")  # fmt: skip


def words(text: str) -> list[str]:
    return text.split()


def sentence_length(text: str) -> float:
    ends = max(1, sum(text.count(c) for c in ".!?"))
    return len(words(text)) / ends


def word_length(text: str) -> float:
    return float(np.mean([len(w.strip(".,!?;:'\"")) for w in words(text)] or [0.0]))


def liveliness(text: str) -> float:
    return 100 * sum(text.count(c) for c in "!?'") / max(1, len(words(text)))


VOICES: dict[str, tuple[str, str, Callable[[str], float]]] = {
    "lush, not terse": ("lush", "terse", sentence_length),
    "formal, not playful": ("formal", "playful", word_length),
    "playful, not formal": ("playful", "formal", liveliness),
}


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures of benches.md; one row per voice and strength."""
    from engine.backbones.causal_lm import CausalLM

    backbone = CausalLM.load(str(ROOT / ".models" / "SmolLM2-135M-Instruct"), cpu=True)
    directions = {name: _direction(backbone, *pair[:2]) for name, pair in VOICES.items()}
    prompts = [form.format(s) for s in SUBJECTS for form in FORMS][:: 10 if quick else 1]
    texts = _texts(backbone, list(directions.values()), prompts, seed)
    rows, figures = _measured(backbone, texts, prompts)
    figures |= _costs(backbone, list(directions.values()))
    return {"figures": figures, "rows": rows}


def _direction(backbone: Any, liked: str, other: str) -> Any:
    from engine.starter.pool import passages
    from engine.starter.states import passage_states
    from engine.steering.activation import LAYERS, from_contrast

    states = passage_states(backbone, LAYERS)
    voice = np.array([r["voice"] for r in passages().records])
    return from_contrast(backbone.name, states[voice == liked], states[voice == other])


def _texts(backbone: Any, directions: Sequence[Any], prompts: Sequence[str], seed: int) -> Any:
    """(voices, strengths, prompts) of texts; one batch a prompt, all rows on the same noise."""
    from engine.data import Request
    from engine.steering.activation import activation

    rows = [d * s for d in directions for s in STRENGTHS]
    out = np.empty((len(directions), len(STRENGTHS), len(prompts)), object)
    for p, prompt in enumerate(prompts):
        request = Request(prompt, max_tokens=40, temperature=0.5)
        with activation(backbone, rows, 1.0):
            found = {s.index: s.text for s in backbone.stream(request, [seed + p] * len(rows))
                     if s.done}  # fmt: skip
        for k in range(len(rows)):
            out[divmod(k, len(STRENGTHS))][p] = found.get(k, "")
    return out


def _measured(
    backbone: Any, texts: Any, prompts: Sequence[str]
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    from engine.coherence import distinct2

    rows, ranks, ranges, repeats, odd = [], [], [], [], []
    for v, (name, (_, _, measure)) in enumerate(VOICES.items()):
        values = np.array([[measure(t) for t in row] for row in texts[v]])
        fresh = np.array([[distinct2(t) for t in row] for row in texts[v]]).mean(1)
        strange = np.array([_surprise(backbone, row, prompts) for row in texts[v]])
        means, middle = values.mean(1), STRENGTHS.index(0.0)
        ranks.append(_spearman(means))
        ranges.append((means[-1] - means[0]) / max(values[middle].std(), 1e-9))
        one = [STRENGTHS.index(-1.0), STRENGTHS.index(1.0)]
        repeats.append(min(fresh[k] / fresh[middle] for k in one))
        odd.append(max(np.exp(strange[k] - strange[middle]) for k in one))
        rows += [
            {"voice": name, "strength": s, "mean": float(means[k]), "distinct2": float(fresh[k]),
             "ppl_ratio": float(np.exp(strange[k] - strange[middle])), "text": texts[v, k, 0]}
            for k, s in enumerate(STRENGTHS)
        ]  # fmt: skip
    return rows, {
        "spearman_min": float(min(ranks)),
        "range_sd": float(min(ranges)),
        "distinct2_ratio": float(min(repeats)),
        "ppl_ratio": float(max(odd)),
    }


def _surprise(backbone: Any, texts: Sequence[str], prompts: Sequence[str]) -> float:
    """Mean negative log-likelihood a token under the unsteered model."""
    sums, counts = 0.0, 0.0
    for text, prompt in zip(texts, prompts, strict=True):
        if text:
            total, tokens = backbone.logps(prompt, [text])
            sums, counts = sums - float(total[0]), counts + float(tokens[0])
    return sums / max(counts, 1.0)


def _spearman(means: np.ndarray) -> float:
    ranks = np.argsort(np.argsort(means))
    return float(np.corrcoef(ranks, np.arange(len(means)))[0, 1])


def _costs(backbone: Any, directions: Sequence[Any]) -> dict[str, float]:
    """Steering against plain decoding in interleaved rounds; rows alone against rows together."""
    import torch

    from engine.data import Request
    from engine.steering.activation import activation

    request = Request("Describe a walk in the rain.", n=4, max_tokens=16)

    def timed(strength: float) -> float:
        begun = time.perf_counter()
        with activation(backbone, directions[0], strength):
            for _ in backbone.generate(request):
                pass
        return time.perf_counter() - begun

    timed(0.0)
    pairs = [(timed(1.0), timed(0.0), timed(0.0)) for _ in range(7)]
    rows = [directions[k % len(directions)] * (0.2 + 0.1 * k) for k in range(16)]
    ids = torch.tensor([backbone.prompt_ids("Describe the rain.")])
    with torch.inference_mode():
        with activation(backbone, rows, 1.0):
            together = backbone.model(ids.repeat(16, 1)).logits
        alone = []
        for row in rows:
            with activation(backbone, row, 1.0):
                alone.append(backbone.model(ids).logits)
        plain = backbone.model(ids).logits
        with activation(backbone, rows[0], 0.0):
            zero = backbone.model(ids).logits
    return {
        "overhead": float(np.median([a / b for a, b, _ in pairs])) - 1,
        "overhead_control": float(np.median([b / c for _, b, c in pairs])),
        "batch16_max_diff": float((together - torch.cat(alone)).abs().max()),
        "zero_bit_equal": float(torch.equal(plain, zero)),
    }
