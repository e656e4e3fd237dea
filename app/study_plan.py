"""The plan of a participant: which questions, in which order, on which sides. Pure and seeded.

The questions of a block are drawn from the seed alone, so that all participants judge the same;
order, sides, repeats and the places of attention pairs come from the seed and the code. Nothing
that was answered ever changes the plan.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from app.study_file import Design
from app.study_things import Looked, Thing

# Questions between the first showing of a pair and its return, where the block is long enough.
APART = 5


@dataclass(frozen=True)
class Planned:
    """One question in display order. `of`: the place in the plan that it repeats."""

    block: int
    things: tuple[Thing, ...]
    role: str = "plain"
    of: int | None = None
    expected: str | None = None
    ask: str = ""
    source: str = "pool"


def plan(design: Design, blocks: Sequence[Looked], code: str) -> list[Planned]:
    """All questions of one participant."""
    made: list[Planned] = []
    for number, looked in enumerate(blocks):
        rng = random.Random(f"{design.seed}/{number}/{code}")
        made += _block(design, looked, (number, len(made)), rng)
    return made


def drawn(design: Design, number: int, looked: Looked) -> list[tuple[Thing, ...]]:
    """What is asked in a block, the same for everybody, as written or as drawn."""
    rng = random.Random(f"{design.seed}/{number}")
    wanted = looked.block.questions
    if looked.block.source == "pairs":
        rows = list(range(len(looked.pairs)))
        keep = sorted(rng.sample(rows, wanted)) if wanted else rows
        return [looked.pairs[row] for row in keep]
    return deal(looked.things, wanted, looked.block.shown, rng)


def deal(
    things: Sequence[Thing], wanted: int, shown: int, rng: random.Random
) -> list[tuple[Thing, ...]]:
    """`wanted` different sets of `shown` things of one group, each about equally often used."""
    groups: dict[str, list[Thing]] = {}
    for thing in things:
        groups.setdefault(thing.group, []).append(thing)
    able = [rows for rows in groups.values() if len(rows) >= shown]
    used = dict.fromkeys((t.hash for t in things), 0)
    seen: set[frozenset[str]] = set()
    made: list[tuple[Thing, ...]] = []
    turn: list[list[Thing]] = []
    while len(made) < wanted:
        turn = turn or rng.sample(able, len(able))
        rows = turn.pop()
        pick = _fresh(rows, shown, seen, used, rng)
        if pick is None:
            able = [r for r in able if r is not rows]
            continue
        seen.add(frozenset(t.hash for t in pick))
        for thing in pick:
            used[thing.hash] += 1
        made.append(pick)
    return made


def _fresh(
    rows: list[Thing], shown: int, seen: set[frozenset[str]], used: dict[str, int],
    rng: random.Random,
) -> tuple[Thing, ...] | None:  # fmt: skip
    """A set that was not asked, of the least used; None when the group is at its end."""
    for _ in range(20):
        mixed = sorted(rng.sample(rows, len(rows)), key=lambda t: used[t.hash])
        if frozenset(t.hash for t in mixed[:shown]) not in seen:
            return tuple(mixed[:shown])
        # The least used were asked together already: let one of them sit out.
        used = {**used, rng.choice(mixed[:shown]).hash: max(used.values()) + 1}
    for pick in combinations(rng.sample(rows, len(rows)), shown):
        if frozenset(t.hash for t in pick) not in seen:
            return pick
    return None


def _block(
    design: Design, looked: Looked, at: tuple[int, int], rng: random.Random
) -> list[Planned]:
    """`at`: the number of the block, and how many questions come before it."""
    number, before = at
    asked = drawn(design, number, looked)
    order = list(range(len(asked)))
    if design.order == "shuffle":
        rng.shuffle(order)
    source = looked.block.source
    made = [Planned(number, _sides(asked[row], rng), source=source) for row in order]
    if looked.block.form == "pair":
        made = _repeat(made, round(design.repeats * len(made)), rng)
    for entry, (right, other) in zip(looked.block.attention, looked.attention, strict=True):
        shown = Planned(number, _sides((right, other), rng), "attention", None, right.hash,
                        entry.ask, "attention")  # fmt: skip
        _put(made, rng.randint(min(1, len(made)), len(made)), shown)
    return [_shifted(p, before) for p in made]


def _sides(things: tuple[Thing, ...], rng: random.Random) -> tuple[Thing, ...]:
    return tuple(rng.sample(things, len(things)))


def _repeat(made: list[Planned], wanted: int, rng: random.Random) -> list[Planned]:
    """Some of the pairs once more, sides swapped, at least `apart` others between."""
    apart = min(APART, len(made) // 2)
    firsts = rng.sample(made[: len(made) - apart], wanted) if wanted else []
    out = list(made)
    for first in firsts:
        place = next(i for i, p in enumerate(out) if p is first)
        where = rng.randint(place + apart + 1, len(out))
        again = Planned(
            first.block, first.things[::-1], "repeat", None, None, first.ask, first.source
        )
        out.insert(where, again)
    return [_linked(p, out) for p in out]


def _linked(planned: Planned, out: list[Planned]) -> Planned:
    if planned.role != "repeat":
        return planned
    of = next(
        i for i, p in enumerate(out) if p.role == "plain" and p.things == planned.things[::-1]
    )
    return replace(planned, of=of)


def _put(made: list[Planned], where: int, new: Planned) -> None:
    """Insert; what is repeated moves along."""
    made[:] = [_shifted(p, int(p.of is not None and p.of >= where)) for p in made]
    made.insert(where, new)


def _shifted(planned: Planned, by: int) -> Planned:
    return planned if planned.of is None else replace(planned, of=planned.of + by)
