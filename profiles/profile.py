"""Profile and User: whose taste."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """One person's taste for one purpose. `created` is in seconds since 1970, UTC.

    `simulated`: an example, answered by a program; it never counts as somebody.
    """

    id: int
    user_id: int
    name: str = ""
    purpose: str = ""
    colour: str = ""
    created: float = 0.0
    named: bool = False
    simulated: bool = False


@dataclass(frozen=True)
class User:
    """Someone who can log in; the local user has an empty name and no password."""

    id: int
    name: str
    password_hash: str | None
    created: float
