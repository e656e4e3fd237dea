"""Single judgements for TRL's KTO: prompt, completion, label (dataset_formats.md, unpaired).

An item is good when it was picked or "both good" was said, and not when it was passed over or
"both bad" was said; so ties teach here where pairs must leave them out. Skips say nothing. `group`
is the answer. Pictures go to a file of their own, by content hash.
"""

from pathlib import Path

from engine.exports.base import Expected, Export, Material
from engine.exports.checks import answers

WORDS, PICTURES = "kto.jsonl", "pictures.jsonl"


def tables(what: Material) -> tuple[answers.Tables, str]:
    """Rows by file, and what was left out."""
    rows, left = answers.kept(what)
    made: answers.Tables = {WORDS: [], PICTURES: []}
    for answer in rows:
        for item in answer["items"]:
            good = answers.label(answer, item)
            if good is not None:
                made[PICTURES if answer["kind"] == "picture" else WORDS].append({
                    "prompt": item["prompt"], "completion": answers.said(item), "label": good,
                    "group": answer["answer"],
                })  # fmt: skip
    return made, left


def write(what: Material, folder: Path) -> None:
    answers.write_lines(folder, tables(what)[0])


def expect(what: Material) -> Expected:
    return answers.expected(what, *tables(what))


TRL_KTO = Export(
    write, answers.by_datasets, expect, "TRL KTO judgements", frozenset({"answers"}),
    "`load_dataset(\"json\", data_files=\"kto.jsonl\", split=\"train\")` as `train_dataset` of "
    "TRL's `KTOTrainer`. Pictures are named by content hash.",
    words=True,
)  # fmt: skip
