"""The card that goes with every export: what it is, how strong, how it was learnt and checked.

Front matter as the hub reads it. Everything comes from Facts; titles and texts of the person only
at privacy 'full'.
"""

import json
from pathlib import Path

from engine.exports.base import Export, Material, Proof

PRIVACY = {
    "vector only": "Only numbers: no answers, no texts, no name, no title.",
    "pseudonymous": "Numbers and, in data sets, answers under a random id; no name, no own words.",
    "full": "May hold the title and the words of the person; share it as you would share those.",
}
WORDS = ("These are the answers of one person and speak for nobody else. No licence is given with "
         "them: choose one before you share them.")  # fmt: skip
SIMULATED = ("**simulated: true.** This is an example: a program gave the answers, and it says "
             "nothing about any real person.")  # fmt: skip
# Licences that the hub knows by name; any other is 'other' with its name beside it.
KNOWN = {"apache-2.0", "mit", "openrail", "creativeml-openrail-m", "openrail++", "cc-by-4.0",
         "cc0-1.0", "llama3", "gemma", "bsd-3-clause"}  # fmt: skip


def write_card(export: Export, what: Material, proof: Proof, folder: Path) -> Path:
    path = folder / "README.md"
    path.write_text(front(export, what) + "\n" + body(export, what, proof))
    (folder / "proof.json").write_text(json.dumps(proof.json(), indent=2, sort_keys=True) + "\n")
    return path


def front(export: Export, what: Material) -> str:
    """YAML; a JSON string is a YAML string, so nothing in a name can break out."""
    if export.words:
        return f"---\ntags: {json.dumps(['penchant', 'preference'])}\n---\n"
    base = what.base
    licence = base.licence.lower() or "unknown"
    lines = ["---"]
    if base.upstream:
        lines.append(f"base_model: {json.dumps(base.upstream)}")
    if licence in KNOWN:
        lines.append(f"license: {licence}")
    elif licence != "unknown":
        lines += ["license: other", f"license_name: {json.dumps(base.licence)}"]
    if export.library:
        lines.append(f"library_name: {export.library}")
    kind = "text-to-image" if _pictures(what) else "text-generation"
    lines.append(f"pipeline_tag: {kind}")
    tags = ["penchant", "personalisation", *(["lora"] if what.adapter else [])]
    return "\n".join([*lines, f"tags: {json.dumps(tags)}", "---", ""])


def _pictures(what: Material) -> bool:
    return (what.model / "model_index.json").exists()


def body(export: Export, what: Material, proof: Proof) -> str:
    facts = what.facts
    parts = [
        f"# {_plain(what.name)}",
        "What one person likes, learnt by comparing.",
        *([SIMULATED] if facts.simulated else []),
        f"## Use\n\n{export.how(what)}",
        *([] if export.words else [f"## Strength\n\n{_strength(what)}"]),
        _source(what) if export.words else f"## How it was learnt\n\n{_learnt(what)}",
        f"## How it was checked\n\n{_checked(proof, 'rows' if export.words else 'names')}",
        f"## Limits\n\n{WORDS if export.words else _limits(what)}",
        f"## Privacy\n\n{facts.privacy}: {PRIVACY[facts.privacy]}",
    ]
    return "\n\n".join(parts) + "\n"


def _source(what: Material) -> str:
    """Of data: which answers, not how an adapter was learnt from them."""
    return f"## Source\n\n{len(what.answers)} answers of one person that count."


def _strength(what: Material) -> str:
    facts = what.facts
    return (f"Recommended {facts.strength:g}; results stay sound from {facts.range[0]:g} to "
            f"{facts.range[1]:g}. 0 is the base model.")  # fmt: skip


def _limits(what: Material) -> str:
    base = what.base
    revision = f", revision {base.revision}" if base.revision else ""
    return (f"It follows the taste of one person and fits {base.upstream or base.name}{revision} "
            f"only. {base.note}").rstrip()  # fmt: skip


def _learnt(what: Material) -> str:
    facts = what.facts
    said = f"From {facts.answers} answers"
    if facts.method:
        said += f", by {facts.method}"
    if facts.agreement:
        share, low, high = facts.agreement
        return (f"{said}. On held-out answers it agrees with the person in {share:.0%} "
                f"(95 % interval {low:.0%} to {high:.0%}).")  # fmt: skip
    return f"{said}. Agreement on held-out answers was not measured."


def _checked(proof: Proof, noun: str) -> str:
    said = f"{proof.tick.capitalize()}: {proof.matched} of {proof.total} {noun} matched."
    if proof.max_diff is not None:
        said += (f" Largest difference from the studio's own output {proof.max_diff:.2g}, where "
                 f"the change to the base model is {proof.effect:.2g}.")  # fmt: skip
    return f"{said} {proof.why}".strip()


def _plain(text: str) -> str:
    """One line without marks that a page would read as structure."""
    return " ".join(text.split()).translate({ord(c): None for c in "<>[]`#"})
