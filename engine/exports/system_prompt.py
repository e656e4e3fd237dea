"""The taste as a text: a system prompt with a sentence of description and a few examples.

Layout as in FSPO (founding paper; prompts of its repository, paraphrased). Costs nothing and works
with any chat program. What was measured is said with it: a small model does not follow.
"""

from pathlib import Path

from engine.exports.base import Expected, Export, Loaded, Material, Probe
from engine.exports.checks import answers

FILE = "system_prompt.txt"
MEASURED = (
    "With the model that ships, a taste said in words won against plain in 50 of 100 cases on "
    "eight simulated people: no gain (docs/evidence.md). The examples were not measured there. "
    "Larger models may follow it."
)


def write(what: Material, folder: Path) -> None:
    (folder / FILE).write_text(what.prompt, encoding="utf-8", newline="")


def expect(what: Material) -> Expected:
    rows = [{"line": line} for line in what.prompt.split("\n")]
    return answers.expected(what, {FILE: rows}, MEASURED)


def reload(folder: Path, probe: Probe) -> Loaded:
    return answers.compared(folder, probe, _read, own=False)


def _read(path: Path) -> list[answers.Row]:
    with open(path, encoding="utf-8", newline="") as stream:
        return [{"line": line} for line in stream.read().split("\n")]


SYSTEM_PROMPT = Export(
    write, reload, expect, "System prompt with examples", frozenset({"prompt"}),
    "Paste system_prompt.txt into the system prompt of any chat program, or "
    "`llama-cli -m MODEL.gguf -sysf system_prompt.txt`.",
    words=True,
)  # fmt: skip
