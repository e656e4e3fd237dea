"""The words about people: who keeps the studio, a first token, limits; users, audit, token.
Standard library only.
"""

import argparse
import secrets
from collections.abc import Mapping
from typing import Any

# As in app/limits.py, which says what each is.
LIMITS = ("comparisons", "acts", "sessions", "queue", "making", "profiles", "items", "requests",
          "streams")  # fmt: skip
CLOSED = (
    "--listen lets other machines in; add --token, with which the first person chooses a name and "
    "a password, or --auth NAME:PASSWORD (or --insecure)"
)
ACTS = ("lock", "unlock", "invite", "reset", "limit")
VERBS: dict[str, tuple[str, Any]] = {
    "users": ("who may log in; with lock, unlock, reset, limit NAME, or invite: do that",
              (("act", str, "?"), ("name", str, "?"), ("numbers", str, "*"))),
    "audit": ("the log of logins, exports, imports and deletions", ()),
    "token": ("a token with which a program asks as somebody", (("name", str, None),
                                                                ("label", str, "*"))),
}  # fmt: skip


class Wrong(Exception):
    """A flag that cannot be; the message names the cure."""


def serving(p: argparse.ArgumentParser) -> None:
    """The flags of `launch.py run`."""
    p.add_argument("--token", action="store_true",
                   help="ask for a login; whoever opens /login first sets their account up with "
                   "the token that is shown here")  # fmt: skip
    p.add_argument("--admin", metavar="NAME", help="who keeps the studio; default: the first name")
    p.add_argument("--host-name", metavar="NAME[,..]",
                   help="names under which others open it, as behind a proxy")  # fmt: skip
    p.add_argument("--limits", metavar="NAME=N[,..]",
                   help=f"of each person, 0 lifts one: {', '.join(LIMITS)}")  # fmt: skip


def verb(p: argparse.ArgumentParser, name: str) -> None:
    """What a verb about people takes beside its words."""
    if name == "audit":
        p.add_argument("--verify", action="store_true", help="only say whether the chain holds")
        p.add_argument("-n", type=int, default=50, help="how many rows, the newest first")
    else:
        p.add_argument("--user", metavar="NAME",
                       help="whose things; default: those kept without a login")  # fmt: skip


def settled(values: dict[str, Any], auth: Mapping[str, str]) -> dict[str, Any]:
    """token, admin and limits out of `values`, as Options wants them."""
    token, admin = values.pop("token", False), values.pop("admin", None)
    if admin and not auth and not token:
        raise Wrong("--admin names somebody who logs in; add --auth NAME:PASSWORD or --token")
    return {
        "admin": admin,
        "first": secrets.token_urlsafe(18) if token and not auth else None,
        "limits": parsed(values.pop("limits", "")),
        "host_names": tuple(filter(None, values.pop("host_name", "").lower().split(","))),
    }


def parsed(text: str) -> dict[str, int]:
    """ "comparisons=240,making=8" as numbers."""
    found = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, number = part.partition("=")
        if name not in LIMITS or not (number.isascii() and number.isdigit()) or len(number) > 9:
            raise Wrong(f"--limits: {part[:60]!r} is none; write NAME=NUMBER with one of "
                        f"{', '.join(LIMITS)}")  # fmt: skip
        found[name] = int(number)
    return found
