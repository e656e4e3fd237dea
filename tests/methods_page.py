"""docs/methods.md from the tables: python -m tests.methods_page writes it, a test holds it to them.

What a method is and assumes comes from the docstring at the top of its file, its name and paper
from its table line, its figure on people and where it fails from docs/figures.toml.
"""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.diagnostics import DIAGNOSTICS
from engine.encoders import ENCODERS
from engine.objectives import OBJECTIVES, TERMS
from engine.preference import CROWD, PREFERENCE
from engine.queries import QUERIES
from engine.registry import Entry
from engine.rewards import REWARDS
from engine.steering import STEERING

ROOT = Path(__file__).resolve().parent.parent
PAGE, FIGURES = ROOT / "docs" / "methods.md", ROOT / "docs" / "figures.toml"
TABLES: dict[str, tuple[str, Mapping[str, Entry]]] = {
    "preference": ("What we believe about a person", PREFERENCE),
    "crowd": ("What many people have in common, and circles", CROWD),
    "queries": ("What to ask next", QUERIES),
    "rewards": ("Named axes of words and pictures", REWARDS),
    "encoders": ("How things become vectors", ENCODERS),
    "steering": ("How a model is bent", STEERING),
    "objectives": ("What a training run minimises", OBJECTIVES),
    "terms": ("What may be added to what a training run minimises", TERMS),
    "diagnostics": ("What tells whether to trust it", DIAGNOSTICS),
}
TOP = """# Methods

Made from the tables and the files they name; do not edit. `python -m tests.methods_page` writes it
anew. Figures are measured: their commands and dates stand in [evidence.md](evidence.md). Simulated
people are called simulated; where no figure stands, none was measured on people.
"""


def page() -> str:
    told = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    parts = [TOP]
    for folder, (title, table) in TABLES.items():
        parts.append(f"## {title}\n")
        for name, entry in table.items():
            parts.append("\n".join(_method(name, entry, told.get(folder, {}).get(name, {}))))
    return "\n".join(parts).rstrip() + "\n"


def _method(name: str, entry: Entry, told: Mapping[str, str]) -> Iterator[str]:
    idea, assumes = _doc(entry)
    yield f"### `{name}`: {entry.label}\n"
    yield f"{idea}\n"
    if assumes:
        yield f"**Assumes.** {assumes}\n"
    if "fails" in told:
        yield f"**Fails.** {told['fails']}\n"
    if "figure" in told:
        yield f"**Measured.** {told['figure']}\n"
    source = entry.target.partition(":")[0].replace(".", "/")
    yield f"Source: {entry.paper or 'our own'}. File: `{source}.py`.\n"


def _doc(entry: Entry) -> tuple[str, str]:
    """The docstring of the file, in two: up to 'Assumes', and from there."""
    path = ROOT / (entry.target.partition(":")[0].replace(".", "/") + ".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    before, found, after = text.partition("Assumes ")
    return _flow(before), _flow(after[:1].upper() + after[1:]) if found else ""


def _flow(text: str) -> str:
    """One line a paragraph; lines of a list keep theirs."""
    blocks = [re.sub(r"\n(?!- )", " ", block).strip() for block in text.strip().split("\n\n")]
    return re.sub(r"  +", " ", "\n\n".join(b for b in blocks if b))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
