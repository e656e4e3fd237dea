"""What a studio or PEFT wrote is read; of a thousand damaged adapters and traps none is.

Each refusal is said in words and in time, and no pickle is ever opened.
"""

import io
import json
import os
import pickle
import random
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from engine.adapter import CONFIG, OURS, WEIGHTS, Adapter, Base
from engine.adapter_check import BadAdapter, pack_adapter, read_adapter
from engine.adapter_files import SUMS
from tests.engine.bad_adapters import (
    BASE,
    SHAPES,
    adapter,
    config,
    damaged,
    foreign,
    packed,
    plain,
    studio,
    tensors,
    weights,
)


def test_a_studio_reads_what_a_studio_packed(tmp_path: Path) -> None:
    data = pack_adapter(adapter())
    assert data == pack_adapter(adapter()) == studio()
    (tmp_path / "a.zip").write_bytes(data)
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        made.extractall(tmp_path / "folder")
    adapter().save(tmp_path / "saved")
    for source in (data, *(tmp_path / name for name in ("a.zip", "folder", "saved"))):
        made = read_adapter(source, BASE, SHAPES)
        assert made == adapter() and made.digest() == adapter().digest()
        assert made.card == {"answers": 40, "name": "mine", "origin": "another studio"}


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("folder", ["", "mine/", "mein Geschmack (2)/"])
def test_a_folder_zipped_by_hand_is_read(tmp_path: Path, how: int, folder: str) -> None:
    adapter().save(tmp_path / "mine")
    files = {folder + p.name: p.read_bytes() for p in (tmp_path / "mine").iterdir()}
    parts = [(folder, b"")] * bool(folder) + list(files.items())
    assert read_adapter(packed(parts, how), BASE, SHAPES) == adapter()


@pytest.mark.parametrize("kind", ["F16", "BF16"])
def test_halves_are_read(kind: str) -> None:
    half = {k: v.astype(np.float16) for k, v in weights().items()}
    body = save(half) if kind == "F16" else bfloat(weights())
    made = read_adapter(foreign(arrays=body), BASE, SHAPES)
    for name, value in weights().items():
        assert made.weights[name].dtype == np.float32
        assert np.allclose(made.weights[name], value, rtol=1e-2, atol=1e-2)


def bfloat(arrays: dict[str, Any]) -> bytes:
    header, body = {}, b""
    for name, value in arrays.items():
        raw = (np.ascontiguousarray(value).view(np.uint32) >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": list(value.shape),
                        "data_offsets": [len(body), len(body) + len(raw)]}  # fmt: skip
        body += raw
    return tensors(header, body)


def test_alpha_is_folded_into_the_weights() -> None:
    made = read_adapter(foreign(config(lora_alpha=8)), BASE, SHAPES)
    for name, value in weights().items():
        assert np.array_equal(made.weights[name], value * (2 if "lora_B" in name else 1))
    assert made.card == {"origin": "elsewhere"}
    assert made.peft_config() == adapter().peft_config()


def test_some_layers_and_a_header_of_any_length_are_read() -> None:
    some = {k: v for k, v in weights().items() if "q_proj" in k}
    for room in range(0, 256, 8):  # a length of 0x..80 or 0x..50 looks like a pickle or a zip
        body = save(some, {"format": "pt" + " " * room})
        made = read_adapter(foreign(arrays=body), BASE, SHAPES)
        assert made.targets == ["q_proj"] and made.weights.keys() == some.keys()


def test_a_base_without_another_name_is_known_by_ours() -> None:
    own = Adapter(Base("own-1"), weights())
    assert read_adapter(foreign(own.peft_config()), own.base, SHAPES) == own
    with pytest.raises(BadAdapter, match="'' .*'own-1'|for ''.*'own-1'"):
        read_adapter(foreign(config(base_model_name_or_path="")), own.base, SHAPES)


