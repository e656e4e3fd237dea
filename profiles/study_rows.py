"""Rows of studies: editions of files, participants by the hash of a code, plans, what was shown.

A participant is a profile of the researcher with a session row; its questions are all stored when
consent is given, in the order of the plan, and its answers are rows of the ordinary log. A session
and a plan are never changed. When an answer is due it is due to one question only: the first of the
plan that is open.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from engine.data import Kind, Outcome, Question
from profiles import answers, counting, deletion, items, people, questions, rowsums
from profiles.errors import Conflict, Damaged
from profiles.profile import Profile
from profiles.records import Answer, NewAnswer, NewItem, NewQuestion

LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
SESSION = "profile_id, study_id, edition_id, participant, code_hash, consent, consented, about"
PLAN = "profile_id, place, question_id, block, role, expected, ask, source, names"


@dataclass(frozen=True)
class Session:
    """A participant. `consent` is the sha256 of the text that was agreed to, `about` what was noted
    then: language, versions.
    """

    profile: int
    study: int
    edition: int
    participant: str
    code_hash: bytes
    consent: str
    consented: float
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """A question to be planned: things by content hash in display order, `of` a place before it."""

    hashes: tuple[str, ...]
    names: tuple[str, ...]
    block: int
    role: str
    source: str
    of: int | None = None
    expected: str | None = None
    ask: str = ""


@dataclass(frozen=True)
class Agreed:
    """What is known when somebody agrees. `own`: things beside the shared pool, by hash."""

    user: int
    study: int
    edition: int
    code_hash: bytes
    consent: str
    kind: Kind
    about: Mapping[str, Any]
    plan: tuple[Entry, ...]
    own: Mapping[str, NewItem]


@dataclass(frozen=True)
class Place:
    """Where in the plan somebody is. `viewed`: it was on the screen before; `noted`: that it is
    handed out now is written down already; `ahead`: what the question after it shows.
    """

    place: int
    of: int
    block: int
    in_block: tuple[int, int]
    ask: str
    question: Question
    viewed: bool
    ahead: tuple[int, ...] = ()
    noted: bool = False


def code_hash(salt: bytes, code: str) -> bytes:
    """What is kept of a code: the salt of the study keeps two studies' rows from being joined."""
    return hashlib.sha256(salt + code.encode()).digest()


def register(db: Database, user: int, name: str, source: str, now: float) -> tuple[int, int, bytes]:
    if find(db, user, name) is None:
        new = {"user_id": user, "name": name, "salt": secrets.token_bytes(16), "created": now}
        rowsums.insert(db, "studies", new)
    row = find(db, user, name)
    assert row is not None
    digest = hashlib.sha256(source.encode()).hexdigest()
    known = rowsums.select(db, "study_editions", "WHERE study_id = ?", [row["id"]])
    rowsums.whole(db, "editions", row["id"], "", (e["id"] for e in known))
    same = [e["id"] for e in known if e["digest"] == digest]
    told = {"study_id": row["id"], "digest": digest, "source": source, "created": now}
    edition = same[0] if same else rowsums.insert(db, "study_editions", told)
    return int(row["id"]), int(edition), bytes(row["salt"])


def find(db: Database, user: int, name: str) -> dict[str, Any] | None:
    """The study a user calls so."""
    mine = rowsums.select(db, "studies", "WHERE user_id = ?", [user])
    rowsums.whole(db, "studies", user, "", (row["id"] for row in mine))
    return next((row for row in mine if row["name"] == name), None)


def of_user(db: Database, user: int) -> list[dict[str, Any]]:
    mine = rowsums.select(db, "studies", "WHERE user_id = ? ORDER BY id", [user])
    rowsums.whole(db, "studies", user, "", (row["id"] for row in mine))
    made = []
    for row in mine:
        if taking := sessions(db, row["id"]):
            newest = max(one.edition for one in taking)
            told = {"edition": newest, "started": len(taking)}
            made.append({"id": row["id"], "name": row["name"], **told})
    return made


def sessions(db: Database, study: int) -> list[Session]:
    """Everybody who agreed, in that order."""
    rows = db.execute(
        f"SELECT {SESSION}, digest FROM study_sessions WHERE study_id = ? ORDER BY consented",
        [study],
    ).fetchall()
    rowsums.whole(db, "participants", study, "", (row[0] for row in rows))
    return [read(row) for row in rows]


