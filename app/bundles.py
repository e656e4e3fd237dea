"""A taste as one file, out and in; with what was tuned, when that is asked for.

An adapter in the file is read as one from anywhere: every check, before anything is written. One
that is sound and made for another model than the one here is left out, and said.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.wire import Bad

if TYPE_CHECKING:
    from app.studio import Studio


class Bundles:
    """One per Studio."""

    def __init__(self, studio: "Studio") -> None:
        self.studio = studio

    def out(self, user: int, profile: int, adapters: bool) -> bytes:
        from profiles.bundle import BadBundle, Carried, write_bundle

        carried = []
        rows = self.studio.store.work.adapters(profile) if adapters else []
        for row in reversed(rows):
            body, _ = self.studio.keeping.carrying.pack(user, row["id"])
            carried.append(Carried(row["name"], row["kind"], row["base"], row["chosen"], body))
        try:
            return write_bundle(self.studio.store, profile, carried)
        except BadBundle as wrong:
            raise Bad(str(wrong)) from None

    def bring(self, user: int, data: bytes) -> dict[str, Any]:
        """A new profile of this user, with the adapters that fit; `left_out` names the others."""
        from profiles.bundle import BadBundle, Carried, read_bundle

        keeping = self.studio.keeping
        kept: list[tuple[Carried, Any]] = []
        left: list[str] = []

        def admit(rows: Sequence[Carried]) -> None:
            maker = self.studio.maker
            if any(row.kind == "text" for row in rows) and maker.lm_identity() is None:
                maker.language_model()  # until it was loaded nobody knows which model it is
            for row in rows:
                if not keeping.fits({"kind": row.kind, "base": row.base}):
                    left.append(f"{row.name}: made for {row.base}, which is not the model here")
                    continue
                made = keeping.carrying.checked(row.body)
                if (made.card["medium"] == "picture") != (row.kind == "picture"):
                    raise Bad("it is not of the kind that the file says")
                kept.append((row, made))

        try:
            profile = read_bundle(self.studio.store, user, data, admit)
        except Bad as wrong:
            raise Bad(f"an adapter in the file is not sound: {wrong}") from None
        except BadBundle as wrong:
            raise Bad(str(wrong)) from None
        self.studio.shelves.complete(user)
        for kind in ("text", "picture"):
            self._put(profile.id, kind, [k for k in kept if k[0].kind == kind])
        return {**self.studio.profile(user, profile.id), "adapters": len(kept), "left_out": left}

    def _put(self, profile: int, kind: Any, kept: list[tuple[Any, Any]]) -> None:
        """Each with its name, and the one chosen that was; the newest is chosen by itself."""
        keeping, work = self.studio.keeping, self.studio.store.work
        chosen = None
        for row, made in kept:
            number = keeping.put(profile, None, made, row.name)
            chosen = number if row.chosen else chosen
        if kept:
            work.choose_adapter(profile, kind, chosen)
