"""The readers of what comes from outside, each with sound seeds and the one way it may refuse."""

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app import shelves
from app.wire import Bad
from engine import pipelines
from engine.adapter_check import BadAdapter, read_adapter
from engine.data import Outcome
from engine.pipelines import BadModel
from profiles import bundle_check, bundle_format
from profiles.bundle_format import BadBundle
from tests.engine import bad_adapters


@dataclass(frozen=True)
class Target:
    """`reaches`: modules whose branches guide what is tried."""

    read: Callable[[bytes], Any]
    refuses: type[Exception]
    seeds: Callable[[], list[bytes]]
    reaches: tuple[str, ...]


def _bundle(data: bytes) -> None:
    bundle_check.check(bundle_format.unpack(data))


def _part(data: bytes) -> None:
    """One part under sums that are right, or nothing comes past the sha256."""
    name, _, body = data.partition(b"\n")
    parts = dict(_parts())
    key = name.decode("latin-1")
    parts[key if key in parts else "answers"] = body
    bundle_check.check(parts)


@cache
def _parts() -> dict[str, bytes]:
    from tests.hostile.files import desk_bundle

    return bundle_format.unpack(desk_bundle())


def _bundles() -> list[bytes]:
    from tests.hostile.files import desk_bundle

    return [desk_bundle()]


def _bodies() -> list[bytes]:
    return [name.encode() + b"\n" + body for name, body in _parts().items()]


def _safetensors(data: bytes) -> None:
    read_adapter(bad_adapters.foreign(arrays=data), bad_adapters.BASE, bad_adapters.SHAPES)


def _weights() -> list[bytes]:
    from safetensors.numpy import save

    return [save(bad_adapters.weights()), save(bad_adapters.weights(seed=1))]


def _adapter(data: bytes) -> None:
    read_adapter(data, bad_adapters.BASE, bad_adapters.SHAPES)


def _adapters() -> list[bytes]:
    return [bad_adapters.studio(), bad_adapters.foreign()]


def _image(data: bytes) -> None:
    made = shelves._read("x", data)
    assert made.mode == "RGB" and max(made.size) <= shelves.SIDE


def _images() -> list[bytes]:
    from PIL import Image

    found = []
    for kind in ("PNG", "JPEG", "WEBP"):
        for mode in ("RGB", "L", "P") if kind != "WEBP" else ("RGB",):
            if (kind, mode) != ("JPEG", "P"):
                out = io.BytesIO()
                Image.linear_gradient("L").resize((24, 24)).convert(mode).save(out, kind)
                found.append(out.getvalue())
    return found


def _outcome(data: bytes) -> None:
    """As a route does it: JSON, then the outcome of a question of nine, or of a pair."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    shown = range(2 if data.startswith(b'"both') else 9)
    made = Outcome.parse(value, shown)
    assert Outcome.parse(json.loads(json.dumps(made.json())), shown) == made


def _outcomes() -> list[bytes]:
    return [b'{"picks": [1, 2, 8]}', b'"both_good"', b'"both_bad"', b'"skip"']


def _model(data: bytes) -> None:
    """Header and sampled numbers of one file of weights."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "model.safetensors"
        file.write_bytes(data)
        pipelines.header(file)
        list(pipelines._sampled([file]))


TARGETS = {
    "bundle": Target(_bundle, BadBundle, _bundles, ("profiles.bundle_format",)),
    "bundle-part": Target(_part, BadBundle, _bodies, (
        "profiles.bundle_format", "profiles.bundle_check")),
    "safetensors": Target(_safetensors, BadAdapter, _weights, ("engine.adapter_check",)),
    "adapter": Target(_adapter, BadAdapter, _adapters, (
        "engine.adapter_check", "engine.adapter_files")),
    "image": Target(_image, Bad, _images, ("app.shelves",)),
    "outcome": Target(_outcome, ValueError, _outcomes, ("engine.data",)),
    "model": Target(_model, BadModel, _weights, ("engine.pipelines",)),
}  # fmt: skip
