"""Another picture model than the one that ships: drawn with, guided, tuned and taken away; and one
that cannot be used leaves a studio without drawings, never a broken one.
"""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import bending, drawing, keeping_pictures, picture_models
from app.jobs import Inline
from app.making import Maker, Unavailable
from app.picture_models import Absent, Own, Starter, chosen
from app.studio import Studio
from app.trying import attempt
from engine.adapter import Adapter
from engine.exports.base import make as exported
from engine.pipelines import BadModel, header, look
from profiles.store import Store
from tests.app.people import inky
from tests.engine.picture_job import save_tiny
from tests.single_file import same, single_file
from tests.tiny_pictures import KINDS, tiny_pictures, tiny_unet

ROOT = Path(__file__).resolve().parents[2]
WANTED = {"medium": "picture", "prompt": "a castle", "n": 2, "strength": 1.0, "seed": 3,
          "depth": None, "max_tokens": 20}  # fmt: skip
FEW = {"medium": "picture", "settings": {"steps": 1, "batch": 1, "rate": 2e-2}}
SIDE = 32


def flags(where: Any, **more: Any) -> Any:
    told = {"pictures": str(where), "pictures_steps": 3, "pictures_guidance": 2.0,
            "pictures_size": SIDE, "models_dir": "nowhere"}  # fmt: skip
    return SimpleNamespace(**told | more)


@pytest.fixture(scope="module", params=KINDS)
def own(request: Any, tmp_path_factory: pytest.TempPathFactory, stocked: Path) -> Iterator[Any]:
    """A studio that was pointed at a tiny model of one family, and somebody who likes ink."""
    folder = tmp_path_factory.mktemp(request.param)
    model = save_tiny(folder / f"my-{request.param}", request.param)
    shutil.copytree(stocked, folder / "data")
    patch, keys = pytest.MonkeyPatch(), iter(range(10**6))
    patch.setattr(keeping_pictures, "PAIRS", 3)
    if request.param != "sd15":
        # The proof of one family runs in a fresh process, as for a person; the others save that.
        patch.setattr("engine.exports.base.make", partial(exported, fresh=False))
    patch.setattr("app.making.Maker.warm", lambda self, kind: None)
    patch.setattr("app.fresh.Fresh.after", lambda self, user, profile: None)
    maker = Maker(ROOT / ".models", None, cpu=True)
    with Studio(Store.open(folder / "data"), maker, Inline()) as studio:
        studio.maker.draws = chosen(flags(model))
        if request.param == "flux":
            drawing.model(studio).face.longest = 16
        user = studio.store.local_user()
        profile = inky(studio, user, lambda: f"own-key-{next(keys):06d}", 9)
        yield SimpleNamespace(kind=request.param, studio=studio, user=user, profile=profile,
                              model=model)  # fmt: skip
    patch.undo()


def make(own: Any, **more: Any) -> list[dict[str, Any]]:
    return list(own.studio.generate(own.user, own.profile, {**WANTED, **more}, lambda: False))


def images(lines: list[dict[str, Any]], side: str) -> list[Any]:
    found = [r for r in lines if r["type"] == "sample" and r["side"] == side and "image" in r]
    return [pixels(r["image"]) for r in sorted(found, key=lambda r: r["index"])]


def pixels(url: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(drawing.from_url(url))).convert("RGB")).astype(int)


def test_create_draws_with_it_plain_and_guided_by_the_taste(own: Any) -> None:
    lines = make(own)
    assert lines[-1]["type"] == "done", lines[-1]
    begun = lines[0]
    assert begun["depth"] == "guided" and begun["leads"] and begun["model"] == f"my-{own.kind}"
    assert not any(r["type"] == "note" for r in lines), "what only the small model says stays away"
    steps = [r["text"] for r in lines if r["type"] == "step"]
    assert "step 1 of 3" in steps
    mine, plain = images(lines, "personal"), images(lines, "plain")
    assert len(mine) == len(plain) == 2 and mine[0].shape == (SIDE, SIDE, 3)
    assert all((a != b).any() for a, b in zip(mine, plain, strict=True))
    url = next(r["image"] for r in lines if r["type"] == "sample" and "image" in r)
    told = Image.open(io.BytesIO(drawing.from_url(url))).info["parameters"]  # type: ignore[attr-defined]
    assert f"Steps: 3, CFG scale: 2, Seed: {3 * drawing.ODD}, Model: my-{own.kind}" in told
    none = make(own, strength=0.0)
    for a, b in zip(images(none, "plain"), plain, strict=True):
        assert np.abs(a - b).max() <= 1, "the plain twin is what the model alone draws"


