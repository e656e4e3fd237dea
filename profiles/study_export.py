"""A study as files for the statistics program: answers, participants, items, codebook, the study.

Everything is computed from the log and the plans at the moment of the export; no code of an
invitation is in any of it. Columns and their meaning: study_codebook.py.
"""

import hashlib
import io
import json
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database

from engine.data import Question
from profiles import answers, items, questions, reasons, rowsums, study_codebook, study_rows
from profiles.exports import cell, csv_line
from profiles.study_codebook import Column
from profiles.study_rows import PLAN

Row = dict[str, Any]
HASHES = """
SELECT DISTINCT i.id, i.hash FROM study_sessions s JOIN study_questions p
ON p.profile_id = s.profile_id JOIN questions q ON q.id = p.question_id, json_each(q.items) j
JOIN items i ON i.id = j.value WHERE s.study_id = ?
"""
DAY = (1980, 1, 1, 0, 0, 0)


def files(db: Database, study: int) -> dict[str, bytes]:
    """Name and content of every file."""
    sessions = sessions_of(db, study)
    used = {one.edition for one in sessions}
    editions = {
        row["id"]: (row["digest"], row["source"])
        for row in rowsums.select(db, "study_editions", "WHERE study_id = ?", [study])
        if row["id"] in used
    }
    hashes = dict(db.execute(HASHES, [study]).fetchall())
    told = [row for one in sessions for row in answered(db, one, editions[one.edition], hashes)]
    people = [participant(db, one, editions[one.edition], told) for one in sessions]
    shown = things(db, study, told)
    made = {
        "answers.csv": _table(study_codebook.ANSWERS, told),
        "answers.jsonl": _lines({c[0]: row[c[0]] for c in study_codebook.ANSWERS} for row in told),
        "participants.csv": _table(study_codebook.PARTICIPANTS, people),
        "items.csv": _table(study_codebook.ITEMS, shown),
        "preferences.jsonl": _lines(preferences(told, {row["item"]: row for row in shown})),
        "codebook.json": study_codebook.as_json().encode(),
        "codebook.md": study_codebook.as_page(title(editions)).encode(),
    }
    made |= {f"study-{digest[:8]}.toml": source.encode() for digest, source in editions.values()}
    sums = (f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in sorted(made.items()))
    return {**made, "SHA256SUMS": "".join(sums).encode()}


def packed(made: Mapping[str, bytes], folder: str) -> bytes:
    """The files as one zip; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in sorted(made.items()):
            entry = zipfile.ZipInfo(f"{folder}/{name}", DAY)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, body)
    return out.getvalue()


def title(editions: Mapping[int, tuple[str, str]]) -> str:
    """Of the newest file that somebody saw."""
    if not editions:
        return "a study that nobody has taken part in yet"
    return str(tomllib.loads(editions[max(editions)][1])["title"])


def sessions_of(db: Database, study: int) -> list[study_rows.Session]:
    return study_rows.sessions(db, study)


def answered(
    db: Database, one: study_rows.Session, edition: tuple[str, str], hashes: Mapping[int, str]
) -> list[Row]:
    """One participant's answers, in the order of the plan."""
    blocks = tomllib.loads(edition[1])["blocks"]
    log = {row["question"]: row for row in answers.rows(db, one.profile) if row["act"] == "answer"}
    why = reasons.holding(db, one.profile)
    plan = plan_of(db, one.profile)
    place_of = {asked.id: place for place, (_, asked) in plan.items()}
    views = _views(db, one.profile)
    made = []
    for place, (row, asked) in plan.items():
        given = log.get(asked.id)
        if given is None:
            continue
        first = log.get(asked.repeat_of) if asked.repeat_of else None
        times = [at for at in views.get(place, ()) if at <= given["created"]]
        reason = why.get(given["seq"])
        block = blocks[row["block"]]
        made.append({
            **_who(one, edition), **_said(given, asked), **_noted(one),
            "block": row["block"] + 1, "block_name": block["name"], "order": place + 1,
            "form": asked.form, "role": row["role"], "ask": row["ask"] or block.get("ask", ""),
            "time_shown": _iso(times[-1] if times else None), "times_shown": len(times),
            "time_answered": _iso(given["created"]), "ms": given["ms"],
            "items": " ".join(map(str, asked.items)), "item_names": "|".join(row["names"]),
            "hashes": " ".join(hashes[i] for i in asked.items),
            "reason": reason.words if reason else "", "pair_source": row["source"],
            "repeat_of": place_of[asked.repeat_of] + 1 if asked.repeat_of else None,
            "repeat_agreed": agreed(first, given) if row["role"] == "repeat" else None,
            "attention_ok": _expected(row, given) if row["role"] == "attention" else None,
        })  # fmt: skip
    return made


def plan_of(db: Database, profile: int) -> dict[int, tuple[Row, Question]]:
    """Place in the plan -> (its row, its question)."""
    names = [name.strip() for name in PLAN.split(",")]
    columns = ", ".join(f"p.{name}" for name in names)
    rows = db.execute(
        f"SELECT {columns}, p.digest, {questions.COLUMNS} FROM study_questions p"
        " JOIN questions q ON q.id = p.question_id WHERE p.profile_id = ? ORDER BY place",
        [profile],
    ).fetchall()
    made = {}
    for row in rows:
        told = dict(zip(names, study_rows.plan_row(row[: len(names) + 1]), strict=True))
        told["names"] = json.loads(told["names"])
        made[int(told["place"])] = (told, questions.read(row[len(names) + 1 :]))
    return made


