"""The catalogues: every key that is used, none that is not, the same holes; and that the page finds
the sentences of the studio again.
"""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC, WORDS = ROOT / "app" / "static", ROOT / "app" / "words"
LANGUAGES = sorted(p.stem for p in WORDS.glob("*.json"))
STRING = r'"(?:[^"\\]|\\.)*"'
CALL = re.compile(rf"(?<![\w#])(?<![\w)\]]\.)(tn|t|parts)\(\s*({STRING})?(?:,\s*({STRING}))?")
HOLE = re.compile(r"\{\w+\}")

# What a person at the page can be told: sentences of these files. Start-up, the command line and
# the inside of a file format (told by one sentence around it) are for others.
APP = (
    "accounts api api_keep api_made bending blind bundles captions carrying checks compass create "
    "describing doors jobs keeping keeping_pictures limits made making picture_models reasons "
    "security shelves starting studio study study_desk trying warm"
)
BELOW = (
    "profiles/answers profiles/captions profiles/people profiles/states profiles/verdicts "
    "profiles/reasons profiles/opening engine/adapter engine/adapter_check engine/adapter_files "
    "engine/data engine/training"
)
# Said to programs that break the protocol, which the page does not; programs get English.
PROGRAMS = re.compile(
    r"outcome |picks |a pair takes|.* answers a pair;|.* ids for |this belief lives|host .* is not|"
    r"websockets|content-length|the studio takes requests|POST to|a token is for|privacy is one of|"
    r"the request nests|send |.* is no limit|a person's limits|an idempotency key|key .* belongs|"
    r"strength must|predicted must|ms must|row .* (answers|is an)|background work|a user needs|"
    r"a profile has no|a job is never|.* is no verdict|there is no reason|there is no profile .*;|"
    r"profile .* has no generation|there is no job .*; the list|it is not of the kind|"
    r"a reason of answer|another Penchant|.* was written by a newer|the transaction is gone|"
    r"confidence is|.* is not among the answers|two studies are called|there is no item .* in this"
)


def catalogue(language: str) -> dict[str, Any]:
    return json.loads((WORDS / f"{language}.json").read_text())


def calls() -> Iterator[tuple[str, str, str, str]]:
    """(file, function, first string, second string) of every call of words.js."""
    for path in sorted(STATIC.glob("*.js")):
        if path.name == "words.js":
            continue
        text = re.sub(r"^\s*(//|/?\*).*$", "", path.read_text(), flags=re.M)
        for made in CALL.finditer(text):
            yield path.name, made[1], made[2] or "", made[3] or ""


@cache
def used() -> dict[str, str]:
    """Key -> "t" or "tn"."""
    found: dict[str, str] = {}
    for file, name, first, second in calls():
        key = json.loads(second if name == "tn" else first)
        kind = "tn" if name == "tn" else "t"
        assert found.setdefault(key, kind) == kind, f"{file}: {key!r} is used with and without n"
    return found


def test_every_call_names_its_text() -> None:
    for file, name, first, second in calls():
        assert first and (second or name != "tn"), f"{file}: a {name}( without a written text"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_missing_and_none_is_left_over(language: str) -> None:
    page = catalogue(language)["page"]
    assert sorted(set(used()) - set(page)) == [], "not translated"
    # The tabs are named by app/tabs.
    from app.page import FRAME

    assert sorted(set(page) - set(used()) - set(FRAME)) == [], "used nowhere"


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_holes_of_their_keys(language: str) -> None:
    words = catalogue(language)
    for key, said in {**words["studio"], **words["page"]}.items():
        forms = said if isinstance(said, dict) else {"": said}
        assert (used().get(key) == "tn") == isinstance(said, dict), key
        if isinstance(said, dict):
            assert set(said) == {"one", "other"}, key
        for form in forms.values():
            assert form.strip(), key
            assert set(HOLE.findall(form)) - {"{n}"} == set(HOLE.findall(key)) - {"{n}"}, key
            if not isinstance(said, dict):
                assert sorted(HOLE.findall(form)) == sorted(HOLE.findall(key)), key


def test_all_languages_hold_the_same_keys() -> None:
    first, *rest = [catalogue(name) for name in LANGUAGES]
    assert rest and all(set(first[part]) == set(one[part]) for one in rest for part in first)


# what the studio says


