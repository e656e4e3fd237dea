"""Pairs for TRL's preference trainers (DPO, CPO, ORPO, reward), in the standard format.

prompt, chosen, rejected as plain text (TRL dataset_formats.md, preference, explicit prompt). A grid
becomes every pair it implies; `group` is the answer they all come from, so that a split can keep
them together. Ties prefer nothing and two texts of different prompts have no common prompt: both
are left out and counted. TRL 1.16.0 trains from it as it is. Pictures go to a file of their own,
by content hash and caption.
"""

from pathlib import Path
from typing import Any

from engine.exports.base import Expected, Export, Material
from engine.exports.checks import answers

WORDS, PICTURES = "preference.jsonl", "pictures.jsonl"


def tables(what: Material) -> tuple[answers.Tables, str]:
    """Rows by file, and what was left out."""
    rows, left = answers.kept(what)
    made: answers.Tables = {WORDS: [], PICTURES: []}
    mixed = 0
    for answer, chosen, rejected in answers.pairs(rows):
        if answer["kind"] == "picture":
            made[PICTURES].append(_picture(answer, chosen, rejected))
        elif chosen["prompt"] != rejected["prompt"]:
            mixed += 1
        else:
            made[WORDS].append(_words(answer, chosen, rejected))
    ties = sum(a["outcome"] in ("both_good", "both_bad") for a in rows)
    said = [left]
    if ties:
        said.append(f"{answers.counted(ties, 'tie')} left out: a tie prefers neither.")
    if mixed:
        said.append(f"{answers.counted(mixed, 'pair')} of texts with different prompts left out.")
    return made, " ".join(filter(None, said))


def _words(answer: Any, chosen: Any, rejected: Any) -> answers.Row:
    return {"prompt": chosen["prompt"], "chosen": chosen["text"], "rejected": rejected["text"],
            **_from(answer, rejected)}  # fmt: skip


def _from(answer: Any, rejected: Any) -> answers.Row:
    """Where a pair comes from; a trainer that doubts click orders drops those between two picks."""
    return {"group": answer["answer"], "strength": float(answer["strength"]),
            "between_picks": bool(rejected["picked"])}  # fmt: skip


def _picture(answer: Any, chosen: Any, rejected: Any) -> answers.Row:
    same = chosen["prompt"] == rejected["prompt"]
    return {"prompt": chosen["prompt"] if same else "", "chosen": answers.said(chosen),
            "rejected": answers.said(rejected), "chosen_caption": chosen["prompt"],
            "rejected_caption": rejected["prompt"], **_from(answer, rejected)}  # fmt: skip


def write(what: Material, folder: Path) -> None:
    answers.write_lines(folder, tables(what)[0])


def expect(what: Material) -> Expected:
    return answers.expected(what, *tables(what))


TRL_PREFERENCE = Export(
    write, answers.by_datasets, expect, "TRL preference pairs", frozenset({"answers"}),
    "`load_dataset(\"json\", data_files=\"preference.jsonl\", split=\"train\")` as `train_dataset` "
    "of TRL's `DPOTrainer`. Split by `group`. Pictures are named by content hash.",
    words=True,
)  # fmt: skip
