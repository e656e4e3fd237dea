"""Studies that are running: who may enter by which code, and what a participant sees and does.

A code is the credential of one sitting and of nothing else. What a participant answers is stored as
any answer is; no belief is asked, and none is fitted here.
"""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import study_file, study_things
from app.shelves import SPACE
from app.study_file import CODE, BadStudy, Design
from app.study_passes import MOST, Passes
from app.study_plan import plan
from app.study_things import Looked, Thing
from app.wire import Bad, Missing
from profiles.errors import Conflict
from profiles.records import NewItem
from profiles.studies import Studies as Rows
from profiles.study_rows import LETTERS, Agreed, Entry, Place, Session, code_hash

if TYPE_CHECKING:
    from app.studio import Studio

LENGTH, LASTS = 10, 12 * 3600
# A classroom behind one router is one address: thirty people may mistype once or twice.
WRONG, PAUSE = 50, 300.0
WORDS = {"both_good": "tie", "both_bad": "both bad", "skip": "skip"}


class NotIn(LookupError):
    """The code is not known, or the pass has run out; the message says what to do."""


class TooMany(RuntimeError):
    """Too many wrong codes from one address."""


@dataclass
class Running:
    """A study that participants can enter. study and salt are the store's, which knows it from the
    first participant on; 0 until then.
    """

    design: Design
    looked: list[Looked]
    codes_file: Path
    study: int = 0
    salt: bytes = b""

    def codes(self) -> frozenset[str]:
        """Read again when the file has changed, so that codes can be added while it runs."""
        try:
            return _codes(self.codes_file, self.codes_file.stat().st_mtime_ns)
        except FileNotFoundError:
            return frozenset()


@dataclass(frozen=True)
class Pass:
    """Who a browser is: one code in one study, until it runs out."""

    running: Running
    code: str
    until: float

    @property
    def hash(self) -> bytes:
        return code_hash(self.running.salt, self.code)


