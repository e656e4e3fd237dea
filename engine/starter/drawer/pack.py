"""Everything a training needs in one file: icons of the packages, their facts, captions, words.

The pool that ships holds what a person compares; the packages it was drawn from hold three times as
much. `gather` reads them with the tools of build_pictures.py and packs what a machine without those
tools, and without the text encoder, needs: small pictures with the page as their alpha, what was
measured of them, captions as token numbers, and the part of MiniLM that these tokens need.
"""

import importlib.util
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.starter.drawer import data
from engine.starter.drawer.captions import Captions
from engine.starter.drawer.conditions import TOKENS
from engine.starter.drawer.data import GROUNDS, SIDE, STYLES

# Of each drawing so many recoloured ones; a concept needs so many styles; groups beside the pool's.
TURNS, LEAST = 6, 5
MORE = ("face-costume", "cat-face", "heart", "emotion", "monkey-face")
WEIGHTS = "minilm."


def gather(work: Path, out: Path) -> Path:
    """Fetch the packages into `work` and write the pack `out` (npz). Needs requirements-build."""
    from engine.encoders.minilm import MiniLM
    from engine.starter.build_pictures import SETS, Icons, fetch

    if importlib.util.find_spec("resvg_py") is None or shutil.which("npm") is None:
        raise FileNotFoundError("packing needs npm, and the packages of "
                                "engine/starter/requirements-build.txt: install both")  # fmt: skip
    fetch(work)
    sets = {style: Icons(work, name, 2 * SIDE) for style, (name, _) in SETS.items()}
    made, records = np.random.default_rng(0), []
    for concept in concepts(work):
        records += drawn(concept, sets, made)
    names = list(data.lesson()[0])
    names += sorted({r["concept"] for r in records} - set(names))
    return write(out, records, names, MiniLM())


def write(out: Path, records: Sequence[Mapping[str, Any]], names: Sequence[str],
          encoder: Any) -> Path:  # fmt: skip
    """Records of `drawn` and all that may be said of these names, as one file."""
    captions = Captions(0, names)
    things = [w for n in names for w in captions.things(n)]
    texts = list(dict.fromkeys([*captions.texts, *things, *(f"a {t}" for t in things)]))
    arrays: Any = {
        "concept": np.array([names.index(r["concept"]) for r in records], np.int16),
        "style": np.array([STYLES.index(r["style"]) for r in records], np.int16),
        "turns": np.stack([r["turns"] for r in records]),
        "facts": np.stack([r["facts"] for r in records]).astype(np.float16),
        "bytes": np.frombuffer(b"".join(r["body"] for r in records), np.uint8),
        "sizes": np.array([len(r["body"]) for r in records], np.int32),
        "names": np.frombuffer(json.dumps(list(names)).encode(), np.uint8),
        "texts": np.frombuffer(json.dumps(texts).encode(), np.uint8),
        **narrowed(encoder, texts),
    }  # fmt: skip
    # Under another name until it is whole; through an open file, so that the name stays as given.
    part = out.with_name(f".{out.name}.part")
    with open(part, "wb") as stream:
        np.savez_compressed(stream, **arrays)
    os.replace(part, out)
    return out


def concepts(work: Path) -> Iterator[dict[str, Any]]:
    """Name and code of every thing that may be drawn; the words left out of the pool stay out."""
    from engine.starter.build_pictures import package
    from engine.starter.choice import GROUPS, WORDS_OUT

    base = package(work, "emojibase-data") / "en"
    messages = json.loads((base / "messages.json").read_text())
    groups = {g["order"]: g["key"] for g in messages["groups"]}
    subs = {g["order"]: g["key"] for g in messages["subgroups"]}
    for row in json.loads((base / "data.json").read_text()):
        sub, plain = subs.get(row.get("subgroup")), row["label"].lower().replace("-", " ")
        inside = groups.get(row.get("group")) in GROUPS and sub not in ("time", "place-religious")
        if (inside or sub in MORE) and not any(w in plain for w in WORDS_OUT):
            yield {"concept": row["label"], "code": row["hexcode"].lower()}


