"""A profile as one portable file, out and in. Plain JSON and raw bytes; nothing in it can run.

Parts: profile, items, questions, answers, reasons, captions, verdicts, notes, versions, spaces
(JSON lines); state/N (safetensors), space/N (float32 vectors of own items), media/SHA256 (own
pictures); adapters (JSON lines) and adapter/N when they were asked for, which others check. Shared
items are named by content hash and looked up where the bundle is read; own ones travel along.
Everything is checked before anything is written, and all rows are written in one transaction.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlite_utils import Database

from engine.data import Question
from profiles import (
    answers,
    bundle_notes,
    captions,
    items,
    people,
    questions,
    reasons,
    starts,
    states,
    verdicts,
)
from profiles.bundle_check import PROFILE, REASON, VERDICT, Carried, Loaded, check
from profiles.bundle_format import BadBundle, pack, unpack
from profiles.exports import answers_csv, answers_jsonl
from profiles.profile import Profile
from profiles.records import NewQuestion, Version
from profiles.store import Store

__all__ = ["BadBundle", "Carried", "answers_csv", "answers_jsonl", "read_bundle", "write_bundle"]

ITEMS = """
SELECT id, kind, hash, prompt, text, made, attributes, media, owner IS NOT NULL FROM items
WHERE id IN (SELECT j.value FROM questions q, json_each(q.items) j WHERE q.profile_id = ?1)
   OR (profile_id = ?1 AND owner IS NOT NULL)
   OR id IN (SELECT value FROM json_each(?2))
ORDER BY kind, hash, id
"""


def write_bundle(store: Store, profile_id: int, carried: Sequence[Carried] = ()) -> bytes:
    """Everything of a profile that is needed to go on somewhere else; `carried` goes along.

    Damaged where the file is not as it was written: nothing of it is carried away.
    """
    store.compare()
    parts, media = store.read(lambda db: _parts(db, profile_id))
    parts |= _carried(carried)
    for digest in media:
        parts[f"media/{digest}"] = store.media_path(digest).read_bytes()
    return pack(parts)


def read_bundle(
    store: Store,
    user_id: int,
    data: bytes,
    admit: Callable[[Sequence[Carried]], Any] | None = None,
    look: Callable[[str, bytes], Any] | None = None,
    weigh: Callable[[Version, bytes], Any] | None = None,
) -> Profile:
    """A bundle as a new profile of the user. BadBundle (a ValueError) when anything is wrong.

    `admit` is shown the adapters before anything is written and raises when one is not sound;
    keeping them is its caller's. Without it a bundle that carries some is refused. `look` is shown
    every picture that travels along, `weigh` every learned state, before that; both raise.
    """
    loaded = check(unpack(data))
    store.read(lambda db: _all_here(db, loaded))
    for item in loaded.items:
        if look is not None and item.media is not None:
            look(item.prompt or "a picture", item.media)
    for version, state in loaded.versions:
        if weigh is not None:
            weigh(version, state)
    if loaded.carried:
        if admit is None:
            raise BadBundle("the bundle carries adapters; bring it in on Keep, which checks them")
        admit(loaded.carried)
    store.put_media(loaded.items)

    def work(db: Database) -> Profile:
        store.put_media(loaded.items)  # a deletion may just have removed what was there above
        return _take_in(db, user_id, loaded)

    return store.write(work)


# out


def _parts(db: Database, profile_id: int) -> tuple[dict[str, bytes], list[str]]:
    """(parts without the pictures, hashes of the pictures to add)."""
    told = asdict(people.profile(db, profile_id))
    named = captions.holding(db, profile_id)
    rows = db.execute(ITEMS, [profile_id, json.dumps(sorted(named))]).fetchall()
    place = {row[0]: i for i, row in enumerate(rows)}
    asked = [
        (questions.read(row), row[6], row[7])
        for row in db.execute(
            f"SELECT {questions.COLUMNS} FROM questions q WHERE q.profile_id = ? ORDER BY q.number",
            [profile_id],
        ).fetchall()
    ]
    number = {question.id: n for question, n, _ in asked}
    parts = {
        "profile": _lines([_marked(told)]).rstrip(b"\n"),
        "items": _lines(_item(row) for row in rows),
        "questions": _lines(_question(*entry, place, number) for entry in asked),
        "answers": _lines(_answer(row, number) for row in answers.rows(db, profile_id)),
    }
    # Left out where there is none: the file is then one that an older Penchant reads.
    if why := reasons.rows(db, profile_id):
        parts["reasons"] = _lines({name: getattr(r, name) for name in REASON} for r in why)
    if told_of := [{"item": place[i], "words": named[i]} for i in place if i in named]:
        parts["captions"] = _lines(told_of)
    if judged := verdicts.rows(db, profile_id):
        parts["verdicts"] = _lines({name: getattr(v, name) for name in VERDICT} for v in judged)
    if noted := bundle_notes.rows(db, profile_id):
        parts["notes"] = _lines(noted)
    own = {row[2] for row in rows if row[8]}
    return {**parts, **_states(db, profile_id), **_spaces(db, own)}, [r[2] for r in rows if r[7]]


def _marked(told: Mapping[str, Any]) -> dict[str, Any]:
    """A simulated person's file says so, in a word that an older Penchant refuses."""
    mark = {"simulated": True} if told["simulated"] else {}
    return {name: told[name] for name in PROFILE} | mark


