"""Why a passage was picked: given after the answer is stored, so that no click waits for it."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from app.wire import Bad, Missing
from profiles import reasons

if TYPE_CHECKING:
    from app.studio import Studio

CHIPS = reasons.CHIPS


class Reasons:
    """One per Studio."""

    def __init__(self, studio: "Studio") -> None:
        self.studio, self.store = studio, studio.store

    def give(
        self, user: int, profile: int, seq: int, said: tuple[list[str], str], key: str
    ) -> dict[str, Any]:
        """`said`: what was tapped, and own words. Nothing of either takes the reason back."""
        self.studio.profile(user, profile)
        try:
            new = reasons.new(profile, seq, tuple(said[0]), said[1], key)
        except ValueError as wrong:
            raise Bad(str(wrong)) from None
        try:
            stored = self.store.reasons.give(new)
        except KeyError as wrong:
            raise Missing(str(wrong.args[0])) from None
        return {"seq": seq, "chips": list(new.chips), "words": new.words, "duplicate": not stored}

    def counting(self, profile: int) -> dict[int, tuple[tuple[str, ...], str]]:
        """(taps, words) by the seq of an answer that counts."""
        counted = {c.seq for c in self.store.comparisons(profile, "text")}
        given = self.store.reasons.of(profile)
        return {seq: (r.chips, r.words) for seq, r in given.items() if seq in counted}

    def told(self, profile: int) -> dict[str, Any]:
        """For My taste: how often each was tapped, and the last own words, newest first."""
        found = self.counting(profile)
        taps = Counter(chip for chips, _ in found.values() for chip in chips)
        words = [words for _, (_, words) in sorted(found.items(), reverse=True) if words]
        return {"of": len(found), "taps": [{"word": w, "times": n} for w, n in taps.most_common()],
                "words": words[:5]}  # fmt: skip
