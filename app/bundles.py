"""A taste as one file, out and in; with what was tuned, when that is asked for.

An adapter in the file is read as one from anywhere: every check, before anything is written. One
that is sound and made for another model than the one here is left out, and said.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from app.wire import Bad

if TYPE_CHECKING:
    from app.studio import Studio


STEM = "penchant-profile"


class Bundles:
    """One per Studio."""

    def __init__(self, studio: "Studio") -> None:
        self.studio = studio

    def out(self, user: int, profile: int, adapters: bool) -> tuple[bytes, str, str]:
        """(bytes, file name, media type)."""
        from profiles.bundle import BadBundle, Carried, write_bundle

        carried = []
        rows = self.studio.store.work.adapters(profile) if adapters else []
        for row in reversed(rows):
            body = self.studio.keeping.carrying.packed(row["id"])
            carried.append(Carried(row["name"], row["kind"], row["base"], row["chosen"], body))
        try:
            body = write_bundle(self.studio.store, profile, carried)
        except BadBundle as wrong:
            raise Bad(str(wrong)) from None
        return body, f"{self._stem(profile)}.penchant", "application/octet-stream"

    def answers(self, profile: int, form: str) -> tuple[bytes, str, str]:
        """The same of the answers alone, as CSV or JSONL."""
        from profiles.bundle import answers_csv, answers_jsonl

        if form == "csv":
            rows = "".join(answers_csv(self.studio.store, profile))
            return rows.encode(), f"{self._stem(profile)}-answers.csv", "text/csv"
        rows = "".join(answers_jsonl(self.studio.store, profile))
        return rows.encode(), f"{self._stem(profile)}-answers.jsonl", "application/x-ndjson"

    def _stem(self, profile: int) -> str:
        mark = "-simulated" if self.studio.store.profile(profile).simulated else ""
        return f"{STEM}{mark}-{profile}"

    def told(self, profile: int) -> list[dict[str, Any]]:
        """The answers that count, with all that was shown: what data sets are made of."""
        from profiles.exports import told

        return told(self.studio.store, profile)

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
            profile = read_bundle(
                self.studio.store, user, data, admit, self._look, partial(self._weigh, user)
            )
        except Bad as wrong:
            raise Bad(f"an adapter in the file is not sound: {wrong}") from None
        except BadBundle as wrong:
            raise Bad(_mendable(str(wrong))) from None
        self.studio.shelves.complete(user)
        for kind in ("text", "picture"):
            self._put(profile.id, kind, [k for k in kept if k[0].kind == kind])
        return {**self.studio.profile(user, profile.id), "adapters": len(kept), "left_out": left}

    def _look(self, name: str, picture: bytes) -> None:
        from profiles.bundle import BadBundle

        try:
            self.studio.shelves.check(name, picture)
        except Bad as wrong:
            raise BadBundle(f"a picture in the file is not sound: {wrong}") from None

    def _weigh(self, user: int, version: Any, state: bytes) -> None:
        from safetensors.numpy import load

        from app.weighing import wrong_with
        from profiles.bundle import BadBundle

        shelf = self.studio.shelves.of_user(user, version.kind)
        if wrong := wrong_with(version, load(state), shelf):
            raise BadBundle(f"a learned state in the file is not sound: {wrong}")

    def _put(self, profile: int, kind: Any, kept: list[tuple[Any, Any]]) -> None:
        """Each with its name, and the one chosen that was; the newest is chosen by itself."""
        keeping, work = self.studio.keeping, self.studio.store.work
        chosen = None
        for row, made in kept:
            number = keeping.put(profile, None, made, row.name)
            chosen = number if row.chosen else chosen
        if kept:
            work.choose_adapter(profile, kind, chosen)


def _mendable(wrong: str) -> str:
    """The inside of a file is for its maker; whoever brings it in needs to know what to do."""
    if ";" in wrong:
        return wrong
    return f"this taste file cannot be used: {wrong}; export it again where it comes from"