def template(node: ast.AST) -> str | None:
    """The text of a literal or f-string, with {x} for what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (v.value if isinstance(v, ast.Constant) else "{x}" for v in node.values)
        return "".join(str(part) for part in parts)
    return None


def pattern(text: str) -> re.Pattern[str]:
    return re.compile("(?:.*)".join(map(re.escape, text.split("{x}"))), re.S)


@cache
def spoken() -> tuple[set[str], list[re.Pattern[str]]]:
    """Every text in the sources: whole ones, and patterns of those with something put in."""
    whole: set[str] = set()
    holed: set[str] = set()
    for folder in ("app", "engine", "profiles"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                text = template(node)
                if text and "{x}" not in text:
                    whole.add(text)
                elif text and len(re.sub(r"\W", "", text.replace("{x}", ""))) >= 4:
                    holed.add(text)
    return whole, [pattern(text) for text in holed]


# Put together of two parts in the sources.
JOINED = {
    "{words} (memory is short: it learns in smaller parts)",
    "drawn, {how}",
    "Little memory: {how}.",
    "llama.cpp, on which it is built, agrees. Ollama itself was not run; run one prompt with and "
    "without the adapter to see it work.",
}


def filled(key: str) -> str:
    return HOLE.sub("x", key)


def tables() -> dict[str, str]:
    """Words that come out of tables, and where they stand."""
    from app.keeping import GAIN, PRESETS
    from app.keeping_pictures import GAIN as DRAWN
    from app.report import PLAIN
    from engine.exports import EXPORTS
    from engine.objectives import OBJECTIVES
    from engine.starter import axes
    from engine.starter.pool import passages, pictures
    from engine.starter.prior import kinds
    from profiles.reasons import CHIPS

    found = dict.fromkeys((*CHIPS, *PLAIN.values(), *GAIN.values(), *DRAWN.values()), "report")
    found |= dict.fromkeys((str(p["label"]) for p in PRESETS.values()), "presets")
    for kind in ("picture", "text"):
        pool = pictures() if kind == "picture" else passages()
        for one in (*pool.stat_names, *axes.axes(kind)):
            found |= dict.fromkeys((one.name, one.low_word, one.high_word), "properties")
        for axis in axes.axes(kind):
            found |= dict.fromkeys((axis.definition, axis.unit), "axes")
        found |= dict.fromkeys(map(str, kinds(kind)[0]), "kinds")
    found |= dict.fromkeys((str(r["caption"]) for r in pictures().records), "what pictures show")
    for path in (ROOT / "engine" / "objectives").glob("*.py"):
        found |= dict.fromkeys(helps(path), "help")
    labels = [e.label for e in (*EXPORTS.values(), *OBJECTIVES.values())]
    return found | dict.fromkeys((x for x in labels if x not in NAMES), "labels")


def helps(path: Path) -> Iterator[str]:
    """What the knobs of an objective do, without importing torch for it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and node.name == "Settings":
            values = [one.value for one in node.body if isinstance(one, ast.AnnAssign)]
            for text in (template(n) for v in values if v for n in ast.walk(v)):
                if text and " " in text:
                    yield text


# Names of things are the same in every language.
NAMES = {"DPO", "Diffusion-DPO", "Ollama", "diffusers", "ComfyUI, A1111, Forge"}


def test_words_of_the_tables_are_translated() -> None:
    known = set(catalogue(LANGUAGES[0])["studio"])
    missing = {word: where for word, where in tables().items() if word not in known}
    assert not missing


def test_the_studio_says_what_the_catalogue_knows() -> None:
    whole, holed = spoken()
    words = set(tables())
    for key in catalogue(LANGUAGES[0])["studio"]:
        if key in JOINED:
            continue
        fits = key in whole or key in words or any(p.fullmatch(filled(key)) for p in holed)
        assert fits, f"nobody says {key!r} any more"


def _of_a_class(made: ast.expr | None) -> TypeGuard[ast.Call]:
    return isinstance(made, ast.Call) and ast.unparse(made.func).split(".")[-1][:1].isupper()


def raised() -> Iterator[tuple[str, str]]:
    for name in [*(f"app/{n}" for n in APP.split()), *BELOW.split()]:
        for node in ast.walk(ast.parse((ROOT / f"{name}.py").read_text())):
            # Of a call like lost("a table") the text stands where that is made, and is no sentence.
            if isinstance(node, ast.Raise) and _of_a_class(node.exc):
                for text in filter(None, map(template, node.exc.args)):
                    yield name, text


def test_what_can_go_wrong_for_a_person_is_translated() -> None:
    keys = [filled(key) for key in catalogue(LANGUAGES[0])["studio"]]
    missing = []
    for file, text in raised():
        if len(re.sub(r"\W", "", text.replace("{x}", ""))) < 8 or PROGRAMS.match(text):
            continue
        if not any(pattern(text).fullmatch(key) for key in keys):
            missing.append(f"{file}: {text}")
    assert not missing, "\n".join(missing)
