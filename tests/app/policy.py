"""Who may do what, route by route: the one table. tests/app/test_policy.py walks through all of it,
fails for a route that is not here, and holds docs/several-people.md to it.

Bodies name things of somebody by "@": "@question" is the number of a question of that person.
"""

from dataclasses import dataclass
from typing import Any

# open: nobody has to be known. named: whoever is logged in, and only about themselves. owner: the
# person it belongs to; to everybody else, admins too, it is not there. shared: what ships is
# everybody's, what somebody added is theirs. admin: who keeps the studio.
# participant: who holds a code of a running study, about that one sitting (tests/app/study).
OPEN, NAMED, OWNER, SHARED, ADMIN = "open", "named", "owner", "shared", "admin"
PARTICIPANT = "participant"


@dataclass(frozen=True)
class Row:
    """One route. `inner`: what the body names that must be the caller's too; `means`: statuses
    that say the door was passed, for routes that a small test cannot see through to the end.
    """

    who: str
    what: str
    body: Any = None
    inner: tuple[str, ...] = ()
    means: tuple[int, ...] = ()
    raw: bytes | None = None
    query: str = ""


KEY = {"idempotency_key": "@key"}
PICTURE = {"medium": "picture"}
P, J, A = "/api/v1/profiles/{profile}", "/api/v1/jobs/{job}", "/api/v1/adapters/{adapter}"

