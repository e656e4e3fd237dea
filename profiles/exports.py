"""A profile's answers as JSON lines, as CSV and as plain rows for data sets: no local numbers,
everything by content hash.

A pair with a pick also carries prompt, chosen, rejected: what trainers of preference losses read.
For pictures these two are content hashes.
"""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from sqlite_utils import Database

from profiles import answers, people, reasons, verdicts
from profiles.store import Store

COLUMNS = ("seq", "created", "act", "kind", "question", "form", "rule", "repeat_of", "items",
           "outcome", "target", "effective", "strength", "ms", "source", "key", "predicted",
           "note", "extra", "reason", "reason_words", "verdict", "prompt",
           "chosen", "rejected")  # fmt: skip
# Only where the person is: no file of a real person's answers looks different for it.
SIMULATED = {"simulated": True}


def answers_jsonl(store: Store, profile_id: int) -> Iterator[str]:
    """One line a row of the log, what was taken back included, newline at its end."""
    store.compare()
    for row in store.read(lambda db: portable(db, profile_id)):
        yield json.dumps(row, ensure_ascii=False) + "\n"


def answers_csv(store: Store, profile_id: int) -> Iterator[str]:
    """The same rows as a table; the first line names the columns."""
    store.compare()
    columns = (*COLUMNS, *(SIMULATED if store.profile(profile_id).simulated else ()))
    yield csv_line(columns)
    for row in store.read(lambda db: portable(db, profile_id)):
        yield csv_line([cell(row.get(name)) for name in columns])


def portable(db: Database, profile_id: int) -> list[dict[str, Any]]:
    """The log with questions by number and items by hash: the outcome as it was given, the verdict
    of a second look beside it, and chosen and rejected as both together say.
    """
    mark = SIMULATED if people.profile(db, profile_id).simulated else {}
    shown = {
        row[0]: row[1:]
        for row in db.execute(
            "SELECT DISTINCT i.id, i.hash, i.prompt, i.text FROM questions q, json_each(q.items) j"
            " JOIN items i ON i.id = j.value WHERE q.profile_id = ?",
            [profile_id],
        )
    }
    numbers = dict(
        db.execute("SELECT id, number FROM questions WHERE profile_id = ?", [profile_id]).fetchall()
    )
    why = reasons.holding(db, profile_id)
    held = verdicts.holding(verdicts.rows(db, profile_id))
    made = (
        (row, why.get(row["seq"]), held.get(row["seq"])) for row in answers.rows(db, profile_id)
    )
    return [_row(row, shown, numbers, act) | _reason(given) | mark for row, given, act in made]


def _reason(given: reasons.Reason | None) -> dict[str, Any]:
    return {"reason": list(given.chips) if given else [],
            "reason_words": given.words if given else ""}  # fmt: skip


def told(store: Store, profile_id: int) -> list[dict[str, Any]]:
    """The answers that count, as a second look left them (a dropped one is a skip), with all that
    was shown: what data sets are made of.

    No keys, times or notes. `made` of an item says whether it shipped ("starter"), is the person's
    own or was generated; `picked` is 0 or its place in click order.
    """
    store.compare()
    return store.read(lambda db: _told(db, profile_id))


def _told(db: Database, profile_id: int) -> list[dict[str, Any]]:
    mark = SIMULATED if people.profile(db, profile_id).simulated else {}
    items = {
        number: {"hash": digest, "prompt": prompt, "text": text, "made": made}
        for number, digest, prompt, text, made in db.execute(
            "SELECT DISTINCT i.id, i.hash, i.prompt, i.text, i.made FROM questions q,"
            " json_each(q.items) j JOIN items i ON i.id = j.value WHERE q.profile_id = ?",
            [profile_id],
        )
    }
    why = reasons.holding(db, profile_id)
    held = verdicts.holding(verdicts.rows(db, profile_id))
    given = (r for r in answers.rows(db, profile_id) if r["act"] == "answer" and r["effective"])
    rows = ({**r, "outcome": verdicts.outcome(r, held.get(r["seq"]))} for r in given)
    return [_full(row, items) | _reason(why.get(row["seq"])) | mark for row in rows]


def _full(row: dict[str, Any], items: dict[int, dict[str, Any]]) -> dict[str, Any]:
    outcome = row["outcome"]
    picks = outcome["picks"] if isinstance(outcome, dict) else []
    return {
        "answer": row["seq"], "kind": row["kind"], "form": row["form"], "rule": row["rule"],
        "repeat": row["repeat_of"] is not None, "outcome": "picks" if picks else outcome,
        "strength": row["strength"],
        "items": [{**items[i], "picked": picks.index(i) + 1 if i in picks else 0}
                  for i in row["items"]],
    }  # fmt: skip


def _row(
    row: dict[str, Any], shown: dict[int, tuple[str, str, str | None]], numbers: dict[int, int],
    act: str | None,
) -> dict[str, Any]:  # fmt: skip
    outcome = row["outcome"]
    picks = outcome["picks"] if isinstance(outcome, dict) else []
    made = {
        **row,
        "question": numbers[row["question"]],
        "repeat_of": numbers.get(row["repeat_of"]),
        "items": [shown[i][0] for i in row["items"]],
        "outcome": {"picks": [shown[i][0] for i in picks]} if picks else outcome,
        "verdict": act or "",
    }
    if row["form"] == "pair" and picks and row["effective"] and act != "drop":
        first = verdicts.outcome(row, act)["picks"][0]
        best = shown[first]
        other = shown[next(i for i in row["items"] if i != first)]
        made |= {"prompt": best[1], "chosen": best[2] or best[0], "rejected": other[2] or other[0]}
    return made


def cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula is made plain text with a quote before it."""
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.lstrip().startswith(("=", "+", "-", "@")):
        return "'" + value
    if isinstance(value, str) and value.startswith(("\t", "\r", "\n")):
        return "'" + value
    return value


def csv_line(cells: Any) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
