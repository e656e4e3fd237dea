"""Real people nobody has seen: what is shared is learnt from some, others give k comparisons.

Every variant of a method is fitted on the people learnt from; which one speaks for the method and
what auto blends is settled on two fifths of those people, each judged by what the rest taught.
The people judged are looked at once, at the end. Accuracy is per person, over at most 300 later
pairs drawn once, then the mean over people with its standard error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import erfc, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from engine.preference import auto
from tests.bench import people_content, people_data, people_methods
from tests.bench.people_beliefs import Belief, chance, fewer, hits
from tests.bench.people_data import KS, Asked, Float, Group

SETS = {"polis": people_methods.shared, "jester": people_methods.shared,
        "personas": people_methods.described}  # fmt: skip
UNSEEN = ("polis", "jester")
OTHERS = 8
Told = dict[tuple[str, int], Float]
Notes = dict[tuple[str, int], dict[str, Any]]
POPULATION = "population"


@dataclass(frozen=True)
class Case:
    """People of one group, what each variant believes before they speak, and whose answers stand
    in for theirs in the controls.
    """

    group: Group
    asked: Asked
    beliefs: Mapping[str, Belief]
    others: Sequence[Asked]


def run(quick: bool, seed: int, people: Any, data: Path | None = None) -> dict[str, Any]:
    place = people_data.folder(data)
    most = 100 if quick else 10**6
    figures: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    for name, prepare in SETS.items():
        groups = getattr(people_data, name)(place, seed, most)
        groups = [people_data.rehearsal(g) for g in groups] if quick else groups
        rounds = prepare(groups)
        made = [_judge(list(_cases(check)), list(_cases(judged))) for check, judged in rounds]
        told = {key: np.concatenate([m[0][key] for m in made]) for key in made[0][0]}
        figures |= _figures(name, told)
        rows += [_row(name, *key, own, told[POPULATION, 0]) | made[0][1].get(key, {})
                 for key, own in told.items()]  # fmt: skip
        if name in UNSEEN:
            content = people_content.accuracy(groups)
            figures[f"{name}_content"] = float(content.mean())
            row = _row(name, "content", 0, content, content)
            # Other pairs than the rest of the table: not to be set against the global row.
            rows.append({k: v for k, v in row.items() if k not in ("over_global", "p")})
    return {"figures": figures, "rows": rows}


def _cases(parts: Any) -> Iterator[Case]:
    for group, asked, beliefs, strangers in parts:
        asked = fewer(asked)
        if len(asked):
            yield Case(group, asked, beliefs, _others(asked, strangers))


def _others(asked: Asked, strangers: Sequence[Asked]) -> list[Asked]:
    """The same later pairs after somebody else's answers; none where nobody else is there."""
    if strangers:
        return [replace(asked, left=np.resize(s.left, asked.left.shape),
                        right=np.resize(s.right, asked.right.shape),
                        label=np.resize(s.label, asked.label.shape))
                for s in strangers[:OTHERS]]  # fmt: skip
    if len(asked) < 2:
        return []
    return [replace(asked, left=np.roll(asked.left, s, 0), right=np.roll(asked.right, s, 0),
                    label=np.roll(asked.label, s, 0))
            for s in range(1, min(OTHERS, len(asked) - 1) + 1)]  # fmt: skip


def _judge(check: list[Case], judged: list[Case]) -> tuple[Told, Notes]:
    """(people,) accuracies by (method, k), and how each came about."""
    tables = {k: _table(check, k) for k in KS}
    variants, who = list(check[0].beliefs), _people(check)
    best = _best(variants, tables, who)
    told: Told = {(POPULATION, 0): _accuracy(judged, _alone(best[POPULATION], 0)),
                  ("length", 0): _accuracy(judged, _longer)}  # fmt: skip
    notes: Notes = {}
    for method, variant in best.items():
        for k in KS if method != POPULATION else ():
            told[method, k] = _accuracy(judged, _alone(variant, k))
            notes[method, k] = {"variant": variant}
    for k in KS:
        # One population and one variant of every method: what stacking chooses among.
        among = {m: tables[k][:, variants.index(v)] for m, v in best.items()}
        choice = auto.choose(among, who, POPULATION)
        speak = Speaker(best, choice, k)
        told["auto", k] = _accuracy(judged, speak)
        notes["auto", k] = {"weights": dict(choice.weights), "why": choice.why}
    return told | _controls(judged, speak), notes


@dataclass(frozen=True)
class Speaker:
    """Auto as settled on the people learnt from: a variant of each method, and their blend."""

    best: Mapping[str, str]
    choice: auto.Choice
    k: int

    def __call__(self, case: Case, asked: Asked | None = None) -> Float:
        asked = case.asked if asked is None else asked
        return self.choice.mix({m: chance(case.beliefs[self.best[m]].margins(asked, self.k))
                                for m in self.choice.weights})  # fmt: skip