def test_a_folder_of_peft_itself_is_read(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    from engine.lora import targets
    from tests.tiny import tiny_lm

    model = tiny_lm(layers=2).model
    shapes = {k: (v.out_features, v.in_features) for k, v in targets(model).items()}
    how = LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj"], task_type="CAUSAL_LM")
    get_peft_model(model, how).save_pretrained(tmp_path)
    told = json.loads((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps({**told, "base_model_name_or_path": "org/tiny"}))
    assert read_adapter(tmp_path, BASE, shapes).rank == 4


def test_what_a_card_says_is_short_and_can_be_printed() -> None:
    with zipfile.ZipFile(io.BytesIO(pack_adapter(adapter()))) as made:
        told = json.loads(made.read(OURS))
    told["card"] = {"name": "a\ud800\0b\u202e\n<c>" + "x" * 5000, "answers": 10**30, "steps": True,
                    "verdict": ["x"], "objective": "dpo", "run": "rm"}  # fmt: skip
    card = read_adapter(studio(**{OURS: json.dumps(told).encode()}), BASE, SHAPES).card
    assert card == {"name": ("ab <c>" + "x" * 200)[:200], "objective": "dpo",
                    "origin": "another studio"}  # fmt: skip


def test_an_adapter_of_another_base_is_refused_by_both_names() -> None:
    other = Base("tiny-87654321", upstream="org/other")
    with pytest.raises(BadAdapter, match="tiny-12345678.*tiny-87654321"):
        read_adapter(pack_adapter(adapter()), other, SHAPES)
    with pytest.raises(BadAdapter, match="org/tiny.*org/other"):
        read_adapter(foreign(), other, SHAPES)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_thousand_damaged_adapters_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = list(damaged())
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, None)
    accepted, slow, begun = [], [], time.monotonic()
    for name, data in cases:
        start = time.monotonic()
        try:
            read_adapter(data, BASE, SHAPES)
            accepted.append(name)
        except BadAdapter as wrong:
            assert 20 < len(str(wrong)) < 400 and str(wrong).encode()
        if time.monotonic() - start > 2:
            slow.append(name)
    print(f"{len(cases)} damaged adapters, {time.monotonic() - begun:.1f} s")
    assert len(cases) >= 1000 and not accepted and not slow


def test_flips_in_a_zip_of_another_tool_change_no_number() -> None:
    good, rng = packed({**plain(), "README.md": b"mine"}, zipfile.ZIP_DEFLATED), random.Random(1)
    for place in rng.sample(range(len(good)), 500):
        bad = bytearray(good)
        bad[place] ^= 1 << rng.randrange(8)
        try:
            made = read_adapter(bytes(bad), BASE, SHAPES)
        except BadAdapter:
            continue
        assert made == adapter(), "only a date or a mode may differ"


def test_traps_in_a_folder_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"{}")
    traps = {
        "link": lambda p: (p / "README.md").symlink_to(outside),
        "pipe": lambda p: os.mkfifo(p / "README.md"),
        "folder": lambda p: (p / "README.md").mkdir(),
        "pickle": lambda p: (p / "adapter_model.bin").write_bytes(pickle.dumps([])),
        "code": lambda p: (p / "evil.py").write_text("raise SystemExit"),
        "no config": lambda p: (p / CONFIG).unlink(),
        "linked weights": lambda p: (
            (p / WEIGHTS).rename(outside) and (p / WEIGHTS).symlink_to(outside)
        ),
        "long text": lambda p: (p / "README.md").write_bytes(b" " * ((1 << 20) + 1)),
        "other weights": lambda p: (p / WEIGHTS).write_bytes(save(weights(seed=1))),
        "a sum less": lambda p: (p / SUMS).write_text("{}"),
    }
    for name, spoil in traps.items():
        spoil(adapter().save(tmp_path / name))
        with pytest.raises(BadAdapter):
            read_adapter(tmp_path / name, BASE, SHAPES)
    with pytest.raises(BadAdapter, match="No such file"):
        read_adapter(tmp_path / "nowhere", BASE, SHAPES)
