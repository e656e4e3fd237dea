"""Does Create follow a compass set by hand? `python -m tests.bench.compass` (minutes on two cores).

One simulated person who picked passages at random; the hand points to concrete, then to abstract;
plain and personal texts are measured along it, in deviations of the pool.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from app.compass import Compass, pointed
from app.studio import Studio
from engine.starter import axes

PROMPTS = ("Tell a friend about your new flat", "Describe the rain",
           "Thank a neighbour for the ladder")  # fmt: skip
PLANE = ("concreteness", "formality")
WANTED = {"medium": "text", "n": 2, "strength": 1.0, "seed": 3, "depth": "steered",
          "max_tokens": 60}  # fmt: skip


def somebody(studio: Studio, user: int) -> int:
    """Six picks at random: a direction of the answers that hardly means anything."""
    rng = np.random.default_rng(0)
    profile = int(studio.new_profile(user)["id"])
    question = studio.question(user, profile, "text")
    for k in range(6):
        picked = question["items"][int(rng.integers(3))]["id"]
        told = studio.answer(user, question["id"], {"picks": [picked]}, key=f"compass-{k:04d}")
        question = told["next"]
    return profile


def along(texts: list[str], angle: float) -> float:
    """Mean place of texts along the direction."""
    pool = axes.pool_axes("text")
    columns = [pool.names.index(name) for name in PLANE]
    z = pool.standard(axes.measured("text", texts))[:, columns]
    return float((z @ pointed(angle)).mean())


def main() -> None:
    with tempfile.TemporaryDirectory() as place, Studio.open(Path(place) / "data") as studio:
        user = studio.store.local_user()
        profile, compass = somebody(studio, user), Compass(studio)
        for angle in (0.0, 180.0):
            compass.point(user, profile, "text", PLANE, angle)
            made: dict[str, list[str]] = {"plain": [], "personal": []}
            for prompt in PROMPTS:
                wanted = {**WANTED, "prompt": prompt}
                for line in studio.generate(user, profile, wanted, lambda: False):
                    if line["type"] == "sample":
                        made[line["side"]].append(line["text"])
            told = {side: round(along(texts, angle), 2) for side, texts in made.items()}
            print(json.dumps({"angle": angle, "texts": len(made["plain"]), **told}))  # noqa: T201


if __name__ == "__main__":
    main()
