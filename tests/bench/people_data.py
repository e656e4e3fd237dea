"""Real people as arrays: who is learnt from, who is judged, what they were asked, what is held out.

People are split by a digest of their name, whatever the seed: one in four is judged and was looked
at once, the others teach what is shared and every choice that is tuned. The sealed hold-out is
never opened: only the files named here are.
"""

import gzip
import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
KS = (0, 2, 4, 8, 16)
MOST = 16
MODEL = Path(__file__).resolve().parents[2] / ".models" / "SmolLM2-135M-Instruct"


@dataclass(frozen=True)
class Asked:
    """q people with as many answers each (MOST, mostly) and what they said later.

    One answer: `left` against `right`, (q, MOST) item numbers; number n is the person's level.
    `label` 1 left, -1 right, 0 neither. Later pairs, flat: `who`, `won`, `lost`.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    label: Float
    who: NDArray[np.int64]
    won: NDArray[np.int64]
    lost: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.left)

    def mean(self, hits: Float) -> Float:
        """(q,) share of a person's later pairs."""
        return np.bincount(self.who, hits, len(self)) / np.bincount(self.who, minlength=len(self))


@dataclass(frozen=True)
class Picks:
    """What people learnt from said of pairs, flat (m,); label 1 left, -1 right, 0 equal."""

    who: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    label: Float

    def of(self, people: NDArray[Any]) -> "Picks":
        """Those of the people marked in (p,), numbered anew."""
        keep, number = people[self.who], np.cumsum(people) - 1
        return Picks(number[self.who[keep]], self.left[keep], self.right[keep], self.label[keep])


@dataclass(frozen=True)
class Group:
    """One conversation, one list of jokes, one persona: `answers` (p, n) of those learnt from, nan
    where not asked, or `picks` where they judged pairs; `fold` (p,) of five, for choices;
    `check[f]` asks the people of fold f. `one`: the rows of Asked are several draws of the answers
    of one person, and `strangers` were asked the same.
    `vectors` (n, D), `stats` (n, s): what is seen of things that are no texts. `blocks`: what
    is compared, and left out, together; items of None are compared with all of the group.
    """

    name: str
    texts: list[str]
    answers: Float
    fold: NDArray[np.int64]
    check: dict[int, Asked]
    judged: Asked
    one: bool = False
    picks: Picks | None = None
    strangers: Sequence[Asked] = ()
    vectors: Float | None = None
    stats: Float | None = None
    blocks: list[str] | None = None


def rehearsal(group: Group) -> Group:
    """The same with people of a fold in the place of those judged: for smoke tests and tuning."""
    if len(group.check) < 2 or len(set(group.fold)) < 3:
        return group
    stays, goes = sorted(group.check)[:2]
    keep = group.fold != goes
    group = replace(group, fold=group.fold[keep], check={stays: group.check[stays]},
                    judged=group.check[goes])  # fmt: skip
    if group.picks is not None:
        return replace(group, picks=group.picks.of(keep))
    return replace(group, answers=group.answers[keep])


def folder(data: Path | None) -> Path:
    """Where the data lies, or a message with the cure."""
    place = data or Path(__file__).resolve().parents[3] / "shared" / "data"
    if not (place / "polis" / "dev.jsonl.gz").exists():
        raise SystemExit(
            f"launch.py: no answers of real people in {place}; pass --data DIR, a folder with "
            "polis/, jester/, personas/ ... as the README.md of the benchmark data describes them"
        )
    return place


def home(name: str) -> str:
    """The folder of a set; several are read in more than one way."""
    return next((f for f in ("aigen_images", "asset_attr") if name.startswith(f)), name)


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def part(name: str, of: int, salt: str = "") -> int:
    return int(hashlib.sha256((salt + name).encode()).hexdigest(), 16) % of


