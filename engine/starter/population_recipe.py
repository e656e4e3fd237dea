"""The recipe of a population prior: what many people's choices say of one who has not spoken yet.

Over the taste space of passages: u ~ N(mean, diag(var)), learnt by engine/preference/population.py
from the pairs of four people in five, all counting alike, starting from the prior that the pool
gives. The fifth is left out: each gives GIVEN answers, the rest are foretold. What is written is
what was judged; the card beside it says from which data, under which licence, how well.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from engine import laplace
from engine.checkpoints import write_atomic
from engine.data import same_space
from engine.preference import population
from engine.preference.auto import interval
from engine.preference.base import Prior
from engine.starter.population_data import PAIRS, Told, found, part

FEWEST = 5
GIVEN = 8
ROUNDS = 12
TOGETHER = 500
Float = NDArray[np.float64]
Encode = Callable[[Sequence[str]], NDArray[Any]]


@dataclass(frozen=True)
class People:
    """gaps (p, PAIRS, d) chosen minus rejected, zero where there is no pair; seen (p, PAIRS)."""

    gaps: Float
    seen: NDArray[np.bool_]

    def of(self, rows: NDArray[Any]) -> "People":
        return People(self.gaps[rows], self.seen[rows])


def make(sets: Sequence[Told], encode: Encode, start: Prior) -> tuple[Prior, dict[str, Any]]:
    """The prior and its card. `encode`: texts to the space of `start`."""
    names = [f"{told.name} {p}" for told in sets for p in told.people]
    if len(names) < FEWEST:
        raise ValueError(f"{len(names)} people are too few: what is shared must not give one of "
                         f"them away; at least {FEWEST} are needed")  # fmt: skip
    people = _encoded([pairs for told in sets for pairs in told.people.values()], encode)
    left_out = np.array([part(n, 5) == 0 for n in names])
    rest = people.of(~left_out)
    label = np.where(rest.seen, 1.0, np.nan)
    told = population.Gaps(rest.gaps, label, np.zeros(label.shape))
    mean, var = population.of_gaps(told, start.var, ROUNDS, np.zeros(len(start.var)))
    prior = Prior(start.space, mean, var)
    of_set = np.repeat([s.name for s in sets], [len(s.people) for s in sets])
    return prior, _card(sets, prior, start, (people.of(left_out), of_set[left_out]))


def _encoded(people: Sequence[Sequence[tuple[str, str]]], encode: Encode) -> People:
    texts = sorted({t for pairs in people for pair in pairs for t in pair})
    number = {t: k for k, t in enumerate(texts)}
    x = np.asarray(encode(texts), np.float64)
    gaps = np.zeros((len(people), PAIRS, x.shape[1]))
    seen = np.zeros(gaps.shape[:2], bool)
    for p, pairs in enumerate(people):
        won, lost = (np.array([number[pair[side]] for pair in pairs]) for side in (0, 1))
        gaps[p, : len(pairs)], seen[p, : len(pairs)] = x[won] - x[lost], True
    return People(gaps, seen)


def accuracy(prior: Prior, people: People, given: int) -> Float:
    """(p,) of the pairs behind the first GIVEN, told by `given` of those; nan without any."""
    out = []
    for at in range(0, len(people.gaps), TOGETHER):
        gaps, seen = people.gaps[at : at + TOGETHER], people.seen[at : at + TOGETHER].copy()
        first, later = gaps[:, :given], gaps[:, GIVEN:]
        lead = first * prior.var
        made = laplace.fit_many(first @ prior.mean, lead @ first.swapaxes(1, 2),
                                np.where(seen[:, :given], 1.0, np.nan))  # fmt: skip
        taste = prior.mean + (made.alpha[:, None, :] @ lead)[:, 0]
        margin = (later @ taste[..., None])[..., 0]
        there, count = seen[:, GIVEN:], seen[:, GIVEN:].sum(1)
        hits = (there * (0.5 + 0.5 * np.sign(margin))).sum(1)
        out.append(np.where(count > 0, hits / np.maximum(count, 1), np.nan))
    return np.concatenate(out) if out else np.zeros(0)


def _card(
    sets: Sequence[Told], prior: Prior, start: Prior, judged: tuple[People, NDArray[Any]]
) -> dict[str, Any]:
    people, of_set = judged
    told = {"nobody's answers": accuracy(prior, people, 0),
            f"{GIVEN} answers": accuracy(prior, people, GIVEN),
            f"{GIVEN} answers, without this file": accuracy(start, people, GIVEN)}  # fmt: skip
    ship = all(s.may_ship for s in sets)
    return {
        "what": "population prior over tastes: mean and variances of a Gaussian",
        "space": prior.space,
        "made": date.today().isoformat(),
        "may_ship": ship,
        "why": "all of it is CC BY or CC0"
        if ship
        else "not to be shipped: " + ", ".join(f"{s.name} ({s.licence})" for s in sets
                                               if not s.may_ship),  # fmt: skip
        "data": [{"set": s.name, "licence": s.licence, "people": len(s.people),
                  "pairs": sum(map(len, s.people.values()))} for s in sets],  # fmt: skip
        "left_out": {how: _summary(v) for how, v in told.items()},
        "gain": _summary(told[f"{GIVEN} answers"] - told[f"{GIVEN} answers, without this file"]),
        "left_out_by_set": {s.name: {how: _summary(v[of_set == s.name]) for how, v in told.items()}
                            for s in sets},
    }  # fmt: skip


def _summary(values: Float) -> dict[str, Any]:
    there = values[~np.isnan(values)]
    if len(there) < 2:
        return {"people": len(there)}
    mean, low, high = (round(x, 4) for x in interval(there))
    return {"people": len(there), "mean": mean, "interval": [low, high]}


def write(file: Path, prior: Prior, card: Mapping[str, Any]) -> list[Path]:
    """The file and its two cards, each whole or not at all."""
    notes = file.with_suffix(".card.json"), file.with_suffix(".card.md")
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.part")
    save_file({"mean": prior.mean, "var": prior.var}, half,
              metadata={"space": prior.space, "card": json.dumps(card)})  # fmt: skip
    half.replace(file)
    write_atomic(notes[0], json.dumps(card, indent=1) + "\n")
    write_atomic(notes[1], in_words(card))
    return [file, *notes]


def read(file: Path, space: str) -> tuple[Prior, dict[str, Any]]:
    """What was written, refused where it belongs to another space or is no prior."""
    try:
        with safe_open(str(file), "np") as opened:
            told = opened.metadata() or {}
            mean, var = (np.asarray(opened.get_tensor(k), np.float64) for k in ("mean", "var"))
        card = json.loads(told["card"])
        same_space(told["space"], space)
    except (SafetensorError, KeyError, json.JSONDecodeError) as wrong:
        raise ValueError(f"{file.name} is no population prior ({wrong}); make one with "
                         "`launch.py fit-population`") from None  # fmt: skip
    sound = mean.shape == var.shape and mean.ndim == 1 and np.isfinite([*mean, *var]).all()
    if not sound or (var <= 0).any():
        raise ValueError(f"{file.name} holds no mean and variances; make it again")
    return Prior(space, mean, var), card


def run(data: Path, file: Path, only: tuple[str, ...], ship: bool) -> str:
    """What `launch.py fit-population` does; returns the card in words. ValueError: the cure."""
    from engine.encoders import ENCODERS
    from engine.starter.prior import prior

    sets = found(data, only)
    if ship:
        sets = [s for s in sets if s.may_ship]
    if not sets:
        raise ValueError(
            f"nothing in {data} is CC BY or CC0; leave --shippable out to learn from it"
        )
    made, card = make(sets, ENCODERS["starter-text"].load()().encode, prior("text"))
    write(file, made, card)
    return in_words(card)


def in_words(card: Mapping[str, Any]) -> str:
    """The card for people."""

    def line(told: Mapping[str, Any]) -> str:
        if "mean" not in told:
            return f"{told['people']} people, too few to say"
        low, high = told["interval"]
        return f"{told['mean']:.3f} ({low:.3f} to {high:.3f}, {told['people']} people)"

    verdict = "May be shipped" if card["may_ship"] else "**Not to be shipped**"
    rows = [f"| {d['set']} | {d['licence']} | {d['people']} | {d['pairs']} |"
            for d in card["data"]]  # fmt: skip
    parts = [f"- {name}: with {how} {line(told)}"
             for name, every in card["left_out_by_set"].items()
             for how, told in every.items()]  # fmt: skip
    return "\n".join([
        "# Population prior", "", f"{card['what']}, in {card['space']}, made {card['made']}.",
        f"{verdict}: {card['why'].removeprefix('not to be shipped: ')}.", "",
        "| data | licence | people | pairs |", "|---|---|---|---|", *rows, "",
        "Of the later pairs of people left out, foretold (mean over people, 95 % interval):", "",
        *(f"- with {how}: {line(told)}" for how, told in card["left_out"].items()),
        f"- gain over the prior of the pool, {GIVEN} answers: {line(card['gain'])}", "",
        "By set:", "", *parts, "",
    ])  # fmt: skip
