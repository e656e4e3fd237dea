"""The parts of a bundle as checked values: what passes here can be stored as it is."""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from engine.data import Outcome
from profiles import bundle_notes, captions, items, verdicts
from profiles.bundle_format import BadBundle, fields, line, lines
from profiles.profile import Profile
from profiles.reasons import Reason, checked
from profiles.records import LogRow, NewItem, Version
from profiles.verdicts import Verdict

NUMBER, NULL = (int, float), type(None)
KINDS = ("picture", "text")
MEDIA, TENSORS, STATE_HEADER, VERSIONS, LENGTH = 10 << 20, 4096, 1 << 20, 4096, 65_536
TENSOR = {"dtype", "shape", "data_offsets"}
PROFILE = {"name": str, "purpose": str, "colour": str, "created": NUMBER, "named": bool}
ITEM = {"kind": str, "hash": str, "prompt": str, "text": (str, NULL), "made": str,
        "attributes": dict, "media": bool, "own": bool}  # fmt: skip
QUESTION = {"number": int, "kind": str, "items": list, "rule": str, "repeat_of": (int, NULL),
            "created": NUMBER}  # fmt: skip
ANSWER = {"seq": int, "act": str, "kind": str, "question": int, "target": (int, NULL),
          "outcome": (dict, str, NULL), "strength": NUMBER, "ms": (int, NULL), "source": str,
          "key": str, "predicted": (int, float, NULL), "note": str, "extra": dict,
          "created": NUMBER}  # fmt: skip
REASON = {"seq": int, "chips": list, "words": str, "key": str, "created": NUMBER}
CAPTION = {"item": int, "words": str}
VERDICT = {"seq": int, "act": str, "key": str}
CARRIED = {"name": str, "kind": str, "base": str, "chosen": bool, "part": str}
VERSION = {"kind": str, "method": str, "space": str, "seq": int, "created": NUMBER, "note": str,
           "part": str}  # fmt: skip
SPACE = {"space": str, "dim": int, "hashes": list, "part": str}


@dataclass(frozen=True)
class Asked:
    """A question of the bundle; `items` are places in its list of items."""

    kind: Any
    items: tuple[int, ...]
    rule: str
    repeat_of: int | None
    created: float


@dataclass(frozen=True)
class Carried:
    """An adapter that travels along: `body` is its own file, not looked into here."""

    name: str
    kind: Any
    base: str
    chosen: bool
    body: bytes


