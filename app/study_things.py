"""What a study shows: pool items by attribute or name, own texts, files beside the study file."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.study_file import BadStudy, Block, Design

WORDS, IMAGES = (".txt", ".md"), (".png", ".jpg", ".jpeg", ".webp")
PREFIX = 12


@dataclass(frozen=True)
class Thing:
    """Something to be judged. `group` is what all of a question share; `body` a picture's bytes."""

    name: str
    hash: str
    source: str
    text: str | None = None
    body: bytes | None = field(default=None, repr=False)
    prompt: str = ""
    group: str = ""


@dataclass(frozen=True)
class Looked:
    """A block with its things: those to draw from, its pairs, its attention pairs (right first)."""

    block: Block
    things: tuple[Thing, ...] = ()
    pairs: tuple[tuple[Thing, Thing], ...] = ()
    attention: tuple[tuple[Thing, Thing], ...] = ()

    def all(self) -> Iterable[Thing]:
        yield from self.things
        for pair in (*self.pairs, *self.attention):
            yield from pair


class Finder:
    """Finds things by name for one study. Faults are collected, not raised."""

    def __init__(self, design: Design, folder: Path, records: Sequence[Mapping[str, Any]]) -> None:
        self.medium, self.folder, self.faults = design.medium, folder, list[str]()
        self.kinds = WORDS if design.medium == "text" else IMAGES
        self.records = records

    def look(self, block: Block) -> Looked:
        """The block with everything it names."""
        where = f'block "{block.name}"'
        drawn: list[Thing] = []
        try:
            if block.source == "pool":
                drawn = self._pool(block)
            elif block.source == "folder":
                drawn = self._folder(block)
            elif block.source == "texts":
                drawn = [self._text(name, text) for name, text in block.texts.items()]
            pairs = tuple((self._one(block, a), self._one(block, b)) for a, b in block.pairs)
            right = tuple(
                (
                    self._one(block, a.right),
                    self._one(block, next(n for n in a.pair if n != a.right)),
                )
                for a in block.attention
            )
        except BadStudy as wrong:
            self.faults.append(f"{where}: {wrong}")
            return Looked(block)
        made = Looked(block, tuple(drawn), pairs, right)
        self.faults += [f"{where}: {fault}" for fault in _faults(made)]
        return made

    def _pool(self, block: Block) -> list[Thing]:
        for key, values in {**block.pool, **({block.same: ()} if block.same else {})}.items():
            known = {str(r[key]) for r in self.records if key in r}
            if not known or key in ("hash", "file", "text"):
                raise BadStudy(f"the pool knows no attribute {key!r}; it has "
                               f"{', '.join(_attributes(self.records))}")  # fmt: skip
            for value in values:
                if value not in known:
                    raise BadStudy(f"no {key} {value!r} in the pool; some there are: "
                                   f"{', '.join(sorted(known)[:12])}")  # fmt: skip
        return [
            self._record(r, block.same) for r in self.records
            if all(str(r.get(key)) in values for key, values in block.pool.items())
        ]  # fmt: skip

    def _record(self, record: Mapping[str, Any], same: str = "") -> Thing:
        prompt = record["caption"] if self.medium == "picture" else record["prompt"]
        group = str(record.get(same, "")) if same else ""
        return Thing(_name(record), record["hash"], "pool", record.get("text"), None, prompt, group)

    def _folder(self, block: Block) -> list[Thing]:
        place = self._inside(block.folder)
        if not place.is_dir():
            raise BadStudy(f"there is no folder {block.folder!r} beside the study file")
        found = sorted(p for p in place.iterdir() if p.suffix.lower() in self.kinds)
        if not found:
            raise BadStudy(f"the folder {block.folder!r} holds none of {', '.join(self.kinds)}")
        return [self._file(path, path.name) for path in found]

    def _inside(self, name: str) -> Path:
        place = (self.folder / name).resolve()
        if not place.is_relative_to(self.folder.resolve()):
            raise BadStudy(f"{name!r} lies outside the folder of the study; put it inside")
        return place

    def _file(self, path: Path, name: str) -> Thing:
        try:
            raw = path.read_bytes()
        except OSError as wrong:
            raise BadStudy(f"{name} cannot be read: {wrong.strerror}") from None
        if self.medium == "picture":
            from app.shelves import _read
            from app.wire import Bad

            try:
                _read(name, raw)
            except Bad as wrong:
                raise BadStudy(str(wrong)) from None
            return Thing(name, hashlib.sha256(raw).hexdigest(), "file", None, raw)
        try:
            return self._text(name, raw.decode().strip(), "file")
        except UnicodeDecodeError:
            raise BadStudy(f"{name} is not text in UTF-8; save it so") from None

    def _text(self, name: str, text: str, source: str = "text") -> Thing:
        if not text:
            raise BadStudy(f"{name} is empty")
        return Thing(name, hashlib.sha256(text.encode()).hexdigest(), source, text)

    def _one(self, block: Block, name: str) -> Thing:
        """By the name of a text, of a file, or of a pool item ("dinner/terse", or its hash)."""
        if name in block.texts:
            return self._text(name, block.texts[name])
        if Path(name).suffix.lower() in self.kinds:
            path = self._inside(str(Path(block.folder) / name))
            if not path.is_file():
                raise BadStudy(f"there is no file {name!r} in {block.folder or 'its folder'}")
            return self._file(path, name)
        short = name.lower() if len(name) >= PREFIX else "-"
        found = [r for r in self.records if _name(r) == name or r["hash"].startswith(short)]
        if len(found) == 1:
            return self._record(found[0])
        if self.medium == "text" and len(name.split()) > 1:
            return self._text(name[:60], name.strip())
        raise BadStudy(f"{name!r} is neither a file, nor one of texts, nor in the pool "
                       f"(there it is called as in {_name(self.records[0])!r})")  # fmt: skip


