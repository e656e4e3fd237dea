"""The methods under test on real people, as beliefs over items before a person speaks.

A name is METHOD:VARIANT. Everything here is learnt from the people of `learnt` alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from engine.preference import population
from tests.bench import people_pal
from tests.bench.people_beliefs import Belief, Over
from tests.bench.people_data import Asked, Float, Group, embedded

RANKS = (2, 4, 8)
SCALES = (1.0, 2.0, 4.0)
PROTOTYPES, PULLS = (3, 6), (1, 8, 40)
COLUMNS, WIDE = 32, 64
WIDTHS = (1.0, 4.0)
Part = tuple[Group, Asked, Mapping[str, Belief], Sequence[Asked]]
Round = tuple[Iterable[Part], Iterable[Part]]


def shared(groups: list[Group]) -> Iterator[Round]:
    """Sets where many people judged the same items: one round."""
    vectors = _columns([t for g in groups for t in g.texts])
    spaces = np.split(vectors, np.cumsum([len(g.texts) for g in groups])[:-1])
    check = (
        (g, asked, _items(g, g.fold != f, x), ())
        for g, x in zip(groups, spaces, strict=True)
        for f, asked in g.check.items()
    )
    judged = ((g, g.judged, _items(g, g.fold >= 0, x), ())
              for g, x in zip(groups, spaces, strict=True))  # fmt: skip
    yield check, judged


def _items(group: Group, learnt: Any, x: Float) -> dict[str, Belief]:
    out: dict[str, Belief] = {}
    answers = group.answers[learnt]
    for rank in RANKS:
        # A rank that the people learnt from cannot fill is the largest they can.
        made = population.of_items(
            answers, population.Settings(rank=min(rank, answers.shape[1] // 5))
        )
        for s in SCALES:
            plain, rich = (Over.items(made, own).scaled(s) for own in (0.0, 1.0))
            out |= {f"shared_basis:{rank}x{s:g}": plain, f"shared_items:{rank}x{s:g}": rich}
        if rank == RANKS[-1]:
            for kinds in PROTOTYPES:
                mixed = people_pal.learn(answers, made, 2.0, kinds)
                out |= {f"pal:{kinds}x{p}": replace(mixed, pull=float(p)) for p in PULLS}
    none = np.zeros(len(made.base))
    for s in SCALES:
        alone = Over.of(made.base, x * 0.0, none).scaled(s)
        out[f"population:x{s:g}"] = alone.alone()
        for width in (0.5, 1.0):
            words = Over.of(made.base, width * x, none).scaled(s)
            out[f"bradley_terry:{width:g}x{s:g}"] = words
    return out


def _columns(texts: list[str], count: int = COLUMNS) -> Float:
    """(n, count) leading directions of the sentence vectors; rows of mean square 1."""
    x = embedded(texts)
    x = x - x.mean(0)
    _, vectors = np.linalg.eigh(x.T @ x)
    x = x @ vectors[:, -count:]
    return np.asarray(x / np.sqrt((x**2).sum(1).mean()))


def described(groups: list[Group]) -> Iterator[Round]:
    """Constructed personas: nobody judged the statements before; what carries over is words. Two
    rounds: choices for one half of the personas are made on the other half.
    """
    spaces = np.split(_columns([t for g in groups for t in g.texts], WIDE),
                      np.cumsum([len(g.texts) for g in groups])[:-1])  # fmt: skip
    every = [_gaps(g, x) for g, x in zip(groups, spaces, strict=True)]
    half = np.arange(len(groups)) % 2
    for h in (0, 1):
        check: list[Part] = []
        judged: list[Part] = []
        for i, (group, x) in enumerate(zip(groups, spaces, strict=True)):
            near = [j for j in range(len(groups)) if j != i and (half[i] == h or half[j] != h)]
            # Statements that strangers were asked about stand behind one's own.
            told, strangers = _strangers(groups, spaces, i)
            beliefs = _words([every[j] for j in near], np.concatenate([x, told]))
            part = (group, group.judged, beliefs, strangers)
            (judged if half[i] == h else check).append(part)
        yield check, judged


def _strangers(groups: list[Group], spaces: list[Float], i: int) -> tuple[Float, list[Asked]]:
    """Vectors of what eight others were asked first, and their answers as numbers of those."""
    found, at, rows = [], len(groups[i].texts), []
    for j in [(i + s) % len(groups) for s in (5, 1, 2, 3, 4, 6, 7, 8)]:
        a = groups[j].judged
        shown = np.concatenate([a.left[0], a.right[0]])
        rows.append(spaces[j][shown])
        number = at + np.arange(len(shown))[None]
        left, right = np.split(number, 2, 1)
        found.append(replace(a, left=left, right=right, label=a.label[:1]))
        at += len(shown)
    return np.concatenate(rows), found


def _gaps(group: Group, x: Float) -> Float:
    """(250, d) matching minus not matching, each statement once."""
    up, down = (np.flatnonzero(group.answers[0] == s) for s in (1.0, -1.0))
    n = min(len(up), len(down))
    return np.asarray(x[up[:n]] - x[down[:n]])


def _words(gaps: list[Float], x: Float) -> dict[str, Belief]:
    out: dict[str, Belief] = {}
    d, none = x.shape[1], np.zeros(len(x))
    for width in WIDTHS:
        prior = population.of_features(gaps, "bench:words", np.full(d, width), 2)
        made = Over.of(x @ prior.mean, x * np.sqrt(prior.var), none)
        out[f"shared_basis:{width:g}"] = made
        out[f"bradley_terry:{width:g}"] = Over.of(none, x * np.sqrt(width), none)
        out[f"population:{width:g}"] = made.alone()
    return out
