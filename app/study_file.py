"""The file that describes a study: read whole, checked, every fault named with its place and cure.

What a word means stands in docs/study.md. What the blocks show is looked up by study_things.py.
"""

import hashlib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LONGEST = 20_000
ANSWERS = ("tie", "both bad", "skip", "much better")
LANGUAGES = ("en", "de", "es")
SOURCES = ("pool", "folder", "texts", "pairs")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
CODE = re.compile(r"[A-Za-z0-9_-]{4,64}")


class BadStudy(ValueError):
    """The file cannot be a study; the message lists every fault."""


@dataclass(frozen=True)
class Attention:
    """A pair with a stated right answer; all by name."""

    pair: tuple[str, str]
    right: str
    ask: str = ""


@dataclass(frozen=True)
class Block:
    """Questions of one kind after one page of instructions. `questions` 0: every pair of the list.

    `source` says which of pool, folder, texts, pairs the questions are drawn from; `same` names
    the attribute that all things of a question share, where they come from the pool.
    """

    name: str
    instructions: str = ""
    ask: str = ""
    form: str = "pair"
    questions: int = 0
    shown: int = 2
    source: str = "pool"
    pool: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    same: str = ""
    folder: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = ()
    attention: tuple[Attention, ...] = ()


@dataclass(frozen=True)
class Design:
    """A whole study. `digest` is the sha256 of the file, `consent_digest` of what is agreed to."""

    name: str
    title: str
    consent: str
    medium: str
    blocks: tuple[Block, ...]
    completion: str
    seed: int = 0
    order: str = "shuffle"
    repeats: float = 0.0
    confidence: bool = False
    answers: tuple[str, ...] = ANSWERS[:3]
    language: str = ""
    open: bool = False
    most: int = 1000
    source: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.source.encode()).hexdigest()

    @property
    def consent_digest(self) -> str:
        return hashlib.sha256(self.consent.encode()).hexdigest()

    @property
    def paragraphs(self) -> list[str]:
        return paragraphs(self.consent)


