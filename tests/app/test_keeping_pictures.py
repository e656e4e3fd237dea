"""Keep for pictures, end to end on the model that ships: answers, a tuned adapter, taking it away.

One short tuning serves all tests; how well it pleases is for bench tuned.
"""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from app import drawing, keeping_pictures
from app.jobs import Inline
from app.making import Maker
from app.studio import Studio
from app.trying import attempt
from app.wire import Bad, Missing
from profiles.store import Store

ROOT = Path(__file__).resolve().parents[2]
FEW = {"medium": "picture", "settings": {"steps": 2, "batch": 2, "rate": 2e-2}}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, stocked: Path) -> Iterator[dict[str, Any]]:
    """A studio with one person who likes dark pictures, and their tuned adapter."""
    folder = tmp_path_factory.mktemp("keep") / "data"
    shutil.copytree(stocked, folder)
    patch = pytest.MonkeyPatch()
    patch.setattr(keeping_pictures, "PAIRS", 9)
    patch.setattr(keeping_pictures, "TRIED", ("a cat", "a dog"))
    patch.setattr("app.making.Maker.warm", lambda self, kind: None)
    with Studio(Store.open(folder), Maker(ROOT / ".models", None, cpu=True), Inline()) as studio:
        user = studio.store.local_user()
        profile = int(studio.new_profile(user, "Ada")["id"])
        answer(studio, user, profile, 10)
        job = studio.keeping.tune(user, profile, FEW)
        studio.jobs.step()
        done = studio.keeping.job(user, job["id"])
        assert done["state"] == "done", done["error"]
        yield {"studio": studio, "user": user, "profile": profile, "job": done,
               "row": studio.keeping.one(user, done["adapter"])}  # fmt: skip
    patch.undo()


def answer(studio: Studio, user: int, profile: int, n: int) -> None:
    def light(item: Any) -> float:
        body, _ = studio.media(user, item["id"])
        return float(np.asarray(Image.open(io.BytesIO(body)).convert("L")).mean())

    question = studio.question(user, profile, "picture")
    for k in range(n):
        best = min(question["items"], key=light)
        question = studio.answer(user, question["id"], {"picks": [best["id"]]},
                                 key=f"dark-{profile}-{k:03d}")["next"]  # fmt: skip
        # What is asked next may not depend on how busy the machine is.
        studio.ahead.settle()


def test_the_answers_say_whether_it_is_pictures_or_words(tuned: dict[str, Any]) -> None:
    keeping, user, profile = tuned["studio"].keeping, tuned["user"], tuned["profile"]
    offer = keeping.offer(user, profile)
    assert offer["medium"] == "picture" and offer["ready"] and offer["pairs"] > 0
    names = [o["name"] for o in offer["objectives"]]
    assert names[0] == "diffusion_dpo" and {"mapo", "ncp", "dcpo", "diffusion_cpo", "sft"} <= set(
        names
    )
    assert "rpo" not in names and "--medium picture" in offer["command"]
    assert all(card["minutes"] > 0 for card in offer["presets"])
    assert [c["minutes"] for c in offer["presets"]] == sorted(
        c["minutes"] for c in offer["presets"]
    )
    words = keeping.offer(user, profile, "text")
    assert not words["ready"] and "about words" in words["why"]


def test_what_is_learnt_from_can_be_drawn_and_may_be_left_out(tuned: dict[str, Any]) -> None:
    from engine.starter.drawer.known import lesson

    orders, profile = tuned["studio"].keeping.pictures, tuned["profile"]
    examples = orders.examples(profile)
    assert {e.source for e in examples} == {"person", "belief"} and len(examples) == 9
    assert all(e.prompt in lesson().concepts and not e.prompts for e in examples)
    seen = {e.prompt for e in examples}
    orders.left_out = frozenset(seen)
    try:
        assert not seen & {e.prompt for e in orders.examples(profile)}
    finally:
        orders.left_out = frozenset()
    assert orders.examples(profile) == examples, "the same answers, the same pairs"


def test_answers_become_a_picture_adapter_beside_those_for_words(tuned: dict[str, Any]) -> None:
    studio, row, profile = tuned["studio"], tuned["row"], tuned["profile"]
    assert row["kind"] == "picture" and row["chosen"] and row["card"]["answers"] == 10
    assert {"win", "winner", "distance"} <= row["card"]["measured"].keys()
    chosen = studio.keeping.chosen(profile, kind="picture")
    assert chosen.base.name == drawing.model(studio).name == studio.keeping.pictures.identity()
    assert studio.keeping.chosen(profile) is None
    assert studio.keeping.listed(profile)[0]["fits"]


