"""The methods under test on real people, as beliefs over items before a person speaks.

A name is METHOD:VARIANT. Everything here is learnt from the people of `learnt` alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from engine.preference import population
from tests.bench import people_fspo, people_pal
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
    spaces, readers = columns(groups), people_fspo.Readers(groups)
    check = (
        (g, asked, _items(g, g.fold != f, x) | readers.beliefs(g, f), ())
        for g, x in zip(groups, spaces, strict=True)
        for f, asked in g.check.items()
    )
    judged = ((g, g.judged, _items(g, g.fold >= 0, x) | readers.beliefs(g), ())
              for g, x in zip(groups, spaces, strict=True))  # fmt: skip
    yield check, judged


def _items(group: Group, learnt: Any, x: Float) -> dict[str, Belief]:
    out: dict[str, Belief] = {}
    answers = group.answers[learnt]
    # Where few people speak, their mean is a better score than the one with directions beside it.
    mean = population.of_items(answers, population.Settings(rank=1, rounds=0)).base
    for rank in RANKS:
        # A rank that the people learnt from cannot fill is the largest they can.
        made = population.of_items(
            answers, population.Settings(rank=min(rank, answers.shape[1] // 5))
        )
        out |= _shared(f"{rank}x", made)
        if rank == RANKS[0]:
            out |= _shared(f"{rank}m", replace(made, base=mean))
        if rank == RANKS[-1]:
            out |= _words("", made.base, x) | _words("m", mean, x)
            for kinds in PROTOTYPES:
                mixed = people_pal.learn(answers, made, 2.0, kinds)
                out |= {f"pal:{kinds}x{p}": replace(mixed, pull=float(p)) for p in PULLS}
    return out


def _shared(name: str, made: population.Items) -> dict[str, Belief]:
    out: dict[str, Belief] = {}
    for s in SCALES:
        plain, rich = (Over.items(made, own).scaled(s) for own in (0.0, 1.0))
        out |= {f"shared_basis:{name}{s:g}": plain, f"shared_items:{name}{s:g}": rich}
    return out


def _words(name: str, base: Float, x: Float) -> dict[str, Belief]:
    out, none = dict[str, Belief](), np.zeros(len(base))
    for s in SCALES:
        out[f"population:{name}x{s:g}"] = Over.of(base, x * 0.0, none).scaled(s).alone()
        for width in (0.5, 1.0):
            words = Over.of(base, width * x, none).scaled(s)
            out[f"bradley_terry:{width:g}{name}x{s:g}"] = words
    return out


def each(prepare: Callable[[list[Group]], Iterator[Round]]) -> Callable[..., Iterator[Round]]:
    """Every group is a round of its own: the same few people are judged in one, learnt from in
    another.
    """
    return lambda groups: (made for group in groups for made in prepare([group]))


def columns(groups: list[Group], count: int = COLUMNS) -> list[Float]:
    """For each group (n, count): leading directions of what is seen; rows of mean square 1."""
    seen = [g.vectors for g in groups if g.vectors is not None]
    x = np.concatenate(seen) if seen else embedded([t for g in groups for t in g.texts])
    made = _leading(x, count)
    return np.split(made, np.cumsum([len(g.texts) for g in groups])[:-1])


def _leading(x: Float, count: int) -> Float:
    x = x - x.mean(0)
    if len(x) < x.shape[1]:
        left, size, _ = np.linalg.svd(x, full_matrices=False)
        x = (left * size)[:, :count]
    else:
        _, vectors = np.linalg.eigh(x.T @ x)
        x = x @ vectors[:, -count:]
    return np.asarray(x / np.sqrt((x**2).sum(1).mean()))


def described(groups: list[Group]) -> Iterator[Round]:
    """Constructed personas: nobody judged the statements before; what carries over is words. Two
    rounds: choices for one half of the personas are made on the other half.
    """
    spaces = columns(groups, WIDE)
    every = [_gaps(g, x) for g, x in zip(groups, spaces, strict=True)]
    half = np.arange(len(groups)) % 2
    for h in (0, 1):
        check: list[Part] = []
        judged: list[Part] = []
        for i, (group, x) in enumerate(zip(groups, spaces, strict=True)):
            near = [j for j in range(len(groups)) if j != i and (half[i] == h or half[j] != h)]
            # Statements that strangers were asked about stand behind one's own.
            told, strangers = _strangers(groups, spaces, i)
            beliefs = _described([every[j] for j in near], np.concatenate([x, told]))
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


def _described(gaps: list[Float], x: Float) -> dict[str, Belief]:
    out: dict[str, Belief] = {}
    d, none = x.shape[1], np.zeros(len(x))
    for width in WIDTHS:
        prior = population.of_features(gaps, "bench:words", np.full(d, width), 2)
        made = Over.of(x @ prior.mean, x * np.sqrt(prior.var), none)
        out[f"shared_basis:{width:g}"] = made
        out[f"bradley_terry:{width:g}"] = Over.of(none, x * np.sqrt(width), none)
        out[f"population:{width:g}"] = made.alone()
    return out
