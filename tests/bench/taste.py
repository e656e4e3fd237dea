"""bench taste: how fast the real Studio learns simulated people over raw pixels and raw text.

Every person answers through Studio.answer with 10 % slips; accuracy is on held-out pairs whose
answers slip too, so that `ceiling` is what an oracle reaches.
"""

import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import tasters

STEPS = (5, 10, 20, 40)
SLIP = 0.1
HELD = 300


def run(
    quick: bool = False, seed: int = 0, people: Any = None, data: Path | None = None
) -> dict[str, Any]:
    """Figures and rows for both media; keys end in _picture or _text."""
    figures: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    count = 12 if quick else 200
    for kind in ("picture", "text"):
        found, per_person = _medium(kind, seed, count, people, arms=("auto", "uniform", "thompson"))
        figures |= {f"{k}_{kind}": v for k, v in found.items()}
        rows += per_person
    both = {k.rsplit("_", 1)[0] for k in figures}
    for key in both:
        figures[key] = float(np.mean([figures[f"{key}_picture"], figures[f"{key}_text"]]))
    return {"figures": dict(sorted(figures.items())), "rows": rows, "quick": quick}


def look(studio: Any, kind: str, user: int) -> list[tasters.Shown]:
    """Everything on the starter shelf as a person sees it."""
    from PIL import Image

    shelf = studio.shelves.of_user(user, kind)
    shown = []
    for item in (int(i) for i in shelf.features.ids):
        if kind == "picture":
            body, _ = studio.media(user, item)
            picture = Image.open(io.BytesIO(body)).convert("RGB").resize((64, 64))
            shown.append(tasters.Shown(item, kind, np.asarray(picture)))
        else:
            shown.append(tasters.Shown(item, kind, text=studio.shelves.candidate(item).text or ""))
    return shown


def _medium(
    kind: str, seed: int, count: int, people: Any, arms: Sequence[str]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    from app.studio import Studio

    rng = np.random.default_rng([seed, kind == "text"])
    with tempfile.TemporaryDirectory() as folder, Studio.open(Path(folder)) as studio:
        user = studio.store.local_user()
        shown = {s.id: s for s in look(studio, kind, user)}
        every = list(shown.values())
        crowd = people(rng) if people else tasters.people(rng, every, count)
        pairs = [_held(shown, p, rng) for p in crowd]
        learned: dict[str, list[dict[int, Callable[..., Any]]]] = {}
        for arm in arms:
            learned[arm] = [
                _learn(studio, user, kind, p, shown, (seed, i, arm)) for i, p in enumerate(crowd)
            ]
    return _figures(kind, crowd, pairs, learned)


def _learn(
    studio: Any, user: int, kind: str, person: Any, shown: dict[int, Any], at: tuple[int, int, str]
) -> dict[int, Any]:
    """The belief after 5, 10, 20 and 40 answers of one person."""
    seed, index, arm = at
    rng = np.random.default_rng([seed, index, 7])
    profile = studio.new_profile(user)["id"] if index % 150 else _fresh(studio, user)
    mind = studio.minds.seat(profile, kind).mind
    mind.rule = None if arm == "auto" else arm
    question = studio.question(user, profile, kind)
    kept = {}
    for n in range(1, max(STEPS) + 1):
        items = [shown[i["id"]] for i in question["items"]]
        outcome = tasters.reply(person, items, rng, SLIP)
        question = studio.answer(user, question["id"], outcome, key=f"bench-{n:04d}")["next"]
        if n in STEPS:
            studio.minds.refit(profile, kind)
            kept[n] = (mind.belief, mind.shelf.features)
    return kept


def _fresh(studio: Any, user: int) -> int:
    """Profiles of people already measured go, so that the bench does not meet the limit."""
    for old in studio.profiles(user):
        studio.delete_profile(user, old["id"])
    return int(studio.new_profile(user)["id"])


def _held(
    shown: dict[int, Any], person: Any, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Held-out pairs (HELD, 2) of ids and whether the first was answered, slips included."""
    ids = np.array(list(shown))
    pairs = rng.choice(ids, (HELD * 2, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]][:HELD]
    gap = np.array([person.utility(shown[a]) - person.utility(shown[b]) for a, b in pairs])
    first = gap > 0
    slips = rng.random(len(pairs)) < SLIP
    return pairs, first ^ slips


def _hits(state: Any, pairs: np.ndarray, first: np.ndarray) -> float:
    belief, features = state
    p = belief.prob(features.of(pairs[:, 0]), features.of(pairs[:, 1]))
    return float(np.mean(np.where(p == 0.5, 0.5, (p > 0.5) == first)))


def _figures(
    kind: str, crowd: Sequence[Any], pairs: Sequence[Any], learned: dict[str, list[dict[int, Any]]]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    n = len(crowd)
    own = {k: np.array([_hits(learned["auto"][i][k], *pairs[i]) for i in range(n)]) for k in STEPS}
    swapped = np.array([_hits(learned["auto"][(i + 1) % n][20], *pairs[i]) for i in range(n)])
    gain = own[20] - swapped
    figures = {f"acc_{k}": float(v.mean()) for k, v in own.items()}
    for arm in ("uniform", "thompson"):
        if arm in learned:
            hits = [_hits(learned[arm][i][20], *pairs[i]) for i in range(n)]
            figures[f"{arm}_20"] = float(np.mean(hits))
    # What the blend is worth beside the one direction it began with.
    line = [_hits((learned["auto"][i][40][0].linear, learned["auto"][i][40][1]), *pairs[i])
            for i in range(n)]  # fmt: skip
    figures |= {
        "linear_40": float(np.mean(line)),
        "swapped_20": float(swapped.mean()),
        "ceiling": 1 - SLIP,
        "gain_low": float(gain.mean() - 1.96 * gain.std(ddof=1) / np.sqrt(n)),
    }
    figures["way"] = (figures["acc_20"] - 0.5) / (figures["ceiling"] - 0.5)
    rows = [
        {"medium": kind, "person": getattr(p, "name", f"person {i}"), "acc_20": float(own[20][i]),
         "swapped_20": float(swapped[i])}
        for i, p in enumerate(crowd)
    ]  # fmt: skip
    return figures, rows
