"""Real people nobody has seen: what is shared is learnt from some, others give k comparisons.

Every variant of a method is fitted on the people learnt from; which one speaks for the method and
what auto blends is settled on two fifths of those people, each judged by what the rest taught.
The people judged are looked at once, at the end. Accuracy is per person, over at most 300 later
pairs drawn once, then the mean over people with its standard error.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import erfc, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from engine.preference import auto
from tests.bench import people_content, people_data, people_pairs, people_scored
from tests.bench.people_beliefs import Belief, chance, fewer, hits
from tests.bench.people_data import KS, Asked, Float, Group
from tests.bench.people_methods import described, each, shared
from tests.bench.people_paired import paired

# What one set is read with, and what makes beliefs and rounds of its groups.
SETS: dict[str, tuple[Callable[..., list[Group]], Callable[..., Any]]] = {
    "polis": (people_data.polis, shared),
    "jester": (people_data.jester, shared),
    "convarg": (people_pairs.convarg, paired),
    "aigen_images": (people_scored.aigen("appeal"), each(shared)),
    "personas": (people_data.personas, described),
    "pandalm": (people_pairs.pandalm, each(paired)),
    "color_sets": (people_pairs.color_sets, each(paired)),
    "asset_attr": (people_scored.asset("simplicity"), each(shared)),
    "asset_attr_meaning": (people_scored.asset("meaning"), each(shared)),
    "asset_attr_fluency": (people_scored.asset("fluency"), each(shared)),
    "aigen_images_realism": (people_scored.aigen("realism"), each(shared)),
    "aigen_images_prompt_match": (people_scored.aigen("prompt_match"), each(shared)),
    "aigen_images_quality": (people_scored.aigen("quality"), each(shared)),
}
AGREED = ("convarg", "aigen_images", "pandalm")
AT = KS[-1]
MORE = (32,)
HARM, OWN = -0.005, 0.03
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
    figures: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    for name, (load, prepare) in SETS.items():
        if not (place / people_data.home(name)).exists():
            print(
                f"bench people: no {people_data.home(name)} in {place}; left out", file=sys.stderr
            )
            continue
        groups = load(place, seed, 100 if quick else 10**6)
        groups = [people_data.rehearsal(g) for g in groups] if quick else groups
        begun = time.process_time()
        made = _set(name, groups, prepare(groups))
        figures |= made[0] | {f"{name}_cpu_s": time.process_time() - begun}
        rows += made[1]
    if "color_sets_auto_16" in figures:
        rows.append(_row("color_sets", "test-retest", 0, people_pairs.agreement(place), None))
        figures["color_sets_ceiling"] = float(people_pairs.agreement(place).mean())
    if "asset_attr_auto_16" in figures:
        figures["asset_attr_opposed"] = float(people_scored.opposed(place).mean())
    return {"figures": figures, "rows": rows}


def _set(name: str, groups: list[Group], rounds: Any) -> tuple[dict[str, float], list[Any]]:
    made = [_judge(list(_cases(check)), list(_cases(judged))) for check, judged in rounds]
    told = {key: np.concatenate([m[0][key] for m in made]) for key in made[0][0]}
    figures = _figures(name, told)
    rows = [_row(name, *key, own, told[POPULATION, 0]) | made[0][1].get(key, {})
            for key, own in told.items()]  # fmt: skip
    if name in people_content.FORMS:
        # Other pairs than the rest of the table: not to be set against the global row.
        content = people_content.accuracy(groups, *people_content.FORMS[name])
        figures[f"{name}_content"] = float(content.mean())
        rows.append(_row(name, "content", 0, content, None))
    return figures, rows


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
    ks = tuple(k for k in (*KS, *MORE) if k <= judged[0].asked.left.shape[1])
    tables = {k: _table(check, k) for k in ks}
    variants, who = list(check[0].beliefs), _people(check)
    best = _best(variants, tables, who)
    told: Told = {(POPULATION, 0): _accuracy(judged, _alone(best[POPULATION], 0))}
    if judged[0].group.vectors is None:
        told["length", 0] = _accuracy(judged, _longer)
    notes: Notes = {}
    for method, variant in best.items():
        for k in ks if method != POPULATION else ():
            told[method, k] = _accuracy(judged, _alone(variant, k))
            notes[method, k] = {"variant": variant}
    speak = {}
    for k in ks:
        # One population and one variant of every method: what stacking chooses among.
        among = {m: tables[k][:, variants.index(v)] for m, v in best.items()}
        choice = auto.choose(among, who, POPULATION)
        speak[k] = Speaker(best, choice, k)
        told["auto", k] = _accuracy(judged, speak[k])
        notes["auto", k] = {"weights": dict(choice.weights), "why": choice.why}
    for k in {AT, ks[-1]}:
        told |= _controls(judged, speak[k])
    return told, notes


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
    """Auto with another person's answers, with the mean of several others, and where neither item
    of a pair was asked about before. nan where there is nobody else, or no such pair.
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
    base, own, swapped = told[POPULATION, 0], told["auto", AT], told["auto_swapped", AT]
    figures = {f"{name}_{m}_{k}": _mean(v) for (m, k), v in told.items()
               if m in ("auto", "length") or (k and not m.startswith("auto_"))}  # fmt: skip
    if ("length", 0) in told:
        figures[f"{name}_length"] = figures.pop(f"{name}_length_0")
    gain, over = auto.interval(own - base), auto.interval((own - swapped)[~np.isnan(swapped)])
    figures |= {
        f"{name}_global": float(base.mean()), f"{name}_people": float(len(base)),
        f"{name}_auto_swapped": _mean(swapped),
        f"{name}_auto_mean": _mean(told["auto_mean", AT]),
        f"{name}_auto_new_items": _mean(told["auto_new_items", AT]),
        f"{name}_auto_gain": gain[0], f"{name}_auto_gain_low": gain[1],
        f"{name}_auto_gain_high": gain[2],
        f"{name}_auto_over_swapped": over[0], f"{name}_auto_over_swapped_low": over[1],
        # Who claims a gain must lose it with somebody else's answers.
        f"{name}_claims": float(gain[1] > 0),
        f"{name}_claim_holds": float(gain[1] <= 0 or over[0] >= OWN),
    }  # fmt: skip
    for k in (k for m, k in told if m == "auto_swapped" and k != AT):
        more = told["auto", k]
        figures[f"{name}_auto_gain_{k}"] = float((more - base).mean())
        figures[f"{name}_auto_over_swapped_{k}"] = _mean(more - told["auto_swapped", k])
    return figures | (_harm(name, told) if name in AGREED else {})


