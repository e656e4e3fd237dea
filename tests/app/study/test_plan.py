"""The file of a study and the plan of a participant: faults named, seeds kept, repeats apart."""

from pathlib import Path

import pytest

from app.study_file import BadStudy, files, parse
from app.study_plan import APART, plan
from app.study_things import look, shared
from tests.app.study.files import BLOCK, HEAD, looked

REPEATS = "repeats = 0.25\n"


def names(planned: list) -> list[tuple[str, ...]]:
    return [tuple(t.name for t in p.things) for p in planned]


def test_the_same_seed_and_code_give_the_same_plan(tmp_path: Path) -> None:
    design, blocks = looked(HEAD + REPEATS + BLOCK, tmp_path)
    one, again, other = (plan(design, blocks, code) for code in ("ann", "ann", "bob"))
    assert one == again and names(one) != names(other)
    reseeded, same = looked((HEAD + REPEATS + BLOCK).replace("seed = 11", "seed = 12"), tmp_path)
    assert names(plan(reseeded, same, "ann")) != names(one)


def test_everybody_judges_the_same_questions(tmp_path: Path) -> None:
    design, blocks = looked(HEAD + BLOCK, tmp_path)
    plans = [plan(design, blocks, code) for code in ("ann", "bob")]
    sets = [sorted(sorted(row) for row in names(p)) for p in plans]
    assert sets[0] == sets[1] and len(sets[0]) == 13
    lefts = [{frozenset(row): row[0] for row in names(p)} for p in plans]
    assert lefts[0] != lefts[1], "sides are a participant's own"


def test_a_fixed_order_is_the_order_of_the_file(tmp_path: Path) -> None:
    pairs = 'pairs = [["t3", "t1"], ["t2", "t0"], ["t1", "t2"]]'
    source = HEAD + 'order = "fixed"\n' + BLOCK.split("[[blocks.attention]]")[0].replace(
        "questions = 12", pairs)  # fmt: skip
    design, blocks = looked(source, tmp_path)
    shown = [set(row) for row in names(plan(design, blocks, "ann"))]
    assert shown == [{"t3", "t1"}, {"t2", "t0"}, {"t1", "t2"}]


@pytest.mark.parametrize("code", [f"code-{n}" for n in range(20)])
def test_repeats_come_back_swapped_and_apart(tmp_path: Path, code: str) -> None:
    design, blocks = looked(HEAD + REPEATS + BLOCK, tmp_path)
    planned = plan(design, blocks, code)
    assert [p.role for p in planned].count("repeat") == 3 and len(planned) == 16
    for place, again in enumerate(planned):
        if again.role == "repeat":
            first = planned[again.of]
            assert first.role == "plain" and first.things == again.things[::-1]
            assert place - again.of > APART
    assert planned[0].role == "plain"


def test_no_question_comes_twice_and_things_are_used_evenly(tmp_path: Path) -> None:
    design, blocks = looked(HEAD + BLOCK.replace("questions = 12", "questions = 28"), tmp_path)
    plain = [p for p in plan(design, blocks, "ann") if p.role == "plain"]
    assert len({frozenset(row) for row in names(plain)}) == 28, "all pairs of eight"
    design, blocks = looked(HEAD + BLOCK, tmp_path)
    plain = [p for p in plan(design, blocks, "ann") if p.role == "plain"]
    uses = [name for row in names(plain) for name in row]
    assert {uses.count(name) for name in set(uses)} == {3}


def test_a_question_of_the_pool_holds_something_fixed(tmp_path: Path) -> None:
    source = HEAD.replace('"text"', '"picture"') + (
        '[[blocks]]\nname = "a"\nquestions = 40\npool = { style = ["flat", "ink", "clay"] }\n'
        '[[blocks]]\nname = "b"\nform = "grid"\nshown = 4\nquestions = 5\nsame = ""\n'
        'pool = { group = "food-drink" }\n'
    )
    design, blocks = looked(source, tmp_path)
    for planned in plan(design, blocks, "ann"):
        concepts = {t.name.split("/")[0] for t in planned.things}
        styles = {t.name.split("/")[1] for t in planned.things}
        if planned.block == 0:
            assert len(concepts) == 1 and len(styles) == 2 and styles <= {"flat", "ink", "clay"}
        else:
            assert len(planned.things) == 4 and planned.role == "plain"