def agreed(first: Row | None, again: Row) -> int | None:
    """Whether the same was said both times; None where one of them says nothing."""
    if first is None or "skip" in (first["outcome"], again["outcome"]):
        return None
    return int(first["outcome"] == again["outcome"])


def participant(
    db: Database, one: study_rows.Session, edition: tuple[str, str], told: list[Row]
) -> Row:
    """Their row of participants.csv."""
    plan = plan_of(db, one.profile)
    mine = [row for row in told if row["participant"] == one.participant]
    done = {row["order"] for row in mine}
    due = next((place for place in plan if place + 1 not in done), None)
    last = db.execute(
        "SELECT max(created) FROM answers WHERE profile_id = ?", [one.profile]
    ).fetchone()[0]
    blocks = tomllib.loads(edition[1])["blocks"]
    again = [row["repeat_agreed"] for row in mine if row["repeat_agreed"] is not None]
    attention = [row["attention_ok"] for row in mine if row["attention_ok"] is not None]
    return {
        **_who(one, edition), "consent_time": _iso(one.consented), "consent_sha256": one.consent,
        "language": one.about.get("language", ""), "questions": len(plan), "answered": len(mine),
        "completed": int(due is None), "completed_time": _iso(last if due is None else None),
        "minutes": round((last - one.consented) / 60, 2) if last else 0,
        "attention_of": len(attention), "attention_passed": sum(attention),
        "repeats_of": len(again), "repeats_agreed": sum(again),
        "dropout_block": "" if due is None else blocks[plan[due][0]["block"]]["name"],
        "dropout_order": None if due is None else due + 1,
    }  # fmt: skip


def things(db: Database, study: int, told: list[Row]) -> list[Row]:
    """Everything that stands in a plan, with how often it was shown and picked in answers."""
    names: dict[int, list[str]] = {}
    for shown, called in db.execute(
        "SELECT DISTINCT q.items, p.names FROM study_sessions s JOIN study_questions p"
        " ON p.profile_id = s.profile_id JOIN questions q ON q.id = p.question_id"
        " WHERE s.study_id = ?", [study],
    ).fetchall():  # fmt: skip
        for item, name in zip(json.loads(shown), json.loads(called), strict=True):
            names.setdefault(item, []).append(name)
    seen = Counter(int(i) for row in told for i in row["items"].split())
    picked = Counter(int(i) for row in told for i in row["picks"].split())
    made = []
    for item in sorted(names):
        found = items.get(db, item)
        about = dict(found.attributes)
        made.append({
            "item": item, "hash": found.hash, "kind": found.kind,
            "names": "|".join(dict.fromkeys(sorted(names[item]))), "source": about.pop("made"),
            "prompt": found.prompt, "text": found.text or "", "shown": seen[item],
            "picked": picked[item],
            "attributes": json.dumps(about, sort_keys=True, ensure_ascii=False) if about else "",
        })  # fmt: skip
    return made


def preferences(told: list[Row], shown: Mapping[int, Row]) -> Iterable[Row]:
    """Every pick over everything beside it that was not picked."""
    for row in told:
        if row["role"] != "plain" or row["choice"] != "pick":
            continue
        picks = [int(i) for i in row["picks"].split()]
        for best in picks:
            for other in (int(i) for i in row["items"].split() if int(i) not in picks):
                yield {"prompt": shown[best]["prompt"], "chosen": _content(shown[best]),
                       "rejected": _content(shown[other]),
                       "participant": row["participant"]}  # fmt: skip


def _content(item: Row) -> str:
    return str(item["text"] or item["hash"])


def _who(one: study_rows.Session, edition: tuple[str, str]) -> Row:
    sitting = hashlib.sha256(f"{one.participant} {edition[0]}".encode()).hexdigest()[:16]
    return {"participant": one.participant, "session": sitting, "study_sha256": edition[0]}


def _said(given: Row, asked: Question) -> Row:
    outcome, extra = given["outcome"], given["extra"]
    picks = outcome["picks"] if isinstance(outcome, dict) else []
    word = {"both_good": "tie"}.get(outcome, outcome) if not picks else "pick"
    side = ""
    if picks and asked.form == "pair":
        side = ("left", "right")[asked.items.index(picks[0])]
    return {
        "choice": word, "side": side, "picks": " ".join(map(str, picks)),
        "strength": given["strength"], "confidence": extra.get("confidence"),
        "confidence_ms": extra.get("confidence_ms"),
    }  # fmt: skip


def _noted(one: study_rows.Session) -> Row:
    return {"model": "none", **{k: one.about.get(k, "") for k in ("encoder", "pool", "penchant")}}


def _expected(row: Row, given: Row) -> int:
    return int(given["outcome"] == {"picks": [row["expected"]]})


def _views(db: Database, profile: int) -> dict[int, list[float]]:
    made: dict[int, list[float]] = {}
    rows = rowsums.select(db, "study_views", "WHERE profile_id = ? ORDER BY place, at", [profile])
    rowsums.whole(db, "views", profile, "", (row["place"] for row in rows))
    for row in rows:
        made.setdefault(row["place"], []).append(row["at"])
    return made


def _iso(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _table(columns: tuple[Column, ...], rows: Iterable[Row]) -> bytes:
    names = study_codebook.names(columns)
    lines = [csv_line(names), *(csv_line([_plain(row[name]) for name in names]) for row in rows)]
    return "".join(lines).encode()


def _plain(value: Any) -> Any:
    return "" if value is None else cell(value)


def _lines(rows: Iterable[Row]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