def _controls(judged: list[Case], speak: Speaker) -> Told:
    """Auto at k = 16 with another person's answers, with the mean of several others', and where
    neither item of a pair was asked about before. nan where there is nobody else, or no such pair.
    """
    return {
        ("auto_swapped", speak.k): _accuracy(judged, lambda c: _others_say(c, speak, 1)),
        ("auto_mean", speak.k): _accuracy(judged, lambda c: _others_say(c, speak, OTHERS)),
        ("auto_new_items", speak.k): np.concatenate(
            [_per_person(c, _fresh(c, speak(c))) for c in judged]
        ),
    }


def _others_say(case: Case, speak: Speaker, n: int) -> Float:
    if not case.others:
        return np.full(len(case.asked.who), np.nan)
    return np.asarray(np.mean([speak(case, o) for o in case.others[:n]], 0))


def _figures(name: str, told: Told) -> dict[str, float]:
    base, own, swapped = told[POPULATION, 0], told["auto", KS[-1]], told["auto_swapped", KS[-1]]
    figures = {f"{name}_{m}_{k}": float(np.nanmean(v)) for (m, k), v in told.items()
               if k and not m.startswith("auto_")}  # fmt: skip
    gain, over = auto.interval(own - base), auto.interval((own - swapped)[~np.isnan(swapped)])
    return figures | {
        f"{name}_global": float(base.mean()), f"{name}_people": float(len(base)),
        f"{name}_length": float(told["length", 0].mean()),
        f"{name}_auto_swapped": float(np.nanmean(swapped)),
        f"{name}_auto_mean": float(np.nanmean(told["auto_mean", KS[-1]])),
        f"{name}_auto_new_items": float(np.nanmean(told["auto_new_items", KS[-1]])),
        f"{name}_auto_gain": gain[0], f"{name}_auto_gain_low": gain[1],
        f"{name}_auto_gain_high": gain[2],
        f"{name}_auto_over_swapped": over[0], f"{name}_auto_over_swapped_low": over[1],
    }  # fmt: skip


def _table(cases: list[Case], k: int) -> Float:
    """(m, variants) probability given to what happened."""
    return np.concatenate([np.stack([chance(b.margins(c.asked, k)) for b in c.beliefs.values()], 1)
                           for c in cases])  # fmt: skip


def _people(cases: list[Case]) -> Any:
    start = np.cumsum([0, *[len(c.asked) for c in cases]])
    return np.concatenate([c.asked.who * (not c.group.one) + s
                           for c, s in zip(cases, start, strict=False)])  # fmt: skip


def _best(variants: list[str], tables: Mapping[int, Float], who: Any) -> dict[str, str]:
    """For each method (the name before the colon) its variant with the best mean log score."""
    _, person, counts = np.unique(who, return_inverse=True, return_counts=True)
    share = 1.0 / counts[person]
    worth = sum(share @ np.log(t.clip(auto.LEAST)) for t in tables.values())
    best: dict[str, str] = {}
    for at in np.argsort(-np.asarray(worth)):
        best.setdefault(variants[at].split(":")[0], variants[at])
    return {m: best[m] for m in sorted(best, key=lambda m: (m != POPULATION, m))}


def _alone(variant: str, k: int) -> Callable[[Case], Float]:
    return lambda c: chance(c.beliefs[variant].margins(c.asked, k))


def _per_person(case: Case, values: Float) -> Float:
    return values.mean(keepdims=True) if case.group.one else values


def _accuracy(cases: Sequence[Case], speak: Callable[[Case], Float]) -> Float:
    """(people,) share of later pairs that got more than one half; exactly one half counts half."""
    found = [c.asked.mean(hits(np.round(speak(c) - 0.5, 9))) for c in cases]
    return np.concatenate([_per_person(c, f) for c, f in zip(cases, found, strict=True)])


def _longer(case: Case) -> Float:
    size = np.array([len(t) for t in case.group.texts], np.float64)
    return 0.5 + 0.5 * np.sign(size[case.asked.won] - size[case.asked.lost])


def _fresh(case: Case, told: Float) -> Float:
    """(q,) accuracy over pairs of which neither item was answered about; nan without any."""
    a, n = case.asked, len(case.group.texts)
    seen = np.zeros((len(a), n + 1), bool)
    np.put_along_axis(seen, a.left, True, 1)
    np.put_along_axis(seen, a.right, True, 1)
    new = ~(seen[a.who, a.won] | seen[a.who, a.lost])
    right = np.bincount(a.who, hits(np.round(told - 0.5, 9)) * new, len(a))
    count = np.bincount(a.who, new, len(a))
    return np.where(count > 0, right / np.maximum(count, 1), np.nan)


def _row(name: str, method: str, k: int, own: Float, base: Float) -> dict[str, Any]:
    there = ~np.isnan(own)
    own, base = own[there], base[there]
    row = {"set": name, "method": method, "k": k, "people": len(own),
           "judged": len(own) >= 30}  # fmt: skip
    if len(own) < 2:
        return row
    mean, low, high = auto.interval(own - base)
    se = float((own - base).std(ddof=1)) / sqrt(len(own))
    return row | {
        "accuracy": round(float(own.mean()), 4),
        "se": round(float(own.std(ddof=1)) / sqrt(len(own)), 4),
        "over_global": [round(float(x), 4) for x in (mean, low, high)],
        "p": round(erfc(abs(mean) / se / sqrt(2)), 6) if se else None,
    }