def session(db: Database, study: int, hashed: bytes) -> Session | None:
    row = db.execute(
        f"SELECT {SESSION}, digest FROM study_sessions WHERE study_id = ? AND code_hash = ?",
        [study, hashed],
    ).fetchone()
    if row is None and any(one.code_hash == hashed for one in sessions(db, study)):
        raise rowsums.lost("study_sessions")
    found = read(row) if row else None
    if found is not None and (found.study, found.code_hash) != (study, hashed):
        raise rowsums.lost("study_sessions")
    return found


def read(row: Sequence[Any]) -> Session:
    """A row of SESSION and its digest; Damaged when a byte of it changed on the disk."""
    if _digest(row[:-1]) != row[-1]:
        raise Damaged(
            f"participant {row[3]} of a study is damaged in the database file; go back to the "
            "newest backup in the folder backups/"
        )
    profile, study, edition, name, hashed, consent, consented, about, _ = row
    return Session(profile, study, edition, name, hashed, consent, consented, json.loads(about))


def begin(db: Database, agreed: Agreed, now: float) -> Session:
    found = session(db, agreed.study, agreed.code_hash)
    if found is not None:
        return found
    name = _pseudonym(db, agreed.study)
    new = Profile(0, agreed.user, f"Participant {name}", "study", "", now, True)
    profile = people.add_profile(db, new).id
    about = json.dumps(dict(agreed.about), sort_keys=True)
    row = (
        profile,
        agreed.study,
        agreed.edition,
        name,
        agreed.code_hash,
        agreed.consent,
        now,
        about,
    )
    db.execute(
        f"INSERT INTO study_sessions({SESSION}, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*row, _digest(row)],
    )
    ids = {digest: _item(db, agreed, digest, now) for e in agreed.plan for digest in e.hashes}
    asked: list[int] = []
    for number, entry in enumerate(agreed.plan):
        asked.append(_plan(db, (profile, agreed.kind, number), entry, ids, asked))
    return Session(*row[:-1], dict(agreed.about))


def _pseudonym(db: Database, study: int) -> str:
    """Drawn, so that it says nothing about the code or the order of coming."""
    while True:
        name = "P-" + "".join(secrets.choice(LETTERS) for _ in range(6))
        taken = "SELECT 1 FROM study_sessions WHERE study_id = ? AND participant = ?"
        if db.execute(taken, [study, name]).fetchone() is None:
            return name


def _item(db: Database, agreed: Agreed, digest: str, now: float) -> int:
    """The item with this content: of the shared pool, or the study's own, which no shelf shows."""
    own = agreed.own.get(digest)
    owner = agreed.user if own else 0
    row = db.execute(
        "SELECT id FROM items WHERE kind = ? AND hash = ? AND coalesce(owner, 0) = ?",
        [agreed.kind, digest, owner],
    ).fetchone()
    if row is None and own is None:
        raise KeyError(f"there is no pool item {digest[:12]}; start the studio anew")
    if row is None and own is not None:
        made = items.add(db, agreed.kind, [own], (agreed.user, None), now)[0]
        items.retire(db, made)
        return made
    return int(row[0])


def _plan(
    db: Database, at: tuple[int, Kind, int], entry: Entry, ids: Mapping[str, int],
    asked: Sequence[int],
) -> int:  # fmt: skip
    """Store a question and its place in the plan; the id of the question."""
    profile, kind, number = at
    shown = tuple(ids[digest] for digest in entry.hashes)
    of = None if entry.of is None else asked[entry.of]
    made = questions.add(db, NewQuestion(profile, kind, shown, "study", of), time.time())
    expected = None if entry.expected is None else ids[entry.expected]
    row = (profile, number, made.id, entry.block, entry.role, expected, entry.ask, entry.source,
           json.dumps(entry.names))  # fmt: skip
    db.execute(
        f"INSERT INTO study_questions({PLAN}, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*row, _digest(row)],
    )
    return made.id


def place(db: Database, profile: int) -> Place | None:
    """The first question of the plan that is open; costs no more than a look at each before it."""
    row = db.execute(
        f"SELECT {PLAN}, digest FROM study_questions p WHERE profile_id = ? AND NOT EXISTS"
        " (SELECT 1 FROM answers a WHERE a.question_id = p.question_id) ORDER BY place LIMIT 1",
        [profile],
    ).fetchone()
    _fits(db, profile, row)
    if row is None:
        return None
    _, at, question, block, _, _, ask, _, _ = plan_row(row)
    total, first, in_block = db.execute(
        "SELECT count(*), min(CASE WHEN block = ?2 THEN place END), sum(block = ?2)"
        " FROM study_questions WHERE profile_id = ?1",
        [profile, block],
    ).fetchone()
    viewed = db.execute(
        "SELECT 1 FROM study_views WHERE profile_id = ? AND place = ?", [profile, at]
    ).fetchone()
    asked = questions.get(db, question)
    after = db.execute(
        "SELECT question_id FROM study_questions WHERE profile_id = ? AND place = ?",
        [profile, at + 1],
    ).fetchone()
    ahead = questions.get(db, after[0]).items if after else ()
    return Place(at, total, block, (at - first, in_block), ask, asked, viewed is not None, ahead)


