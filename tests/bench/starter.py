"""bench starter: does the shipped drawing model draw what is asked, in the style that is asked?

Combinations of concept and style that were left out of training, several seeds each. Two judges
are trained on real icons alone, never on those combinations: which of ten styles, and which of all
concepts of the pool (top five). The same judges on the real icons of those combinations give the
ceiling. `memorised`: share of samples nearer to a training picture than the real icon of the same
combination is; a sheet of those goes to `build/starter` when a folder of that name is there.

`named` is the share that decides whether drawings lead on the Create page: things in the first
five, left-out combinations. `python -m tests.bench.starter` measures it whole and writes it into
lesson.json beside the weights; `named_in_lesson` is what stands there.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
SHEETS = ROOT / "build" / "starter"
SEEDS, QUICK = 4, 1
SMALL, SIDE, BLOCKS, SET = 32, 160, (0, 2, 4, 7), 160


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Figures; one row per concept and per style."""
    from engine.starter.drawer.data import STYLES, lesson, read
    from engine.starter.drawer.known import starter

    begun = time.monotonic()
    backbone = starter()
    loaded = time.monotonic() - begun
    words, apart = lesson()
    every = read()
    real = [r for r in every if (r["concept"], r["style"]) in apart]
    rest = [r for r in every if (r["concept"], r["style"]) not in apart]
    judge = Judge(rest)
    asked = [(r["concept"], r["style"], k) for r in real for k in range(QUICK if quick else SEEDS)]
    half = asked[:: 1 if quick else SEEDS]
    drawn = samples(backbone, asked, words, seed)
    spoken = judge.figures(samples(backbone, half, words, seed, by_words=True), half)
    ceiling = judge.figures([r["picture"] for r in real],
                            [(r["concept"], r["style"]) for r in real])  # fmt: skip
    taught = [r for r in rest if r["concept"] in words]
    figures = judge.figures(drawn, asked) | {
        "style_ceiling": ceiling["style_acc"], "concept_ceiling": ceiling["concept_top5"],
        "style_acc_in_words": spoken["style_acc"], "samples": len(asked), "load_s": loaded,
        "memorised": memorised(drawn, asked, real, taught), "four_pictures_s": four(backbone),
    }  # fmt: skip
    figures |= seen(backbone, judge, taught, words, seed)
    figures |= others(backbone, judge, words, seed)
    figures |= apart_as_sets(backbone, rest, taught, words, seed)
    figures |= share(figures)
    rows: list[dict[str, Any]] = [
        {"what": "style", "name": s, **judge.figures(*only(drawn, asked, 1, s))}
        for s in STYLES
        if any(a[1] == s for a in asked)
    ]
    rows += [
        {"what": "concept", "name": c, **judge.figures(*only(drawn, asked, 0, c))}
        for c in sorted({a[0] for a in asked})
    ]
    return {"figures": figures, "rows": rows}


def share(figures: Mapping[str, float]) -> dict[str, float]:
    from engine.starter.drawer.known import lesson

    written = lesson().named
    found = {"named": round(figures["concept_top5"], 3)}
    return found if written is None else {**found, "named_in_lesson": written}


def write_named() -> float:
    """Measure the weights that lie there, and write their share beside them."""
    from engine.checkpoints import write_atomic
    from engine.starter.drawer import known

    file = known.MODEL / "lesson.json"
    named = round(float(run()["figures"]["concept_top5"]), 3)
    told = json.loads(file.read_text())
    write_atomic(file, json.dumps({**told, "named": named}, indent=1))
    return named


def only(drawn: Sequence[Any], asked: Sequence[Any], place: int, name: str) -> tuple[Any, Any]:
    rows = [k for k, a in enumerate(asked) if a[place] == name]
    return [drawn[k] for k in rows], [asked[k] for k in rows]


def seen(backbone: Any, judge: Any, known: Any, words: Any, seed: int) -> dict[str, float]:
    """The same on combinations it was taught: how much is lost by leaving out."""
    rng = np.random.default_rng(seed)
    some = [known[i] for i in rng.choice(len(known), 60, replace=False)]
    asked = [(r["concept"], r["style"], 9) for r in some]
    found = judge.figures(samples(backbone, asked, words, seed), asked)
    return {f"{k}_taught": v for k, v in found.items()}


