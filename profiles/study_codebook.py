"""What every column of a study's export means: the files are written by it, and so is its page.

A column is (name, type, unit, values, meaning); "" where there is none.
"""

import json
from collections.abc import Mapping

Column = tuple[str, str, str, str, str]

ANSWERS: tuple[Column, ...] = (
    ("participant", "text", "", "P-XXXXXX",
     "A drawn name. The code of the invitation is in no file; only a salted hash of it is kept."),
    ("session", "text", "", "sha256, first 16 hex digits",
     "The sitting: one per participant and study file, the same after a pause."),
    ("study_sha256", "text", "", "sha256 in hex", "The study file that this participant saw."),
    ("block", "integer", "", "1, 2, ...", "Number of the block, in the order of the study file."),
    ("block_name", "text", "", "", "Its name there."),
    ("order", "integer", "", "1, 2, ...", "Place of the question in this participant's plan."),
    ("form", "text", "", "pair, grid", "Two at a time, or several."),
    ("role", "text", "", "plain, repeat, attention",
     "repeat: an earlier pair with sides swapped. attention: a pair with a stated right answer."),
    ("ask", "text", "", "", "The line above the question; empty: the standard one of the page."),
    ("time_shown", "text", "UTC", "ISO 8601 with milliseconds",
     "When the studio last handed the question to the page before the answer."),
    ("times_shown", "integer", "", "1, 2, ...",
     "How often it was handed out: above 1 after a reload or a pause."),
    ("time_answered", "text", "UTC", "ISO 8601 with milliseconds",
     "When the answer was stored durably."),
    ("ms", "integer", "milliseconds", "0 and up",
     "From the question on the screen to the choice, measured by the page, without the time in "
     "which the page was hidden; of a grid, to the press of Next."),
    ("side", "text", "", "left, right, or empty",
     "Where the chosen thing stood (on a phone: upper, lower); empty without one choice."),
    ("items", "text", "", "item ids in display order, parted by spaces",
     "What was shown; items.csv says what each is."),
    ("item_names", "text", "", "parted by |", "Their names in the study file, in display order."),
    ("hashes", "text", "", "sha256 in hex, parted by spaces",
     "Of the bytes of each picture, or of the UTF-8 text, in display order."),
    ("choice", "text", "", "pick, tie, both_bad, skip",
     "What was said. A tie is kept in the log as both_good."),
    ("picks", "text", "", "item ids in click order, parted by spaces",
     "What was picked; empty without a pick."),
    ("strength", "number", "", "1 plain, 2 much better", "How strongly, where a study asks it."),
    ("confidence", "integer", "", "1 to 100, or empty",
     "The slider after the answer; empty where it is off or the question was skipped."),
    ("confidence_ms", "integer", "milliseconds", "0 and up, or empty",
     "From the choice to the press of Continue."),
    ("reason", "text", "", "", "Words beside the answer, where there are any."),
    ("pair_source", "text", "", "pool, folder, texts, pairs, attention",
     "Where the study file took the question from. Pairs are drawn from its seed alone."),
    ("repeat_of", "integer", "", "a value of order, or empty", "The question that came back."),
    ("repeat_agreed", "integer", "", "1, 0, or empty",
     "Whether a repeat was answered as the first time; empty until both are, or after a skip."),
    ("attention_ok", "integer", "", "1, 0, or empty", "Whether the stated right answer was given."),
    ("model", "text", "", "none",
     "What chose the question. A study asks what its plan says; nothing learned is consulted."),
    ("encoder", "text", "", "", "The space in which Penchant would describe these items."),
    ("pool", "text", "", "sha256 in hex, first 16 digits", "The shipped pool that was drawn from."),
    ("penchant", "text", "", "", "The version of the studio."),
)  # fmt: skip
PARTICIPANTS: tuple[Column, ...] = (
    ("participant", "text", "", "P-XXXXXX", "As in answers.csv."),
    ("session", "text", "", "sha256, first 16 hex digits", "As in answers.csv."),
    ("study_sha256", "text", "", "sha256 in hex", "The study file that this participant saw."),
    ("consent_time", "text", "UTC", "ISO 8601 with milliseconds", "When consent was given."),
    ("consent_sha256", "text", "", "sha256 in hex", "Of the text that was agreed to."),
    ("language", "text", "", "en, de, es", "Of the page around the study's own words."),
    ("questions", "integer", "", "1 and up", "In the plan, repeats and attention included."),
    ("answered", "integer", "", "0 and up", "Of them."),
    ("completed", "integer", "", "1, 0", "Whether all are answered."),
    ("completed_time", "text", "UTC", "ISO 8601, or empty", "When the last one was."),
    ("minutes", "number", "minutes", "0 and up", "From consent to the last answer, with pauses."),
    ("attention_of", "integer", "", "0 and up", "Attention pairs answered."),
    ("attention_passed", "integer", "", "0 and up", "Of them, as stated right."),
    ("repeats_of", "integer", "", "0 and up", "Repeats where both answers say something."),
    ("repeats_agreed", "integer", "", "0 and up", "Of them, answered as the first time."),
    ("dropout_block", "text", "", "a block name, or empty", "Where an unfinished sitting stands."),
    ("dropout_order", "integer", "", "a value of order, or empty", "The question due there."),
)  # fmt: skip
ITEMS: tuple[Column, ...] = (
    ("item", "integer", "", "1 and up", "Its id in this data folder, as in answers.csv."),
    ("hash", "text", "", "sha256 in hex", "Of the bytes of a picture, or of the UTF-8 text."),
    ("kind", "text", "", "picture, text", ""),
    ("names", "text", "", "parted by |", "What the study file calls it."),
    ("source", "text", "", "starter, study, own, generated", "starter: of the pool that ships."),
    ("prompt", "text", "", "", "What a picture shows, or the task a passage answers; pool only."),
    ("text", "text", "", "", "The passage; empty for a picture."),
    ("attributes", "text", "", "JSON", "Style, voice, concept, licence and the like; pool only."),
    ("shown", "integer", "", "0 and up", "How often it was in a question that was answered."),
    ("picked", "integer", "", "0 and up", "How often it was picked."),
)  # fmt: skip
FILES: Mapping[str, tuple[str, tuple[Column, ...]]] = {
    "answers.csv": ("One row an answer, in the order of participants and their plans. "
                    "answers.jsonl holds the same rows as JSON.", ANSWERS),
    "participants.csv": ("One row a participant who agreed.", PARTICIPANTS),
    "items.csv": ("One row a thing that stands in a plan.", ITEMS),
}  # fmt: skip
ALSO = {
    "preferences.jsonl": "prompt, chosen, rejected: what trainers of preference losses (TRL) read. "
    "Every pick over every thing beside it that was not picked, without repeats and attention; of "
    "a picture the hash stands for it. `participant` says whose it is.",
    "study-XXXXXXXX.toml": "The study file, once per edition that somebody saw; in its name the "
    "first eight digits of its sha256, in SHA256SUMS all of them.",
    "codebook.md, codebook.json": "This page.",
}
SPREADSHEETS = (
    "In the CSV files a text that begins with =, +, - or @ has a ' before it, so that no "
    "spreadsheet runs it; the JSON lines hold it as it is."
)


def names(columns: tuple[Column, ...]) -> list[str]:
    return [column[0] for column in columns]


def as_json() -> str:
    """For programs."""
    keys = ("name", "type", "unit", "values", "meaning")
    told = {
        file: {"about": about, "columns": [dict(zip(keys, c, strict=True)) for c in columns]}
        for file, (about, columns) in FILES.items()
    }
    return json.dumps({"files": told, "also": ALSO, "note": SPREADSHEETS}, indent=2) + "\n"


def as_page(title: str) -> str:
    """For people."""
    lines = [f"# Codebook: {title}", "", SPREADSHEETS, ""]
    for file, (about, columns) in FILES.items():
        lines += [f"## {file}", "", about, "", "| column | type | unit | values | meaning |",
                  "|---|---|---|---|---|"]  # fmt: skip
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in c) + " |" for c in columns]
        lines.append("")
    lines += ["## Also in the folder", ""]
    return "\n".join([*lines, *(f"- `{name}`: {about}" for name, about in ALSO.items())]) + "\n"