class Study:
    """All running studies of one Studio; they belong to the user `owner`."""

    def __init__(self, studio: "Studio", owner: int, files: Sequence[Path]) -> None:
        self.studio, self.owner = studio, owner
        self.rows = Rows(studio.store)
        self._passes: Passes[Pass] = Passes()
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()
        self.running: dict[str, Running] = {}
        for path in files:
            made = load(path)
            if made.design.name in self.running:
                raise BadStudy(f"two studies are called {made.design.name}; rename one file")
            self.running[made.design.name] = made
            self.find(made)
            self._stock(made.design.medium)

    def _stock(self, kind: Any) -> None:
        """The rows of the pool are there before the first plan names them."""

        def work() -> None:
            self.studio.shelves.starter(kind)

        self.studio.ahead.do(("study", kind), work)

    def find(self, one: Running) -> None:
        """What the store knows of it: nothing before the first participant, or once deleted."""
        one.study, one.salt = self.rows.find(self.owner, one.design.name) or (0, b"")

    # the door

    def enter(self, code: str, study: str, address: str) -> tuple[str, dict[str, Any]]:
        """(a new pass, what its holder sees). NotIn for a wrong code, TooMany after WRONG."""
        self._check_rate(address)
        known = [r for n, r in self.running.items() if study in ("", n)]
        if not known:
            raise NotIn(f"no study {study!r} is running here; check the link you were sent")
        if not code:
            one, code = self._open_one(known), draw()
        else:
            one = self._of_code(known, code.strip(), address)
            code = code.strip()
        token = secrets.token_urlsafe(32)
        made = Pass(one, code, time.monotonic() + LASTS)
        told = self.state(made)
        with self._lock:
            self._passes.add(_hashed(token), made, address)
        return token, {**told, "code": code}

    def _open_one(self, known: Sequence[Running]) -> Running:
        able = [r for r in known if r.design.open]
        if len(able) == 1:
            return able[0]
        raise NotIn("type the code that you were sent")

    def _of_code(self, known: Sequence[Running], code: str, address: str) -> Running:
        if CODE.fullmatch(code):
            for one in known:
                here = self.rows.session(one.study, code_hash(one.salt, code))
                if here is not None or code in one.codes():
                    return one
            able = [r for r in known if r.design.open]
            if len(able) == 1:
                return able[0]
        with self._lock:
            self._wrong.setdefault(address, []).append(time.monotonic())
            while len(self._wrong) > MOST:
                self._wrong.popitem(last=False)
        raise NotIn("this code is not known here; check it letter by letter")

    def _check_rate(self, address: str) -> None:
        with self._lock:
            now = time.monotonic()
            recent = [t for t in self._wrong.get(address, ()) if now - t < PAUSE]
            if address in self._wrong:
                self._wrong[address] = recent
        if len(recent) >= WRONG:
            raise TooMany("too many wrong codes from here; wait five minutes and try again")

    def holder(self, token: str | None) -> Pass:
        """Whose pass it is. NotIn when there is none, or it has run out."""
        with self._lock:
            found = self._passes.get(_hashed(token or ""))
        if found is None or found.until < time.monotonic():
            raise NotIn("open the link of your invitation again")
        return found

    def leave(self, token: str | None) -> None:
        """Forget the pass. Who did not agree has left nothing."""
        with self._lock:
            self._passes.drop(_hashed(token or ""))

    # what a participant sees and does

    def state(self, holder: Pass) -> dict[str, Any]:
        """The page that is due: consent, instructions, question or done."""
        session = self._session(holder)
        if session is None:
            design = holder.running.design
            self._room(holder.running)
            return {"stage": "consent", "title": design.title, "language": design.language,
                    "paragraphs": design.paragraphs, "consent": design.consent_digest,
                    }  # fmt: skip
        return self._told(session, self.rows.place(session.profile))

    def agree(self, holder: Pass, given: Mapping[str, str]) -> dict[str, Any]:
        """Consent: from here on something is stored. `given`: code, consent (sha256), language."""
        one = holder.running
        if given["code"] != holder.code:
            raise Bad("this page belongs to another participant; load it again")
        session = self._session(holder)
        if session is None:
            self._room(one)
            if given["consent"] != one.design.consent_digest:
                raise Bad("the text has changed meanwhile; load the page and read it again")
            told = self.rows.register(self.owner, one.design.name, one.design.source)
            one.study, edition, one.salt = told
            session = self.rows.begin(self._agreed(holder, edition, given["language"]))
        return self._told(session, self.rows.place(session.profile))

    def begin(self, holder: Pass) -> dict[str, Any]:
        """The instructions were read: the question is shown."""
        session = self._must(holder)
        return self._told(session, self.rows.show(session.profile))

    def answer(self, holder: Pass, given: Mapping[str, Any]) -> dict[str, Any]:
        """Durable before it returns what comes next."""
        session = self._must(holder)
        design = self._design(session)
        extra = _extra(design, given)
        outcome, strength = given["outcome"], given["strength"]
        if isinstance(outcome, str) and WORDS.get(outcome) not in design.answers:
            raise Bad(f"{outcome!r} is not among the answers of this study")
        if strength != 1 and "much better" not in design.answers:
            raise Bad("strength must be 1 in this study")
        row = {"question_id": given["question_id"], "outcome": outcome, "strength": strength,
               "ms": given["ms"], "key": given["idempotency_key"], "extra": extra}  # fmt: skip
        try:
            after = self.rows.answer(session.profile, row)
        except KeyError as wrong:
            raise Missing(str(wrong.args[0])) from None
        except Conflict:
            raise
        except ValueError as wrong:
            raise Bad(str(wrong)) from None
        return self._told(session, after)

    def media(self, holder: Pass, item: int) -> tuple[bytes, str]:
        """Bytes and type of a picture, if it stands in this participant's plan."""
        session = self._must(holder)
        if not self.rows.shows(session.profile, item):
            raise Missing(f"there is no item {item} in this study")
        body, _ = self.studio.shelves.media(self.studio.store.item(item))
        return body, kind_of(body)

    def _session(self, holder: Pass) -> Session | None:
        return self.rows.session(holder.running.study, holder.hash)

    def _must(self, holder: Pass) -> Session:
        session = self._session(holder)
        if session is None:
            raise Bad("agree to take part first")
        return session

    def _room(self, one: Running) -> None:
        if one.design.open and self.rows.many(one.study) >= one.design.most:
            raise NotIn("this study has all the participants it needs; thank you for coming")

    def _agreed(self, holder: Pass, edition: int, language: str) -> Agreed:
        one, kind = holder.running, holder.running.design.medium
        self.studio.shelves.starter(kind)  # type: ignore[arg-type]
        about = {"language": language, "penchant": self.studio.version, "model": "none",
                 "encoder": SPACE[kind], "pool": _pool(kind)}  # type: ignore[index]  # fmt: skip
        entries = tuple(
            Entry(tuple(t.hash for t in p.things), tuple(t.name for t in p.things), p.block,
                  p.role, p.source, p.of, p.expected, p.ask)
            for p in plan(one.design, one.looked, holder.code)
        )  # fmt: skip
        own = {
            t.hash: _item(t) for looked in one.looked for t in looked.all() if t.source != "pool"
        }
        return Agreed(self.owner, one.study, edition, holder.hash, one.design.consent_digest,
                      kind, about, entries, own)  # type: ignore[arg-type]  # fmt: skip

    def _design(self, session: Session) -> Design:
        """The file as it was when this participant agreed."""
        return _parsed(self.rows.source(session.edition))

    def _told(self, session: Session, at: Place | None) -> dict[str, Any]:
        design = self._design(session)
        told: dict[str, Any] = {"title": design.title, "language": design.language}
        if at is None:
            return {**told, "stage": "done", "completion_code": design.completion}
        block = design.blocks[at.block]
        told["block"] = {"number": at.block + 1, "of": len(design.blocks),
                         "instructions": study_file.paragraphs(block.instructions),
                         "done": at.in_block[0], "questions": at.in_block[1]}  # fmt: skip
        told["medium"], told["form"] = design.medium, block.form
        told["answers"] = list(design.answers)
        first = not at.viewed and at.in_block[0] == 0
        if first and (block.instructions or len(design.blocks) > 1):
            return {**told, "stage": "instructions"}
        if not at.noted:
            self.rows.show(session.profile)
        pool = self.studio.shelves.candidate
        shown = [_shown(pool(i)) for i in at.question.items]
        asked = {"id": at.question.id, "medium": at.question.kind, "kind": at.question.form,
                 "ask": at.ask or block.ask, "items": shown}  # fmt: skip
        ahead = [_address(i) for i in at.ahead] if design.medium == "picture" else []
        return {**told, "stage": "question", "confidence": design.confidence, "question": asked,
                "place": at.place, "of": at.of, "ahead": ahead}  # fmt: skip