def test_a_strip_shows_five_strengths_of_it(own: Any) -> None:
    wanted = {"prompt": "a castle", "seed": 3, "index": 0, "depth": None}
    lines = list(own.studio.made.strip(own.user, own.profile, wanted, lambda: False))
    assert lines[-1]["type"] == "done" and lines[0]["depth"] == "guided"
    shown = [pixels(r["image"]) for r in lines if r["type"] == "sample"]
    assert len(shown) == 5 and (shown[0] != shown[4]).any()


def test_what_only_the_shipped_model_can_is_not_offered(own: Any) -> None:
    assert bending.depths(own.studio) == ["instant", "guided", "tuned"]
    last = make(own, depth="steered")[-1]
    assert last["type"] == "error" and "choose guided" in last["error"]
    (row,) = [m for m in own.studio.system()["models"] if m["what"] == "draws"]
    assert row["name"] == f"my-{own.kind}" and row["ready"] and row["loaded"]


def test_keep_tunes_it_and_what_leaves_names_its_base(own: Any) -> None:
    studio, user, profile = own.studio, own.user, own.profile
    offer = studio.keeping.offer(user, profile, "picture")
    assert offer["ready"], offer["why"]
    assert all("not measured" in c["gain"] and c["minutes"] > 0 for c in offer["presets"])
    drawing.model(studio)
    job = studio.keeping.tune(user, profile, FEW)
    assert not studio.maker.drawer_loaded(), "its memory is for the training"
    studio.jobs.step()
    done = studio.keeping.job(user, job["id"])
    assert done["state"] == "done", done["error"]
    row = studio.keeping.one(user, done["adapter"])
    made = studio.keeping.load(row["id"])
    assert isinstance(made, Adapter) and row["chosen"]
    assert made.base.upstream == f"my-{own.kind}" and made.base.architecture
    assert made.base.name == studio.keeping.pictures.identity() == drawing.model(studio).name
    assert studio.keeping.listed(profile)[0]["fits"]
    lines = make(own)
    assert lines[0]["depth"] == "tuned" and lines[-1]["type"] == "done"
    assert len(attempt(studio, user, row["id"], "a castle", 1, 1)["tuned"]) == 1
    names = [t["name"] for t in studio.keeping.carrying.targets(user, row["id"])]
    assert "diffusers" in names and "ppd" not in names
    # No program has an SD3 as narrow as this one.
    assert ("kohya" in names) == (own.kind != "sd3")
    for name in {"diffusers", "kohya"} & set(names):
        *_, last = studio.keeping.carrying.export(user, row["id"], name)
        target = last["target"]
        assert target["state"] == "made", target["why"]
        assert target["matched"] == target["total"] > 0 and target["differs_from_base"]
    studio.maker.draws, before = Starter(), studio.maker.draws
    try:
        assert not studio.keeping.listed(profile)[0]["fits"], "it belongs to its own base alone"
        assert studio.keeping.chosen(profile, "picture") is None
    finally:
        studio.maker.draws = before


def test_it_is_drawn_ahead_only_where_it_is_quick(own: Any) -> None:
    studio = own.studio
    studio.maker.pace = None
    assert not studio.fresh.quick()
    studio.maker.pace = 60.0
    assert not studio.fresh.quick()
    studio.maker.pace = 0.5
    assert studio.fresh.quick() and studio.fresh.draw(own.user, own.profile)