def _fits(db: Database, profile: int, due: Sequence[Any] | None) -> None:
    """Damaged unless the place that is due is the one after the last answer."""
    planned = rowsums.counted(db, "study_questions", "profile_id = ?", [profile], "place")
    rowsums.same(db, "plans", profile, "", planned)
    given = counting.newest(db, profile)
    if given != (planned[0] if due is None else due[1]):
        raise rowsums.lost("study_questions")


def plan_row(row: Sequence[Any]) -> Sequence[Any]:
    """A row of PLAN without its digest; Damaged when a byte of it changed on the disk."""
    if _digest(row[:-1]) != row[-1]:
        raise Damaged(
            f"the plan of study profile {row[0]} is damaged in the database file; go back to the "
            "newest backup in the folder backups/"
        )
    return row[:-1]


def show(db: Database, profile: int, now: float) -> Place | None:
    found = place(db, profile)
    if found is not None:
        row = (profile, found.place, now)
        db.execute(
            "INSERT OR IGNORE INTO study_views VALUES (?, ?, ?, ?)",
            [*row, rowsums.total("study_views", row)],
        )
        found = replace(found, viewed=True, noted=True)
    return found


def answer(
    db: Database, profile: int, given: Mapping[str, Any], due: Place | None, now: float
) -> Answer:
    """Append an answer to the question that is due, or find it stored under its key before."""
    asked = questions.get(db, given["question_id"])
    if asked.profile != profile:
        raise KeyError(f"there is no question {asked.id} in this study")
    new = NewAnswer(
        asked.id, Outcome.parse(given["outcome"], asked.items), given.get("strength", 1.0),
        given.get("ms"), "study", given["key"], extra=given.get("extra", {}),
    )  # fmt: skip
    again = answers.receipt(db, profile, new.key) is not None
    if not again and (due is None or due.question.id != asked.id):
        raise Conflict(f"question {asked.id} is not the one that is due; load the page again")
    return answers.add(db, new, now)


def sittings(db: Database, study: int) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT s.participant, s.consented, count(*), count(a.seq), max(a.created),"
        " sum(p.role = 'attention' AND a.seq IS NOT NULL),"
        " sum(p.role = 'attention' AND json_extract(a.outcome, '$.picks[0]') IS p.expected)"
        " FROM study_sessions s JOIN study_questions p ON p.profile_id = s.profile_id"
        " LEFT JOIN answers a ON a.question_id = p.question_id AND a.act = 'answer'"
        " WHERE s.study_id = ? GROUP BY s.profile_id ORDER BY s.consented",
        [study],
    ).fetchall()
    names = ("participant", "consented", "of", "answered", "last", "attention_of", "attention_ok")
    return [dict(zip(names, row, strict=True)) for row in rows]


def remove(
    db: Database, study: int, participant: str | None
) -> tuple[list[int], dict[str, int], list[str]]:
    """Returns the profiles that went, rows per table, hashes nobody uses any more."""
    wanted = "SELECT profile_id FROM study_sessions WHERE study_id = ?1 AND (?2 IS NULL OR"
    rows = db.execute(f"{wanted} participant = ?2)", [study, participant]).fetchall()
    if not rows and participant is not None:
        raise KeyError(f"there is no participant {participant} in this study; see its list")
    gone: dict[str, int] = {}
    hashes: list[str] = []
    for (profile,) in rows:
        told, unused = deletion.remove_rows(db, profile)
        gone = {key: gone.get(key, 0) + n for key, n in told.items()}
        hashes += unused
    if participant is None:
        for table, column in (("study_editions", "study_id"), ("studies", "id")):
            found = db.execute(f"DELETE FROM {table} WHERE {column} = ?", [study])
            gone[table] = found.rowcount
    return [row[0] for row in rows], gone, hashes


def _digest(row: Sequence[Any]) -> bytes:
    told = [v.hex() if isinstance(v, bytes) else v for v in row]
    return hashlib.sha256(json.dumps(told).encode()).digest()[:16]