def _carried(rows: Sequence[Carried]) -> dict[str, bytes]:
    """No part at all without adapters: the file is then one that an older Penchant reads."""
    told = [
        {**{n: getattr(r, n) for n in ("name", "kind", "base", "chosen")}, "part": f"adapter/{i:x}"}
        for i, r in enumerate(rows)
    ]
    bodies = {f"adapter/{i:x}": r.body for i, r in enumerate(rows)}
    return {"adapters": _lines(told), **bodies} if told else {}


def _item(row: tuple[Any, ...]) -> dict[str, Any]:
    _, kind, digest, prompt, text, made, attributes, media, own = row
    return {
        "kind": kind,
        "hash": digest,
        "prompt": prompt,
        "text": text,
        "made": made,
        "attributes": json.loads(attributes),
        "media": bool(media),
        "own": bool(own),
    }


def _question(
    asked: Question, n: int, created: float, place: Mapping[int, int], number: Mapping[int, int]
) -> dict[str, Any]:
    repeat = None if asked.repeat_of is None else number[asked.repeat_of]
    return {
        "number": n,
        "kind": asked.kind,
        "items": [place[i] for i in asked.items],
        "rule": asked.rule,
        "repeat_of": repeat,
        "created": created,
    }


def _answer(row: dict[str, Any], number: Mapping[int, int]) -> dict[str, Any]:
    outcome = row["outcome"]
    if isinstance(outcome, dict):
        outcome = {"picks": [row["items"].index(i) for i in outcome["picks"]]}
    keep = (
        "seq",
        "act",
        "kind",
        "target",
        "strength",
        "ms",
        "source",
        "key",
        "predicted",
        "note",
        "extra",
        "created",
    )
    return {**{k: row[k] for k in keep}, "question": number[row["question"]], "outcome": outcome}


def _states(db: Database, profile_id: int) -> dict[str, bytes]:
    """Only what was built from one's own answers: others, once deleted, must be in no file."""
    rows = db.execute(
        "SELECT kind, method, space, seq, created, note, state FROM versions"
        " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        [json.dumps(starts.plain_versions(db, profile_id))],
    ).fetchall()
    names = ("kind", "method", "space", "seq", "created", "note")
    told = [
        {**dict(zip(names, row[:6], strict=True)), "part": f"state/{i:x}"}
        for i, row in enumerate(rows)
    ]
    return {"versions": _lines(told), **{f"state/{i:x}": row[6] for i, row in enumerate(rows)}}