def test_own_files_are_shown_as_they_are(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "set").mkdir()
    for n in range(3):
        Image.new("RGB", (700, 40), (n * 80, 9, 9)).save(tmp_path / "set" / f"a{n}.png")
    source = HEAD.replace('"text"', '"picture"') + (
        '[[blocks]]\nname = "a"\nfolder = "set"\npairs = [["a0.png", "a1.png"]]\n'
        '[[blocks]]\nname = "b"\nfolder = "set"\nquestions = 3\n'
    )
    _, blocks = looked(source, tmp_path)
    assert blocks[0].pairs[0][0].body == (tmp_path / "set" / "a0.png").read_bytes()
    assert [t.name for t in blocks[1].things] == ["a0.png", "a1.png", "a2.png"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("title", "titel"), "title is missing"),
        (("title", "titel"), '"titel" is not known here'),
        (('"text"', '"music"'), 'medium is "music"'),
        (("seed = 11", "seed = -1"), "seed is -1"),
        (("seed = 11", 'answers = ["maybe"]'), '"maybe" is not known'),
        (("seed = 11", "repeats = 0.9"), "repeats is 0.9"),
        (("seed = 11", 'participants = { codes = ["a"] }'), "NAME.codes.txt"),
        (("questions = 12", "questions = 29"), "make only 28 different ones"),
        (("questions = 12", ""), "questions is missing"),
        (("questions = 12", 'questions = 2\npool = { voice = "dry" }'), "say once where"),
        (('right = "Please pick this one."', 'right = "t1"'), "right must be one of its pair"),
        (('pair = ["t0",', 'pair = ["nowhere.txt",'), "there is no file 'nowhere.txt'"),
        (('"t1" = "Text number 1."', '"t1" = "Text number 0."'), "are the same"),
        (('name = "First"', 'name = "First"\nform = "trio"'), 'form is "trio"'),
    ],
)
def test_a_fault_is_named_with_its_place(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    source = (HEAD + BLOCK).replace(change[0], change[1], 1)
    with pytest.raises(BadStudy) as told:
        design = parse(source, "tests-study")
        look(design, tmp_path, shared("text"))
    assert says in str(told.value)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(BadStudy) as told:
        parse('title = 3\nmedium = "x"\n[[blocks]]\nname = "q"\n', "x")
    assert str(told.value).count("\n- ") >= 6


def test_what_lies_outside_the_folder_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    inner = tmp_path / "inner"
    inner.mkdir()
    source = HEAD + '[[blocks]]\nname = "a"\npairs = [["../secret.txt", "dinner/dry"]]\n'
    with pytest.raises(BadStudy, match="outside the folder"):
        looked(source, inner)


def test_a_folder_stands_for_the_studies_in_it(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.toml").touch()
    assert [p.stem for p in files([str(tmp_path)])] == ["a", "b"]
    (tmp_path / "none").mkdir()
    with pytest.raises(BadStudy, match="holds no study"):
        files([str(tmp_path / "none")])


def test_the_example_of_the_docs_is_in_order() -> None:
    folder = Path(__file__).resolve().parents[3] / "docs"
    design, blocks = looked((folder / "study" / "drawings.toml").read_text(), folder / "study")
    planned = plan(design, blocks, "ann")
    assert [p.role for p in planned].count("repeat") == 2 and len(planned) == 16
    page = (folder / "study.md").read_text()
    words = {"title", "repeats", "confidence", "blocks.attention", "same", "shown", *design.answers}
    assert all(word in page for word in words)
