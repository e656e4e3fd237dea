"""Everybody at every door: the routes of the app against the table in policy.py, cell by cell.

For every route: a stranger, the owner, another person, the keeper; with their own ids, the ids of
another, guessed ids, ids of another inside a body of their own, an old cookie after logout, old
addresses after a deletion. What is let through must equal the table, and nothing that belongs to
another may stand in any reply.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount

from tests.app.policy import ADMIN, NAMED, OPEN, OWNER, PARTICIPANT, POLICY, SHARED, Row
from tests.app.world import GUESS, Person, World, fill, world

CLOSED = (401, 403, 404)
PROFILE = "/api/v1/profiles/{profile}"
# Everybody changes their password to the one they have; a token to join with is none of ours.
MOUNTED = {"/static": "/static/main.js", "/static/words": "/static/words/de.json"}
PASSWORD = {"password": "the password of all"}


@dataclass(frozen=True)
class Cell:
    """Who tries what on which route, and whether the table lets them."""

    route: str
    who: str
    how: str


def routes(app: Any) -> set[str]:
    """Every door of the application: "GET /path", mounts by their folder."""
    found: set[str] = set()
    for one in app.routes:
        inner = getattr(one, "original_router", None)
        for route in inner.routes if inner is not None else [one]:
            if isinstance(route, Mount):
                found.add(f"GET {route.path}")
                continue
            found |= {f"{verb} {route.path}" for verb in route.methods - {"HEAD"}}
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, stocked: Any) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("policy"), stocked) as made:
        for name in ("ann", "bob"):
            fill(made, made.people[name])
        yield made


def test_every_route_has_a_row_and_every_row_a_route(filled: World) -> None:
    there = routes(filled.app)
    missing, gone = there - set(POLICY), set(POLICY) - there
    assert not missing, f"write a row in tests/app/policy.py for {sorted(missing)}"
    assert not gone, f"no such route any more: {sorted(gone)}"


def sent(row: Row, route: str, outer: dict[str, Any], inner: dict[str, Any], key: str) -> Any:
    """(method, path, body, raw) with the ids of `outer` in the path and of `inner` in the body."""
    method, path = route.split(" ", 1)
    path = MOUNTED.get(path, path)
    path = re.sub(r"\{(\w+)\}", lambda m: str(outer[m[1]]), path)
    names = {**outer, **{k: inner[k] for k in row.inner}, "key": key}
    return method, path + (f"?{row.query}" if row.query else ""), _named(row.body, names), row.raw


def _named(body: Any, names: dict[str, Any]) -> Any:
    if isinstance(body, dict):
        return {k: _named(v, names) for k, v in body.items()}
    if isinstance(body, list):
        return [_named(v, names) for v in body]
    return names[body[1:]] if isinstance(body, str) and body.startswith("@") else body


class Walk:
    """Tries cells and remembers which were let through, and every reply to somebody else."""

    def __init__(self, filled: World) -> None:
        self.world = filled
        self.allowed: set[Cell] = set()
        self.tried: set[Cell] = set()
        self.statuses: dict[Cell, int] = {}
        keeper = filled.people["keeper"].user
        self.bearer = f"Bearer {filled.accounts.token(keeper, 'walk')}"

    def go(
        self, cell: Cell, cookie: str, outer: dict[str, Any], inner: dict[str, Any] | None = None
    ) -> Any:
        row = POLICY[cell.route]
        method, path, body, raw = sent(row, cell.route, outer, inner or outer, self.world.key())
        if cookie == "bearer":
            reply = self.world.ask(method, path, body, "", raw, authorization=self.bearer)
        else:
            reply = self.world.ask(method, path, body, cookie, raw)
        self.tried.add(cell)
        self.statuses[cell] = reply.status
        if reply.status not in CLOSED:
            self.allowed.add(cell)
        assert reply.status != 500, (cell, reply.body)
        if reply.status not in CLOSED and path.startswith("/api/v1"):
            kept = reply.headers.get("cache-control", "")
            assert "no-store" in kept or "private" in kept, (cell, kept)
        return reply


def ids(person: Person, **more: Any) -> dict[str, Any]:
    return {"x": "lightness", "y": "detail", **person.ids, **more}


def guessed(names: dict[str, Any]) -> dict[str, Any]:
    more = {"trial": "guess", "name": "00009-0.png", "held": "0123456789abcdef"}
    return {k: GUESS if isinstance(v, int) and k != "index" else v for k, v in names.items()} | more


def personal(route: str) -> bool:
    """What only a person in a browser may do: their account, keeping the studio."""
    return route.split(" ")[1].startswith(("/api/v1/account", "/api/v1/admin"))


ENDS = ("DELETE ", "POST /api/v1/account/end", "POST /api/v1/account/password")


def late(route: str) -> int:
    """What ends things comes after what needs them, the profile last."""
    if route == f"DELETE {PROFILE}":
        return len(ENDS) + 1
    return next((k for k, end in enumerate(ENDS, 1) if route.startswith(end)), 0)


def test_nobody_gets_at_what_is_not_theirs(filled: World) -> None:
    ann, bob, keeper = (filled.people[n] for n in ("ann", "bob", "keeper"))
    walk, before = Walk(filled), owned(filled, ann)
    theirs, mine = ids(ann, who=bob.user, **PASSWORD), ids(bob, who=ann.user, **PASSWORD)
    for route, row in POLICY.items():
        if row.who == OPEN:
            continue
        tries = [("stranger", "", "another's", theirs, None),
                 ("stranger", "no-such-token", "another's", theirs, None)]  # fmt: skip
        if row.who in (OWNER, SHARED):
            hows = (("another's", theirs), ("guessed", guessed(theirs)))
            tries += [(p.name, p.cookie, how, names, None) for p in (bob, keeper)
                      for how, names in hows]  # fmt: skip
            if row.inner:
                tries.append(("bob", bob.cookie, "another's inside", mine, theirs))
        if row.who == PARTICIPANT:  # an account is no code
            tries += [(p.name, p.cookie, "no code", theirs, None) for p in (ann, bob, keeper)]
        if row.who == ADMIN:
            tries.append(("bob", bob.cookie, "another's", mine, None))
        if personal(route):
            tries.append(("keeper's program", "bearer", "another's", theirs, None))
        for who, cookie, how, outer, inner in tries:
            reply = walk.go(Cell(route, who, how), cookie, outer, inner)
            assert b"canary-ann" not in reply.body, (route, who, how)
    assert walk.allowed == set(), sorted(walk.allowed, key=str)
    assert owned(filled, ann) == before, "somebody changed what is not theirs"
    print(f"cells closed: {len(walk.tried)}")


def test_everybody_gets_at_what_is_theirs_and_at_nothing_once_it_is_gone(filled: World) -> None:
    people = [filled.people[n] for n in ("ann", "bob", "keeper")]
    ann, _, keeper = people
    walk, want = Walk(filled), set()
    tries = {
        PARTICIPANT: [],
        OWNER: [ann],
        SHARED: [ann],
        ADMIN: [keeper],
        NAMED: people,
        OPEN: people,
    }
    for route in sorted(POLICY, key=late):
        row = POLICY[route]
        for person in tries[row.who]:
            if route.startswith("POST /api/v1/log"):
                continue
            cell = Cell(route, person.name, "own")
            want.add(cell)
            reply = walk.go(cell, person.cookie, ids(person, who=ann.user, **PASSWORD))
            good = reply.status < 400 or reply.status in row.means
            assert good, (cell, reply.status, reply.body[:300])
            if route == "POST /api/v1/account/password":
                person.cookie = reply.headers["set-cookie"].split("=", 1)[1].split(";")[0]
            others = [p.name for p in people if p is not person]
            assert not any(f"canary-{n}".encode() in reply.body for n in others), cell
    want -= {c for c in want if set(POLICY[c.route].means) & set(CLOSED)}
    assert walk.allowed == want, sorted(walk.allowed ^ want, key=str)
    for route, row in POLICY.items():
        if row.who in (OWNER, SHARED):
            assert walk.go(Cell(route, "ann", "deleted"), ann.cookie, ids(ann)).status == 404, route
    assert filled.ask("POST", "/api/v1/logout", {}, ann.cookie).status == 200
    for route, row in POLICY.items():
        if row.who not in (OPEN, PARTICIPANT):
            cell = Cell(route, "ann", "logged out")
            assert walk.go(cell, ann.cookie, ids(ann, who=1, **PASSWORD)).status == 401, route
    print(f"cells open: {len(want)}, all: {len(walk.tried)}")


def test_what_ships_is_everybodys_and_a_program_may_what_its_person_may(filled: World) -> None:
    keeper = filled.people["keeper"]
    shipped = int(filled.studio.shelves.starter("picture").features.ids[0])
    reply = filled.ask("GET", f"/api/v1/media/{shipped}", None, keeper.cookie)
    assert reply.status == 200 and "immutable" in reply.headers["cache-control"]
    again = filled.ask("GET", f"/api/v1/media/{shipped}", None, keeper.cookie,
                       **{"if-none-match": reply.headers["etag"]})  # fmt: skip
    assert again.status == 304 and again.body == b""
    token = filled.accounts.token(keeper.user, "a program")
    bearer = {"authorization": f"Bearer {token}"}
    assert filled.ask("GET", "/api/v1/profiles", **bearer).status == 200
    assert filled.ask("GET", "/", accept="text/html", **bearer).status == 403
    # A cookie of a person does not lend its rights to a wrong token beside it.
    wrong = {"authorization": "Bearer penchant_wrong"}
    assert filled.ask("GET", "/api/v1/profiles", None, keeper.cookie, **wrong).status == 401


def test_the_keeper_sees_who_and_how_much_but_never_what(filled: World) -> None:
    keeper, ann = filled.people["keeper"], filled.people["ann"]
    told = {what: filled.ask("GET", f"/api/v1/admin/{what}", None, keeper.cookie)
            for what in ("users", "jobs", "audit")}  # fmt: skip
    users = {u["name"]: u for u in told["users"].json()["users"]}
    assert set(users) == set(filled.people) and users["keeper"]["admin"]
    assert {"profiles", "items", "answers", "seen", "locked", "limits"} <= set(users["ann"])
    jobs = told["jobs"].json()["jobs"]
    assert {j["user"] for j in jobs} <= {p.user for p in filled.people.values()}
    assert all(
        set(j) == {"id", "user", "what", "state", "created", "changed", "name"} for j in jobs
    )
    log = told["audit"].json()
    assert log["intact"] and log["count"] == log["rows"][0]["id"]
    whats = {row["what"] for row in log["rows"] if row["user"] == ann.user}
    assert {"login", "export", "delete", "adapter-file", "adapter-delete", "password"} <= whats
    for reply in told.values():
        assert b"canary" not in reply.body


def owned(filled: World, person: Person) -> dict[str, Any]:
    """All rows of a person's profiles, table by table."""

    def read(db: Any) -> dict[str, Any]:
        found = {}
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
            columns = {r[1] for r in db.execute(f"PRAGMA table_info({table})").fetchall()}
            if "profile_id" in columns:
                found[table] = db.execute(f"SELECT * FROM {table} WHERE profile_id = ?",
                                          [person.ids["profile"]]).fetchall()  # fmt: skip
        return found

    return dict(filled.studio.store.read(read))


def table() -> str:
    """The policy as docs/several-people.md shows it."""
    rows = ["| route | who | what |", "|---|---|---|"]
    rows += [f"| `{route}` | {row.who} | {row.what} |" for route, row in POLICY.items()]
    return "\n".join(rows)


def test_the_docs_show_the_table_that_is_tested() -> None:
    """Written anew by PENCHANT_WRITE_DOCS=1."""
    page = Path(__file__).resolve().parents[2] / "docs" / "several-people.md"
    before, _, rest = page.read_text().partition("<!-- policy -->\n")
    shown, _, after = rest.partition("<!-- /policy -->")
    if os.environ.get("PENCHANT_WRITE_DOCS"):
        page.write_text(f"{before}<!-- policy -->\n{table()}\n<!-- /policy -->{after}")
    else:
        assert shown.strip() == table(), "run this once with PENCHANT_WRITE_DOCS=1"
