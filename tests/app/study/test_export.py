"""What a study gives back: the agreement of simulated people as it was, a codebook, and proof."""

import csv
import io
import json
import zipfile
from itertools import combinations
from pathlib import Path
from typing import Any

from profiles import study_codebook
from tests.app.study.conftest import Door
from tests.app.study.files import SECRET, UTILITY, Simulated, agree, answer, enter, rows, study


def exported(client: Any, study: int = 1) -> dict[str, Any]:
    """File name -> rows (csv), objects (jsonl), text."""
    body = client.get(f"/api/v1/studies/{study}/export").content
    made: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for entry in archive.namelist():
            text, name = archive.read(entry).decode(), entry.split("/")[1]
            if name.endswith(".csv"):
                made[name] = list(csv.DictReader(io.StringIO(text, newline="")))
            elif name.endswith(".jsonl"):
                made[name] = [json.loads(line) for line in text.splitlines()]
            else:
                made[name] = text
    return made


def test_the_export_gives_back_the_known_agreement(door: Door, tmp_path: Path) -> None:
    """Six simulated people of one utility and known slips; one never attends, one drops out."""
    path = study(tmp_path, 'repeats = 0.25\nconfidence = "1-100"\n',
                 codes=" ".join(f"CODE-{n}" for n in range(6)))  # fmt: skip
    people = [Simulated(UTILITY, 0.2, n, attends=n != 4) for n in range(6)]
    for n, person in enumerate(people):
        person.sit(door(path), f"CODE-{n}", most=7 if n == 5 else 1000, confidence=10 + n)
    made = exported(door(path))
    told = [r for r in made["answers.csv"] if r["role"] != "attention"]
    texts = {r["item"]: r["text"] for r in made["items.csv"]}
    by: dict[str, list[tuple[frozenset[str], str]]] = {}
    for row in told:
        shown = frozenset(texts[i] for i in row["items"].split())
        by.setdefault(row["participant"], []).append((shown, texts[row["picks"]]))
    in_order = [p["participant"] for p in made["participants.csv"]]
    assert [by[name] for name in in_order] == [p.said for p in people]
    assert agreement(list(by.values())) == agreement([p.said for p in people])
    assert 0.5 < agreement(list(by.values())) < 1.0
    know = [within(p.said) for p in people]
    assert [
        (int(p["repeats_agreed"]), int(p["repeats_of"])) for p in made["participants.csv"]
    ] == know
    passed = [int(p["attention_passed"]) for p in made["participants.csv"]]
    assert passed[4] == 0 and passed[:4] == [1, 1, 1, 1]
    assert [p["completed"] for p in made["participants.csv"]] == ["1"] * 5 + ["0"]
    stopped = made["participants.csv"][5]
    assert (stopped["answered"], stopped["dropout_block"], stopped["dropout_order"]) == (
        "7", "First", "8")  # fmt: skip
    assert {r["confidence"] for r in told} == {str(10 + n) for n in range(6)}


def agreement(people: list[list[tuple[frozenset[str], str]]]) -> float:
    """Share of equal choices over all pairs of people and questions both answered, firsts only."""
    firsts = [dict(reversed(said)) for said in people]
    same = [a[q] == b[q] for a, b in combinations(firsts, 2) for q in a.keys() & b.keys()]
    return sum(same) / len(same)


def within(said: list[tuple[frozenset[str], str]]) -> tuple[int, int]:
    """How many repeats agreed with the first answer, of how many."""
    firsts: dict[frozenset[str], str] = {}
    agreed = []
    for question, choice in said:
        if question in firsts:
            agreed.append(firsts[question] == choice)
        firsts.setdefault(question, choice)
    return sum(agreed), len(agreed)


def test_every_column_is_in_the_codebook(door: Door, tmp_path: Path) -> None:
    path = study(tmp_path, codes=SECRET)
    Simulated(UTILITY, 0.0, 1).sit(door(path), SECRET)
    made = exported(door(path))
    book = json.loads(made["codebook.json"])["files"]
    for file, (_, columns) in study_codebook.FILES.items():
        names = study_codebook.names(columns)
        assert list(made[file][0]) == names == [c["name"] for c in book[file]["columns"]]
        assert all(column[4] or column[0] == "kind" for column in columns)
        assert all(f"| {name} |" in made["codebook.md"] for name in names)
    assert made["answers.jsonl"][0].keys() == made["answers.csv"][0].keys()
    first = made["answers.csv"][0]
    assert first["time_shown"] <= first["time_answered"]
    assert {r["times_shown"] for r in made["answers.csv"]} == {"1"}
    assert first["ms"] == "900" and first["model"] == "none" and first["penchant"]
    source = next(made[n] for n in made if n.startswith("study-"))
    assert source == path.read_text()
    assert SECRET not in json.dumps(made), "a code is in no file"
    assert {tuple(r) for r in made["preferences.jsonl"]} == {
        ("prompt", "chosen", "rejected", "participant")
    }
    assert len(made["preferences.jsonl"]) == 12


