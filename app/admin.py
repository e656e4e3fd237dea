"""What the keeper of a studio sees: who is there and how much they keep, never what.

Numbers, names and states only; answers, prompts, pictures and what tunings learn from are not read.
"""

from typing import TYPE_CHECKING, Any

from app.accounts import Accounts

if TYPE_CHECKING:
    from app.studio import Studio


class Admin:
    """Cheap to make. Who may ask is checked by the routes and the command line."""

    def __init__(self, studio: "Studio", accounts: Accounts) -> None:
        self.studio, self.accounts, self.store = studio, accounts, studio.store

    def users(self) -> dict[str, Any]:
        sizes = self.store.logins.sizes()
        return {"users": [self._user(u, sizes.get(u.id, {})) for u in self.accounts.users()]}

    def _user(self, known: Any, sizes: dict[str, int]) -> dict[str, Any]:
        accounts = self.accounts
        return {
            "id": known.id, "name": known.name, "admin": accounts.is_admin(known.id),
            "locked": known.locked, "created": known.created, "seen": accounts.seen(known.id),
            "sessions": len(accounts.held(known.id)), **sizes,
            "limits": self.studio.rules.told(known.id),
        }  # fmt: skip

    def jobs(self) -> dict[str, Any]:
        """Everybody's newest jobs, by number: whose, what kind, how far."""
        rows = self.store.logins.jobs()
        return {"jobs": [{**row, "name": self.accounts.name(row["user"])} for row in rows]}

    def audit(self, before: int | None = None, limit: int = 100) -> dict[str, Any]:
        """Rows of the log, newest first, and whether the whole chain holds."""
        rows = self.store.audit.newest(limit, before)
        named = [{**row, "name": self._name(row["user"])} for row in rows]
        chain = self.store.audit.verify()
        return {**chain, "count": chain["rows"], "rows": named}

    def _name(self, user: int | None) -> str:
        return "" if user is None else self.accounts.name(user)