def drawn(concept: dict[str, Any], sets: Mapping[str, Any], made: Any) -> list[dict[str, Any]]:
    """Records of the styles that draw this concept; none where too few do."""
    from engine.starter.build_pictures import frame

    _, apart = data.lesson()
    found = {style: icons.draw(concept) for style, icons in sets.items()}
    framed = {s: frame(d, 2 * SIDE) for s, d in found.items() if d is not None}
    usable = {s: p for s, p in framed.items() if p is not None}
    if len(usable) < LEAST:
        return []
    name = concept["concept"]
    return [{"concept": name, "style": s, **packed(p, made)} for s, p in usable.items()
            if (name, s) not in apart]  # fmt: skip


def packed(picture: Image.Image, made: Any) -> dict[str, Any]:
    """Its bytes with the page as alpha, and what is measured of it, as it is and recoloured."""
    turns = np.stack([made.uniform(-0.35, 0.35, TURNS), made.uniform(0.1, 1.5, TURNS),
                      made.uniform(0.75, 1.5, TURNS)], 1).astype(np.float32)  # fmt: skip
    seen = [picture, *(data.recoloured(picture, *map(float, t)) for t in turns)]
    page = Image.fromarray((~data.outside(picture)).astype(np.uint8) * 255)
    small = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    small.putalpha(page.resize((SIDE, SIDE), Image.Resampling.BOX))
    out = io.BytesIO()
    small.save(out, "WEBP", quality=88, method=6, exact=True)
    return {"turns": turns, "facts": np.stack([data.measured(p) for p in seen]),
            "body": out.getvalue()}  # fmt: skip


def narrowed(encoder: Any, texts: Sequence[str]) -> dict[str, Any]:
    """Token numbers of the texts among the tokens they use; MiniLM in 16 bits with only those."""
    tokenizer, model = encoder._load()
    ids = tokenizer(list(texts), padding="max_length", truncation=True, max_length=TOKENS)
    rows = np.array(ids["input_ids"], np.int64)
    used, short = np.unique(rows, return_inverse=True)
    state = {k: v.half().numpy() for k, v in model.state_dict().items() if v.is_floating_point()}
    table = "embeddings.word_embeddings.weight"
    state[table] = state[table][used]
    config = {**model.config.to_dict(), "vocab_size": len(used)}
    return {
        "ids": short.reshape(rows.shape).astype(np.int16),
        "told": np.array(ids["attention_mask"], np.uint8).sum(1).astype(np.uint8),
        "config": np.frombuffer(json.dumps(config, default=str).encode(), np.uint8),
        **{WEIGHTS + k: v for k, v in state.items() if not k.startswith("pooler")},
    }


@dataclass(frozen=True, eq=False)
class Pack:
    """What `gather` wrote, read back. `pixels` (n, SIDE, SIDE, 4), `facts` (n, 1 + TURNS, f)."""

    pixels: NDArray[np.uint8]
    arrays: Mapping[str, Any]
    names: tuple[str, ...]

    @classmethod
    def load(cls, path: Path) -> "Pack":
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there; write it with train-starter --gather")
        with np.load(path, allow_pickle=False) as found:
            arrays = {k: found[k] for k in found.files}
        ends = arrays["sizes"].cumsum()
        body = arrays["bytes"].tobytes()
        pictures = [np.asarray(Image.open(io.BytesIO(body[e - s : e])).convert("RGBA"))
                    for e, s in zip(ends, arrays["sizes"], strict=True)]  # fmt: skip
        return cls(np.stack(pictures), arrays, tuple(_json(arrays["names"])))

    def words(self, device: str) -> "Spoken":
        return Spoken(self.arrays, device)

    def build(self, copies: int, seed: int = 0, device: str = "cpu") -> data.Drawings:
        """Every drawing `copies` times, as data.build does: a quarter recoloured, half of the rest
        on other grounds, every second one mirrored.
        """
        made, count = np.random.default_rng(seed), len(self.pixels)
        colours, plain = np.array(list(GROUNDS.values()), np.float32), self.arrays
        pixels = np.empty((copies, count, SIDE, SIDE, 3), np.uint8)
        facts, grounds = [], np.zeros((copies, count), np.int16)
        for k in range(copies):
            turned = 1 + k // 4 % TURNS if k % 4 == 1 else 0
            if k % 4 >= 2 and k % 8 != 7:
                grounds[k] = made.integers(1, len(GROUNDS), count)
            colour = colours[grounds[k]]
            stirred = np.clip(colour + made.uniform(-12, 12, (count, 3)), 0, 255)
            colour = np.where(grounds[k][:, None] > 0, stirred, colour).astype(np.float32)
            turns = plain["turns"][:, turned - 1] if turned else None
            _varied(self.pixels, turns, colour, made.random(count) < 0.5, pixels[k], device)
            told = plain["facts"][:, turned].astype(np.float32)
            facts.append(np.concatenate([told, colour / 127.5 - 1], 1).astype(np.float32))
        altered = np.repeat(np.arange(copies) % 4 == 1, count)
        return data.Drawings(
            pixels.reshape(-1, SIDE, SIDE, 3), np.tile(plain["concept"], copies),
            np.tile(plain["style"], copies), np.concatenate(facts), grounds.ravel(), altered,
        )  # fmt: skip


