"""The methods where people judged pairs: the population's score is Bradley-Terry over their picks,
what differs between people is how far they follow it, words (or what else is seen), and the items.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from engine.preference import population
from tests.bench.people_beliefs import Belief, Over
from tests.bench.people_data import Float, Group, Picks
from tests.bench.people_methods import Round, columns

PULLS = (0.1, 0.5, 2.0)
SCALES = (1.0, 2.0)
WIDTHS = (0.3, 1.0)
OWN = (0.2, 0.6)
START = 0.1
MOST = 16


def paired(groups: list[Group]) -> Iterator[Round]:
    spaces = columns(groups)
    check = (
        (g, asked, _beliefs(g, g.fold != f, x), ())
        for g, x in zip(groups, spaces, strict=True)
        for f, asked in g.check.items()
    )
    judged = ((g, g.judged, _beliefs(g, g.fold >= 0, x), g.strangers)
              for g, x in zip(groups, spaces, strict=True))  # fmt: skip
    yield check, judged


def _beliefs(group: Group, learnt: Any, x: Float) -> dict[str, Belief]:
    assert group.picks is not None
    picks, n = group.picks.of(learnt), len(group.texts)
    none, out = np.zeros(n), dict[str, Belief]()
    for pull in PULLS:
        base = population.of_pairs(np.stack([picks.left, picks.right], 1), picks.label, n, pull)
        for s in SCALES:
            plain = Over.of(s * base, x * 0.0, none)
            out[f"population:{pull:g}x{s:g}"] = plain.alone()
            if pull != PULLS[1]:
                continue
            for width in WIDTHS:
                out[f"bradley_terry:{width:g}x{s:g}"] = replace(plain, factor=width * plain_of(x))
            for own in OWN:
                out[f"shared_items:{own:g}x{s:g}"] = Over.of(s * base, x * 0.0, none + own)
            out[f"shared_basis:x{s:g}"] = replace(
                plain, factor=plain_of(_shared(picks, s * base, x))
            )
    return out


def plain_of(x: Float) -> Float:
    """With the row of the person's level, which pairs do not have."""
    return np.pad(x, ((0, 1), (0, 0)))


def _shared(picks: Picks, base: Float, x: Float) -> Float:
    """(n, d + 1) directions scaled by how far people were found to differ along them; the last is
    how far they follow the population.
    """
    seen = np.column_stack([x, base])
    order = np.argsort(picks.who, kind="stable")
    first = np.searchsorted(picks.who[order], picks.who[order])
    place = np.arange(len(order)) - first
    order, place = order[place < MOST], place[place < MOST]
    who, left, right = picks.who[order], picks.left[order], picks.right[order]
    people = int(who.max(initial=-1)) + 1
    rows = np.zeros((people, MOST, seen.shape[1]))
    label, offset = np.full((people, MOST), np.nan), np.zeros((people, MOST))
    rows[who, place] = seen[left] - seen[right]
    label[who, place], offset[who, place] = picks.label[order], base[left] - base[right]
    start = np.full(seen.shape[1], START)
    _, var = population.of_gaps(population.Gaps(rows, label, offset), start)
    return np.asarray(seen * np.sqrt(var))
