"""Studio: the verbs of a person. The one file that knows both the engine and the memory.

No gradio, no HTTP. Every verb takes the id of the user who asks and checks that what it touches
is that user's; what is not there and what belongs to someone else look the same (Missing).
Verbs return plain dicts, ready for JSON, for the page and the command line alike.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app import report, wire
from app.ahead import Ahead
from app.bundles import Bundles
from app.captions import Captions
from app.fresh import Fresh
from app.jobs import Jobs, Processes, Runner
from app.keeping import Keeping
from app.limits import Rules
from app.made import Made
from app.making import Maker
from app.mind import Plan
from app.minds import Minds, Vote
from app.reasons import CHIPS, Reasons
from app.shelves import Shelves
from app.starting import Starting
from app.wire import Bad, Missing
from engine.data import Kind, Outcome, Question
from profiles.notes import Notes
from profiles.records import NewQuestion
from profiles.store import NewAnswer, NewItem, Store

VERSION = "0.1.0"
COLOURS = ("#2f6fed", "#c2410c", "#0f766e", "#9333ea", "#b91c5c", "#4d7c0f", "#0e7490", "#a16207")
NOUN = {"picture": "pictures", "text": "passages"}


class Studio:
    """Open one per data folder with `Studio.open`; close it, or use it in a `with` block."""

    version = VERSION
    # Whether a drawn picture carries the settings it was made with.
    metadata = True

    def __init__(self, store: Store, maker: Maker, runner: Runner | None = None) -> None:
        self.store, self.maker = store, maker
        maker.lock_file = store.folder / "generating.lock"
        self.ahead = Ahead()
        self.shelves = Shelves(store, maker, NewItem)
        self.minds = Minds(store, self.shelves.of_profile, self._write, self.ahead)
        self._changed: dict[int, int] = {}
        self.rules = Rules()
        self._ready = True
        self.reasons, self.bundles = Reasons(self), Bundles(self)
        self.notes = Notes(store.read, store.write)
        self.captions = Captions(self)
        self.fresh, self.starting = Fresh(self), Starting(self)
        self.keeping = Keeping(self)
        self.made = Made(self)
        self.jobs = Jobs(store.work, store.folder / "jobs", self.keeping.commit,
                         runner or Processes(), self._tell)  # fmt: skip

    @classmethod
    def open(
        cls, folder: Path, models: Path | None = None, lm: str | None = None, cpu: bool = False
    ) -> "Studio":
        """Open the data folder (made when missing) and put the starter pools in place."""
        return cls(Store.open(folder), Maker(models or Path(".models"), lm, cpu))

    def __enter__(self) -> "Studio":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._ready = False
        self.jobs.close()
        self.fresh.close()
        self.minds.fitter.close()
        self.ahead.close()
        self.maker.close()
        self.store.close()

    # about

    def health(self) -> dict[str, Any]:
        return {"ready": self._ready, "version": VERSION}

    def system(self) -> dict[str, Any]:
        ahead = {"votes": self.minds.votes, "prepared": self.minds.prepared}
        told = {"version": VERSION, "data_folder": str(self.store.folder), "ahead": ahead}
        return {**told, **self.maker.about()}

    # profiles

    def profiles(self, user: int) -> list[dict[str, Any]]:
        return [self._profile_json(p) for p in self.store.profiles(user)]

    def new_profile(self, user: int, name: str = "", purpose: str = "") -> dict[str, Any]:
        mine = self.store.profiles(user)
        self.rules.room(user, "profiles", len(mine), "profiles")
        colour = COLOURS[len(mine) % len(COLOURS)]
        return self._profile_json(self.store.add_profile(user, name, purpose, colour))

    def profile(self, user: int, profile: int) -> dict[str, Any]:
        return self._profile_json(self._own(user, profile))

    def change_profile(self, user: int, profile: int, fields: dict[str, Any]) -> dict[str, Any]:
        """Rename, recolour or describe. Naming it is what keeps it."""
        self._own(user, profile)
        if "name" in fields:
            fields = {**fields, "name": fields["name"].strip(), "named": True}
            if not fields["name"]:
                raise Bad("the name is empty; give the profile a name")
        return self._profile_json(self.store.change_profile(profile, **fields))

    def delete_profile(self, user: int, profile: int) -> dict[str, Any]:
        """Delete everything of a profile, and say what is gone and what is left (nothing)."""
        self._own(user, profile)
        self.audited(user, "delete", profile=profile)
        self.minds.forget(profile)
        self.jobs.forget(profile)
        self.keeping.forget(profile)
        with self.fresh.without(profile), self.starting.without(user, profile):
            gone = self.store.delete_profile(profile)
        self.shelves.forget(user)
        return dict(gone)

    # the loop

    def question(
        self, user: int, profile: int, kind: Kind, form: str | None = None
    ) -> dict[str, Any]:
        """The question in front of the person; the same one again after a reload."""
        self._own(user, profile)
        asked = self.minds.question(profile, kind, form)
        return self._question_json(asked)

    def answer(  # noqa: PLR0913 - an answer is made of these
        self,
        user: int,
        question: int,
        outcome: Any,
        *,
        key: str,
        strength: float = 1.0,
        ms: int | None = None,
        source: str = "choose",
    ) -> dict[str, Any]:
        """Store an answer durably, learn from it, and hand over the next question."""
        asked = self._own_question(user, question)
        try:
            read = Outcome.parse(outcome, asked.items)
        except ValueError as wrong:
            raise Bad(str(wrong)) from None
        stored, following = self.minds.answer(Vote(asked, read, strength, ms, source, key))
        if source != "simulated":  # of an example nothing is made before somebody looks
            self.maker.warm(asked.kind)
            if asked.kind == "picture":
                self.fresh.after(user, asked.profile)
        self._tell(asked.profile)
        return {
            "seq": stored.seq,
            "duplicate": stored.duplicate,  # after a new one nothing can be redone
            "next": self._question_json(following, None if stored.duplicate else False),
        }

    def undo(self, user: int, profile: int, kind: Kind, key: str) -> dict[str, Any]:
        self._own(user, profile)
        seq, following = self.minds.undo(profile, kind, key)
        self._tell(profile)
        return {"undone": seq, "next": self._question_json(following)}

    def redo(self, user: int, profile: int, kind: Kind, key: str) -> dict[str, Any]:
        self._own(user, profile)
        seq, following = self.minds.redo(profile, kind, key)
        self._tell(profile)
        return {"redone": seq, "next": self._question_json(following)}

    def _write(self, vote: Vote, predicted: float | None, plan: Plan | None) -> Any:
        asked, then = vote.question, None
        if plan is not None:
            then = NewQuestion(asked.profile, asked.kind, plan.items, plan.rule, plan.repeat_of)
        new = NewAnswer(asked.id, vote.outcome, vote.strength, vote.ms, vote.source, vote.key,
                        predicted)  # fmt: skip
        return self.store.add_answer(new, then)

    # what was learned

    def belief(self, user: int, profile: int, kind: Kind) -> dict[str, Any]:
        """All of My taste for one medium."""
        self._own(user, profile)
        seat = self.minds.seat(profile, kind)
        with seat.mind.lock:
            mind = seat.mind.still()
        return self._belief(mind, user, kind)

    def _belief(self, mind: Any, user: int, kind: Kind) -> dict[str, Any]:
        rows = report.axis_rows(mind, self.shelves.axes(kind), self.item_json)
        every = report.extremes(mind)
        return {
            "medium": kind,
            "answers": mind.answers,
            "level": report.progress(mind)["level"],
            "accuracy": report.accuracy(mind),
            "sentence": report.sentence(rows, NOUN[kind]),
            "axes": rows[: report.TOLD],
            "self_agreement": {"agreed": mind.agreed, "of": mind.repeats},
            "side_bias": report.side(mind),
            "methods": report.methods(mind),
            "kinds": report.kinds(mind, self.shelves.kinds(kind), self.item_json),
            "map": report.points(mind, self.shelves.plane(user, kind)),
            **{k: [self.item_json(*row, told=True) for row in v] for k, v in every.items()},
            "history": report.history(mind),
            "reasons": self.reasons.told(mind.profile) if kind == "text" else None,
            "versions": [wire.version(v) for v in self.store.versions(mind.profile, kind)][:50],
        }

    def restore(self, user: int, profile: int, version: int) -> dict[str, Any]:
        """Go back to an earlier version: answers after it are taken back, one row each."""
        self._own(user, profile)
        for kind in ("picture", "text"):
            found = [v for v in self.store.versions(profile, kind) if v.id == version]
            if found:
                taken = self.minds.back_to(profile, kind, found[0].seq, f"restore-{version}")
                self._tell(profile)
                return {"restored": version, "medium": kind, "taken_back": taken}
        raise Missing(f"profile {profile} has no version {version}; see its list on Keep")

    # live state for the header

    def pulse(self, user: int, profile: int) -> dict[str, Any]:
        """The meter: a few numbers per medium, read from memory."""
        return {
            kind: report.progress(self.minds.seat(profile, kind).mind)
            for kind in self.minds.loaded(profile)
        } | {"making": self.maker.turns.busy(user), "job": self.jobs.running(profile)}

    def changes(self, user: int, profile: int) -> tuple[int, bool]:
        """Grows with every change the header of this profile shows, and with nobody else's."""
        return self._changed.get(profile, 0), self.maker.turns.busy(user)

    def _tell(self, profile: int) -> None:
        self._changed[profile] = self._changed.get(profile, 0) + 1

    # making

    def generate(
        self, user: int, profile: int, wanted: dict[str, Any], cancelled: Callable[[], bool]
    ) -> Iterator[dict[str, Any]]:
        """Personal results beside plain ones on the same seed, as they come."""
        from app.create import create

        self._own(user, profile)
        yield from create(self, user, profile, wanted, cancelled)

    def like(
        self, user: int, profile: int, which: tuple[int, str, int], liked: bool, key: str
    ) -> dict[str, Any]:
        """A like is an answer: it beats the others shown. A dislike loses to its twin."""
        from app.create import as_question

        self._own(user, profile)
        before = self.store.receipt(profile, key)
        if before is not None:
            return {"seq": before.seq, "duplicate": True}
        asked, outcome = as_question(self, user, profile, which, liked)
        stored, _ = self.minds.answer(Vote(asked, outcome, 1.0, None, "create", key))
        self._tell(profile)
        return {"seq": stored.seq, "duplicate": stored.duplicate}

    def generation(self, profile: int, number: int) -> dict[str, Any]:
        try:
            return self.store.generation(profile, number)
        except KeyError:
            raise Missing(f"there is no generation {number}; make something first") from None

    # own things

    def add_texts(
        self, user: int, profile: int, texts: list[str], prompt: str = ""
    ) -> dict[str, Any]:
        self._own(user, profile)
        ids = self.shelves.add_texts((user, profile), texts, prompt)
        self.reshelve(user, "text")
        return {"items": [self.item_json(i) for i in ids]}

    def add_pictures(
        self, user: int, profile: int, blobs: list[tuple[str, bytes]]
    ) -> dict[str, Any]:
        self._own(user, profile)
        ids = self.shelves.add_pictures((user, profile), blobs)
        self.reshelve(user, "picture")
        return {"items": [self.item_json(i) for i in ids]}

    def reshelve(self, user: int, kind: Kind) -> None:
        """Own things came or went: every taste of this user reads its shelf again."""
        for each in self.store.profiles(user):
            self.minds.forget(each.id, kind)

    def add_results(self, user: int, profile: int, texts: list[str], prompt: str) -> list[int]:
        """Generated passages become items when they are first judged; never asked about."""
        ids = self.shelves.add_texts((user, profile), texts, prompt, "generated")
        self.reshelve(user, "text")
        return ids

    def media(self, user: int, item: int) -> tuple[bytes, str]:
        """Bytes and type of a picture or passage this user may see."""
        return self.body(self.item(user, item))

    def body(self, found: Any) -> tuple[bytes, str]:
        if found.kind == "text":
            return (found.text or "").encode(), "text/plain; charset=utf-8"
        return self.shelves.media(found)

    # carrying

    def export(
        self,
        user: int,
        profile: int,
        what: str = "bundle",
        form: str = "jsonl",
        tuned: bool = False,
    ) -> tuple[bytes, str, str]:
        """(bytes, file name, media type) of a bundle (`tuned`: with adapters) or the answers."""
        self._own(user, profile)
        self.audited(user, "export", profile=profile, kind=what)
        if what == "bundle":
            return self.bundles.out(user, profile, tuned)
        return self.bundles.answers(profile, form)

    def audited(self, user: int, what: str, **about: int | str) -> None:
        """Count an act that leaves or removes something, and note it before it happens."""
        self.rules.spend(user, "acts")
        self.store.audit.note(user, what, **about)

    def import_bundle(self, user: int, data: bytes) -> dict[str, Any]:
        """A bundle becomes a new profile of this user; nothing is written unless all of it is."""
        self.rules.room(user, "profiles", len(self.store.profiles(user)), "profiles")
        self.audited(user, "import", bytes=len(data))
        return self.bundles.bring(user, data)

    def backup(self) -> str:
        return str(self.store.backup())

    # who owns what

    def _own(self, user: int, profile: int) -> Any:
        try:
            found = self.store.profile(profile)
        except KeyError:
            found = None
        if found is None or found.user_id != user:
            raise Missing(f"there is no profile {profile} here; GET /api/v1/profiles lists yours")
        return found

    def _own_question(self, user: int, question: int) -> Question:
        try:
            asked = self.minds.asked(question)
            self._own(user, asked.profile)
        except (KeyError, Missing):
            raise Missing(f"there is no question {question}; ask for one first") from None
        return asked

    def item(self, user: int, item: int) -> Any:
        """The Candidate, if this user may see it."""
        try:
            found, owner = self.store.item(item), self.store.item_owner(item)
        except KeyError:
            found, owner = None, None
        if found is None or owner not in (None, user):
            raise Missing(f"there is no item {item} here; load the page again")
        return found

    # shapes

    def item_json(
        self, item: int, score: float | None = None, std: float | None = None, told: bool = False
    ) -> dict[str, Any]:
        return wire.item(self.shelves.candidate(item), score, std, told)

    def _question_json(self, asked: Question, redo: bool | None = None) -> dict[str, Any]:
        seat = self.minds.seat(asked.profile, asked.kind)
        mind = seat.mind
        state = {
            "progress": report.progress(mind),
            "next_kind": mind.form(),
            # The page loads these while the person looks at this question.
            "ahead": wire.ahead(asked.kind, seat.ready.items if seat.ready else ()),
            "reasons": list(CHIPS) if asked.kind == "text" else [],
            "can_undo": mind.seq > 0,
            "can_redo": self.store.can_redo(asked.profile, asked.kind) if redo is None else redo,
        }
        shown = [self.shelves.candidate(i) for i in asked.items]
        return wire.question(asked, shown, state, self.captions.of(asked.profile))

    def _profile_json(self, row: Any) -> dict[str, Any]:
        return wire.profile(row, self.store.counts(row.id))
