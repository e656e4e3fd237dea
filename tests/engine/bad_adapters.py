"""Adapters that were damaged, cut, forged or built as traps: (what is wrong, the file)."""

import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from safetensors.numpy import save

from engine.adapter import CONFIG, OURS, WEIGHTS, Adapter, Base
from engine.adapter_check import pack_adapter
from engine.adapter_files import SUMS, pack_files, sums

BASE = Base("tiny-12345678", upstream="org/tiny")
SHAPES = {"model.layers.0.q_proj": (12, 16), "model.layers.1.q_proj": (12, 16),
          "model.layers.0.v_proj": (8, 16)}  # fmt: skip
A, B = "base_model.model.{}.lora_A.weight", "base_model.model.{}.lora_B.weight"
Q, V = A.format("model.layers.0.q_proj"), B.format("model.layers.0.v_proj")
Case = tuple[str, bytes]


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


def tensors(header: Any, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def packed(parts: Any, how: int = zipfile.ZIP_STORED) -> bytes:
    """parts: bytes by name, or pairs of a name or ZipInfo and bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as made:
        for name, body in parts.items() if isinstance(parts, dict) else parts:
            made.writestr(name, body)
    return out.getvalue()


def plain(told: Any = None, arrays: Any = None) -> dict[str, bytes]:
    """The two files of another tool."""
    body = told if isinstance(told, bytes) else json.dumps(told or config()).encode()
    return {
        CONFIG: body,
        WEIGHTS: arrays if isinstance(arrays, bytes) else save(arrays or weights()),
    }


def foreign(told: Any = None, arrays: Any = None) -> bytes:
    return packed(plain(told, arrays))


def studio(**more: bytes) -> bytes:
    """What a studio packed, with other files in it and every sum right again."""
    with zipfile.ZipFile(io.BytesIO(pack_adapter(adapter()))) as made:
        parts = {n: made.read(n) for n in made.namelist()} | more
    return pack_files({**parts, SUMS: json.dumps(sums(parts), indent=2, sort_keys=True).encode()})


def cuts_and_flips() -> Iterator[Case]:
    good, rng = pack_adapter(adapter()), random.Random(0)
    for percent in range(100):
        yield f"cut at {percent} %", good[: len(good) * percent // 100]
        yield f"foreign, cut at {percent} %", foreign()[: len(foreign()) * percent // 100]
    for place in rng.sample(range(len(good)), 600):
        bad = bytearray(good)
        bad[place] ^= 1 << rng.randrange(8)
        yield f"flip at {place}", bytes(bad)
    for i in range(100):
        bad = bytearray(good)
        low = rng.randrange(len(good) - 64)
        bad[low : low + 64] = rng.randbytes(64)
        yield f"noise {i}", bytes(bad)


def wrong_tensors() -> Iterator[Case]:
    good = weights()
    for name, arrays in {
        "swapped": {Q: good[V], V: good[Q]}, "rank": {Q: good[Q][:2]}, "half": {Q: None},
        "extra": {"lm_head.weight": good[Q]}, "three": {Q: good[Q][None]}, "one": {Q: good[Q][0]},
        "another layer": {A.format("model.layers.9.q_proj"): good[Q]},
        "a layer left out": {n.format("model.layers.1.q_proj"): None for n in (A, B)},
        "turned": {Q: good[Q].T.copy()},
        "embedding": {Q.replace("A.weight", "embedding_A"): good[Q]},
        "bias": {Q.replace("A.weight", "A.bias"): good[Q]}, "none": dict.fromkeys(good),
        "dora": {Q.replace("lora_A.weight", "lora_magnitude_vector"): good[Q]},
        "path": {"base_model.model.../../x.lora_A.weight": good[Q]},
    }.items():  # fmt: skip
        yield name, save({k: v for k, v in {**good, **arrays}.items() if v is not None})
    for bad in ("nan", "inf", "-inf", "1e9", "-1e4"):
        yield bad, save({**good, V: np.full_like(good[V], float(bad))})
        one = good[Q].copy()
        one[2, 3] = float(bad)
        yield f"one {bad}", save({**good, Q: one})
    for kind in ("i4", "f8", "u1", "i8", "?"):
        yield kind, save({**good, Q: good[Q].astype(kind)})
    for rank in (0, 257):
        yield f"rank {rank}", save(weights(rank))


def wrong_headers() -> Iterator[Case]:
    good = save(weights())
    length = struct.unpack("<Q", good[:8])[0]
    head, body = json.loads(good[8 : 8 + length]), good[8 + length :]
    yield "tail", good + b"more"
    yield "tail zip", good + foreign()
    yield "gap", tensors(head, body + b"\0" * 8)
    for size in (0, 1, length - 8, length + 8, 2**20 + 1, 2**40, 2**64 - 1):
        yield f"length {size}", struct.pack("<Q", size) + good[8:]
    q = head[Q]
    for offsets in ([-256, 0], [0, 2**60], [8, 264], [256, 0], [0], ["0", "256"], [0.0, 256.0],
                    [False, 256], None, [0, 256, 512], {}):  # fmt: skip
        yield f"offsets {offsets}", tensors({**head, Q: {**q, "data_offsets": offsets}}, body)
    for shape in (
        [4],
        [16, 4],
        [4, -16],
        [-4, -16],
        [4, 2**62],
        [4.0, 16],
        "ab",
        7,
        [],
        [True, 16],
    ):
        yield f"shape {shape}", tensors({**head, Q: {**q, "shape": shape}}, body)
    for kind in ("F64", "f32", "F8_E4M3", "", None, [], {}, "os.system", 4):
        yield f"dtype {kind}", tensors({**head, Q: {**q, "dtype": kind}}, body)
    yield "all in one place", tensors({n: {**t, "data_offsets": q["data_offsets"]}
                                       for n, t in head.items()}, body)  # fmt: skip
    wide = {"dtype": "F32", "shape": [1, 1 << 20], "data_offsets": [0, 4 << 20]}
    yield "memory bomb", tensors({f"t{i}": wide for i in range(4000)}, b"\0" * (4 << 20))
    empty = {"dtype": "F32", "shape": [0, 0], "data_offsets": [0, 0]}
    yield "header bomb", tensors({f"t{i}": empty for i in range(200_000)}, b"")
    yield "many", tensors({f"t{i}": empty for i in range(5000)}, b"")
    yield "many and right", tensors({**head, **{f"t{i}": empty for i in range(4097)}}, body)
    for value in (None, [], {}, "x", 1, {**q, "code": "x"}):
        yield f"tensor {value}", tensors({**head, Q: value}, body)
    for value in ("x", ["x"], {"x": 1}, {"x": {"y": "z"}}, None):
        yield f"metadata {value}", tensors({**head, "__metadata__": value}, body)
    yield "odd name", tensors({**head, "\ud800\0": q}, body)


TEXTS = [
    b"", b" ", b"[]", b"{", b"null", b"7", b'"x"', b'{"r":NaN}', b'{"r":Infinity}',
    b'{"r":4,"r":4}', b"\xff\xfe", b"{}" + b" " * (2 << 20), b"[" * 100_000, b'{"a":' * 50_000,
    b"[" * 33 + b"]" * 33, b'{"a":' * 40 + b"1" + b"}" * 40,
    b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"r":' + b"9" * 100_000 + b"}", b'{"r":1e999}', b"!!python/object/apply:os.system [x]",
    b"\xef\xbb\xbf{}", b'{"__class__":"os"}', b'{"a":"' + b"x" * (1 << 20) + b'"}', b"{}{}",
]  # fmt: skip
MEANS_MORE: list[dict[str, Any]] = [
    {"peft_type": "LOHA"}, {"peft_type": None}, {"peft_type": ["LORA"]}, {"use_dora": True},
    {"use_rslora": True}, {"r": 8}, {"r": True}, {"r": "4"}, {"r": 4.0}, {"r": -4}, {"r": None},
    {"lora_alpha": 0}, {"lora_alpha": -4}, {"lora_alpha": "4"}, {"lora_alpha": 1e9},
    {"lora_alpha": 9999}, {"lora_alpha": True}, {"lora_alpha": [4]}, {"lora_dropout": "x"},
    {"lora_dropout": 7}, {"modules_to_save": ["lm_head"]}, {"task_type": "os.system"},
    {"auto_mapping": {"base_model_class": "x", "parent_library": "os"}}, {"lora_bias": True},
    {"target_modules": ["up_proj"]}, {"target_modules": "all-linear"}, {"target_modules": None},
    {"target_modules": [7]}, {"target_modules": ["q_proj"]}, {"exclude_modules": ["x"]},
    {"bias": "all"}, {"bias": None}, {"megatron_config": {"x": 1}}, {"megatron_core": "os.system"},
    {"rank_pattern": {"q": 2}}, {"alpha_pattern": {"q": 2}}, {"surprise": 1},
    {"layers_pattern": "x"}, {"layers_to_transform": [0]}, {"layer_replication": [[0, 1]]},
    {"fan_in_fan_out": True},
    {"trust_remote_code": True}, {"tokenizer_kwargs": {"trust_remote_code": True}},
    {"init_lora_weights": "pissa"}, {"eva_config": {"x": 1}}, {"loftq_config": {"bits": 4}},
    {"base_model_name_or_path": "org/other"}, {"base_model_name_or_path": None},
    {"base_model_name_or_path": ""}, {"base_model_name_or_path": "../org/tiny"},
    {"inference_mode": "x"}, {"revision": ["x"]}, {"peft_version": {"x": 1}},
    {"trainable_token_indices": [1]}, {"target_parameters": ["x"]}, {"runtime_config": {"x": 1}},
    {"\ud800": 1}, {"_target_": "os.system"}, {"qalora_group_size": 8},
]  # fmt: skip


def wrong_words() -> Iterator[Case]:
    for i, more in enumerate(MEANS_MORE):
        yield f"config {more}", foreign(config(**more))
        if "base_model_name_or_path" not in more:  # a studio goes by its own name
            body = json.dumps(config(**more)).encode()
            yield f"studio's config {i}", studio(**{CONFIG: body})
    for key in ("peft_type", "r", "lora_alpha", "target_modules", "base_model_name_or_path"):
        told = config()
        del told[key]
        yield f"no {key}", foreign(told)
    for text in TEXTS:
        yield f"config {text[:20]!r}", foreign(text)
        yield f"header {text[:20]!r}", foreign(arrays=tensors(text, b""))
        yield f"ours {text[:20]!r}", studio(**{OURS: text})
        yield f"sums {text[:20]!r}", packed({**plain(), SUMS: text})
    yield "studio's alpha", studio(**{CONFIG: json.dumps(config(lora_alpha=8)).encode()})
    yield "other weights", studio(**{WEIGHTS: save(weights(seed=1))})
    with zipfile.ZipFile(io.BytesIO(pack_adapter(adapter()))) as made:
        told = json.loads(made.read(OURS))
    for more in ({"base": {**told["base"], "name": "tiny-00000000"}}, {"base": {}}, {"base": None},
                 {"base": {**told["base"], "code": "x"}}, {"card": []}, {"card": None},
                 {"digest": ""}, {"digest": None}, {"digest": "0" * 64}, {"code": "x"},
                 {"base": "tiny-12345678"},
                 {"card": {"a": json.loads("[" * 40 + "]" * 40)}}):  # fmt: skip
        yield f"ours {more}", studio(**{OURS: json.dumps({**told, **more}).encode()})
    for key in told:
        less = {k: v for k, v in told.items() if k != key}
        yield f"ours without {key}", studio(**{OURS: json.dumps(less).encode()})


class Evil:
    def __reduce__(self) -> Any:
        return os.abort, ()


def pickles() -> Iterator[bytes]:
    for protocol in range(6):
        yield pickle.dumps({"a": [1.0]}, protocol)
        yield pickle.dumps(Evil(), protocol)
        yield packed(
            {"archive/data.pkl": pickle.dumps(Evil(), protocol), "archive/version": b"3\n"}
        )
    yield b"\x80\x02}q\x00."
    yield b"cos\nsystem\n(S'true'\ntR."
    yield b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + pickle.dumps(Evil(), 2)


def traps() -> Iterator[Case]:
    for i, body in enumerate(pickles()):
        yield f"pickle {i}", body
        for name in ("adapter_model.bin", "adapter_model.pt", "data.pkl", "training_args.bin",
                     CONFIG, WEIGHTS, OURS):  # fmt: skip
            yield f"pickle {i} as {name}", packed({**plain(), name: body})
            yield f"pickle {i} as {name} of a studio", studio(**{name: body})
    names = [
        f"../{WEIGHTS}", "/etc/passwd", "a/../b", "C:\\x", "C:/README.md", "a\\b", "evil.py",
        "x/y/z/README.md", "__init__.py", "con:", ".hidden", "README.md/", "readme.md",
        "README.md ", f"./{CONFIG}", f"{CONFIG}.py", "sub/README.md", "tokenizer.json",
        "\u202eREADME.md",
        f"..\\{WEIGHTS}", "../", "/", "//README.md", "x" * 60_000, "adapter_model.safetensors.bin",
    ]  # fmt: skip
    for name in names:
        yield f"name {name[:40]!r}", packed({**plain(), name: b"x"})
        yield f"first {name[:40]!r}", packed({name: b"x", **plain()})
    for up in ("../", "/", "a/b/", "C:/", "..\\", "./", "~/", "a:b/", "\n/"):
        yield f"folder {up!r}", packed({up + n: b for n, b in plain().items()})
    good = packed({**plain(), "README.md": b"x" * 64})
    nul = good.replace(b"README.md", b"READ\0E.md")
    yield "NUL", nul
    yield "many", packed({**plain(), **{f"{i}": b"x" for i in range(15)}})
    yield "nothing", packed({})
    yield "one", packed({CONFIG: plain()[CONFIG]})
    for mode in (0o120777, 0o040755, 0o020666, 0o010666, 0o140666):
        link = zipfile.ZipInfo("README.md")
        link.external_attr = mode << 16
        yield f"mode {mode:o}", packed([*plain().items(), (link, b"/etc/passwd")])
    yield from bombs(good)


def bombs(good: bytes) -> Iterator[Case]:
    zeros = b"\0" * (32 << 20)
    for name in (*plain(), "README.md"):
        yield f"bomb {name}", packed({**plain(), name: zeros}, zipfile.ZIP_DEFLATED)
    for how in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"packed {how}", packed(plain(), how)
    at = good.rfind(b"PK\x05\x06")
    start = struct.unpack_from("<L", good, at + 16)[0]
    head, listed, end = good[:start], good[start:at], good[at:]
    note = end[:20] + struct.pack("<H", 4) + b"evil"
    yield "comment", head + listed + note
    for name, more in {"page": b"<html>", "zip": good, "shell": b"#!/bin/sh\n"}.items():
        yield f"{name} behind", good + more
        yield f"{name} before", more + good
        yield f"{name} inside", head + more + listed + end[:16] + struct.pack(
            "<L", start + len(more)) + end[20:]  # fmt: skip
    entry = listed[: listed.index(b"PK\x01\x02", 4)]
    for copies in (1, 13, 400_000):
        cd = listed + entry * copies
        count = (3 + copies) & 0xFFFF
        for told in (3, count):
            yield f"{copies} more, {told} told", head + cd + struct.pack(
                "<4s4H2LH", b"PK\x05\x06", 0, 0, told, told, len(cd), start, 0)  # fmt: skip
    second = listed.index(b"PK\x01\x02", 4)
    for place, value in ((42, 0), (42, 2**32 - 1), (42, 1), (20, 10**6), (24, 10**9), (20, 0),
                         (24, 0), (16, 7)):  # fmt: skip
        bad = bytearray(listed)
        struct.pack_into("<L", bad, second + place, value)
        yield f"listed {place}: {value}", head + bytes(bad) + end
    for place, value in ((6, 1), (6, 8), (6, 2048), (8, 8), (28, 4), (26, 9), (22, 9), (18, 9)):
        bad = bytearray(head)
        struct.pack_into("<H", bad, place, value)
        yield f"told {place}: {value}", bytes(bad) + listed + end
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, 0, 1)
    yield "zip64", head + listed + locator + end[:12] + struct.pack(
        "<L", len(listed) + 20) + end[16:]  # fmt: skip


def damaged() -> Iterator[Case]:
    yield from cuts_and_flips()
    for name, body in (*wrong_tensors(), *wrong_headers()):
        yield name, foreign(arrays=body)
        if len(body) < 1 << 20:
            yield f"{name}, of a studio", studio(**{WEIGHTS: body})
    yield from wrong_words()
    yield from traps()