def paragraphs(text: str) -> list[str]:
    """Parted by empty lines; single line ends are the writer's own folding."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def files(given: Any) -> list[Path]:
    """The study files behind what was named: files, folders of them, or both."""
    named = given if isinstance(given, list) else [given] if given else []
    found: list[Path] = []
    for path in (Path(str(name)).expanduser() for name in named):
        if path.is_dir():
            inside = sorted(path.glob("*.toml"))
            if not inside:
                raise BadStudy(f"the folder {path} holds no study; a study is a file NAME.toml")
            found += inside
        else:
            found.append(path)
    return list(dict.fromkeys(path.absolute() for path in found))


def read(path: Path) -> Design:
    """The study in a file. BadStudy lists all that is wrong with it."""
    try:
        raw = path.read_bytes()
        source = raw.decode()
    except UnicodeDecodeError:
        raise BadStudy(f"{path.name} is not text in UTF-8; save it so") from None
    except OSError as wrong:
        raise BadStudy(f"{path} cannot be read: {wrong.strerror}") from None
    return parse(source, path.stem)


def parse(source: str, name: str) -> Design:
    """The study in a text, without a look at what it shows."""
    try:
        given = tomllib.loads(source)
    except tomllib.TOMLDecodeError as wrong:
        raise BadStudy(f"{name}.toml is not TOML: {wrong}") from None
    faults: list[str] = []
    if not NAME.fullmatch(name):
        faults.append(f"the file is called {name!r}: use letters, digits, - and _ (at most 60)")
    made = _design(Table(given, "", faults), name, source)
    if faults:
        raise BadStudy(f"{name}.toml:\n" + "\n".join(f"- {fault}" for fault in faults))
    return made


class Table:
    """One table of the file. What is wrong with it goes on `faults`, and a default is returned."""

    def __init__(self, values: Any, where: str, faults: list[str]) -> None:
        self.faults, self.where = faults, where
        self.values = values if isinstance(values, dict) else {}
        self.asked: set[str] = set()
        if not isinstance(values, dict):
            self.wrong("must be a table")

    def wrong(self, text: str) -> None:
        self.faults.append(f"{self.where}: {text}" if self.where else text)

    def _get(self, key: str, kind: type | tuple[type, ...], default: Any, want: str) -> Any:
        self.asked.add(key)
        found = self.values.get(key)
        if found is None:
            if default is None:
                self.wrong(f"{key} is missing; it must be {want}")
            return default
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            self.wrong(f"{key} must be {want}")
            return default
        return found

    def text(self, key: str, default: str | None = None, most: int = 200) -> str:
        found = str(self._get(key, str, default, "text in quotes") or "").strip()
        if len(found) > most:
            self.wrong(f"{key} has {len(found)} characters; at most {most} fit")
        if default is None and key in self.values and not found:
            self.wrong(f"{key} is empty; write it")
        return found

    def number(self, key: str, bounds: tuple[float, float], default: float | None) -> float:
        low, high = bounds
        kind: tuple[type, ...] = (int, float) if isinstance(default, float) else (int,)
        want = f"a {'number' if float in kind else 'whole number'} from {low:g} to {high:g}"
        found = self._get(key, kind, default, want)
        if key in self.values and found is not None and not low <= found <= high:
            self.wrong(f"{key} is {found:g}; it must be {want}")
            return default or low
        return low if found is None else float(found)

    def choice(self, key: str, known: Collection[str], default: str) -> str:
        want = "one of " + ", ".join(f'"{k}"' for k in known if k)
        found = str(self._get(key, str, default, want))
        if found not in known:
            self.wrong(f'{key} is "{found}"; it must be {want}')
            return default
        return found

    def yes(self, key: str) -> bool:
        return bool(self._get(key, bool, False, "true or false"))

    def words(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one text alone."""
        found = self._get(key, (list, str), [], "a list of texts")
        rows = [found] if isinstance(found, str) else found
        if not all(isinstance(row, str) and row.strip() for row in rows):
            self.wrong(f"{key} must be a list of texts, none of them empty")
            return ()
        return tuple(rows)

    def tables(self, key: str) -> "list[Table]":
        rows = self._get(key, list, [], f"tables [[{key}]]")
        where = f"{self.where}, {key}" if self.where else key
        return [Table(row, f"{where} {n}", self.faults) for n, row in enumerate(rows, 1)]

    def end(self) -> None:
        """Whatever nobody asked for is a slip of the pen."""
        for key in sorted(set(self.values) - self.asked):
            self.wrong(f'"{key}" is not known here; known: {", ".join(sorted(self.asked))}')


def _design(top: Table, name: str, source: str) -> Design:
    answers = tuple(top.words("answers")) if "answers" in top.values else ANSWERS[:3]
    top.asked.add("answers")
    for word in sorted(set(answers) - set(ANSWERS)):
        top.wrong(f'answers: "{word}" is not known; choose of {", ".join(ANSWERS)}')
    medium = top.choice("medium", ("picture", "text"), "picture")
    if "medium" not in top.values:
        top.wrong('medium is missing; it must be "picture" or "text"')
    made = Design(
        name=name,
        title=top.text("title"),
        consent=top.text("consent", most=LONGEST),
        medium=medium,
        completion=top.text("completion_code", most=80),
        seed=int(top.number("seed", (0, 2**53), 0)),
        order=top.choice("order", ("fixed", "shuffle"), "shuffle"),
        repeats=float(top.number("repeats", (0, 0.5), 0.0)),
        confidence=top.choice("confidence", ("off", "1-100"), "off") != "off",
        answers=answers,
        language=top.choice("language", ("", *LANGUAGES), ""),
        blocks=tuple(_block(row, medium) for row in top.tables("blocks")),
        source=source,
        **_participants(top),
    )
    if not made.blocks:
        top.wrong("there is no block; write one under [[blocks]]")
    twice = {b.name for b in made.blocks if [x.name for x in made.blocks].count(b.name) > 1}
    for each in sorted(twice):
        top.wrong(f'two blocks are called "{each}"; give each its own name')
    if made.repeats and made.blocks and all(b.form == "grid" for b in made.blocks):
        top.wrong("repeats come back with sides swapped, so they need a block of pairs")
    top.end()
    return made