def look(design: Design, folder: Path, records: Sequence[Mapping[str, Any]]) -> list[Looked]:
    """Every block with its things. BadStudy lists what is not there or not enough."""
    finder = Finder(design, folder, records)
    made = [finder.look(block) for block in design.blocks]
    if finder.faults:
        faults = "\n".join(f"- {fault}" for fault in finder.faults)
        raise BadStudy(f"{design.name}.toml:\n{faults}")
    return made


def shared(medium: str) -> list[dict[str, Any]]:
    """The pool that ships, without drawings that show something else than their name says."""
    from engine.starter.pool import MISNAMED, passages, pictures

    pool = passages() if medium == "text" else pictures()
    return [dict(r) for r in pool.records if r["hash"] not in MISNAMED]


def room(looked: Looked) -> int:
    """How many different questions its things make."""
    if looked.block.source == "pairs":
        return len(looked.pairs)
    sizes: dict[str, int] = {}
    for thing in looked.things:
        sizes[thing.group] = sizes.get(thing.group, 0) + 1
    return sum(math.comb(n, looked.block.shown) for n in sizes.values())


def _faults(looked: Looked) -> list[str]:
    block, made = looked.block, []
    hashes = [t.hash for t in looked.things]
    twice = sorted(t.name for t in looked.things if hashes.count(t.hash) > 1)
    if twice:
        made.append(f"{twice[0]} and {twice[1]} are the same; keep one")
    if any(a.hash == b.hash for a, b in (*looked.pairs, *looked.attention)):
        made.append("a pair shows the same thing twice")
    pairs = [frozenset((a.hash, b.hash)) for a, b in looked.pairs]
    if len(set(pairs)) < len(pairs):
        made.append("a pair is listed twice; the share of repeats is set by repeats")
    if block.questions > room(looked):
        within = (
            f' that share their "{block.same}"' if block.source == "pool" and block.same else ""
        )
        made.append(
            f"{block.questions} questions are wanted, but its things{within} make only "
            f"{room(looked)} different ones; ask fewer or add things"
        )
    return made


def _name(record: Mapping[str, Any]) -> str:
    parts = [
        record.get("concept") or record.get("task"),
        record.get("style") or record.get("voice"),
    ]
    return "/".join(str(p) for p in parts if p)


def _attributes(records: Sequence[Mapping[str, Any]]) -> list[str]:
    keep = ("concept", "style", "group", "source", "licence", "task", "voice")
    return [key for key in keep if any(key in r for r in records[:50])]