def test_pictures_may_be_mirrored_words_not(tuned: dict[str, Any]) -> None:
    keeping, user, profile = tuned["studio"].keeping, tuned["user"], tuned["profile"]
    assert keeping.offer(user, profile)["settings"]["mirror"] == 0.0
    assert "mirror" not in keeping.offer(user, profile, "text")["settings"]
    assert keeping.settings("quick", {"mirror": 0.5}, "picture").mirror == 0.5
    for wrong in ({"mirror": 1.5}, {"mirror": -0.1}):
        with pytest.raises(Bad, match="mirror must lie between 0 and 1"):
            keeping.settings("quick", wrong, "picture")
    with pytest.raises(Bad, match="unknown settings: mirror"):
        keeping.settings("quick", {"mirror": 0.5}, "text")


def test_even_steps_may_be_asked_of_pictures_not_of_words(tuned: dict[str, Any]) -> None:
    keeping, user, profile = tuned["studio"].keeping, tuned["user"], tuned["profile"]
    assert keeping.offer(user, profile)["settings"]["smooth"] == 0.0
    assert "smooth" not in keeping.offer(user, profile, "text")["settings"]
    assert keeping.settings("quick", {"smooth": 100.0}, "picture").smooth == 100.0
    for wrong in ({"smooth": -0.1}, {"smooth": 10_001}, {"smooth": float("nan")}):
        with pytest.raises(Bad, match="smooth must lie between 0 and 10000"):
            keeping.settings("quick", wrong, "picture")
    with pytest.raises(Bad, match="unknown settings: smooth"):
        keeping.settings("quick", {"smooth": 100.0}, "text")


def test_the_job_shows_what_it_drew(tuned: dict[str, Any]) -> None:
    studio, job = tuned["studio"], tuned["job"]
    assert [s["step"] for s in job["samples"]] == [0, 1, 2]
    assert not (studio.jobs.place(job["id"]) / "pictures").exists(), "no copies stay behind"
    name = job["samples"][0]["pictures"][0]
    assert Image.open(studio.jobs.sample(tuned["user"], job["id"], name)).size == (96, 96)
    for wrong in ("00000-9.png", "../job.json", "..%2Fjob.json"):
        with pytest.raises(Missing):
            studio.jobs.sample(tuned["user"], job["id"], wrong)
    with pytest.raises(Missing):
        studio.jobs.sample(studio.store.put_user("eve", "x"), job["id"], name)


def test_it_is_tried_beside_the_plain_model_on_the_same_seed(tuned: dict[str, Any]) -> None:
    from engine.data import Draw

    studio, user, row = tuned["studio"], tuned["user"], tuned["row"]
    found = attempt(studio, user, row["id"], "a frog", 3, 2)
    backbone = drawing.model(studio)
    seeds = [3 * 7919, 3 * 7919 + 1]
    # The studio draws ahead on this same model, with a taste attached, unless the slot is held.
    with studio.maker.slot():
        alone = [s.pixels for s in backbone.stream(["a frog"] * 4, seeds * 2, Draw("")) if s.done]
    for url, pixels in zip(found["plain"], alone, strict=False):
        assert np.array_equal(unpacked(url), pixels), "plain is what the model alone draws"
    assert all(a != b for a, b in zip(found["plain"], found["tuned"], strict=True))
    with pytest.raises(Bad, match="knows"):
        attempt(studio, user, row["id"], "the theory of everything", 3, 1)


def unpacked(url: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(drawing.from_url(url))).convert("RGB"))


@pytest.mark.parametrize("against", ["plain", "itself"])
def test_a_blind_choice_between_pictures_is_learnt_from(
    tuned: dict[str, Any], against: str
) -> None:
    studio, user, row, profile = (tuned[k] for k in ("studio", "user", "row", "profile"))
    blind, before = studio.keeping.blind, len(studio.store.comparisons(profile, "picture"))
    trial = blind.begin(user, row["id"], "a dog", 5, against)
    assert trial["kind"] == "picture" and trial["left"].startswith("data:image/png")
    told = blind.end(user, row["id"], trial["trial"], "left")
    assert told.get("fresh") == 1 if against == "itself" else sum(told["tally"].values()) == 1
    answers = studio.store.comparisons(profile, "picture")
    assert len(answers) == before + 1 and answers[-1].source == "blind"
    items = [studio.shelves.candidate(i) for i in answers[-1].question.items]
    assert all(c.prompt == "a dog" and c.attributes["made"] == "generated" for c in items)