def _harm(name: str, told: Told) -> dict[str, float]:
    """Where people agree: the worst k of auto over the global model, by mean; and whether at every
    k the mean is at least -.005 or its interval reaches that.
    """
    every = [auto.interval(v - told[POPULATION, 0]) for (m, _), v in told.items() if m == "auto"]
    worst = min(every)
    return {f"{name}_auto_worst": worst[0], f"{name}_auto_worst_high": worst[2],
            f"{name}_no_harm": float(all(high >= HARM for _, _, high in every))}  # fmt: skip


def _mean(values: Float) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")


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


def _row(name: str, method: str, k: int, own: Float, base: Float | None) -> dict[str, Any]:
    there = ~np.isnan(own)
    own = own[there]
    row = {"set": name, "method": method, "k": k, "people": len(own),
           "judged": len(own) >= 30}  # fmt: skip
    if len(own) < 2:
        return row
    row |= {"accuracy": round(float(own.mean()), 4),
            "se": round(float(own.std(ddof=1)) / sqrt(len(own)), 4)}  # fmt: skip
    if base is None:
        return row
    mean, low, high = auto.interval(own - base[there])
    se = (high - low) / (2 * 1.96)
    return row | {
        "over_global": [round(float(x), 4) for x in (mean, low, high)],
        "p": round(erfc(abs(mean) / se / sqrt(2)), 6) if se else None,
    }