def polis(data: Path, seed: int, most: int) -> list[Group]:
    """A vote is an answer against the person's level; later pairs: agreed with, disagreed with."""
    items = {r["id"]: r for r in read(data / "polis" / "items.jsonl.gz")}
    by: dict[str, list[dict[str, Any]]] = {}
    for row in read(data / "polis" / "dev.jsonl.gz"):
        by.setdefault(row["conv"], []).append(row)
    total = sum(map(len, by.values()))
    return [_votes(c, by[c], items, seed, max(8, most * len(by[c]) // total)) for c in sorted(by)]


def _votes(
    conv: str, rows: list[dict[str, Any]], items: dict[str, Any], seed: int, most: int
) -> Group:
    ids = sorted(i for i in items if items[i]["conv"] == conv)
    number = {name: k for k, name in enumerate(ids)}
    learnt = [r for r in rows if part(r["u"], 4)]
    judged = [r for r in rows if not part(r["u"], 4)]
    answers = np.full((len(learnt), len(ids)), np.nan)
    for p, row in enumerate(learnt):
        for name, vote in row["votes"]:
            answers[p, number[name]] = vote
    fold = np.array([part(r["u"], 5, "fold") for r in learnt])
    check = {f: _ask_votes([r for r, g in zip(learnt, fold, strict=True) if g == f],
                           number, seed, most) for f in (0, 1)}  # fmt: skip
    texts = [items[i]["text"] for i in ids]
    return Group(conv, texts, answers, fold, check, _ask_votes(judged, number, seed, most))


def _ask_votes(rows: list[dict[str, Any]], number: dict[str, int], seed: int, most: int) -> Asked:
    first: list[list[int]] = []
    label: list[list[float]] = []
    flat: list[NDArray[Any]] = []
    for row in rows:
        rng = np.random.default_rng([seed, part(row["u"], 2**31)])
        order = rng.permutation(len(row["votes"])) if seed else np.arange(len(row["votes"]))
        votes = [(number[n], v) for n, v in (row["votes"][k] for k in order)]
        up, down = ([i for i, v in votes[MOST:] if v == s] for s in (1, -1))
        if len(first) < most and up and down:
            w, lo = np.meshgrid(up, down, indexing="ij")
            flat.append(np.stack([np.full(w.size, len(first)), w.ravel(), lo.ravel()]))
            first.append([i for i, _ in votes[:MOST]])
            label.append([float(v) for _, v in votes[:MOST]])
    left = np.array(first, np.int64).reshape(-1, MOST)
    who, won, lost = np.concatenate([np.zeros((3, 0), np.int64), *flat], 1).astype(np.int64)
    return Asked(left, np.full_like(left, len(number)),
                 np.array(label).reshape(-1, MOST), who, won, lost)  # fmt: skip


def jester(data: Path, seed: int, most: int) -> list[Group]:
    """60 pairs a person with a gap of 2 or more; MOST of them are answers, the rest is later."""
    texts = [r["text"] for r in read(data / "jester" / "items.jsonl.gz")]
    rows = read(data / "jester" / "dev.jsonl.gz")
    learnt = [r for r in rows if part(r["u"], 4)]
    judged = [r for r in rows if not part(r["u"], 4)][:most]
    answers = np.array([_ratings(r, len(texts)) for r in learnt])
    fold = np.array([part(r["u"], 5, "fold") for r in learnt])
    check = {f: _ask_pairs([r for r, g in zip(learnt, fold, strict=True) if g == f][:most],
                           len(texts), seed) for f in (0, 1)}  # fmt: skip
    middle = np.nanmean(answers, 1, keepdims=True)
    spread = np.nanstd(answers, 1, keepdims=True).clip(0.5)
    return [Group("jester", texts, (answers - middle) / spread, fold, check,
                  _ask_pairs(judged, len(texts), seed))]  # fmt: skip


def _ratings(row: dict[str, Any], n: int) -> Float:
    out = np.full(n, np.nan)
    for joke, value in row["r"]:
        out[joke - 1] = value
    return out


def _ask_pairs(rows: list[dict[str, Any]], n: int, seed: int) -> Asked:
    found = []
    for row in rows:
        rng = np.random.default_rng([seed, part(row["u"], 2**31)])
        value = _ratings(row, n)
        seen = np.flatnonzero(~np.isnan(value))
        a, b = np.triu_indices(len(seen), 1)
        a, b = seen[a], seen[b]
        wide = np.flatnonzero(np.abs(value[a] - value[b]) >= 2.0)
        if len(wide) >= 60:
            pick = rng.permutation(wide)[:60]
            better = value[a[pick]] > value[b[pick]]
            found.append(np.stack([np.where(better, a[pick], b[pick]),
                                   np.where(better, b[pick], a[pick])]))  # fmt: skip
    pairs = np.array(found)  # (q, 2, 60): won, lost
    first, later = pairs[:, :, :MOST], pairs[:, :, MOST:]
    who = np.repeat(np.arange(len(pairs)), later.shape[2])
    return Asked(first[:, 0], first[:, 1], np.ones(first[:, 0].shape), who,
                 later[:, 0].ravel(), later[:, 1].ravel())  # fmt: skip


def personas(data: Path, seed: int, most: int) -> list[Group]:
    """Pairs (matching, not matching), each statement in one pair. Constructed, not people."""
    by: dict[str, list[dict[str, Any]]] = {}
    for row in read(data / "personas" / "statements.jsonl.gz"):
        by.setdefault(row["persona"], []).append(row)
    return [_persona(name, by[name], seed, most) for name in sorted(by)]


def _persona(name: str, rows: list[dict[str, Any]], seed: int, most: int) -> Group:
    """`most` draws of MOST pairs stand for `most` people; the later pairs are the same for all."""
    texts = [r["text"] for r in rows]
    match = np.array([r["match"] for r in rows])
    fixed = np.random.default_rng([seed, part(name, 2**31)])
    won, lost = (fixed.permutation(np.flatnonzero(match == m)) for m in (1, 0))
    half = min(len(won), len(lost)) // 2
    draws = [fixed.permutation(half)[:MOST] for _ in range(max(1, min(20, most // 20)))]
    left, right = np.array([won[d] for d in draws]), np.array([lost[d] for d in draws])
    q, rest = len(draws), len(won) - half
    asked = Asked(left, right, np.ones(left.shape), np.repeat(np.arange(q), rest),
                  np.tile(won[half:], q), np.tile(lost[half:], q))  # fmt: skip
    return Group(
        name, texts, np.where(match, 1.0, -1.0)[None], np.zeros(1, np.int64), {}, asked, True
    )


def embedded(texts: list[str]) -> Float:
    """(n, 384) sentence vectors."""

    def make() -> Any:
        from engine.encoders import ENCODERS

        return ENCODERS["minilm-l6"].load()().encode(texts)

    return kept("minilm", "\0".join(texts), make)


def states(texts: list[str], block: int = 4) -> Float:
    """(n, 576) what the small language model holds of a text after one of its first blocks."""

    def make() -> Any:
        from engine.backbones.causal_lm import CausalLM
        from engine.starter.convert_lm import convert

        if not (MODEL / "manifest.json").exists():
            convert(MODEL)
        lm = CausalLM.load(str(MODEL), cpu=True)
        # What comes behind is not needed; one more, because the last one's output is normalised.
        lm.model.model.layers = lm.model.model.layers[: block + 2]
        return lm.hidden(texts, [block])[:, 0]

    return kept(f"smollm2-{block}", "\0".join(texts), make)


def kept(name: str, source: str, make: Callable[[], Any]) -> Float:
    """What takes long to compute from `source`, kept in the temporary folder of this machine."""
    key = hashlib.sha256(source.encode()).hexdigest()[:24]
    path = Path(tempfile.gettempdir()) / "penchant-bench" / f"{name}-{key}.npy"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        part_file = path.with_suffix(".part.npy")
        np.save(part_file, make())
        part_file.replace(path)
    return np.asarray(np.load(path, allow_pickle=False), np.float64)
