"""Keep, end to end on a tiny model: answers, a tuned adapter, trying it, taking it away."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.jobs import Inline
from app.making import Maker
from app.studio import Studio
from app.warm import begun
from app.wire import Bad, Missing
from profiles.store import Store
from tests.engine.kill_worker import save_tiny

FEW = {"preset": "quick", "settings": {"steps": 3, "batch": 2, "rate": 1e-4}}
# Which pairs are asked differs; at this rate any three steps change what can be seen.
PLAIN_TO_SEE = {"preset": "quick", "settings": {"steps": 3, "batch": 2, "rate": 1e-2}}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def tiny(tmp_path: Path, stocked: Path, model: Path) -> Iterator[Studio]:
    import shutil

    shutil.copytree(stocked, tmp_path / "data")
    made = Studio(Store.open(tmp_path / "data"), Maker(model, str(model), cpu=True), Inline())
    with made as opened:
        yield opened


@pytest.fixture
def profile(tiny: Studio, key: Callable[[], str]) -> int:
    user = tiny.store.local_user()
    made = int(tiny.new_profile(user, "Ada")["id"])
    answer(tiny, user, made, key, 10)
    return made


def answer(studio: Studio, user: int, profile: int, key: Callable[[], str], n: int) -> None:
    """Likes short passages."""
    question = studio.question(user, profile, "text")
    for _ in range(n):
        best = min(question["items"], key=lambda i: len(i["text"]))
        question = studio.answer(user, question["id"], {"picks": [best["id"]]}, key=key())["next"]


def tune(studio: Studio, profile: int, wanted: dict[str, Any] = FEW) -> dict[str, Any]:
    user = studio.store.local_user()
    job = studio.keeping.tune(user, profile, wanted)
    studio.jobs.step()
    done = studio.keeping.job(user, job["id"])
    assert done["state"] == "done", done["error"]
    return studio.keeping.one(user, done["adapter"])


def test_too_few_answers_are_said_before_anything_starts(tiny: Studio) -> None:
    user = tiny.store.local_user()
    blank = int(tiny.new_profile(user)["id"])
    assert not tiny.keeping.offer(user, blank)["ready"]
    with pytest.raises(Bad, match="Answer 8 more"):
        tiny.keeping.tune(user, blank, FEW)


def test_the_offer_names_every_method_with_its_ranges(tiny: Studio, profile: int) -> None:
    offer = tiny.keeping.offer(tiny.store.local_user(), profile)
    assert offer["ready"] and offer["pairs"] >= 10
    assert [p["name"] for p in offer["presets"]] == ["quick", "good", "best"]
    assert {"rpo", "dpo", "simpo"} <= {o["name"] for o in offer["objectives"]}
    assert all(k["low"] <= k["default"] <= k["high"]
               for o in offer["objectives"] for k in o["knobs"])  # fmt: skip


@pytest.mark.parametrize("wrong", [
    {"settings": {"steps": 0}}, {"settings": {"speed": 3}}, {"objective": "magic"},
    {"knobs": {"beta": 99.0}}, {"knobs": {"wings": 1.0}}, {"objective": "rationale"},
])  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_starts(tiny, profile, wrong) -> None:
    with pytest.raises(Bad):
        tiny.keeping.tune(tiny.store.local_user(), profile, wrong)
    assert tiny.keeping.jobs(tiny.store.local_user(), profile) == []


def test_answers_become_an_adapter_that_create_uses(tiny: Studio, profile: int) -> None:
    from app.create import depth_of

    user = tiny.store.local_user()
    wanted = {"medium": "text", "depth": None}
    assert depth_of(tiny, profile, wanted) == "steered"
    row = tune(tiny, profile)
    assert row["card"]["answers"] == 10 and row["card"]["verdict"]
    assert depth_of(tiny, profile, wanted) == "tuned"
    tiny.keeping.change(user, row["id"], {"name": "evening", "chosen": False})
    assert depth_of(tiny, profile, wanted) == "steered"
    assert tiny.keeping.listed(profile)[0]["name"] == "evening"


def test_at_strength_nought_the_tuned_text_is_the_plain_one(tiny: Studio, profile: int) -> None:
    from engine.data import Request
    from engine.steering.lora import lora

    adapter = tiny.keeping.load(tune(tiny, profile)["id"])
    backbone = tiny.maker.language_model()
    asked = [Request("say hi", seed=3, max_tokens=12)]
    plain = backbone.write(asked)
    with lora(backbone, adapter, 0.0):
        assert backbone.write(asked) == plain


def test_a_blind_choice_is_counted_and_learnt_from(tiny, profile, monkeypatch) -> None:
    user, row = tiny.store.local_user(), tune(tiny, profile)
    backbone = tiny.maker.language_model()
    monkeypatch.setattr(backbone, "write", lambda asked: ["one text", "another text"])
    monkeypatch.setattr(tiny.maker, "encode", lambda name, rows: np.zeros((len(rows), 64), "f4"))
    blind = tiny.keeping.blind
    trial = blind.begin(user, row["id"], "say hi", 1)
    before = len(tiny.store.comparisons(profile, "text"))
    told = blind.end(user, row["id"], trial["trial"], "left")
    assert sum(told["tally"].values()) == 1 and {told["left"], told["right"]} == {"tuned", "plain"}
    assert len(tiny.store.comparisons(profile, "text")) == before + 1
    with pytest.raises(Missing):
        blind.end(user, row["id"], trial["trial"], "left")
    assert tiny.keeping.one(user, row["id"])["card"]["blind"] == told["tally"]


def test_fresh_drafts_are_answers_that_the_next_tuning_reads(tiny, profile, monkeypatch) -> None:
    user, row = tiny.store.local_user(), tune(tiny, profile)
    seen: list[int] = []

    def write(asked: Any) -> list[str]:
        seen.extend(r.seed for r in asked)
        return ["a fresh draft", "another fresh draft"]

    monkeypatch.setattr(tiny.maker.language_model(), "write", write)
    monkeypatch.setattr(tiny.maker, "encode", lambda name, rows: np.zeros((len(rows), 64), "f4"))
    trial = tiny.keeping.blind.begin(user, row["id"], "say hi", 1, "itself")
    told = tiny.keeping.blind.end(user, row["id"], trial["trial"], "right")
    assert told["fresh"] == 1 and sum(told["tally"].values()) == 0 and seen[0] != seen[1]
    examples, _ = tiny.keeping.examples(profile)
    assert any(e.prompt == "say hi" and e.texts[0] == trial["right"] for e in examples)


def test_a_removed_adapter_leaves_nothing(tiny: Studio, profile: int) -> None:
    user, row = tiny.store.local_user(), tune(tiny, profile)
    assert tiny.keeping.place(row["id"]).exists()
    tiny.keeping.remove(user, row["id"])
    assert not tiny.keeping.place(row["id"]).exists() and tiny.keeping.listed(profile) == []


def test_deleting_the_profile_deletes_its_folders(tiny: Studio, profile: int) -> None:
    user, row = tiny.store.local_user(), tune(tiny, profile)
    tiny.delete_profile(user, profile)
    assert not tiny.keeping.place(row["id"]).exists()
    assert not list((tiny.store.folder / "jobs").glob("*"))


def test_somebody_elses_adapter_is_not_there(tiny: Studio, profile: int) -> None:
    row = tune(tiny, profile)
    other = tiny.store.put_user("eve", "x")
    for verb in (
        lambda: tiny.keeping.one(other, row["id"]),
        lambda: tiny.keeping.remove(other, row["id"]),
        lambda: tiny.keeping.carrying.targets(other, row["id"]),
        lambda: tiny.keeping.carrying.pack(other, row["id"]),
        lambda: tiny.keeping.blind.begin(other, row["id"], "x", 0),
        lambda: tiny.keeping.job(other, 1),
        lambda: tiny.keeping.wish(other, 1, "pause"),
    ):
        with pytest.raises(Missing):
            verb()


def test_an_export_is_proved_and_its_card_tells_no_answers(tiny: Studio, profile: int) -> None:
    user, row = tiny.store.local_user(), tune(tiny, profile, PLAIN_TO_SEE)
    lines = list(tiny.keeping.carrying.export(user, row["id"], "peft"))
    target = lines[-1]["target"]
    assert target["state"] == "made", target["why"]
    assert target["tick"] == "loaded there" and target["matched"] == target["total"] > 0
    path, name = tiny.keeping.carrying.file(user, row["id"], "peft")
    assert path.read_bytes()[:2] == b"PK" and "Ada" not in name
    again = tiny.keeping.carrying.targets(user, row["id"])
    assert json.dumps(next(t for t in again if t["name"] == "peft")) == json.dumps(target)


def test_work_over_http(tiny: Studio, profile: int) -> None:
    from fastapi.testclient import TestClient

    from app.accounts import Accounts
    from app.main import build
    from app.security import Gate

    accounts = Accounts(tiny.store, None)
    with TestClient(Gate(build(tiny, accounts), accounts), base_url="http://localhost") as client:
        base = f"/api/v1/profiles/{profile}"
        assert client.get(f"{base}/tune").json()["ready"]
        made = client.post(f"{base}/tune", json=FEW)
        assert made.status_code == 201, made.text
        tiny.jobs.step()
        job = client.get(f"/api/v1/jobs/{made.json()['id']}").json()
        assert job["state"] == "done" and job["samples"][0]["step"] == 0 and job["curve"]
        (adapter,) = client.get(f"{base}/adapters").json()["adapters"]
        assert adapter["chosen"] and adapter["fits"]
        assert (
            client.post(f"/api/v1/jobs/{job['id']}/wish", json={"wish": "pause"}).status_code == 422
        )
        assert client.get("/api/v1/jobs/99").status_code == 404
        assert client.get(f"{base}/jobs").json()["jobs"][0]["id"] == job["id"]
        assert client.delete(f"/api/v1/adapters/{adapter['id']}").status_code == 200


def test_answers_leave_with_an_adapter_when_the_person_says_so(tiny: Studio, profile: int) -> None:
    user, row = tiny.store.local_user(), tune(tiny, profile)
    carrying = tiny.keeping.carrying
    names = {t["name"]: t["words"] for t in carrying.targets(user, row["id"])}
    assert names["trl_preference"] and names["system_prompt"] and not names["peft"]
    assert "diffusers" not in names
    *_, refused = carrying.export(user, row["id"], "trl_kto")
    assert refused["target"]["state"] == "refused" and "pseudonymous" in refused["target"]["why"]
    for name in ("trl_preference", "trl_kto", "system_prompt"):
        *_, made = carrying.export(user, row["id"], name, "pseudonymous")
        assert made["target"]["state"] == "made", made["target"]["why"]
        assert made["target"]["matched"] > 0 and made["target"]["snippet"]
    with pytest.raises(Missing):
        list(carrying.export(user, row["id"], "diffusers"))


def test_with_a_reason_the_method_that_needs_them_can_be_used_and_learns(
    tiny: Any,
    profile: int,
    key: Callable[[], str],
) -> None:
    user = tiny.store.local_user()

    def method() -> Any:
        return next(o for o in tiny.keeping.offer(user, profile)["objectives"]
                    if o["name"] == "rationale")  # fmt: skip

    wanted = {"preset": "quick", "objective": "rationale",
              "settings": {"steps": 2, "batch": 2, "held_out": 0.0}}  # fmt: skip
    assert "no answer has one yet" in method()["why"]
    with pytest.raises(Bad, match="needs reasons"):
        tiny.keeping.tune(user, profile, wanted)
    for row in tiny.store.answer_rows(profile):
        tiny.reasons.give(user, profile, row["seq"], (["shorter", "plainer"], "so short"), key())
    with pytest.raises(Missing):
        tiny.reasons.give(user, profile, 999, (["shorter"], ""), key())
    assert method()["usable"]
    own = [e for e in tiny.keeping.examples(profile)[0] if e.source == "person"]
    assert own and {e.rationale for e in own} == {"It is shorter and plainer. so short."}
    job = tiny.keeping.tune(user, profile, wanted)
    tiny.jobs.step()
    done = tiny.keeping.job(user, job["id"])
    assert done["state"] == "done", done["error"]


def test_a_taste_file_carries_what_was_tuned_when_asked(
    tiny: Studio, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from profiles import bundle_format

    user = tiny.store.local_user()
    row = tune(tiny, profile)
    tiny.keeping.change(user, row["id"], {"name": "evening", "chosen": None})
    plain = tiny.export(user, profile)[0]
    whole = tiny.export(user, profile, tuned=True)[0]
    assert len(whole) > len(plain) and not any("adapter" in n for n in bundle_format.unpack(plain))
    assert tiny.import_bundle(user, plain)["adapters"] == 0

    made = tiny.import_bundle(user, whole)
    assert made["adapters"] == 1 and made["left_out"] == []
    (there,) = tiny.keeping.listed(made["id"])
    assert there["name"] == "evening" and there["chosen"] and there["fits"]
    assert there["card"]["answers"] == 10
    assert tiny.keeping.load(there["id"]) == tiny.keeping.load(row["id"])

    parts = bundle_format.unpack(whole)
    body = parts["adapter/0"]
    before = len(tiny.profiles(user))
    for bad in (body[: len(body) // 2], body.replace(b"lora_A", b"lora_Q", 1), plain, b""):
        with pytest.raises(Bad, match="an adapter in the file is not sound"):
            tiny.import_bundle(user, bundle_format.pack({**parts, "adapter/0": bad}))
    assert len(tiny.profiles(user)) == before, "nothing of it was taken in"
    tiny.maker.drop("lm")
    strange = {"adapters": parts["adapters"].replace(row["base"].encode(), b"another-model")}
    early = tiny.import_bundle(user, bundle_format.pack({**parts, **strange}))
    assert early["adapters"] == 0 and early["left_out"], "also where the model was never loaded"
    monkeypatch.setattr(tiny.maker, "lm_identity", lambda: "another-model")
    other = tiny.import_bundle(user, whole)
    assert other["adapters"] == 0 and "evening: made for" in other["left_out"][0]
    assert tiny.keeping.listed(other["id"]) == []


def test_an_adapter_that_finds_no_room_on_the_disk_is_not_there(
    tiny: Studio, profile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.adapter import Adapter

    user = tiny.store.local_user()
    row = tune(tiny, profile)
    body, _ = tiny.keeping.carrying.pack(user, row["id"])

    def full(_adapter: Any, _folder: Path) -> Path:
        raise OSError(28, "no space left")

    monkeypatch.setattr(Adapter, "save", full)
    with pytest.raises(OSError, match="no space"):
        tiny.keeping.carrying.bring(user, profile, body)
    assert [a["id"] for a in tiny.keeping.listed(profile)] == [row["id"]]
    assert tiny.keeping.chosen(profile) == tiny.keeping.load(row["id"])


def test_the_next_tuning_goes_on_from_an_adapter(tiny: Studio, profile: int) -> None:
    user = tiny.store.local_user()
    assert tiny.keeping.offer(user, profile)["from"] == []
    row = tune(tiny, profile)
    (offered,) = tiny.keeping.offer(user, profile)["from"]
    assert offered["id"] == row["id"]
    first = tiny.keeping.load(row["id"])

    def again(**wanted: Any) -> Any:
        still = {"steps": 1, "batch": 1, "rate": 1e-6}
        job = tiny.keeping.tune(user, profile, {"preset": "quick", "settings": still, **wanted})
        tiny.jobs.step()
        done = tiny.keeping.job(user, job["id"])
        assert done["state"] == "done", done["error"]
        return tiny.keeping.load(done["adapter"])

    def gap(other: Any) -> float:
        return max(float(np.abs(v - first.weights[k]).max()) for k, v in other.weights.items())

    assert gap(again(start=row["id"])) < 1e-5
    assert gap(again()) > 1e-5, "without it, it begins with nothing"
    wrong = {"start": row["id"], "settings": {"steps": 1, "rank": first.rank + 1}}
    with pytest.raises(Bad, match="leave the rank out"):
        tiny.keeping.tune(user, profile, {"preset": "quick", **wrong})
    with pytest.raises(Missing):
        tiny.keeping.tune(user, profile, {"preset": "quick", "start": 999})
    other = tiny.new_profile(user)["id"]
    with pytest.raises(Bad, match="another taste"):
        begun(tiny.keeping, (user, other), {"start": row["id"]}, "text")


def test_a_row_whose_folder_a_kill_left_out_counts_as_none(tiny: Studio, profile: int) -> None:
    row = tune(tiny, profile)
    assert tiny.keeping.chosen(profile) is not None
    shutil.rmtree(tiny.keeping.place(row["id"]))
    tiny.maker.drop(f"adapter {row['id']}")
    assert tiny.keeping.chosen(profile) is None