def test_it_leaves_for_diffusers_with_a_proof_and_for_nothing_that_cannot_run_it(
    tuned: dict[str, Any],
) -> None:
    studio, user, row = tuned["studio"], tuned["user"], tuned["row"]
    carrying = studio.keeping.carrying
    names = [t["name"] for t in carrying.targets(user, row["id"])]
    assert {"diffusers", "answers_jsonl"} <= set(names)
    assert not set(names) & {"kohya", "peft", "merged", "gguf_lora", "system_prompt"}
    (kohya,) = carrying.unfit(user, row["id"])
    assert kohya["name"] == "kohya" and "cannot run" in kohya["why"]
    *_, last = carrying.export(user, row["id"], "diffusers")
    target = last["target"]
    assert target["state"] == "made", target["why"]
    assert target["matched"] == target["total"] > 0 and target["differs_from_base"]
    assert target["tick"] == "loaded there"
    path, _ = carrying.file(user, row["id"], "diffusers")
    assert path.read_bytes()[:2] == b"PK"
    with pytest.raises(Missing):
        list(carrying.export(user, row["id"], "peft"))


def test_it_is_taken_in_again_through_the_strict_checks(tuned: dict[str, Any]) -> None:
    studio, user, row = tuned["studio"], tuned["user"], tuned["row"]
    body, _ = studio.keeping.carrying.pack(user, row["id"])
    other = int(studio.new_profile(user, "Bob")["id"])
    made = studio.keeping.carrying.bring(user, other, body)
    assert made["kind"] == "picture" and made["fits"] and made["chosen"]
    assert studio.keeping.one(user, made["id"])["digest"] == row["digest"]
    with pytest.raises(Bad):
        studio.keeping.carrying.bring(user, other, body[:-40] + b"x" + body[-39:])
    assert studio.keeping.remove(user, made["id"]) == {"removed": made["id"]}
    assert not studio.keeping.place(made["id"]).exists()


def test_no_memory_to_try_it_is_said_as_create_says_it(
    tuned: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying and the blind trial answered 500."""
    from fastapi.testclient import TestClient

    from app.accounts import Accounts
    from app.main import build
    from app.security import Gate

    def full(*_: Any, **__: Any) -> Any:
        return torch.empty(1 << 50, dtype=torch.uint8)

    studio, row = tuned["studio"], tuned["row"]
    accounts = Accounts(studio.store, None)
    client = TestClient(Gate(build(studio, accounts), accounts), base_url="http://localhost")
    base = f"/api/v1/adapters/{row['id']}"
    for place in ("engine.backbones.diffusion.Diffusion._run", "engine.steering.lora.stack"):
        with monkeypatch.context() as scarce:
            scarce.setattr(place, full)
            for what in ("try", "blind"):
                reply = client.post(f"{base}/{what}", json={"prompt": "a cat"})
                assert reply.status_code == 503, reply.text
                assert "not enough memory" in reply.json()["error"]
    assert not studio.maker.busy()
    assert client.post(f"{base}/try", json={"prompt": "a cat", "n": 1}).status_code == 200
    monkeypatch.setattr("engine.exports.base.make", full)
    *_, last = studio.keeping.carrying.export(tuned["user"], row["id"], "diffusers")
    assert last["target"]["state"] == "refused"
    assert "not enough memory" in last["target"]["why"]


def test_work_over_http(tuned: dict[str, Any]) -> None:
    from fastapi.testclient import TestClient

    from app.accounts import Accounts
    from app.main import build
    from app.security import Gate

    studio, row, job = tuned["studio"], tuned["row"], tuned["job"]
    accounts = Accounts(studio.store, None)
    with TestClient(Gate(build(studio, accounts), accounts), base_url="http://localhost") as client:
        base = f"/api/v1/profiles/{tuned['profile']}"
        assert client.get(f"{base}/tune").json()["medium"] == "picture"
        assert client.get(f"{base}/tune?medium=text").json()["medium"] == "text"
        name = job["samples"][-1]["pictures"][0]
        found = client.get(f"/api/v1/jobs/{job['id']}/samples/{name}")
        assert found.status_code == 200 and found.headers["content-type"] == "image/png"
        assert client.get(f"/api/v1/jobs/{job['id']}/samples/x.png").status_code == 404
        tried = client.post(f"/api/v1/adapters/{row['id']}/try", json={"prompt": "a cat", "n": 1})
        assert tried.status_code == 200 and json.loads(tried.text)["plain"][0].startswith("data:")


def test_the_command_line_takes_a_medium() -> None:
    from app import cli_keep, flags

    given = flags.parse(["tune", "1", "quick", "--medium", "picture"])
    assert (given.preset, given.medium) == ("quick", "picture")
    assert flags.parse(["tune", "1"]).medium is None
    assert flags.parse(["tune", "1", "--mirror", "0.5"]).mirror == 0.5
    assert flags.parse(["tune", "1", "--smooth", "100"]).smooth == 100.0
    assert {"mirror", "smooth"} <= set(cli_keep.NUMBERS)