def _participants(top: Table) -> dict[str, Any]:
    table = Table(top._get("participants", dict, {}, "a table"), "participants", top.faults)
    made = {"open": table.yes("open"), "most": int(table.number("most", (1, 100_000), 1000))}
    if "codes" in table.values:
        table.asked.add("codes")
        table.wrong("codes do not belong here, as this file is handed on with the data; write "
                    "them into NAME.codes.txt beside it, one a line, or let `launch.py study "
                    "codes` make them")  # fmt: skip
    table.end()
    return made


def _block(row: Table, medium: str) -> Block:
    name = row.text("name", most=80)
    row.where = f'block "{name}"' if name else row.where
    form = row.choice("form", ("pair", "grid"), "pair")
    given = [s for s in SOURCES if s in row.values]
    source = "pairs" if "pairs" in given else next(iter(given), "pool")
    drawn = [s for s in given if s != "pairs"]
    if len(drawn) > 1 or not given:
        row.wrong(f"say once where its things come from: {', '.join(SOURCES)}")
    made = Block(
        name=name,
        instructions=row.text("instructions", "", 5000),
        ask=row.text("ask", ""),
        form=form,
        questions=int(row.number("questions", (1, 500), 0 if source == "pairs" else None)),
        shown=int(row.number("shown", (3, 16), 6)) if form == "grid" else 2,
        source=source,
        pool=_pool(row),
        same=row.text("same", "task" if medium == "text" else "concept"),
        folder=row.text("folder", "", 300),
        texts=_texts(row, medium),
        pairs=_pairs(row),
        attention=tuple(_attention(each) for each in row.tables("attention")),
    )
    if form == "grid" and made.pairs:
        row.wrong('pairs are shown two at a time; leave form out or write form = "pair"')
    row.asked.add("shown")
    row.end()
    return made


def _pool(row: Table) -> dict[str, tuple[str, ...]]:
    table = Table(row._get("pool", dict, {}, "a table as { style = [...] }"), row.where, row.faults)
    return {key: table.words(key) for key in table.values}


def _texts(row: Table, medium: str) -> dict[str, str]:
    """Own passages by name; a list without names is numbered."""
    found = row._get("texts", (dict, list), {}, "a table of texts by name, or a list of texts")
    if found and medium != "text":
        row.wrong('texts need medium = "text"')
    if isinstance(found, list):
        found = {f"text {n}": text for n, text in enumerate(found, 1)}
    if not all(isinstance(t, str) and t.strip() and len(t) <= LONGEST for t in found.values()):
        row.wrong(f"every one of texts must be text of 1 to {LONGEST} characters")
        return {}
    return {name: text.strip() for name, text in found.items()}


def _pairs(row: Table) -> tuple[tuple[str, str], ...]:
    found = row._get("pairs", list, [], "a list of pairs of names")
    return tuple(pair for each in found if (pair := _pair(row, "pairs", each)))


def _pair(row: Table, key: str, given: Any) -> tuple[str, str] | None:
    two = isinstance(given, list) and len(given) == 2 and all(isinstance(g, str) for g in given)
    if not two or given[0] == given[1]:
        row.wrong(f"{key}: {given!r} is not a pair of two different names")
        return None
    return given[0], given[1]


def _attention(row: Table) -> Attention:
    pair = _pair(row, "pair", row._get("pair", list, [], "two names"))
    right = row.text("right", most=LONGEST)
    made = Attention(pair or ("", ""), right, row.text("ask", ""))
    if pair and right and right not in pair:
        row.wrong("right must be one of its pair")
    row.end()
    return made