def apart_as_sets(backbone: Any, real: Any, taught: Any, words: Any, seed: int) -> dict[str, float]:
    """`frechet`: what it draws from the real icons of the same combinations, see frechet.py;
    `frechet_real`: one half of those icons from the other, the floor for so few.
    """
    from tests.bench.frechet import Space

    rng = np.random.default_rng([seed, 3])
    rows = rng.permutation(len(taught))[: 2 * SET]
    some = [taught[i] for i in rows]
    asked = [(r["concept"], r["style"], 21) for r in some[:SET]]
    _, known = look([r["picture"] for r in real])
    _, mine = look(samples(backbone, asked, words, seed))
    _, icons = look([r["picture"] for r in some])
    space = Space(known)
    return {"frechet": space.apart(mine, icons[:SET]),
            "frechet_real": space.apart(icons[SET:], icons[:SET])}  # fmt: skip


def others(backbone: Any, judge: Any, words: Any, seed: int) -> dict[str, float]:
    """Things it was taught beside the lesson, one drawing each, the styles in turn."""
    from engine.starter.drawer.data import STYLES
    from engine.starter.drawer.known import lesson, plain

    names = [c for c in lesson().concepts if c not in words]
    if not names:
        return {}
    asked = [(c, STYLES[k % len(STYLES)], 17) for k, c in enumerate(names)]
    drawn = samples(backbone, asked, {c: [plain(c)] for c in names}, seed)
    return {"concept_top5_others": judge.figures(drawn, asked)["concept_top5"],
            "others": float(len(names))}  # fmt: skip


def samples(
    backbone: Any, asked: Sequence[Any], words: Any, seed: int, by_words: bool = False
) -> list[Any]:
    """PIL pictures, one per (concept, style, seed); the style as a condition or in words."""
    from PIL import Image

    from engine.data import Draw
    from engine.starter.drawer.captions import SPOKEN
    from engine.starter.drawer.conditions import WHITE, Told

    told = [Told(f"a {words[c][0]}, {SPOKEN[s][0]}", {}, WHITE) if by_words
            else Told(f"a {words[c][0]}", {s: 1.0}, WHITE) for c, s, _ in asked]  # fmt: skip
    seeds = [seed * 7919 + 1000 * k + i for i, (_, _, k) in enumerate(asked)]
    found = {s.index: s.pixels for s in backbone.stream(told, seeds, Draw("")) if s.done}
    return [Image.fromarray(found[k]) for k in range(len(asked))]


class Judge:
    """Taught by real icons alone. Style: a linear classifier on means and deviations of Lite0's
    early blocks and on plain statistics. Concept: the nearest class means of Lite0's last features
    over a 2 by 2 grid, so that where things lie counts.
    """

    def __init__(self, real: Sequence[Any]) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        early, late = look([r["picture"] for r in real])
        linear = LogisticRegression(C=0.03, max_iter=500)
        self.style = make_pipeline(StandardScaler(), linear).fit(early, [r["style"] for r in real])
        self.middle = late.mean(0)
        names = np.array([r["concept"] for r in real])
        self.names = np.unique(names)
        units = unit(late - self.middle)
        self.means = unit(np.stack([units[names == n].mean(0) for n in self.names]))

    def figures(self, pictures: Sequence[Any], asked: Sequence[Any]) -> dict[str, float]:
        """Shares of the pictures that are what was asked: (concept, style, ...) each."""
        early, late = look(pictures)
        style = self.style.predict(early) == [a[1] for a in asked]
        best = np.argsort(-(unit(late - self.middle) @ self.means.T), axis=1)[:, :5]
        concept = [a[0] in row for a, row in zip(asked, self.names[best], strict=True)]
        return {"style_acc": float(np.mean(style)), "concept_top5": float(np.mean(concept))}