POLICY: dict[str, Row] = {
    # the page
    "GET /login": Row(OPEN, "the form to log in"),
    "GET /help": Row(NAMED, "help, without a network"),
    "GET /static": Row(OPEN, "scripts and styles of the page"),
    "GET /static/words": Row(OPEN, "the words of the page in other languages"),
    "GET /static/js/iframeResizer.contentWindow.min.js": Row(OPEN, "an empty script"),
    "GET /api/v1/openapi.json": Row(NAMED, "the list of routes for programs"),
    # about
    "GET /api/v1/health": Row(OPEN, "whether the studio is ready"),
    "GET /api/v1/system": Row(NAMED, "version, device, models"),
    "GET /api/v1/report": Row(ADMIN, "a report of a bug: versions, sizes, counts"),
    "POST /api/v1/login": Row(OPEN, "log in", {"name": "@name", "password": "@password"}),
    "POST /api/v1/join": Row(OPEN, "set an account up with a token", {
        "token": "@password", "password": "@password"}, means=(401,)),
    "POST /api/v1/logout": Row(NAMED, "log out"),
    # one's own account
    "GET /api/v1/account": Row(NAMED, "one's sessions, tokens, limits"),
    "POST /api/v1/account/password": Row(NAMED, "change one's password", {
        "old": "@password", "new": "@password"}),
    "POST /api/v1/account/end-others": Row(NAMED, "end one's other sessions"),
    "DELETE /api/v1/account/held/{held}": Row(OWNER, "end a session or token of one's own"),
    "POST /api/v1/account/tokens": Row(NAMED, "a token for a program", {"label": "mine"}),
    # keeping the studio
    "GET /api/v1/admin/users": Row(ADMIN, "who is there, how much they keep, last seen"),
    "GET /api/v1/admin/jobs": Row(ADMIN, "the states of everybody's jobs"),
    "GET /api/v1/admin/audit": Row(ADMIN, "the audit log"),
    "POST /api/v1/admin/users/{who}/lock": Row(ADMIN, "lock a user out, or in again", {
        "locked": False}),
    "POST /api/v1/admin/users/{who}/limits": Row(ADMIN, "set a user's limits", {"limits": {}}),
    "POST /api/v1/admin/users/{who}/reset": Row(ADMIN, "let a user choose another password"),
    "POST /api/v1/admin/invites": Row(ADMIN, "let one more person in"),
    # profiles
    "GET /api/v1/profiles": Row(NAMED, "list one's profiles"),
    "POST /api/v1/profiles": Row(NAMED, "make a profile", {"name": "new"}),
    "GET /api/v1/examples": Row(NAMED, "the examples: simulated people to look at"),
    "POST /api/v1/examples": Row(NAMED, "open an example", {"key": "nobody"}, means=(404,)),
    "DELETE /api/v1/examples": Row(NAMED, "remove one's examples"),
    f"GET {P}": Row(OWNER, "look at a profile"),
    f"PATCH {P}": Row(OWNER, "rename, describe, colour it", {"purpose": "changed"}),
    f"DELETE {P}": Row(OWNER, "delete it with all it holds"),
    f"GET {P}/belief": Row(OWNER, "what was learned"),
    f"POST {P}/restore": Row(OWNER, "go back to a version", {"version": "@version"}, ("version",)),
    f"GET {P}/events": Row(OWNER, "follow what moves"),
    # answers
    f"GET {P}/question": Row(OWNER, "the next question"),
    "POST /api/v1/answers": Row(OWNER, "answer a question", {
        "question_id": "@question", "outcome": "skip", **KEY}, ("question",)),
    f"POST {P}/undo": Row(OWNER, "take the last answer back", {**PICTURE, **KEY}),
    f"POST {P}/redo": Row(OWNER, "put it in again", {**PICTURE, **KEY}),
    f"POST {P}/like": Row(OWNER, "like a result", {
        "generation": "@generation", "side": "personal", "index": 0, "liked": True, **KEY},
        ("generation",)),
    f"POST {P}/answers/{{seq}}/reason": Row(OWNER, "say why a passage was picked", {
        "chips": [], "words": "a reason", **KEY}),
    f"POST {P}/different": Row(OWNER, "ask for something different", PICTURE),
    f"GET {P}/checks": Row(OWNER, "the second look"),
    f"POST {P}/answers/{{seq}}/verdict": Row(OWNER, "keep, flip or drop an answer", {
        "act": "keep", **KEY}),
    f"GET {P}/why/{{item}}": Row(OWNER, "why a thing is rated so"),
    # what a person set or wrote
    f"GET {P}/compass": Row(OWNER, "the compass"),
    f"POST {P}/compass": Row(OWNER, "set it by hand", {
        **PICTURE, "plane": ["@x", "@y"], "angle": 45.0}),
    f"POST {P}/compass/release": Row(OWNER, "give it back", PICTURE),
    f"GET {P}/description": Row(OWNER, "words about the person"),
    f"POST {P}/description": Row(OWNER, "write them", {"medium": "text", "text": "likes ink"}),
    f"POST {P}/captions": Row(OWNER, "own words for a picture", {
        "item": "@item", "words": "mine"}, ("item",)),
    f"GET {P}/start": Row(OWNER, "where a taste starts"),
    f"POST {P}/start": Row(OWNER, "start from others of one's own", {**PICTURE, "on": False},
                           means=(422,)),
    f"POST {P}/helps": Row(OWNER, "let it help others of one's own", {"on": False}),
    "GET /api/v1/drawn-for-you": Row(NAMED, "whether pairs are drawn ahead"),
    "POST /api/v1/drawn-for-you": Row(NAMED, "switch it", {"on": False}),
    # making
    f"POST {P}/generate": Row(OWNER, "make something", {
        "medium": "picture", "prompt": "a cat", "n": 1, "depth": "instant"}),
    f"POST {P}/strip": Row(OWNER, "one picture at five strengths", {"prompt": "an unknown xyzzy"}),
    f"GET {P}/made": Row(OWNER, "what was made"),
    f"GET {P}/made/{{number}}/{{side}}/{{index}}": Row(OWNER, "a drawn picture"),
    f"DELETE {P}/made/{{number}}": Row(OWNER, "delete one"),
    # own things
    f"POST {P}/items": Row(OWNER, "add own pictures or texts", {"texts": ["a text of mine"]}),
    "GET /api/v1/media/{item}": Row(SHARED, "a picture or passage"),
    # carrying
    f"GET {P}/export": Row(OWNER, "take it home as a file"),
    "POST /api/v1/import": Row(NAMED, "bring one in", raw=b"no bundle", means=(422,)),
    # a running study (--study) and its participants
    "GET /study": Row(OPEN, "the page of participants"),
    "POST /api/v1/study/enter": Row(OPEN, "enter with a code", {"code": "nobody"}, means=(403,)),
    "GET /api/v1/study/state": Row(PARTICIPANT, "where one is in it"),
    "POST /api/v1/study/consent": Row(PARTICIPANT, "agree", {"code": "x", "consent": "0" * 64}),
    "POST /api/v1/study/begin": Row(PARTICIPANT, "begin"),
    "POST /api/v1/study/answers": Row(PARTICIPANT, "answer", {
        "question_id": "@question", "outcome": "skip", "ms": 1, **KEY}),
    "POST /api/v1/study/leave": Row(OPEN, "leave"),
    "GET /api/v1/study/media/{item}": Row(PARTICIPANT, "a picture that is asked about"),
    # studies of a researcher
    "GET /api/v1/studies": Row(NAMED, "list one's studies"),
    "GET /api/v1/studies/{study}/export": Row(OWNER, "the data of a study"),
    "DELETE /api/v1/studies/{study}": Row(OWNER, "delete a study or a participant"),
    # tuning
    f"GET {P}/tune": Row(OWNER, "what tuning would cost", query="medium=text"),
    f"POST {P}/tune": Row(OWNER, "tune", {
        "medium": "text", "start": "@adapter", "objective": "magic"}, ("adapter",), means=(422,)),
    f"GET {P}/jobs": Row(OWNER, "list jobs"),
    f"GET {J}": Row(OWNER, "one job"),
    f"GET {J}/samples/{{name}}": Row(OWNER, "a picture drawn on its way"),
    f"POST {J}/wish": Row(OWNER, "pause, resume, stop, discard", {"wish": "pause"}, means=(422,)),
    f"GET {P}/adapters": Row(OWNER, "list what was tuned"),
    f"PATCH {A}": Row(OWNER, "rename, choose it", {"name": "changed"}),
    f"DELETE {A}": Row(OWNER, "delete it"),
    f"POST {A}/try": Row(OWNER, "try it", {"prompt": "a cat"}, means=(422,)),
    f"POST {A}/blind": Row(OWNER, "begin a blind trial", {"prompt": "a day"}, means=(503,)),
    f"POST {A}/blind/{{trial}}": Row(OWNER, "end it", {"pick": "same"}),
    f"GET {A}/exports": Row(OWNER, "list export targets"),
    f"POST {A}/exports/{{target}}": Row(OWNER, "export it", {"privacy": "vector only"}),
    f"GET {A}/exports/{{target}}/file": Row(OWNER, "the file of an export"),
    f"GET {A}/file": Row(OWNER, "the adapter for another studio"),
    f"POST {P}/adapters/import": Row(OWNER, "bring an adapter in", raw=b"no adapter", means=(503,)),
}  # fmt: skip
