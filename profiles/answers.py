"""The append-only answers log, and what follows from it.

Undo and redo are rows that point at the answer they take back or put in again. `effective` holds,
per profile and kind, the answers that count, by position; `tops` says how many count (depth) and
how many could be put in again (tail - depth). So every click costs the same, however long the
history is; `rebuild` derives both again from the log alone.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from sqlite_utils import Database

from engine.data import Comparison, Kind, Outcome, Question
from profiles import counting, questions, rowsums, verdicts
from profiles.counting import Counted, Top
from profiles.errors import Conflict, Damaged
from profiles.records import Answer, LogRow, NewAnswer, NewQuestion

LOG = (
    "a.profile_id, a.seq, a.act, a.kind, a.question_id, a.target, a.outcome, a.strength, a.ms,"
    " a.source, a.key, a.predicted, a.note, a.extra, a.created, a.digest"
)
WIDTH = 16
# A repeated undo whose key an index lost is looked for among so many rows
REPEATED = 8
_values = attrgetter(*(field.name for field in fields(LogRow)))  # astuple copies deeply
_encoded = json.JSONEncoder(default=repr).encode
ASKED = WIDTH + counting.WIDTH


def add(db: Database, new: NewAnswer, now: float, then: NewQuestion | None = None) -> Answer:
    """Append an answer, and after it a question. Same key and content: the first receipt again,
    and no question; else Conflict.
    """
    question = questions.get(db, new.question_id)
    row = _row(question, new, now)
    before = _by_key(db, question.profile, new.key)
    if before is not None:
        if (
            replace(row, seq=before.seq, predicted=before.predicted, created=before.created)
            != before
        ):
            raise Conflict(f"key {new.key!r} belongs to another answer; use a new key")
        return Answer(before.seq, question.profile, duplicate=True)
    _hidden(db, "question_id = ?", question.id, new.key)
    if not questions.close(db, question):
        raise Conflict(f"question {question.id} is answered already; ask for the next one")
    stored = append(db, row)
    _push(db, stored, question)
    return Answer(stored.seq, question.profile, following=_follow(db, then, now))


def _follow(db: Database, then: NewQuestion | None, now: float) -> Question | None:
    """An answer is never refused for what was to come after it: the next question may be planned
    anew. Nothing is written of a question that is refused.
    """
    try:
        return questions.add(db, then, now) if then is not None else None
    except (KeyError, ValueError):
        return None


def undo(db: Database, profile: int, kind: Kind, key: str, now: float) -> int | None:
    """Take back the last answer that counts; its seq, or None when there is none."""
    done = _done(db, profile, kind, key, "undo")
    if done is not None:
        return done
    depth = counting.top(db, profile, kind).depth
    return _step(db, (profile, kind), depth, _mark("undo", key, now)) if depth else None


def redo(db: Database, profile: int, kind: Kind, key: str, now: float) -> int | None:
    """Put the answer that was last taken back in again; None when there is none."""
    done = _done(db, profile, kind, key, "redo")
    if done is not None:
        return done
    depth, tail, _ = counting.top(db, profile, kind)
    return _step(db, (profile, kind), depth + 1, _mark("redo", key, now)) if depth < tail else None


def back_to(db: Database, place: tuple[int, Kind], seq: int, key: str, now: float) -> int:
    """Take back every answer after `seq`, the last first, one row each; how many."""
    first = depth = counting.top(db, *place)[0]
    while depth and _at(db, place, depth)[0] > seq:
        _step(db, place, depth, _mark("undo", f"{key}-{depth}", now))
        depth -= 1
    return first - depth


def can_redo(db: Database, profile: int, kind: Kind) -> bool:
    depth, tail, _ = counting.top(db, profile, kind)
    return depth < tail


def last(db: Database, profile: int, kind: Kind) -> Comparison | None:
    """The last answer that counts."""
    depth = counting.top(db, profile, kind).depth
    found = list(_effective(db, profile, kind, depth, depth)) if depth else []
    return found[0][0] if found else None


def replay(
    db: Database, profile: int, kind: Kind, after: int = 0
) -> list[tuple[Comparison, float | None]]:
    """The answers that count, in order, as they are to be learned from (see verdicts.py), each with
    the probability it was predicted at.
    """
    held = verdicts.holding(verdicts.rows(db, profile))
    told = said(db, profile, kind)
    return [(verdicts.applied(c, held.get(c.seq)), p) for c, p in told if c.seq > after]


def said(db: Database, profile: int, kind: Kind) -> list[tuple[Comparison, float | None]]:
    """Like replay, as they were given."""
    depth = counting.top(db, profile, kind).depth
    return list(_effective(db, profile, kind, 1, depth))


def one(db: Database, profile: int, seq: int) -> tuple[Comparison, float | None] | None:
    """The answer with this number as it was given; None where none of that number counts.

    Numbers grow with positions, as each answer is pushed on top: halving finds it, so that a long
    history costs hardly more than a short one.
    """
    row = db.execute(
        f"SELECT {LOG} FROM answers a WHERE profile_id = ? AND seq = ?", [profile, seq]
    ).fetchone()
    if row is None:
        if 1 <= seq < _next_seq(db, profile):
            raise rowsums.lost("answers")
        return None
    kind = read(row).kind
    first, final = 1, counting.top(db, profile, kind).depth
    while first < final:
        middle = (first + final) // 2
        if _at(db, (profile, kind), middle)[0] < seq:
            first = middle + 1
        else:
            final = middle
    found = list(_effective(db, profile, kind, first, final))
    return found[0] if found and found[0][0].seq == seq else None


def open_question(db: Database, profile: int, kind: Kind, form: str) -> Question | None:
    """The question in front of the person after a reload."""
    depth = counting.top(db, profile, kind).depth
    last = counting.at(db, (profile, kind), depth)
    return questions.open_one(db, profile, kind, form, last.floor if last else 0)


def counts(db: Database, profile: int) -> dict[str, int]:
    """Per kind: answers that count and say something (a skip does not); and rows in the log."""
    kinds: tuple[Kind, ...] = ("picture", "text")
    tops = {
        kind: counting.at(db, (profile, kind), counting.top(db, profile, kind)[0]) for kind in kinds
    }
    rows = _next_seq(db, profile) - 1
    if rows != counting.newest(db, profile):
        raise rowsums.lost("answers")
    return {**{kind: top.spoken if top else 0 for kind, top in tops.items()}, "rows": rows}


def log(db: Database, profile: int) -> Iterator[tuple[LogRow, Question, bool]]:
    """Every row of the log in order, its question, and whether the answer counts now."""
    rows = db.execute(
        f"SELECT {LOG}, {questions.COLUMNS} FROM answers a JOIN questions q ON q.id = a.question_id"
        " WHERE a.profile_id = ? ORDER BY a.seq",
        [profile],
    )
    counted = {*counting.seqs(db, profile, "text"), *counting.seqs(db, profile, "picture")}
    told = []
    for row in rows:
        made = read(row[:WIDTH])
        told.append(made.seq)
        yield made, questions.read(row[WIDTH:]), made.seq in counted
    if told != list(range(1, counting.newest(db, profile) + 1)):
        raise rowsums.lost("answers")


def append(db: Database, row: LogRow) -> LogRow:
    """Write a row with the next seq of its profile; nothing else is touched."""
    row = replace(row, seq=_next_seq(db, row.profile))
    values = _values(row)
    db.execute(f"INSERT INTO answers VALUES ({', '.join('?' * WIDTH)})", [*values, digest(values)])
    return row


def apply(db: Database, row: LogRow, question: Question) -> None:
    """Bring `effective`, `tops` and `open_questions` up to a row that is in the log.

    ValueError when the row cannot follow the ones before it.
    """
    if row.act == "answer":
        if not questions.close(db, question):
            raise ValueError(f"row {row.seq} answers a question that is answered already")
        _push(db, row, question)
        return
    depth, tail, _ = counting.top(db, row.profile, row.kind)
    at = depth if row.act == "undo" else depth + 1
    if not 1 <= at <= tail or _at(db, (row.profile, row.kind), at) != (row.target, question.id):
        raise ValueError(f"row {row.seq} is an {row.act} of an answer that is not there to be")
    moved = depth + (-1 if row.act == "undo" else 1)
    counting.put_top(db, (row.profile, row.kind), Top(moved, tail, row.seq))
    if row.act == "undo":
        questions.reopen(db, question)
    else:
        questions.close(db, question)


def rebuild(db: Database, profile: int) -> None:
    """Derive the three tables from the log again."""
    rows = [(row, question) for row, question, _ in log(db, profile)]
    for table in ("effective", "tops"):
        db.execute(f"DELETE FROM {table} WHERE profile_id = ?", [profile])
    for asked in db.execute(
        f"SELECT {questions.COLUMNS} FROM questions q WHERE q.profile_id = ?", [profile]
    ).fetchall():
        questions.reopen(db, questions.read(asked))
    for row, question in rows:
        apply(db, row, question)


def read(row: Any) -> LogRow:
    """A row of LOG; Damaged when a byte of it changed on the disk."""
    if digest(row[:-1]) != row[-1]:
        raise Damaged(
            f"answer {row[1]} of profile {row[0]} is damaged in the database file; go "
            "back to the newest backup in the folder backups/"
        )
    return LogRow(*row[:-1])


def digest(values: Any) -> bytes:
    """16 bytes over a row as stored."""
    return hashlib.sha256(_encoded(values).encode()).digest()[:16]


def _row(question: Question, new: NewAnswer, now: float) -> LogRow:
    """The row to store; ValueError says what is wrong with the answer."""
    outcome = Outcome.parse(new.outcome.json(), question.items)
    if not (math.isfinite(new.strength) and new.strength > 0):
        raise ValueError("strength must be a positive number (1 is plain)")
    if new.predicted is not None and not 0 <= new.predicted <= 1:
        raise ValueError("predicted must be a probability")
    if new.ms is not None and new.ms < 0:
        raise ValueError("ms must not be negative")
    _check_key(new.key)
    extra = json.dumps(dict(new.extra), sort_keys=True, allow_nan=False)
    return LogRow(
        question.profile, 0, "answer", question.kind, question.id, None,
        json.dumps(outcome.json()), float(new.strength), new.ms, new.source, new.key,
        None if new.predicted is None else float(new.predicted), new.note, extra, now,
    )  # fmt: skip


def _mark(act: str, key: str, now: float) -> LogRow:
    """An undo or redo row, still without its place."""
    return LogRow(0, 0, act, "text", 0, None, None, 1.0, None, "choose", key, None, "", "{}", now)


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= 200:
        raise ValueError("an idempotency key of 1 to 200 characters is needed, new for each click")


def _by_key(db: Database, profile: int, key: str) -> LogRow | None:
    """The number first, out of the index alone: what it knows has to be in the log, as it says."""
    known = db.execute(
        "SELECT seq FROM answers WHERE profile_id = ? AND key = ?", [profile, key]
    ).fetchone()
    if known is None:
        return None
    row = db.execute(
        f"SELECT {LOG} FROM answers a WHERE a.profile_id = ? AND a.seq = ?", [profile, known[0]]
    ).fetchone()
    found = None if row is None else read(row)
    if found is None or found.key != key:
        raise rowsums.lost("answers")
    return found


def _hidden(db: Database, where: str, given: int, key: str) -> None:
    """Damaged where the log has a key that its index did not find: nothing is stored twice."""
    if db.execute(f"SELECT act FROM answers WHERE {where} AND +key = ?", [given, key]).fetchone():
        raise rowsums.lost("answers")


def receipt(db: Database, profile: int, key: str) -> Answer | None:
    """What was stored under this key before, as a duplicate."""
    row = _by_key(db, profile, key)
    if row is None:
        _hidden(db, "seq > 0 AND profile_id = ?", profile, key)
        return None
    return Answer(row.seq, profile, duplicate=True)


def _done(db: Database, profile: int, kind: Kind, key: str, act: str) -> int | None:
    """The target of an undo or redo that was stored under this key before."""
    _check_key(key)
    if db.execute("SELECT 1 FROM profiles WHERE id = ?", [profile]).fetchone() is None:
        raise KeyError(f"there is no profile {profile}; make one first")
    row = _by_key(db, profile, key)
    if row is None:
        recent = _next_seq(db, profile) - REPEATED
        _hidden(db, f"seq > {recent} AND profile_id = ?", profile, key)
        return None
    if (row.act, row.kind) != (act, kind):
        raise Conflict(f"key {key!r} belongs to something else; use a new key")
    return row.target


def _step(db: Database, place: tuple[int, Kind], pos: int, row: LogRow) -> int:
    """Append the undo or redo of the answer at `pos`, and apply it."""
    target, question_id = _at(db, place, pos)
    full = replace(row, profile=place[0], kind=place[1], question=question_id, target=target)
    apply(db, append(db, full), questions.get(db, question_id))
    return target


def _at(db: Database, place: tuple[int, Kind], pos: int) -> tuple[int, int]:
    """(seq, question) of the answer at a position."""
    found = counting.at(db, place, pos)
    assert found is not None
    return found.seq, found.question


def _push(db: Database, row: LogRow, question: Question) -> None:
    """The answer counts; what could have been put in again no longer can."""
    place = (row.profile, row.kind)
    depth, tail, _ = counting.top(db, *place)
    below = counting.at(db, place, depth)
    spoken, floor = (below.spoken, below.floor) if below else (0, 0)
    if tail > depth:
        counting.drop(db, place, depth)
    spoken += row.outcome != '"skip"'
    floor = floor if question.rule == "like" else question.id
    counting.push(db, Counted(*place, depth + 1, row.seq, question.id, spoken, floor))


def _next_seq(db: Database, profile: int) -> int:
    row = db.execute("SELECT max(seq) FROM answers WHERE profile_id = ?", [profile]).fetchone()
    return int(row[0] or 0) + 1


def _effective(
    db: Database, profile: int, kind: Kind, first: int, final: int
) -> Iterator[tuple[Comparison, float | None]]:
    rows = db.execute(
        f"SELECT {LOG}, {counting.COLUMNS}, {questions.COLUMNS} FROM effective e"
        " JOIN answers a ON a.profile_id = e.profile_id AND a.seq = e.seq"
        " JOIN questions q ON q.id = a.question_id"
        " WHERE e.profile_id = ? AND e.kind = ? AND e.pos BETWEEN ? AND ? ORDER BY e.pos",
        [profile, kind, first, final],
    )
    places = []
    for row in rows:
        said, where = read(row[:WIDTH]), counting.read(row[WIDTH:ASKED])
        places.append(where.pos)
        if (said.kind, said.question) != (where.kind, where.question):
            raise rowsums.lost("effective")
        yield comparison(said, questions.read(row[ASKED:]))
    if places != list(range(first, final + 1)):
        raise rowsums.lost("effective")


def comparison(row: LogRow, question: Question) -> tuple[Comparison, float | None]:
    """A stored answer as the engine reads it."""
    value = json.loads(row.outcome or "null")
    outcome = Outcome.parse(value, question.items)
    made = Comparison(row.seq, question, outcome, row.strength, row.ms, row.source, row.created)
    return made, row.predicted


def rows(db: Database, profile: int) -> list[dict[str, Any]]:
    """The whole log as plain dicts, for exports and for honest accuracy."""
    return [_plain(*entry) for entry in log(db, profile)]


def _plain(row: LogRow, question: Question, counts_now: bool) -> dict[str, Any]:
    return {
        "seq": row.seq, "act": row.act, "kind": row.kind, "question": row.question,
        "form": question.form, "items": list(question.items), "rule": question.rule,
        "repeat_of": question.repeat_of, "target": row.target,
        "outcome": None if row.outcome is None else json.loads(row.outcome),
        "strength": row.strength, "ms": row.ms, "source": row.source, "key": row.key,
        "predicted": row.predicted, "note": row.note, "extra": json.loads(row.extra),
        "created": row.created, "effective": counts_now,
    }  # fmt: skip