def _varied(pixels: NDArray[np.uint8], turns: Any, colour: Any, mirrored: Any,
            out: NDArray[np.uint8], device: str) -> None:  # fmt: skip
    """Into `out`: recoloured where `turns` says, on the page's colour, mirrored."""
    for start in range(0, len(pixels), 1024):
        rows = slice(start, start + 1024)
        x = torch.from_numpy(pixels[rows]).to(device).float() / 255
        page, x = 1 - x[..., 3:], x[..., :3]
        if turns is not None:
            x = turned(x, torch.from_numpy(turns[rows]).to(device))
        over = torch.from_numpy(colour[rows] / 255).to(device)[:, None, None]
        x = x * (1 - page + page * over)
        flip = torch.from_numpy(mirrored[rows]).to(device)[:, None, None, None]
        x = torch.where(flip, x.flip(2), x)
        out[rows] = (x * 255 + 0.5).clamp(0, 255).byte().cpu().numpy()


def turned(x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """data.recoloured for many: x (n, h, w, 3) in 0..1, turns (n, 3)."""
    spin = np.stack([data.turning(float(t)) for t in turns[:, 0]])
    spun = torch.einsum("nhwc,ncd->nhwd", x, torch.from_numpy(spin).to(x.device))
    grey = (x * x.new_tensor([0.299, 0.587, 0.114])).sum(-1, keepdim=True)
    chroma, light = (turns[:, k, None, None, None] for k in (1, 2))
    return (grey + (spun - grey) * chroma).clamp(0, 1) ** light


class Spoken:
    """MiniLM for the texts of a pack alone; the face of engine/encoders/minilm.py."""

    def __init__(self, arrays: Mapping[str, Any], device: str = "cpu") -> None:
        from transformers import BertConfig, BertModel

        self.device, self.ids, self.told = device, arrays["ids"], arrays["told"]
        self.row = {t: k for k, t in enumerate(_json(arrays["texts"]))}
        model: Any = BertModel(BertConfig(**_json(arrays["config"])), add_pooling_layer=False)
        state = {k.removeprefix(WEIGHTS): torch.from_numpy(v).float()
                 for k, v in arrays.items() if k.startswith(WEIGHTS)}  # fmt: skip
        missing, unexpected = model.load_state_dict(state, strict=False)
        if unexpected or [k for k in missing if "position_ids" not in k]:
            raise ValueError(f"the pack's text encoder does not fit: {missing} {unexpected}")
        self.model = model.eval().to(device)

    @torch.inference_mode()
    def states(self, texts: Sequence[str], tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
        """As MiniLM.states; KeyError for a text the pack was not made for."""
        rows = [self.row[t] for t in texts]
        ids = torch.from_numpy(self.ids[rows].astype(np.int64)).to(self.device)
        told = torch.from_numpy(self.told[rows].astype(np.int64)).to(self.device)
        mask = (torch.arange(tokens, device=self.device) < told[:, None]).float()
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        hidden = hidden * mask[..., None]
        mean = hidden.sum(1) / mask.sum(1, keepdim=True)
        return hidden.cpu(), torch.nn.functional.normalize(mean, dim=1).cpu()


def _json(found: NDArray[np.uint8]) -> Any:
    return json.loads(found.tobytes())
