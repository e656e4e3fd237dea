"""Verbs about people on the command line: who may log in, the audit log, tokens for programs.

Whoever may start commands on the machine keeps the studio: these need no login. While the studio
runs it holds the data folder, and its Settings do the same.
"""

import sys
from typing import TYPE_CHECKING, Any

from app import flags_people
from app.accounts import Accounts
from app.admin import Admin
from app.wire import Bad, Missing

if TYPE_CHECKING:
    from app.studio import Studio

INVITED = "open /login, choose 'I have a token', and choose a name and a password; good for a day"


def whose(studio: "Studio", name: str | None) -> int:
    """The user id behind --user; without it the one of a studio without a login."""
    if not name:
        return int(studio.store.local_user())
    return _one(studio, name)


def users(studio: "Studio", user: int, given: Any) -> Any:
    accounts = Accounts(studio.store, None, studio.rules)
    if not given.act:
        return _everybody(studio, accounts)
    if given.act not in flags_people.ACTS:
        raise Bad(f"users can {', '.join(flags_people.ACTS)}, not {given.act[:40]!r}")
    if given.act == "invite":
        return {"token": accounts.invite(user), "use": INVITED}
    one = _one(studio, given.name or "")
    if given.act == "reset":
        return {"token": accounts.reset(user, one), "use": INVITED}
    if given.act == "limit":
        try:
            accounts.set_limits(user, one, flags_people.parsed(",".join(given.numbers)))
        except flags_people.Wrong as wrong:
            raise Bad(str(wrong)) from None
        return {"name": given.name, "limits": studio.rules.told(one)}
    accounts.lock(user, one, given.act == "lock")
    return {"name": given.name, "locked": given.act == "lock"}


def _everybody(studio: "Studio", accounts: Accounts) -> Any:
    """Also those whose name stands only on the command line of the studio."""
    found = Admin(studio, accounts).users()["users"]
    sizes = studio.store.logins.sizes()
    named = {row["name"] for row in found}
    more = [{"id": u.id, "name": u.name or "(without a login)", "locked": u.locked,
             "seen": u.seen, **sizes[u.id]} for u in studio.store.logins.users()
            if u.name not in named and (u.name or sizes[u.id]["profiles"])]  # fmt: skip
    return {"users": found + more}


def audit(studio: "Studio", _user: int, given: Any) -> Any:
    told = studio.store.audit.verify()
    if not told["intact"]:
        sys.stderr.write(f"launch.py: the audit log was changed: {told['wrong']}\n")
    if given.verify:
        return told
    names = {u.id: u.name for u in studio.store.logins.users()}
    rows = studio.store.audit.newest(max(1, given.n))
    return {**told, "newest_rows": [{**row, "name": names.get(row["user"], "")} for row in rows]}


def token(studio: "Studio", _user: int, given: Any) -> Any:
    accounts = Accounts(studio.store, None, studio.rules)
    made = accounts.token(_one(studio, given.name), " ".join(given.label))
    return {"token": made, "use": "send it as Authorization: Bearer TOKEN; it is shown only now"}


def _one(studio: "Studio", name: str) -> int:
    known = {u.name: u.id for u in studio.store.logins.users() if u.name}
    if name not in known:
        there = ", ".join(known) or "nobody yet"
        raise Missing(f"nobody here is called {name[:80]!r}; there is {there}")
    return int(known[name])