def _spaces(db: Database, own: set[str]) -> dict[str, bytes]:
    found: dict[tuple[str, int], list[tuple[str, bytes]]] = {}
    for space, digest, vector in db.execute(
        "SELECT space, hash, vector FROM embeddings WHERE hash IN"
        " (SELECT value FROM json_each(?)) ORDER BY space, hash",
        [json.dumps(sorted(own))],
    ):
        found.setdefault((space, len(vector) // 4), []).append((digest, vector))
    told = [
        {"space": space, "dim": dim, "hashes": [h for h, _ in rows], "part": f"space/{i:x}"}
        for i, ((space, dim), rows) in enumerate(found.items())
    ]
    bodies = [b"".join(v for _, v in rows) for rows in found.values()]
    return {"spaces": _lines(told), **{f"space/{i:x}": body for i, body in enumerate(bodies)}}


def _lines(values: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(v, ensure_ascii=False).encode() + b"\n" for v in values)


# in


def _all_here(db: Database, loaded: Loaded) -> None:
    """Pictures of a collection that ships must be here too: their bytes do not travel."""
    missing = [
        item
        for kind, item, own in zip(loaded.kinds, loaded.items, loaded.own, strict=True)
        if kind == "picture"
        and not own
        and item.media is None
        and _shared(db, kind, item.hash) is None
    ]
    if missing:
        raise BadBundle(
            f"the bundle needs {len(missing)} pictures of a collection that is not here (first: "
            f"{missing[0].prompt[:40]!r}, {missing[0].hash[:12]}); read it in a Penchant that "
            "ships the same collection"
        )


def _take_in(db: Database, user_id: int, loaded: Loaded) -> Profile:
    """Everything in the writer's one transaction; a shared passage unknown here becomes own."""
    made = people.add_profile(db, replace(loaded.profile, user_id=user_id))
    ids = []
    for kind, item, own in zip(loaded.kinds, loaded.items, loaded.own, strict=True):
        found = None if own else _shared(db, kind, item.hash)
        ids.append(found or items.add(db, kind, [item], (user_id, made.id), made.created)[0])
    for space, digest, vector in loaded.vectors:
        items.give_embedding(db, space, digest, vector)
    asked = _ask(db, made.id, loaded, ids)
    for row in loaded.answers:
        question = asked[row.question - 1]
        outcome = _outcome(row.outcome, question)
        full = replace(row, profile=made.id, question=question.id, outcome=outcome)
        answers.apply(db, answers.append(db, full), question)
    for reason in loaded.reasons:
        reasons.append(db, replace(reason, profile=made.id))
    for place, words in loaded.captions:
        captions.put(db, (user_id, made.id), ids[place], words)
    for note in loaded.notes:
        bundle_notes.put(db, (user_id, made.id), note)
    for version, state in loaded.versions:
        states.put_version(db, made.id, version, state)
    # After the versions: they count as older than a verdict on what they were built from.
    for verdict in loaded.verdicts:
        verdicts.put(db, (user_id, made.id), verdict)
    return made


def _ask(db: Database, profile: int, loaded: Loaded, ids: list[int]) -> list[Question]:
    made: list[Question] = []
    for q in loaded.questions:
        repeat = None if q.repeat_of is None else made[q.repeat_of - 1].id
        shown = tuple(ids[i] for i in q.items)
        new = NewQuestion(profile, q.kind, shown, q.rule, repeat)
        made.append(questions.add(db, new, q.created))
    return made


def _outcome(text: str | None, question: Question) -> str | None:
    value = json.loads(text or "null")
    if isinstance(value, dict):
        value = {"picks": [question.items[i] for i in value["picks"]]}
    return None if value is None else json.dumps(value)


def _shared(db: Database, kind: str, digest: str) -> int | None:
    row = db.execute(
        "SELECT id FROM items WHERE kind = ? AND hash = ? AND coalesce(owner, 0) = 0",
        [kind, digest],
    ).fetchone()
    return int(row[0]) if row else None
