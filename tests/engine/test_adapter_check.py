"""A thousand damaged adapters and traps: accepted 0, each said in words and in time."""

import io
import json
import pickle
import random
import struct
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from engine.adapter import CONFIG, OURS, WEIGHTS, Adapter, Base
from engine.adapter_check import BadAdapter, pack_adapter, read_adapter

BASE = Base("tiny-12345678", upstream="org/tiny")
SHAPES = {"model.layers.0.q_proj": (12, 16), "model.layers.0.v_proj": (8, 16)}
A, B = "base_model.model.{}.lora_A.weight", "base_model.model.{}.lora_B.weight"


def weights(rank: int = 4, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    made = {}
    for path, (outputs, inputs) in SHAPES.items():
        made[A.format(path)] = rng.standard_normal((rank, inputs)).astype(np.float32)
        made[B.format(path)] = rng.standard_normal((outputs, rank)).astype(np.float32)
    return made


def adapter() -> Adapter:
    return Adapter(BASE, weights(), {"answers": 40, "name": "mine", "secret": "no"})


def config(**more: Any) -> dict[str, Any]:
    return {**adapter().peft_config(), **more}


def packed(parts: dict[str, bytes], **how: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **how) as made:
        for name, body in parts.items():
            made.writestr(zipfile.ZipInfo(name), body)
    return out.getvalue()


def foreign(told: Any = None, arrays: Any = None, **more: bytes) -> bytes:
    """A PEFT folder as another tool zips it."""
    body = told if isinstance(told, bytes) else json.dumps(told or config()).encode()
    numbers = arrays if isinstance(arrays, bytes) else save(arrays or weights())
    return packed({CONFIG: body, WEIGHTS: numbers, **more})


def refused(data: bytes) -> None:
    begun = time.monotonic()
    with pytest.raises(BadAdapter) as wrong:
        read_adapter(data, BASE, SHAPES)
    assert str(wrong.value) and time.monotonic() - begun < 2


def test_a_studio_reads_what_a_studio_packed() -> None:
    made = read_adapter(pack_adapter(adapter()), BASE, SHAPES)
    assert made.digest() == adapter().digest()
    assert made.card == {"answers": 40, "name": "mine", "origin": "another studio"}
    assert pack_adapter(adapter()) == pack_adapter(adapter())


@pytest.mark.parametrize("kind", ["F16", "BF16"])
def test_halves_are_read(kind: str) -> None:
    plain = weights()
    if kind == "F16":
        body = save({k: v.astype(np.float16) for k, v in plain.items()})
    else:
        body = bfloat(plain)
    made = read_adapter(foreign(arrays=body), BASE, SHAPES)
    for name, value in plain.items():
        assert np.allclose(made.weights[name], value, rtol=1e-2, atol=1e-2)


def bfloat(arrays: dict[str, Any]) -> bytes:
    header, body = {}, b""
    for name, value in arrays.items():
        raw = (np.ascontiguousarray(value).view(np.uint32) >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": list(value.shape),
                        "data_offsets": [len(body), len(body) + len(raw)]}  # fmt: skip
        body += raw
    return tensors(header, body)


def tensors(header: Any, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def test_alpha_is_folded_into_the_weights() -> None:
    made = read_adapter(foreign(config(lora_alpha=8)), BASE, SHAPES)
    name = B.format("model.layers.0.q_proj")
    assert np.array_equal(made.weights[name], 2 * weights()[name])
    assert made.card == {"origin": "elsewhere"}
    assert made.peft_config()["lora_alpha"] == made.rank


def test_a_folder_of_peft_itself_is_read(tmp_path) -> None:
    from peft import LoraConfig, get_peft_model

    from engine.lora import targets
    from tests.tiny import tiny_lm

    model = tiny_lm(layers=2).model
    shapes = {k: (v.out_features, v.in_features) for k, v in targets(model).items()}
    tuned = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj"], task_type="CAUSAL_LM")
    )
    tuned.save_pretrained(tmp_path)
    parts = {n: (tmp_path / n).read_bytes() for n in (CONFIG, WEIGHTS)}
    told = json.loads(parts[CONFIG])
    base = Base("tiny", upstream=str(told["base_model_name_or_path"] or ""))
    told["base_model_name_or_path"] = base.upstream
    parts[CONFIG] = json.dumps(told).encode()
    assert read_adapter(packed(parts), base, shapes).rank == 4


def test_every_cut_is_refused() -> None:
    good = pack_adapter(adapter())
    for percent in range(100):
        refused(good[: len(good) * percent // 100])
    refused(good + b"\0")


def test_every_flipped_byte_is_refused() -> None:
    good = bytearray(pack_adapter(adapter()))
    rng = random.Random(0)
    for place in [rng.randrange(len(good)) for _ in range(700)]:
        bit = 1 << rng.randrange(8)
        good[place] ^= bit
        refused(bytes(good))
        good[place] ^= bit


def wrong_weights() -> Iterator[tuple[str, bytes]]:
    plain = weights()
    q, v = A.format("model.layers.0.q_proj"), B.format("model.layers.0.v_proj")
    yield "swapped", save({**plain, q: plain[v], v: plain[q]})
    yield "nan", save({**plain, q: plain[q] * np.float32("nan")})
    yield "inf", save({**plain, q: plain[q] + np.float32("inf")})
    yield "huge", save({**plain, q: plain[q] * np.float32(1e9)})
    yield "rank", save({**plain, q: plain[q][:2]})
    yield "half", save({k: x for k, x in plain.items() if k != q})
    yield "extra", save({**plain, "lm_head.weight": plain[q]})
    yield "elsewhere", save({**plain, A.format("model.layers.9.q_proj"): plain[q]})
    yield "integers", save({**plain, q: plain[q].astype(np.int32)})
    yield "doubles", save({**plain, q: plain[q].astype(np.float64)})
    yield "three", save({**plain, q: plain[q][None]})
    yield "none", save({})
    good = save(plain)
    yield "tail", good + b"more"
    yield "long header", struct.pack("<Q", 2**40) + good[8:]
    empty = {"dtype": "F32", "shape": [0, 0], "data_offsets": [0, 0]}
    yield "header bomb", tensors({f"t{i}": empty for i in range(20_000)}, b"")
    yield "deep", tensors(b'{"a":' * 5000 + b"1" + b"}" * 5000, b"")
    yield "overlap", tensors({q: {"dtype": "F32", "shape": [4, 16], "data_offsets": [0, 256]},
                              v: {"dtype": "F32", "shape": [8, 4], "data_offsets": [128, 256]}},
                             b"\0" * 256)  # fmt: skip
    yield "negative", tensors({q: {"dtype": "F32", "shape": [4, 16],
                                   "data_offsets": [-256, 0]}}, b"\0" * 256)  # fmt: skip
    yield "no dict", tensors(b"[]", b"")
    yield "twice", tensors(b'{"a":{},"a":{}}', b"")


@pytest.mark.parametrize(
    ("name", "body"), list(wrong_weights()), ids=lambda x: x if isinstance(x, str) else ""
)  # noqa: E501
def test_wrong_weights_are_refused(name: str, body: bytes) -> None:
    refused(foreign(arrays=body))
    refused(packed({CONFIG: json.dumps(config()).encode(), WEIGHTS: body,
                    OURS: b"{}"}))  # fmt: skip


@pytest.mark.parametrize("more", [
    {"peft_type": "LOHA"}, {"use_dora": True}, {"use_rslora": True}, {"r": 8}, {"r": True},
    {"lora_alpha": 0}, {"lora_alpha": -4}, {"lora_alpha": "4"}, {"lora_alpha": 1e9},
    {"modules_to_save": ["lm_head"]}, {"auto_mapping": {"base_model_class": "os"}},
    {"target_modules": ["up_proj"]}, {"target_modules": "all-linear"}, {"bias": "all"},
    {"megatron_core": "os.system"}, {"rank_pattern": {"q": 2}}, {"surprise": 1},
    {"base_model_name_or_path": "org/other"}, {"layers_pattern": "x"}, {"fan_in_fan_out": True},
    {"trust_remote_code": True}, {"tokenizer_kwargs": {"trust_remote_code": True}},
    {"init_lora_weights": "pissa"},
])  # fmt: skip
def test_a_config_that_means_more_is_refused(more: dict[str, Any]) -> None:
    refused(foreign(config(**more)))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'{"r":NaN}', b"[" * 10_000,
                                  b'{"r":4,"r":4}', b"\xff\xfe", b" " * (2 << 20)])  # fmt: skip
def test_a_config_that_is_none_is_refused(body: bytes) -> None:
    refused(foreign(body or b" "))


class Evil:
    def __reduce__(self) -> Any:
        raise AssertionError("a pickle was read")


def pickles() -> Iterator[bytes]:
    for protocol in range(6):
        yield pickle.dumps({"a": [1.0]}, protocol)
        yield packed({"archive/data.pkl": pickle.dumps({"a": 1}, protocol)})
    yield b"\x80\x02}q\x00."
    yield b"cos\nsystem\n(S'true'\ntR."


@pytest.mark.parametrize("name", [
    "adapter_model.bin", "adapter_model.pt", "adapter_model.safetensors", CONFIG, "data.pkl",
])  # fmt: skip
def test_pickles_under_any_name_are_refused(name: str) -> None:
    for body in pickles():
        refused(body)
        parts = {CONFIG: json.dumps(config()).encode(), WEIGHTS: save(weights())}
        refused(packed({**parts, name: body}))


@pytest.mark.parametrize("name", [
    "../adapter_model.safetensors", "/etc/passwd", "a/../b", "C:\\x", "a\\b", "evil.py",
    "x/y/z/README.md", "__init__.py", "con:", ".hidden",
])  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    parts = {CONFIG: json.dumps(config()).encode(), WEIGHTS: save(weights())}
    refused(packed({**parts, name: b"x"}))


def test_zips_that_are_traps_are_refused() -> None:
    parts = {CONFIG: json.dumps(config()).encode(), WEIGHTS: save(weights())}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, body in {**parts, "README.md": b"\0" * (32 << 20)}.items():
            made.writestr(name, body)
    refused(out.getvalue())
    link = zipfile.ZipInfo("README.md")
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, body in parts.items():
            made.writestr(name, body)
        made.writestr(link, "/etc/passwd")
    refused(out.getvalue())
    refused(packed({f"{i}": b"x" for i in range(17)}))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.comment = b"hello"
        for name, body in parts.items():
            made.writestr(name, body)
    refused(out.getvalue())
    with pytest.warns(UserWarning, match="Duplicate"):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as made:
            for name in (CONFIG, WEIGHTS, CONFIG):
                made.writestr(name, parts[name])
    refused(out.getvalue())


def test_an_adapter_of_another_base_is_refused_by_both_names() -> None:
    other = Base("tiny-87654321", upstream="org/tiny")
    with pytest.raises(BadAdapter, match="tiny-12345678.*tiny-87654321"):
        read_adapter(pack_adapter(adapter()), other, SHAPES)
