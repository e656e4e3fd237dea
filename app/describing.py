"""A few words about the person, suggested by the answers and the person's to change (FSPO).

What was written is an event of the profile and medium; empty words go back to what is suggested.
It stands before the examples where a taste leaves as text. The language model that ships does not
read it well enough to write by it (docs/evidence.md: told in words it wins .52), so Create does not
use it.
"""

from typing import TYPE_CHECKING, Any

from app.shots import words
from app.studio import NOUN
from app.wire import Bad
from engine.data import Kind

if TYPE_CHECKING:
    from app.studio import Studio

NOTE = "description"
MOST, SAID = 600, 4


class Describing:
    """Cheap to make."""

    def __init__(self, studio: "Studio") -> None:
        self.studio = studio

    def show(self, user: int, profile: int, kind: Kind) -> dict[str, Any]:
        """What was written, if anything, and what the answers suggest."""
        self.studio.profile(user, profile)
        said = words(self.studio.belief(user, profile, kind)["axes"])[:SAID]
        return {"medium": kind, "written": written(self.studio, profile, kind),
                "suggested": suggested(said, NOUN[kind]), "most": MOST}  # fmt: skip

    def write(self, user: int, profile: int, kind: Kind, text: str) -> dict[str, Any]:
        """Keep these words; none goes back to the suggestion."""
        self.studio.profile(user, profile)
        text = " ".join(text.split())
        if len(text) > MOST:
            raise Bad(f"that is {len(text)} characters; a description has {MOST} at most")
        self.studio.notes.add(user, profile, NOTE, {"medium": kind, "text": text})
        return self.show(user, profile, kind)


def written(studio: "Studio", profile: int, kind: Kind) -> str:
    """As last written; empty where the suggestion holds."""
    notes = studio.notes.of_profile(profile, NOTE)
    return next((str(n["text"]) for n in reversed(notes) if n["medium"] == kind), "")


def suggested(said: list[str], noun: str) -> str:
    """From the surest words of the belief; empty while none is sure."""
    if not said:
        return ""
    told = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return f"This person likes {noun} that are {told}."
