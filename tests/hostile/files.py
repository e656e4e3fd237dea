"""Files that somebody may be handed by a stranger, each with its door and the words of its refusal.

Doors: `bundle` (a taste as a file), `adapter` (a zip), and `picture NAME` (one of one's own). What
is a real picture with something hidden in it is taken, and `cleaned` holds what must not have come
along: only pixels are kept. Folders and databases stand in places.py.
"""

import io
import json
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from tests.engine import bad_adapters
from tests.hostile.world import Reply, World
from tests.profiles import test_bundle, test_bundle_corpus

NO_BUNDLE, NO_PICTURE = "not a Penchant bundle", "is not a readable PNG, JPEG or WebP picture"
NO_ZIP = "no zip of an adapter"
PICTURES = ("png", "jpg", "jpeg", "webp")


@dataclass(frozen=True)
class Row:
    """`words`: a regular expression that the refusal must hold."""

    name: str
    door: str
    body: bytes
    words: str
    cleaned: bytes = b""


def rows(world: World) -> Iterator[Row]:
    """The table that the tests go through; `corpora` below is a thousand times longer."""
    good = bundle(world)
    yield from pickles()
    yield from polyglots(good)
    yield from pictures()
    yield from cut_pictures()
    yield from zips()
    yield from weights()
    yield from configs()
    yield from parts(good, desk_bundle())


def sample(table: Sequence[Row], every: int = 4) -> list[Row]:
    """Every n-th row, and all whose pictures are taken."""
    return [row for k, row in enumerate(table) if k % every == 0 or not row.words]


def desk_bundle() -> bytes:
    """A bundle with every part there is; that its pictures are none is looked at last."""
    import tempfile

    from profiles.bundle import write_bundle
    from profiles.store import Store
    from tests.profiles.desk import full_desk

    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        return write_bundle(store, full_desk(store).profile)


def bundle(world: World) -> bytes:
    profile = world.known["profile"][0]
    return world.send("GET", f"/api/v1/profiles/{profile}/export?what=bundle").body


def pickles() -> Iterator[Row]:
    """Under every extension that is taken. None is opened: a test sees to that."""
    for i, body in enumerate(bad_adapters.pickles()):
        yield Row(f"pickle {i}.penchant", "bundle", body, NO_BUNDLE)
        no = NO_ZIP if body[:2] != b"PK" else "can hold code"
        yield Row(f"pickle {i}.zip", "adapter", body, no)
        for end in PICTURES:
            yield Row(f"pickle {i}.{end}", f"picture x.{end}", body, NO_PICTURE)
        for name in ("adapter_model.safetensors", "adapter_config.json", "adapter_model.bin"):
            packed = bad_adapters.packed({**bad_adapters.plain(), name: body})
            words = "can hold code|damaged or no adapter|cut off or no safetensors"
            yield Row(f"pickle {i} as {name}", "adapter", packed, words)


def polyglots(good: bytes) -> Iterator[Row]:
    """One file that is two things."""
    drawing, packed = png(), bad_adapters.packed(bad_adapters.plain())
    page = b"<html><script>alert(1)</script>"
    for name, body in {"zip": packed, "page": page, "pickle": next(bad_adapters.pickles())}.items():
        yield Row(f"bundle and {name}", "bundle", good + body, "bytes that its list of parts")
        yield Row(f"{name} and bundle", "bundle", body + good, NO_BUNDLE)
        yield Row(
            f"adapter and {name}",
            "adapter",
            packed + body,
            "bytes behind it|bytes that belong to no file",
        )
        if name != "zip":
            yield Row(f"{name} and adapter", "adapter", body + packed, NO_ZIP)
        yield Row(f"{name} and picture", "picture x.png", body + drawing, NO_PICTURE)
        yield Row(f"picture and {name}", "picture x.png", drawing + body, "", body)
    head = struct.pack("<Q", 2) + b"{}"
    yield Row("safetensors and zip", "adapter", head + packed, NO_ZIP)
    yield Row("a picture as a bundle", "bundle", drawing, NO_BUNDLE)
    yield Row("a bundle as a picture", "picture x.png", good, NO_PICTURE)
    yield Row("a picture as an adapter", "adapter", drawing, NO_ZIP)
    yield Row("an adapter as a bundle", "bundle", packed, NO_BUNDLE)