def look(pictures: Sequence[Any]) -> tuple[Any, Any]:
    """(n, e) early and (n, l) late features."""
    import torch

    from engine.encoders.lite0 import Lite0
    from engine.encoders.picture_stats import measure_all

    model, early, late = Lite0()._model, [], []
    for start in range(0, len(pictures), 32):
        part = [np.asarray(p.resize((SIDE, SIDE), 3), np.float32)
                for p in pictures[start : start + 32]]  # fmt: skip
        x = torch.from_numpy(np.stack(part)).permute(0, 3, 1, 2) / 127.5 - 1
        seen: list[Any] = []
        hooks = [model._blocks[k].register_forward_hook(lambda *a, to=seen: to.append(a[2]))
                 for k in BLOCKS]  # fmt: skip
        with torch.inference_mode():
            last = model.extract_features(x)
        for hook in hooks:
            hook.remove()
        early.append(torch.cat([f(s) for s in seen for f in (_mean, _std)], 1).numpy())
        late.append(torch.nn.functional.adaptive_avg_pool2d(last, 2).flatten(1).numpy())
    return np.concatenate([np.concatenate(early), measure_all(pictures)], 1), np.concatenate(late)


def _mean(x: Any) -> Any:
    return x.mean((2, 3))


def _std(x: Any) -> Any:
    return x.std((2, 3))


def unit(x: Any) -> Any:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def small(pictures: Sequence[Any]) -> Any:
    """(n, SMALL * SMALL * 3) of blurred little versions."""
    return np.stack([np.asarray(p.resize((SMALL, SMALL)), np.float32).ravel() for p in pictures])


def memorised(drawn: Sequence[Any], asked: Sequence[Any], real: Any, taught: Any) -> float:
    nearest = Nearest(taught)
    _, least = nearest.of([r["picture"] for r in real])
    limit = {(r["concept"], r["style"]): d for r, d in zip(real, least, strict=True)}
    page(drawn, asked, real, nearest)
    _, found = nearest.of(drawn)
    return float(np.mean([d < limit[a[:2]] for d, a in zip(found, asked, strict=True)]))


class Nearest:
    """The training pictures, mirrored ones too, by how far blurred little versions lie apart."""

    def __init__(self, taught: Any) -> None:
        from PIL import Image

        flip = Image.Transpose.FLIP_LEFT_RIGHT
        self.pictures = [r["picture"] for r in taught]
        self.pictures += [p.transpose(flip) for p in self.pictures]
        self.known = small(self.pictures)

    def of(self, pictures: Sequence[Any]) -> tuple[Any, Any]:
        """(n,) numbers of the nearest, and (n,) distances."""
        x = small(pictures)
        gaps = np.stack([np.sqrt(((self.known - row) ** 2).mean(1)) for row in x])
        return gaps.argmin(1), gaps.min(1)


def page(drawn: Sequence[Any], asked: Sequence[Any], real: Any, nearest: Nearest) -> None:
    """nearest.png: six triples a row: drawn, the nearest it was taught, the real one left out."""
    from PIL import Image

    if not SHEETS.is_dir():
        return
    icons = {(r["concept"], r["style"]): r["picture"] for r in real}
    first = [k for k, a in enumerate(asked) if a[2] == 0][:36]
    rows, _ = nearest.of([drawn[k] for k in first])
    side, wide = drawn[0].width, 3 * drawn[0].width + 12
    sheet = Image.new("RGB", (6 * wide, (len(first) + 5) // 6 * (side + 8)), "#dddddd")
    for n, (k, row) in enumerate(zip(first, rows, strict=True)):
        trio = (drawn[k], nearest.pictures[row], icons[asked[k][:2]])
        for c, picture in enumerate(trio):
            sheet.paste(picture, (n % 6 * wide + c * (side + 1) + 4, n // 6 * (side + 8) + 4))
    sheet.quantize(256).save(SHEETS / "nearest.png", optimize=True)


def four(backbone: Any) -> float:
    """Seconds for four pictures at the default steps; median of five."""
    from engine.data import Draw

    def once() -> float:
        begun = time.perf_counter()
        list(backbone.generate(Draw("a cat", n=4)))
        return time.perf_counter() - begun

    once()
    return float(np.median([once() for _ in range(5)]))


if __name__ == "__main__":
    print(f"named {write_named()}, written into lesson.json")
