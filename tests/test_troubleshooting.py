"""docs/troubleshooting.md lists what the studio says when it refuses; the list is read from the
sources. Written anew by PENCHANT_WRITE_DOCS=1.
"""

import os
import re
from itertools import groupby
from pathlib import Path

from tests.app.test_words import PROGRAMS, raised

PAGE = Path(__file__).resolve().parents[1] / "docs" / "troubleshooting.md"
# A sentence that is reworded elsewhere need not be written anew here at once.
KNOWN = 0.9


def sentences() -> list[tuple[str, str]]:
    """(part, sentence) with ... for what is put in, those for programs left out."""
    found = []
    for part, text in raised():
        if not PROGRAMS.match(text) and len(text.replace("{x}", "").strip()) >= 8:
            found.append((part.rsplit("/", 1)[-1].replace("_", " "), text.replace("{x}", "...")))
    return list(dict.fromkeys(found))


def listed() -> str:
    parts = []
    for part, rows in groupby(sentences(), key=lambda row: row[0]):
        parts.append(f"**{part}**\n\n" + "\n".join(f"- {text}" for _, text in rows))
    return "\n\n".join(parts)


def test_the_page_lists_what_is_refused() -> None:
    before, _, rest = PAGE.read_text().partition("<!-- refusals -->\n")
    shown, _, after = rest.partition("<!-- /refusals -->")
    if os.environ.get("PENCHANT_WRITE_DOCS"):
        PAGE.write_text(f"{before}<!-- refusals -->\n{listed()}\n<!-- /refusals -->{after}")
        return
    lines = {line[2:] for line in shown.splitlines() if line.startswith("- ")}
    said = {text for _, text in sentences()}
    assert len(said) > 100
    assert len(lines & said) >= KNOWN * len(said), sorted(said - lines)
    assert len(lines & said) >= KNOWN * len(lines), sorted(lines - said)


def test_files_that_the_pages_point_to_are_there() -> None:
    for name in ("troubleshooting.md", "privacy.md", "story.md"):
        for link in re.findall(r"\]\(([^)#:]+)[^)]*\)", (PAGE.parent / name).read_text()):
            assert (PAGE.parent / link).exists(), f"{name} points to {link}"