@dataclass(frozen=True)
class Loaded:
    """A whole bundle. `answers` name questions by number and pick by place in the question;
    `captions` are (place in `items`, words).
    """

    profile: Profile
    kinds: tuple[Any, ...]
    items: tuple[NewItem, ...]
    own: tuple[bool, ...]
    questions: tuple[Asked, ...]
    answers: tuple[LogRow, ...]
    versions: tuple[tuple[Version, bytes], ...]
    vectors: tuple[tuple[str, str, bytes], ...]
    reasons: tuple[Reason, ...] = ()
    carried: tuple[Carried, ...] = ()
    captions: tuple[tuple[int, str], ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[dict[str, Any], ...] = ()


def check(parts: Mapping[str, bytes]) -> Loaded:
    """BadBundle unless every part is known, complete and makes sense with the others."""
    parts = dict(parts)
    try:
        texts = {
            n: parts.pop(n)
            for n in ("profile", "items", "questions", "answers", "versions", "spaces")
        }
    except KeyError as missing:
        raise BadBundle(f"the bundle has no part {missing}") from None
    profile = _profile(line(texts["profile"]))
    things = [fields(v, ITEM, "item") for v in lines(texts["items"])]
    rows = tuple(_item(v, parts) for v in things)
    kinds = tuple(v["kind"] for v in things)
    own = tuple(v["own"] for v in things)
    if len({(k, r.hash, o) for k, r, o in zip(kinds, rows, own, strict=True)}) != len(rows):
        raise BadBundle("an item comes twice")
    asked = _questions(lines(texts["questions"]), kinds)
    given = _answers(lines(texts["answers"]), asked)
    carried = _carried(lines(parts.pop("adapters", b"")), parts)
    why = _reasons(lines(parts.pop("reasons", b"")), given)
    named = _captions(lines(parts.pop("captions", b"")), kinds)
    judged = _verdicts(lines(parts.pop("verdicts", b"")), given, asked)
    noted = bundle_notes.checked(lines(parts.pop("notes", b"")))
    versions = _versions(lines(texts["versions"]), parts, len(given))
    mine = {r.hash for r, o in zip(rows, own, strict=True) if o}
    vectors = _vectors(lines(texts["spaces"]), parts, mine)
    if parts:
        raise BadBundle(f"part {sorted(parts)[0]!r} is not used by anything in the bundle")
    return Loaded(profile, kinds, rows, own, asked, given, versions, vectors, why, carried, named,
                  judged, noted)  # fmt: skip


def _profile(value: Any) -> Profile:
    marked = isinstance(value, dict) and value.get("simulated") is True
    told = fields(value, {**PROFILE, "simulated": bool} if marked else PROFILE, "profile")
    name, purpose = _text(told["name"], 200), _text(told["purpose"], 2000)
    if not re.fullmatch(r"(#[0-9a-fA-F]{6})?", told["colour"]):
        raise BadBundle("profile: the colour is not of the form #rrggbb")
    made, named = _time(told["created"]), told["named"]
    return Profile(0, 0, name, purpose, told["colour"], made, named, marked)


def _item(told: dict[str, Any], parts: dict[str, bytes]) -> NewItem:
    if told["kind"] not in KINDS or (told["kind"] == "text") != (told["text"] is not None):
        raise BadBundle("item: a passage has text, a picture has none")
    media = None
    if told["media"]:
        media = parts.pop(f"media/{told['hash']}", None)
        if media is None or told["kind"] != "picture":
            raise BadBundle("item: its picture is not in the bundle, or has no place there")
        if len(media) > MEDIA or not _picture(media):
            raise BadBundle("item: its picture is not a PNG, JPEG or WebP of at most 10 MB")
    elif told["own"] and told["kind"] == "picture":
        raise BadBundle("item: a picture of one's own comes without its bytes")
    made = "generated" if told["made"] == "generated" else "own"
    text = None if told["text"] is None else _text(told["text"])
    row = NewItem(told["hash"], _text(told["prompt"]), text, made, told["attributes"], media)
    try:
        items.check(told["kind"], row)
    except ValueError as wrong:
        raise BadBundle(str(wrong)) from None
    return row


def _picture(data: bytes) -> bool:
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return webp or data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def _questions(values: list[Any], kinds: tuple[Any, ...]) -> tuple[Asked, ...]:
    made: list[Asked] = []
    for value in values:
        told = fields(value, QUESTION, "question")
        places = told["items"]
        fits = all(
            type(i) is int and 0 <= i < len(kinds) and kinds[i] == told["kind"] for i in places
        )
        if not fits or len(set(places)) != len(places) or not 2 <= len(places) <= 64:
            raise BadBundle("question: it does not show 2 to 64 different items of its kind")
        repeat = told["repeat_of"]
        if told["number"] != len(made) + 1 or (repeat is not None and not 1 <= repeat <= len(made)):
            raise BadBundle("question: the numbers do not follow one another")
        if repeat is not None and made[repeat - 1].kind != told["kind"]:
            raise BadBundle("question: it repeats one of another kind")
        made.append(
            Asked(
                told["kind"], tuple(places), _text(told["rule"], 80), repeat, _time(told["created"])
            )
        )
    return tuple(made)


def _answers(values: list[Any], asked: tuple[Asked, ...]) -> tuple[LogRow, ...]:
    made = [
        _answer(fields(v, ANSWER, "answer"), place + 1, asked) for place, v in enumerate(values)
    ]
    if len({row.key for row in made}) != len(made):
        raise BadBundle("answer: a key comes twice")
    _follow(made)
    return tuple(made)


def _answer(told: dict[str, Any], seq: int, asked: tuple[Asked, ...]) -> LogRow:
    if told["seq"] != seq or told["act"] not in ("answer", "undo", "redo"):
        raise BadBundle("answer: the rows do not follow one another")
    if not 1 <= told["question"] <= len(asked) or asked[told["question"] - 1].kind != told["kind"]:
        raise BadBundle(f"answer {seq}: its question is not in the bundle")
    outcome, question = None, asked[told["question"] - 1]
    if (told["act"] == "answer") != (told["outcome"] is not None) or (
        (told["act"] == "answer") != (told["target"] is None)
    ):
        raise BadBundle(f"answer {seq}: an answer has an outcome, an undo or redo a target")
    if told["outcome"] is not None:
        if isinstance(told["outcome"], dict):
            fields(told["outcome"], {"picks": list}, f"answer {seq}")
        try:
            value = Outcome.parse(told["outcome"], range(len(question.items)))
        except ValueError as wrong:
            raise BadBundle(f"answer {seq}: {wrong}") from None
        outcome = json.dumps(value.json())
    chance = told["predicted"]
    if (
        not 0 < told["strength"] < 1e6
        or (chance is not None and not 0 <= chance <= 1)
        or (told["ms"] is not None and told["ms"] < 0)
    ):
        raise BadBundle(f"answer {seq}: strength, predicted or ms is out of its range")
    if not 1 <= len(told["key"]) <= 200:
        raise BadBundle(f"answer {seq}: a key has 1 to 200 characters")
    return LogRow(
        0, seq, told["act"], told["kind"], told["question"], told["target"], outcome,
        float(told["strength"]), told["ms"], _text(told["source"], 80), told["key"],
        None if chance is None else float(chance), _text(told["note"]),
        json.dumps(told["extra"], sort_keys=True), _time(told["created"]),
    )  # fmt: skip


def _follow(rows: list[LogRow]) -> None:
    """Each undo takes back the last answer that counts, each redo the one taken back last."""
    counted: dict[str, list[LogRow]] = {kind: [] for kind in KINDS}
    taken: dict[str, list[LogRow]] = {kind: [] for kind in KINDS}
    closed: set[int] = set()
    for row in rows:
        here, there = counted[row.kind], taken[row.kind]
        if row.act == "answer":
            if row.question in closed:
                raise BadBundle(f"answer {row.seq}: its question is answered already")
            here.append(row)
            there.clear()
            closed.add(row.question)
            continue
        source, goal = (here, there) if row.act == "undo" else (there, here)
        if not source or (source[-1].seq, source[-1].question) != (row.target, row.question):
            raise BadBundle(f"answer {row.seq}: there is nothing to {row.act} there")
        goal.append(source.pop())
        (closed.discard if row.act == "undo" else closed.add)(row.question)


def _carried(values: list[Any], parts: dict[str, bytes]) -> tuple[Carried, ...]:
    """Named, each with its file, and at most one of a kind in use."""
    made = []
    for value in values:
        told = fields(value, CARRIED, "adapter")
        body = parts.pop(told["part"], None)
        if body is None or not told["part"].startswith("adapter/"):
            raise BadBundle("adapter: its file is not in the bundle")
        if told["kind"] not in KINDS or not told["name"].strip():
            raise BadBundle("adapter: it has no name, or is neither of pictures nor of words")
        made.append(Carried(_text(told["name"], 200), told["kind"], _text(told["base"], 200),
                            told["chosen"], body))  # fmt: skip
    if any(sum(c.chosen for c in made if c.kind == kind) > 1 for kind in KINDS):
        raise BadBundle("adapter: two of one kind cannot both be in use")
    return tuple(made)


def _reasons(values: list[Any], given: tuple[LogRow, ...]) -> tuple[Reason, ...]:
    """Each of a pick of passages that is in the bundle."""
    made = []
    for value in values:
        told = fields(value, REASON, "reason")
        row = given[told["seq"] - 1] if 1 <= told["seq"] <= len(given) else None
        if not row or row.kind != "text" or not (row.outcome or "").startswith("{"):
            raise BadBundle("reason: it is of no pick of a passage in the bundle")
        if not all(isinstance(chip, str) for chip in told["chips"]):
            raise BadBundle("reason: its reasons are not all texts")
        try:
            kept, said = checked(told["chips"], told["words"])
        except ValueError as wrong:
            raise BadBundle(f"reason: {wrong}") from None
        if [*kept] != told["chips"] or said != told["words"] or not 1 <= len(told["key"]) <= 200:
            raise BadBundle("reason: it is not as Penchant writes it")
        made.append(Reason(0, told["seq"], kept, said, told["key"], _time(told["created"])))
    if len({r.key for r in made}) != len(made):
        raise BadBundle("reason: a key comes twice")
    return tuple(made)


def _verdicts(
    values: list[Any], given: tuple[LogRow, ...], asked: tuple[Asked, ...]
) -> tuple[Verdict, ...]:
    """Each of an answer that is in the bundle; a flip of one that has an opposite."""
    made = []
    for value in values:
        told = fields(value, VERDICT, "verdict")
        row = given[told["seq"] - 1] if 1 <= told["seq"] <= len(given) else None
        if row is None or row.outcome is None:
            raise BadBundle("verdict: it is of no answer in the bundle")
        try:
            made.append(verdicts.checked(Verdict(**told)))
        except ValueError as wrong:
            raise BadBundle(f"verdict: {wrong}") from None
        pair = len(asked[row.question - 1].items) == 2
        if told["act"] == "flip" and (row.outcome == '"skip"' or not pair):
            raise BadBundle("verdict: it turns around what has no opposite")
    if len({v.key for v in made}) != len(made):
        raise BadBundle("verdict: a key comes twice")
    return tuple(made)


def _captions(values: list[Any], kinds: tuple[Any, ...]) -> tuple[tuple[int, str], ...]:
    """Each of another picture of the bundle, as the studio itself would keep it."""
    made: dict[int, str] = {}
    for value in values:
        told = fields(value, CAPTION, "caption")
        place, words = told["item"], told["words"]
        if not 0 <= place < len(kinds) or kinds[place] != "picture" or place in made:
            raise BadBundle("caption: it is of no picture in the bundle, or of one that has one")
        try:
            said = captions.checked(words)
        except ValueError as wrong:
            raise BadBundle(f"caption: {wrong}") from None
        if not said or said != words:
            raise BadBundle("caption: it is empty or not on one line")
        made[place] = said
    return tuple(made.items())


def _versions(
    values: list[Any], parts: dict[str, bytes], answers: int
) -> tuple[tuple[Version, bytes], ...]:
    if len(values) > VERSIONS:
        raise BadBundle(f"the bundle has more than {VERSIONS} versions")
    made = []
    for value in values:
        told = fields(value, VERSION, "version")
        state = parts.pop(told["part"], None)
        if state is None or not told["part"].startswith("state/"):
            raise BadBundle("version: its state is not in the bundle")
        if told["kind"] not in KINDS or not 0 <= told["seq"] <= answers:
            raise BadBundle("version: it was built from answers that are not in the bundle")
        _check_state(state)
        made.append((
            Version(0, told["kind"], _text(told["method"], 80), _text(told["space"], 80),
                    told["seq"], _time(told["created"]), _text(told["note"], 2000)),
            state,
        ))  # fmt: skip
    return tuple(made)


def _check_state(state: bytes) -> None:
    """Header first: its size and its number of tensors are bounded before anything reads it."""
    size = struct.unpack("<Q", state[:8])[0] if len(state) >= 8 else 0
    if not 2 <= size <= min(STATE_HEADER, len(state) - 8):
        raise BadBundle("version: its state is not a safetensors file")
    told = line(state[8 : 8 + size].rstrip())
    if not isinstance(told, dict) or len(told) > TENSORS or "__metadata__" in told:
        raise BadBundle("version: its state has too many tensors, or notes beside them")
    if any(not isinstance(v, dict) or set(v) != TENSOR for v in told.values()):
        raise BadBundle("version: a tensor of its state is described by more or less than it needs")
    try:
        arrays = load(state)
    except (SafetensorError, KeyError, TypeError, ValueError) as wrong:
        raise BadBundle(f"version: its state cannot be read ({wrong})") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise BadBundle(f"version: array {name[:40]!r} of its state is not all finite numbers")


def _vectors(
    values: list[Any], parts: dict[str, bytes], mine: set[str]
) -> tuple[tuple[str, str, bytes], ...]:
    """(space, hash, float32 bytes) for items of one's own."""
    made = []
    for value in values:
        told = fields(value, SPACE, "space")
        body, hashes, dim = parts.pop(told["part"], None), told["hashes"], told["dim"]
        if body is None or not told["part"].startswith("space/") or not 1 <= dim <= 16_384:
            raise BadBundle("space: its vectors are not in the bundle")
        if not all(isinstance(h, str) and h in mine for h in hashes):
            raise BadBundle("space: it has vectors of items that do not travel along")
        if len(body) != 4 * dim * len(hashes) or len(set(hashes)) != len(hashes):
            raise BadBundle("space: the size of its vectors does not fit")
        if not np.isfinite(np.frombuffer(body, "<f4")).all():
            raise BadBundle("space: a vector is not finite")
        name = _text(told["space"], 80)
        made += [(name, h, body[4 * dim * i : 4 * dim * (i + 1)]) for i, h in enumerate(hashes)]
    if len({row[:2] for row in made}) != len(made):
        raise BadBundle("space: a vector comes twice")
    return tuple(made)


def _text(value: str, most: int = LENGTH) -> str:
    if len(value) > most:
        raise BadBundle(f"a text of the bundle is longer than {most} characters")
    return value


def _time(value: float) -> float:
    if not 0 <= value < 1e11:
        raise BadBundle("a time in the bundle is not one")
    return float(value)