def load(path: Path) -> Running:
    """A study file with everything it shows. BadStudy lists what is wrong."""
    design = study_file.read(path)
    looked = study_things.look(design, path.parent, study_things.shared(design.medium))
    return Running(design, looked, codes_path(path))


def codes_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.codes.txt")


def draw() -> str:
    """A code of 49 bits, without letters that are read as one another."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def kind_of(body: bytes) -> str:
    if body.startswith(b"\x89PNG"):
        return "image/png"
    return "image/jpeg" if body.startswith(b"\xff\xd8") else "image/webp"


def _extra(design: Design, given: Mapping[str, Any]) -> dict[str, Any]:
    """How sure somebody was; Bad where the study does not ask it, or asks and gets none."""
    sure = given.get("confidence")
    if not design.confidence or given["outcome"] == "skip":
        if sure is not None:
            raise Bad("confidence is not asked here; leave it out")
        return {}
    if sure is None:
        raise Bad("confidence is missing; it must be a whole number from 1 to 100")
    return {"confidence": sure, "confidence_ms": given.get("confidence_ms")}


@lru_cache(maxsize=64)
def _codes(path: Path, _changed: int) -> frozenset[str]:
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return frozenset(line for line in lines if line)


@lru_cache(maxsize=64)
def _parsed(source: str) -> Design:
    return study_file.parse(source, "study")


@lru_cache(maxsize=4)
def _pool(medium: str) -> str:
    hashes = "".join(str(r["hash"]) for r in study_things.shared(medium))
    return hashlib.sha256(hashes.encode()).hexdigest()[:16]


def _item(thing: Thing) -> NewItem:
    return NewItem(thing.hash, "", thing.text, "study", {}, thing.body)


def _address(item: int) -> str:
    return f"/api/v1/study/media/{item}"


def _shown(candidate: Any) -> dict[str, Any]:
    """As a participant sees it: no name, no style, no source."""
    own = candidate.attributes.get("made") == "study"
    if candidate.kind == "text":
        return {"id": candidate.id, "text": candidate.text, "prompt": candidate.prompt, "own": own}
    return {"id": candidate.id, "media": _address(candidate.id), "alt": candidate.prompt,
            "prompt": candidate.prompt, "own": own}  # fmt: skip


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