# pictures


def image(side: int | tuple[int, int] = 64, mode: str = "RGB") -> Any:
    size = (side, side) if isinstance(side, int) else side
    if mode != "RGB":
        return Image.new(mode, size)
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), np.uint8))


def saved(picture: Any, kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def png() -> bytes:
    return saved(image(), "PNG")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    told = struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", told)


def pictures() -> Iterator[Row]:
    """Other formats under names that are taken, bombs, and what a file can carry along."""
    for kind in ("GIF", "TIFF", "BMP", "ICO", "PDF", "PPM", "TGA", "ICNS", "EPS", "DDS", "SGI",
                 "JPEG2000", "PCX", "IM", "MPO"):  # fmt: skip
        if kind == "MPO":  # a JPEG with more pictures in it; the first one is a JPEG
            continue
        body = saved(image(), kind)
        for end in ("png", "webp"):
            yield Row(f"{kind}.{end}", f"picture x.{end}", body, NO_PICTURE)
    for name, body in TEXTS.items():
        yield Row(name, "picture x.png", body, NO_PICTURE)
    for name, body in moving().items():
        yield Row(name, "picture x.png", body, "moves; only still")
    yield from bombs()
    yield from carried()


TEXTS = {
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "SVG after a mark": b'\xef\xbb\xbf<?xml version="1.0"?><svg onload="alert(1)"/>',
    "a page": b"<!doctype html><script>alert(1)</script>", "a script": b"#!/bin/sh\nreboot\n",
    "MVG": b"push graphic-context\nimage over 0,0 0,0 'https://example.com/x'\n",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
    "XBM": b"#define x_width 9\n#define x_height 9\nstatic char x_bits[] = {0};\n",
    "nothing": b"", "a PNG mark": b"\x89PNG\r\n\x1a\n", "a JPEG mark": b"\xff\xd8\xff",
    "a WebP mark": b"RIFF\x24\0\0\0WEBP", "an ELF": b"\x7fELF" + b"\0" * 60, "an MZ": b"MZ" * 40,
    "FITS": b"SIMPLE  =                    T" + b" " * 3000, "HEIC": b"\0\0\0\x18ftypheic" * 9,
    "AVIF": b"\0\0\0\x1cftypavif" * 9,
}  # fmt: skip


def moving() -> dict[str, bytes]:
    more = {"save_all": True, "append_images": [image(32, "L").convert("RGB")], "duration": 50}
    first = image(32)
    return {"APNG": saved(first, "PNG", **more), "moving WebP": saved(first, "WEBP", **more)}


def bombs() -> Iterator[Row]:
    """Many pixels out of few bytes."""
    many = "more than 16 million pixels"
    for size in ((4001, 4000), (16_000_001, 1), (1, 16_000_001), (20_000, 20_000)):
        body = header(*size) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
        yield Row(f"PNG of {size}", "picture x.png", body, many)
    big = header(2**31 - 1, 2**31 - 1) + chunk(b"IEND", b"")
    yield Row("PNG of 2^31", "picture x.png", big, f"{many}|{NO_PICTURE}")
    yield Row("PNG of nothing", "picture x.png", header(0, 0) + chunk(b"IEND", b""), NO_PICTURE)
    jpeg = bytearray(saved(image(), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    struct.pack_into(">HH", jpeg, at + 5, 65_500, 65_500)
    yield Row("JPEG of 65500", "picture x.jpg", bytes(jpeg), many)
    webp = saved(Image.new("1", (5000, 4000)).convert("RGB"), "WEBP", lossless=True)
    yield Row("WebP of 20 million", "picture x.webp", webp, many)
    rest = chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    zeros = zlib.compress(b"a" * (80 << 20), 9)
    for kind, text in {b"zTXt": b"a\0\0" + zeros, b"iTXt": b"a\0\1\0\0\0" + zeros,
                       b"iCCP": b"a\0\0" + zeros}.items():  # fmt: skip
        body = header(9, 9) + chunk(kind, text) + rest
        yield Row(f"a bomb in {kind.decode()}", "picture x.png", body, NO_PICTURE)
    yield Row("over 10 MB", "picture x.png", png() + b"\0" * (10 << 20), "larger than 10 MB")


def carried() -> Iterator[Row]:
    """Real pictures with something beside their pixels."""
    text, told = b"<script>alert(1)</script>", PngImagePlugin.PngInfo()
    told.add_text("parameters", text.decode())
    told.add_itxt("XML:com.adobe.xmp", f"<x>{text.decode()}</x>")
    yield Row("PNG with words", "picture x.png", saved(image(), "PNG", pnginfo=told), "", text)
    exif = Image.Exif()
    exif[0x010E], exif[0x8769] = text.decode(), {0x927C: b"\0" * 4000 + text}
    for kind, end in (("JPEG", "jpg"), ("WEBP", "webp"), ("PNG", "png")):
        body = saved(image(), kind, exif=exif.tobytes())
        yield Row(f"{kind} with EXIF", f"picture x.{end}", body, "", text)
        junk = saved(image(), kind, exif=b"Exif\0\0" + b"II*\0\xff\xff\xff\xff" * 400 + text)
        yield Row(f"{kind} with broken EXIF", f"picture x.{end}", junk, "", text)
        profile = saved(image(), kind, icc_profile=b"\0" * 200 + text)
        yield Row(f"{kind} with a profile", f"picture x.{end}", profile, "", text)
    noted = saved(image(), "JPEG", comment=text)
    yield Row("JPEG with a comment", "picture x.jpg", noted, "", text)
    names = (
        "<script>alert(1)</script>.png",
        "../../../evil.png",
        "C:\\evil.png",
        "a" * 500 + ".png",
    )
    for name in names:
        yield Row(f"named {name[:30]}", f"picture {name}", png(), "", b"script")


def cut_pictures() -> Iterator[Row]:
    for kind, end in (("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")):
        body = saved(image(), kind)
        for percent in range(100):
            cut = body[: len(body) * percent // 100]
            yield Row(f"{kind} cut at {percent} %", f"picture x.{end}", cut, NO_PICTURE)


# adapters


def zips() -> Iterator[Row]:
    """Names that climb out, bombs, overlaps, links."""
    climbs = "no adapter has|belongs to no adapter|odd name|can hold code|lists 3 files"
    for name, body in bad_adapters.traps():
        if not name.startswith("pickle"):
            named = name.startswith(("name", "first", "folder", "NUL", "mode"))
            yield Row(f"zip: {name}", "adapter", body, climbs if named else "adapter|zip")


def weights() -> Iterator[Row]:
    """Tensors and headers that are not those of this model."""
    words = "adapter|weights|tensor|numbers|layer|rank|JSON|zip|model"
    for name, body in (*bad_adapters.wrong_tensors(), *bad_adapters.wrong_headers()):
        packed = bad_adapters.foreign(arrays=body)
        yield Row(f"weights: {name[:60]}", "adapter", packed, words)
    good = bad_adapters.foreign()
    for percent in range(100):
        cut = good[: len(good) * percent // 100]
        yield Row(f"adapter cut at {percent} %", "adapter", cut, "zip|cut off|file")


def configs() -> Iterator[Row]:
    """Fields that name code or mean more than rank and layers."""
    for more in bad_adapters.MEANS_MORE:
        body = bad_adapters.foreign(bad_adapters.config(**more))
        yield Row(
            f"config {more}"[:70], "adapter", body, "config|type|rank|alpha|numbers that no|is for"
        )


# tastes


def parts(good: bytes, desk: bytes) -> Iterator[Row]:
    """A part that is wrong under sums that are right."""
    told = ("bundle|part|version|item|answer|question|space|profile|reason|caption|verdict|line|"
            "header|larger than 64 MB")  # fmt: skip
    for name, change in test_bundle.FILES.items():
        yield Row(f"bundle: {name}", "bundle", change(desk), told)
    for name in ("../evil", "/etc/passwd", "C:/x", "a\x00b", "media/../x", "profile/"):
        body = good.replace(b'"name": "items"', json.dumps({"name": name})[1:-1].encode(), 1)
        yield Row(f"bundle: part {name!r}", "bundle", body, "part name|list of parts|damaged")
    for percent in range(100):
        cut = good[: len(good) * percent // 100]
        yield Row(f"bundle cut at {percent} %", "bundle", cut, told)
    yield from media(good)
    inside = [c for c in test_bundle_corpus.inside(desk) if "cut at" not in c[0]]
    for name, body in inside:
        yield Row(f"bundle: {name}"[:70], "bundle", body, told)


def media(good: bytes) -> Iterator[Row]:
    """Pictures that are none, or too large, under the right hash."""
    for name, body in {"noise": b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 99,
                       "bomb": next(r.body for r in bombs() if r.name == "PNG of (4001, 4000)"),
                       "moves": moving()["APNG"], "cut": png()[:200]}.items():  # fmt: skip
        yield Row(f"bundle: its picture {name}", "bundle", with_picture(good, body), "picture")


def with_picture(good: bytes, body: bytes) -> bytes:
    """The bundle with another own picture in the place of its first, every sum right."""
    import hashlib

    from profiles import bundle_format

    held = bundle_format.unpack(good)
    old = next(n for n in held if n.startswith("media/"))[6:]
    new = hashlib.sha256(body).hexdigest()
    held = {n: b.replace(old.encode(), new.encode()) for n, b in held.items()}
    made = {f"media/{new}" if n == f"media/{old}" else n: b for n, b in held.items()}
    return bundle_format.pack({**made, f"media/{new}": body})


def corpora() -> Iterator[Row]:
    """Everything that tests/engine and tests/profiles know to be damaged, through the doors."""
    desk, told = desk_bundle(), "."
    for name, body in bad_adapters.damaged():
        yield Row(f"adapter corpus: {name[:60]}", "adapter", body, told)
    for name, body in (*test_bundle_corpus.outside(desk), *test_bundle_corpus.lines(desk)):
        yield Row(f"bundle corpus: {name[:60]}", "bundle", body, told)


def tried(world: World, row: Row) -> tuple[str, str]:
    """(what is wrong, reply) of a row at its door; '' where it was refused as it should be."""
    profile, door = world.known["profile"][0], row.door.split(" ", 1)
    if door[0] == "bundle":
        made = world.send("POST", "/api/v1/import", row.body)
    elif door[0] == "adapter":
        made = world.send("POST", f"/api/v1/profiles/{profile}/adapters/import", row.body)
    else:
        head = {"content-type": "multipart/form-data; boundary=the-end-of-it"}
        body = form(door[1], row.body)
        made = world.send("POST", f"/api/v1/profiles/{profile}/items", body, head)
    told = f"{made.status} {made.error[:200]}"
    if made.broke or made.status >= 500:
        return f"broke: {made.broke or made.body[:200]!r}", told
    if not row.words:
        return _cleaned(world, row, made), told
    if made.status < 400:
        return "accepted", told
    fine = re.search(row.words, made.error) and 10 < len(made.error) < 500
    return "" if fine else "other words", told


def _cleaned(world: World, row: Row, made: Reply) -> str:
    """A picture that was taken: what is kept of it holds pixels alone."""
    if made.status != 201:
        return "refused"
    number = json.loads(made.body)["items"][0]["id"]
    kept = world.send("GET", f"/api/v1/media/{number}").body
    picture = Image.open(io.BytesIO(kept))
    alone = picture.format == "WEBP" and not {"exif", "icc_profile", "xmp"} & set(picture.info)
    more = bool(row.cleaned) and row.cleaned in kept
    return "" if alone and not more else "kept more than pixels"


def form(name: str, body: bytes) -> bytes:
    quoted = name.replace('"', "%22").encode()
    return (b'--the-end-of-it\r\ncontent-disposition: form-data; name="files"; filename="'
            + quoted + b'"\r\n\r\n' + body + b"\r\n--the-end-of-it--\r\n")  # fmt: skip
