"""What seven named axes know of real people: `python -m tests.bench.axes [--data DIR]`.

Direction of everybody, own direction after k answers, somebody else's, length alone; content only,
on people of the learning part (the judged ones stay unopened). Word axes of engine/rewards; the
belief is that of engine/preference/dpa.py with the direction of everybody as its prior mean.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from engine import laplace
from engine.starter import axes
from tests.bench.people_data import Asked, Float, folder, jester, polis, rehearsal

SETS = {"polis": polis, "jester": jester}
KS = (4, 8, 16)
VARIANCES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)


def standard(texts: list[str]) -> Float:
    """(n + 1, k) on the seven axes, standardised on these texts; the last row: a person's level."""
    raw = axes.measured("text", texts)
    z = (raw - raw.mean(0)) / raw.std(0).clip(1e-6)
    return np.concatenate([z.clip(-axes.CLIP, axes.CLIP), np.zeros((1, z.shape[1]))])


def everybody(asked: Asked, z: Float) -> Float:
    """(k,) the direction of all answers together."""
    told = asked.label != 0
    gaps = (asked.label[..., None] * (z[asked.left] - z[asked.right]))[told]
    rows = np.concatenate([gaps, np.zeros((len(gaps), 2))], 1)[:, None]
    start = laplace.prior_of(np.zeros(z.shape[1]), np.ones(z.shape[1]))
    made, _ = laplace.fit(start, [laplace.Batch(("pick", 2, 1), rows)])
    return made.mean[: z.shape[1]]


def each(asked: Asked, z: Float, base: Float, k: int, var: float) -> Float:
    """(q, axes) the direction of each person after k answers, from N(base, var)."""
    rows = (z[asked.left] - z[asked.right])[:, :k]
    level = (asked.right[:, :k] == len(z) - 1).astype(float)[..., None]  # one unknown level each
    gram = var * rows @ rows.swapaxes(1, 2) + laplace.LEVEL_VAR * level @ level.swapaxes(1, 2)
    label = np.where(asked.label[:, :k] == 0, np.nan, asked.label[:, :k])
    alpha = laplace.fit_many(rows @ base, gram, label).alpha
    return np.asarray(base + var * (alpha[:, None] @ rows)[:, 0])


def right(asked: Asked, z: Float, w: Float) -> Float:
    """(q,) share of each person's later pairs; w (q, axes) or (axes,)."""
    w = np.broadcast_to(w, (len(asked), z.shape[1]))
    gap = ((z[asked.won] - z[asked.lost]) * w[asked.who]).sum(1)
    return asked.mean((gap > 0) + 0.5 * (gap == 0))


def judge(group: Any) -> dict[str, Float]:
    """(q,) accuracies by row."""
    group = rehearsal(group)
    z, learnt = standard(group.texts), next(iter(group.check.values()))
    base, asked = everybody(learnt, z), group.judged
    tried = [float(right(learnt, z, each(learnt, z, base, 16, v)).mean()) for v in VARIANCES]
    var = VARIANCES[int(np.argmax(tried))]
    length = np.eye(z.shape[1])[0] * np.sign(everybody(learnt, z * np.eye(z.shape[1])[0])[0])
    out = {"length": right(asked, z, length), "everybody": right(asked, z, base)}
    for k in KS:
        own = each(asked, z, base, k, var)
        out[f"own {k}"] = right(asked, z, own)
        out[f"swapped {k}"] = right(asked, z, np.roll(own, 1, 0))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    place = folder(parser.parse_args().data)
    for name, load in SETS.items():
        parts = [judge(g) for g in load(place, 0, 400)]
        found = {row: np.concatenate([p[row] for p in parts]) for row in parts[0]}
        gain = found["own 16"] - found["everybody"]
        told = {row: round(float(v.mean()), 3) for row, v in found.items()}
        told |= {"people": len(gain), "gain_16": round(float(gain.mean()), 3),
                 "gain_16_se": round(float(gain.std() / np.sqrt(len(gain))), 3)}  # fmt: skip
        print(json.dumps({"set": name, **told}))  # noqa: T201


if __name__ == "__main__":
    main()