def test_a_single_file_is_drawn_with_tuned_and_taken_home_like_a_folder(
    tmp_path: Path, stocked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping_pictures, "PAIRS", 3)
    monkeypatch.setattr("engine.exports.base.make", partial(exported, fresh=False))
    pipe = tiny_pictures("sd15")
    pipe.register_modules(unet=tiny_unet(layers_per_block=2))
    file = single_file(pipe, tmp_path / "dream.safetensors")
    shutil.copytree(stocked, tmp_path / "data")
    keys = (f"file-key-{k:06d}" for k in range(10**6))
    maker = Maker(ROOT / ".models", None, cpu=True)
    with Studio(Store.open(tmp_path / "data"), maker, Inline()) as studio:
        studio.maker.draws = chosen(flags(file))
        assert same(pipe, drawing.model(studio).face.pipe)
        user = studio.store.local_user()
        profile = inky(studio, user, lambda: next(keys), 9)
        lines = list(studio.generate(user, profile, WANTED, lambda: False))
        assert lines[-1]["type"] == "done" and lines[0]["model"] == "dream"
        job = studio.keeping.tune(user, profile, FEW)
        studio.jobs.step()
        done = studio.keeping.job(user, job["id"])
        assert done["state"] == "done", done["error"]
        row = studio.keeping.one(user, done["adapter"])
        assert studio.keeping.load(row["id"]).base.name == drawing.model(studio).name
        *_, last = studio.keeping.carrying.export(user, row["id"], "kohya")
        assert last["target"]["state"] == "made", last["target"]["why"]
    shutil.rmtree(file.with_suffix(""))
    draws = chosen(flags(file))
    assert isinstance(draws, Absent) and "small files of its family" in draws.why_not


def test_what_may_be_chosen_is_told_before_torch_is_loaded() -> None:
    """The first paint of the page waits for it."""
    text = (
        "import sys\nfrom types import SimpleNamespace as N\nfrom app.bending import depths\n"
        "from app.picture_models import Starter\n"
        "print(*depths(N(maker=N(draws=Starter()))), 'torch' in sys.modules)"
    )
    made = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert made.stdout.split() == ["instant", "guided", "attended", "steered", "tuned", "False"]


# what cannot be used


def broken(kind: str, folder: Path) -> Path:
    """A folder or file that is wrong in one way."""
    place = folder / "model"
    if kind == "absent":
        return place
    if kind == "a file of another kind":
        place = place.with_suffix(".ckpt")
        place.write_bytes(b"x")
        return place
    save_tiny(place, "sd15")
    unet = next((place / "unet").glob("*.safetensors"))
    index = json.loads((place / "model_index.json").read_text())
    if kind == "pickle":
        unet.rename(unet.with_suffix(".bin"))
    elif kind == "torn":
        unet.write_bytes(unet.read_bytes()[:-100])
    elif kind == "half of it":
        unet.unlink()
    elif kind == "code":
        (place / "pipeline.py").write_text("x = 1")
    elif kind == "another architecture":
        index["_class_name"] = "PixArtSigmaPipeline"
    elif kind == "a model that writes":
        (place / "model_index.json").rename(place / "config.json")
        return place
    (place / "model_index.json").write_text(json.dumps(index))
    return place


WORDS = {"absent": "is not there", "a file of another kind": "only those are read", "pickle":
         "run code", "torn": "damaged", "half of it": "no weights in unet", "code": "never run",
         "another architecture": "FluxPipeline", "a model that writes": "use --lm"}  # fmt: skip


@pytest.mark.parametrize("kind", WORDS)
def test_what_cannot_be_used_is_said_at_the_start_and_the_studio_goes_on(
    tmp_path: Path, studio: Any, user: int, kind: str
) -> None:
    draws = chosen(flags(broken(kind, tmp_path)))
    assert isinstance(draws, Absent) and WORDS[kind] in draws.why_not
    studio.maker.draws = draws
    profile = studio.new_profile(user)["id"]
    lines = list(studio.generate(user, profile, WANTED, lambda: False))
    assert lines[-1]["type"] == "done" and lines[0]["drawn"] == 0
    assert any(r["type"] == "note" and WORDS[kind] in r["text"] for r in lines)
    assert any("item" in r for r in lines), "the collection is still there"
    offer = studio.keeping.offer(user, profile, "picture")
    assert not offer["ready"] and WORDS[kind] in offer["why"]
    assert studio.fresh.about(user)["ships"] is False


