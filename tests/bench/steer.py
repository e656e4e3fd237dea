"""bench steer: does a direction move the text, smoothly, and does the text stay sane?

Four contrasts of voices in the shipped passages give four directions. Each is judged by a plain
statistic of the text, one that tells the two voices apart in the passages, at strengths -2 to 2 on
the same prompts and noise. 2 is full strength of the studio's slider. Perplexity is the unsteered
model's. Every figure is the worst voice's over the whole range; with _half, over -1 to 1.
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
    return float(np.mean([len(w.strip(".,!?;:'\"")) for w in words(text)] or [0]))


def liveliness(text: str) -> float:
    return 100 * sum(text.count(c) for c in "!?'") / max(1, len(words(text)))


def abstraction(text: str) -> float:
    """Of a hundred words, those that name an idea less those that name a thing one can touch."""
    from engine.encoders.text_stats import NAMES, measure

    found = dict(zip((stat.name for stat in NAMES), measure(text), strict=True))
    return 100 * float(found["ideas"] - found["things"])


# No direction is another one reversed: the same texts would be counted twice.
VOICES: dict[str, tuple[str, str, Callable[[str], float]]] = {
    "lush, not terse": ("lush", "terse", sentence_length),
    "formal, not playful": ("formal", "playful", word_length),
    "abstract, not concrete": ("abstract", "concrete", abstraction),
    "warm, not dry": ("warm", "dry", liveliness),
}


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; one row per voice and strength."""
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
    """(voices, strengths, prompts) of texts; all of a prompt share its noise."""
    from engine.data import Request
    from engine.steering.activation import activation

    bent = [s for s in STRENGTHS if s]
    rows = [None, *(d * s for d in directions for s in bent)]
    requests = [Request(prompt, seed=seed + p, max_tokens=40, temperature=0.5)
                for p, prompt in enumerate(prompts)]  # fmt: skip
    with activation(backbone, rows * len(prompts), 1.0):
        found = backbone.write([r for r in requests for _ in rows])
    made = np.array(found, object).reshape(len(prompts), len(rows)).T
    plain, steered = made[:1], made[1:].reshape(len(directions), len(bent), -1)
    middle = STRENGTHS.index(0.0)
    return np.stack([np.insert(voice, middle, plain, axis=0) for voice in steered])


def _measured(
    backbone: Any, texts: Any, prompts: Sequence[str]
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    from engine.coherence import distinct2

    losses = _losses(backbone, texts, prompts)
    rows: list[dict[str, Any]] = []
    middle = STRENGTHS.index(0.0)
    for v, (name, (_, _, measure)) in enumerate(VOICES.items()):
        values = np.array([[measure(t) for t in row] for row in texts[v]])
        fresh = np.array([[distinct2(t) for t in row] for row in texts[v]]).mean(1)
        rows += [
            {"voice": name, "strength": s, "mean": float(values[k].mean()),
             "in_sd": float((values[k] - values[middle]).mean() / max(values[middle].std(), 1e-9)),
             "distinct2": float(fresh[k] / fresh[middle]),
             "ppl_ratio": float(np.exp(losses[v, k] - losses[v, middle])), "text": texts[v, k, 0]}
            for k, s in enumerate(STRENGTHS)
        ]  # fmt: skip
    half = {f"{key}_half": value for key, value in _reach(rows, 1.0).items()}
    return rows, _reach(rows, 2.0) | half


def _reach(rows: Sequence[dict[str, Any]], end: float) -> dict[str, float]:
    """The worst voice over strengths -end to end."""
    kept = [[r for r in rows if r["voice"] == v and abs(r["strength"]) <= end] for v in VOICES]
    flat = [r for voice in kept for r in voice]
    return {
        "spearman_min": min(_spearman(np.array([r["mean"] for r in voice])) for voice in kept),
        "range_sd": min(voice[-1]["in_sd"] - voice[0]["in_sd"] for voice in kept),
        "distinct2_ratio": min(r["distinct2"] for r in flat),
        "ppl_ratio": max(r["ppl_ratio"] for r in flat),
    }


def _losses(backbone: Any, texts: Any, prompts: Sequence[str]) -> Any:
    """(voices, strengths) mean negative log-likelihood a token under the unsteered model."""
    sums, counts = np.zeros(texts.shape[:2]), np.zeros(texts.shape[:2])
    for p, prompt in enumerate(prompts):
        distinct, places = np.unique(texts[:, :, p].astype(str), return_inverse=True)
        totals, tokens = backbone.logps(prompt, distinct.tolist())
        sums -= totals[places].reshape(sums.shape)
        counts += tokens[places].reshape(sums.shape)
    return sums / np.maximum(counts, 1)


def _spearman(means: np.ndarray) -> float:
    ranks = np.argsort(np.argsort(means))
    return float(np.corrcoef(ranks, np.arange(len(means)))[0, 1])


def _costs(backbone: Any, directions: Sequence[Any]) -> dict[str, float]:
    """Steered against plain decoding steps; 16 people in one batch against each alone."""
    import torch

    from engine.steering.activation import activation

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
        cost = _overhead(backbone, directions[0], ids.repeat(4, 1))
    return cost | {
        "batch16_max_diff": float((together - torch.cat(alone)).abs().max()),
        "zero_bit_equal": float(torch.equal(plain, zero)),
    }


def _overhead(backbone: Any, direction: Any, ids: Any, rounds: int = 48) -> dict[str, float]:
    """CPU time of one decoding step of four rows, in interleaved rounds whose order turns.

    The control is plain against plain in the same rounds; waiting for neighbours is not CPU time.
    """
    from transformers import DynamicCache

    from engine.steering.activation import activation

    cache = DynamicCache(config=backbone.model.config)
    backbone.model(ids, past_key_values=cache, logits_to_keep=1)
    taken: dict[str, list[float]] = {"plain": [], "again": [], "bent": []}
    for turn in range(rounds + 2):
        for k in range(3):
            arm = list(taken)[(turn + k) % 3]
            with activation(backbone, direction, float(arm == "bent")):
                begun = time.process_time()
                backbone.model(ids[:, -1:], past_key_values=cache, logits_to_keep=1)
                taken[arm].append(time.process_time() - begun)
            cache.crop(-1)
    a, b, c = (np.array(times[2:]) for times in taken.values())
    return {
        "overhead": float(np.median(2 * c / (a + b))) - 1,
        "overhead_control": float(np.median(a / b)),
    }