def test_a_grid_of_pictures_and_its_preferences(studio: Any, door: Door, tmp_path: Path) -> None:
    blocks = (
        '[[blocks]]\nname = "Six"\nform = "grid"\nshown = 6\nquestions = 2\n'
        'pool = { group = "food-drink" }\n'
    )
    path = study(tmp_path, "", blocks, codes=SECRET)
    path.write_text(path.read_text().replace('medium = "text"', 'medium = "picture"'))
    client = door(path)
    told = agree(client, enter(client, SECRET).json())
    assert told["stage"] == "question", "one block without instructions begins at once"
    item = told["question"]["items"][0]
    picture = client.get(item["media"])
    assert picture.headers["content-type"] == "image/webp" and picture.content[:4] == b"RIFF"
    assert client.get(f"/api/v1/study/media/{_unseen(studio)}").status_code == 404
    picks = [i["id"] for i in told["question"]["items"][:2]]
    done = answer(client, answer(client, told, {"picks": picks}).json(), "skip").json()
    assert done["stage"] == "done"
    made = exported(door(path))
    assert len(made["preferences.jsonl"]) == 2 * 4
    assert [r["choice"] for r in made["answers.csv"]] == ["pick", "skip"]


def _unseen(studio: Any) -> int:
    seen = "SELECT j.value FROM questions q, json_each(q.items) j"
    return int(rows(studio, f"SELECT min(id) FROM items WHERE id NOT IN ({seen})")[0][0])


def test_own_pictures_are_served_byte_for_byte(studio: Any, door: Door, tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a.png", "b.png"):
        Image.new("RGB", (900, 30), (len(name), ord(name[0]), 9)).save(tmp_path / name)
    path = study(tmp_path, "", '[[blocks]]\nname = "A"\npairs = [["a.png", "b.png"]]\n', SECRET)
    path.write_text(path.read_text().replace('medium = "text"', 'medium = "picture"'))
    client = door(path)
    told = agree(client, enter(client, SECRET).json())
    assert all("png" not in json.dumps(i) for i in told["question"]["items"]), "no file names"
    replies = [client.get(i["media"]) for i in told["question"]["items"]]
    assert {r.content for r in replies} == {(tmp_path / n).read_bytes() for n in ("a.png", "b.png")}
    assert {r.headers["content-type"] for r in replies} == {"image/png"}


def test_deleting_leaves_nothing_and_says_so(studio: Any, door: Door, tmp_path: Path) -> None:
    path = study(tmp_path, codes=f"{SECRET} OTHER123")
    for code in (SECRET, "OTHER123"):
        Simulated(UTILITY, 0.0, 1).sit(door(path), code, most=4)
    desk = door(path)
    names = [
        p["participant"] for p in desk.get("/api/v1/studies").json()["studies"][0]["participants"]
    ]
    one = desk.delete(f"/api/v1/studies/1?participant={names[0]}").json()
    assert one["left"] == 0 and one["removed"]["answers"] == 4 and one["removed"]["items"] == 0
    assert desk.delete("/api/v1/studies/1?participant=P-NOBODY").status_code == 404
    assert enter(door(path), SECRET).json()["stage"] == "consent", "withdrawn: as never come"
    told = desk.delete("/api/v1/studies/1").json()
    noted = rows(studio, "SELECT what FROM audit WHERE what LIKE 'study-%'")
    assert noted == [("study-delete",)] * 3
    assert told["left"] == 0 and told["removed"]["items"] == 9 and told["removed"]["studies"] == 1
    for table in ("study_sessions", "study_questions", "study_views", "answers", "profiles"):
        assert rows(studio, f"SELECT count(*) FROM {table}") == [(0,)], table
    assert told["scrubbed"] and told["backups"] == []
    for file in studio.store.folder.glob("penchant.db*"):
        assert b"Text number" not in file.read_bytes(), file.name
    assert Simulated(UTILITY, 0.0, 1).sit(door(path), SECRET)["stage"] == "done", "it goes on anew"


def test_the_bench_gives_the_agreement_back() -> None:
    from tests.bench.study import run

    told = run(quick=True)["figures"]
    assert told["answers"] == told["answers_exported"] == 9 * 12
    assert told["agreement_known"] == told["agreement_exported"]