SHARDS = "unet/diffusion_pytorch_model.safetensors.index.json"
# What is written over which small file, and what a person is told of it.
HURT = {
    "a torn index of shards": (SHARDS, '{"weight_map": {"a', "cannot be read"),
    "an index of no shards": (SHARDS, "{}", "names no files"),
    "a torn note of the hub": ("penchant.json", '{"title": "d', "penchant.json cannot be read"),
    "a note that is a list": ("penchant.json", "[1]", "penchant.json cannot be read"),
    "a torn config": ("unet/config.json", '{"_class', "config.json cannot be read"),
    "a torn list of parts": ("model_index.json", '{"_class', "model_index.json cannot be read"),
}


@pytest.mark.parametrize("kind", HURT)
def test_a_damaged_file_is_named_with_its_cure_at_the_start(tmp_path: Path, kind: str) -> None:
    model = save_tiny(tmp_path / "m", "sd15")
    assert isinstance(chosen(flags(model)), Own)
    name, text, words = HURT[kind]
    (model / name).write_text(text)
    picture_models._noted.cache_clear()
    draws = chosen(flags(model))
    assert isinstance(draws, Absent) and words in draws.why_not
    assert "get this model again" in draws.why_not


def test_a_torn_note_of_another_revision_is_named_too(tmp_path: Path) -> None:
    folder = tmp_path / "owner--small@0123456789ab"
    folder.mkdir()
    (folder / "penchant.json").write_text('{"asked": "v')
    draws = chosen(flags("hub:owner/small@v1", models_dir=str(tmp_path)))
    assert isinstance(draws, Absent) and "get this model again" in draws.why_not


@pytest.mark.parametrize("lacks", ["shape", "dtype", "data_offsets"])
def test_a_tensor_without_its_size_is_damage(tmp_path: Path, lacks: str) -> None:
    told = {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    del told["w"][lacks]
    head = json.dumps(told).encode()
    file = tmp_path / "w.safetensors"
    file.write_bytes(len(head).to_bytes(8, "little") + head + bytes(4))
    with pytest.raises(BadModel, match="w.safetensors is damaged .* get this model again"):
        header(file)


def test_damage_that_comes_while_it_runs_is_told_where_it_is_tuned(
    tmp_path: Path, studio: Any, user: int, key: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at the start cannot see what breaks afterwards."""
    monkeypatch.setattr(keeping_pictures, "PAIRS", 3)
    studio.maker.draws = chosen(flags(save_tiny(tmp_path / "m", "sd15")))
    profile = inky(studio, user, key, 9)
    (tmp_path / "m" / "unet" / "config.json").write_text('{"_class')
    reply = client.post(f"/api/v1/profiles/{profile}/tune", json=FEW)
    assert reply.status_code == 503, reply.text
    assert "get this model again" in reply.json()["error"]
    assert client.get(f"/api/v1/profiles/{profile}/question").status_code == 200


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "m", "sd15")
    told = {"weight_map": {"a": "diffusion_pytorch_model-00002-of-00002.safetensors"}}
    name = "diffusion_pytorch_model.safetensors.index.json"
    (model / "unet" / name).write_text(json.dumps(told))
    with pytest.raises(BadModel, match="00002-of-00002"):
        look(model)


def test_too_little_memory_is_said_before_anything_is_loaded(
    tmp_path: Path, studio: Any, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.maker.draws = chosen(flags(save_tiny(tmp_path / "m", "sd15")))
    room = SimpleNamespace(available=1e9, total=2e9)
    with monkeypatch.context() as scarce:
        scarce.setattr("psutil.virtual_memory", lambda: room)
        with pytest.raises(Unavailable, match="1.0 GB are free"):
            drawing.model(studio)
        profile = studio.new_profile(user)["id"]
        last = list(studio.generate(user, profile, WANTED, lambda: False))[-1]
        assert last["type"] == "error" and "smaller model" in last["error"]
    assert drawing.model(studio).name.startswith("m-")


def test_the_same_weights_have_one_name_in_16_and_in_32_bits(tmp_path: Path) -> None:
    import torch

    names = []
    for dtype in (torch.float32, torch.bfloat16):
        pipe = tiny_pictures("sd15").to(torch.bfloat16).to(dtype)
        pipe.save_pretrained(tmp_path / "m")
        names.append(Own(look(tmp_path / "m"), chosen(flags(tmp_path / "m")).wanted).identity())
        shutil.rmtree(tmp_path / "m")
        _fresh()
    assert names[0] == names[1] and names[0].startswith("m-")


def _fresh() -> None:
    picture_models._identity.cache_clear()
