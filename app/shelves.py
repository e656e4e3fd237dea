"""What can be asked about and shown: the starter pools and a person's own things, as arrays.

The starter shelf of a medium is one array shared by everybody; a user with own things gets a
longer one. Everything is built from the store's rows, never from a file of its own.
"""

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import report
from app.making import Maker
from app.mind import Shelf
from app.wire import Bad
from engine.data import Array, Candidate, Features, Kind

PIXELS = 16_000_000
BYTES = 10 << 20
SIDE = 512
FORMATS = ("PNG", "JPEG", "WEBP")
SPACE: dict[Kind, str] = {"picture": "starter:picture", "text": "starter:text"}
ENCODER: dict[Kind, str] = {"picture": "starter-picture", "text": "starter-text"}
CAPTIONS, CAPTION_ENCODER = "minilm-l6:text", "minilm-l6"
KEPT = 64


class Shelves:
    """`new_item(hash, prompt, text, made, attributes, media)` makes a row for the store."""

    def __init__(self, store: Any, maker: Maker, new_item: Callable[..., Any]) -> None:
        self.store, self.maker, self.new_item = store, maker, new_item
        self._lock = threading.RLock()
        self._starter: dict[Kind, Shelf] = {}
        self._own: OrderedDict[tuple[int, Kind], Shelf] = OrderedDict()
        self._candidates: dict[int, Candidate] = {}
        self._axes: dict[Kind, tuple[report.Axis, ...]] = {}
        self._planes: dict[tuple[int, Kind], NDArray[np.float32]] = {}
        self._files: dict[str, int] = {}

    # the pools that ship

    def pool(self, kind: Kind) -> Any:
        from engine.starter.pool import passages, pictures

        return pictures() if kind == "picture" else passages()

    def _stock(self, kind: Kind) -> None:
        """Rows and embeddings of the shipped pool; nothing is written when they are there."""
        pool = self.pool(kind)
        hashes = [r["hash"] for r in pool.records]
        missing = set(self.store.missing_embeddings(SPACE[kind], hashes))
        if missing:
            rows = [self._row(kind, r) for r in pool.records if r["hash"] in missing]
            self.store.add_items(kind, rows, None)
            keep = [i for i, h in enumerate(hashes) if h in missing]
            self.store.put_embeddings(
                SPACE[kind], [hashes[i] for i in keep], pool.features[np.array(keep)]
            )
        if kind == "picture":
            self._files = {h: i for i, h in enumerate(hashes)}

    def _row(self, kind: Kind, record: dict[str, Any]) -> Any:
        text = record.get("text")
        prompt = record["caption"] if kind == "picture" else record["prompt"]
        keep = ("concept", "style", "group", "licence", "source", "task", "voice")
        about = {k: record[k] for k in keep if k in record}
        return self.new_item(record["hash"], prompt, text, "starter", about, None)

    def starter(self, kind: Kind) -> Shelf:
        """The shelf everybody shares."""
        with self._lock:
            if kind not in self._starter:
                self._stock(kind)
                self._starter[kind] = self._build(kind, self._items(kind, None))
            return self._starter[kind]

    def of_profile(self, profile: int, kind: Kind) -> Shelf:
        return self.of_user(self.store.profile(profile).user_id, kind)

    def of_user(self, user: int, kind: Kind) -> Shelf:
        """The shelf of a user: the shared one unless there are own things on it."""
        with self._lock:
            if (user, kind) not in self._own:
                shared = self.starter(kind)
                items = self._items(kind, user)
                same = len(items) == len(shared.features)
                self._own[user, kind] = shared if same else self._build(kind, items)
                while len(self._own) > KEPT:
                    self._own.popitem(last=False)
            return self._own[user, kind]

    def forget(self, user: int) -> None:
        with self._lock:
            for kind in ("picture", "text"):
                self._own.pop((user, kind), None)
                self._planes.pop((user, kind), None)

    def _items(self, kind: Kind, user: int | None) -> list[Candidate]:
        from engine.starter.pool import MISNAMED

        return [c for c in self.store.items(kind, user) if c.hash not in MISNAMED]

    def _build(self, kind: Kind, items: Sequence[Candidate]) -> Shelf:
        hashes = [c.hash for c in items]
        matrix = self.store.embeddings(SPACE[kind], hashes)
        ids = np.array([c.id for c in items], np.int64)
        self._candidates.update((c.id, c) for c in items)
        by: dict[str, list[int]] = {}
        for row, c in enumerate(items):
            made = c.attributes.get("made")
            if made != "generated":
                by.setdefault(
                    str(c.attributes.get("concept") or c.attributes.get("task") or "own"), []
                ).append(row)
        groups = tuple(np.array(rows, np.int64) for rows in by.values() if len(rows) > 1)
        roam = np.array(sorted(r for rows in by.values() for r in rows), np.int64)
        return Shelf(kind, Features(SPACE[kind], ids, matrix), groups, roam, self.prior(kind))

    def prior(self, kind: Kind) -> Any:
        from engine.starter.prior import prior

        return prior(kind)

    # what a report needs

    def kinds(self, kind: Kind) -> tuple[tuple[str, int], ...]:
        """The kinds of the pool: the name of each and the item that shows it best."""
        from engine.starter.prior import kinds

        names, _, rows = kinds(kind)
        records, shelf = self.pool(kind).records, self.starter(kind)
        best = {str(records[r]["hash"]): n for n, r in zip(names, rows, strict=True)}
        ids = [int(i) for i in shelf.features.ids]
        found = {best[h]: i for i in ids if (h := self._candidates[i].hash) in best}
        return tuple((n, found[n]) for n in names)

    def axes(self, kind: Kind) -> tuple[report.Axis, ...]:
        with self._lock:
            if kind not in self._axes:
                pool = self.pool(kind)
                shelf = self.starter(kind)
                order = {self._candidates[int(i)].hash: r for r, i in enumerate(shelf.features.ids)}
                told = [k for k, r in enumerate(pool.records) if r["hash"] in order]
                rows = np.array([order[pool.records[k]["hash"]] for k in told])
                self._axes[kind] = report.axes(shelf, rows, pool.stats[told], pool.stat_names)
            return self._axes[kind]

    def plane(self, user: int, kind: Kind) -> NDArray[np.float32]:
        shelf = self.of_user(user, kind)
        with self._lock:
            found = self._planes.get((user, kind))
            if found is None or len(found) != len(shelf.features):
                found = self._planes[user, kind] = report.plane(shelf.features.matrix)
            return found

    def candidate(self, item: int) -> Candidate:
        """The item by id; ownership is checked by the Studio."""
        found = self._candidates.get(item)
        if found is None:
            found = self._candidates[item] = self.store.item(item)
        return found

    def media(self, candidate: Candidate) -> tuple[bytes, str]:
        self.starter("picture")
        row = self._files.get(candidate.hash)
        if row is not None:
            return self.pool("picture").bytes(row), "image/webp"
        data = self.store.media_path(candidate.hash).read_bytes()
        return data, _type(data)

    # own things

    def add_texts(
        self, who: tuple[int, int], texts: Sequence[str], prompt: str, made: str = "own"
    ) -> list[int]:
        """Encode and store own passages (or liked results); the same text twice is one item."""
        cleaned = list(dict.fromkeys(t.strip() for t in texts if t.strip()))
        if not cleaned:
            raise Bad("every text is empty; send at least one with words in it")
        hashes = [hashlib.sha256(t.encode()).hexdigest() for t in cleaned]
        self._embed("text", hashes, cleaned)
        rows = [
            self.new_item(h, prompt, t, made, {}, None)
            for h, t in zip(hashes, cleaned, strict=True)
        ]
        ids = self.store.add_items("text", rows, *who)
        self.forget(who[0])
        return [int(i) for i in ids]

    def add_pictures(
        self, who: tuple[int, int], blobs: Sequence[tuple[str, bytes]], made: str = "own"
    ) -> list[int]:
        """Check, shrink, encode and store pictures: (name or prompt, file) each."""
        ids = self._keep_pictures(who, blobs, made, [{}] * len(blobs))
        self.forget(who[0])
        return ids

    def add_drawn(
        self, who: tuple[int, int], drawn: Sequence[tuple[str, bytes, dict[str, Any]]]
    ) -> tuple[list[int], Shelf]:
        """Store drawings (prompt, file, how it was made); their ids, and the shelf with them on it.

        The shelf grows by rows: nothing that is there is read again.
        """
        self.of_user(who[0], "picture")  # so that it is there to grow, not to be built with them
        blobs = [(prompt, body) for prompt, body, _ in drawn]
        ids = self._keep_pictures(who, blobs, "generated", [about for *_, about in drawn])
        with self._lock:  # what came onto it meanwhile stays
            shelf = self.of_user(who[0], "picture")
            new = [i for i in dict.fromkeys(ids) if i not in shelf.features]
            for item in new:
                self._candidates[item] = self.store.item(item)
            hashes = [self._candidates[i].hash for i in new]
            longer = shelf.longer(new, self.store.embeddings(SPACE["picture"], hashes))
            self._own[who[0], "picture"] = longer
        return ids, longer

    def _keep_pictures(
        self,
        who: tuple[int, int],
        blobs: Sequence[tuple[str, bytes]],
        made: str,
        abouts: Sequence[dict[str, Any]],
    ) -> list[int]:
        pictures = [_read(name, data) for name, data in blobs]
        packed = [_pack(p) for p in pictures]
        hashes = [hashlib.sha256(b).hexdigest() for b in packed]
        self._embed("picture", hashes, pictures)
        rows = []
        for (name, _), digest, body, about in zip(blobs, hashes, packed, abouts, strict=True):
            stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0][:80] if made == "own" else name
            rows.append(self.new_item(digest, stem, None, made, about, body))
        self._caption(hashes, [r.prompt for r in rows])
        return [int(i) for i in self.store.add_items("picture", rows, *who)]

    @staticmethod
    def check(name: str, data: bytes) -> None:
        """Bad unless this is a picture as one of one's own would be."""
        _read(name, data)

    def complete(self, user: int) -> None:
        """Encode what came in without vectors, as after an import."""
        for kind in SPACE:
            shared = {r["hash"] for r in self.pool(kind).records}
            own = {c.hash: c for c in self.store.items(kind, user) if c.hash not in shared}
            spaces = [SPACE[kind], *([CAPTIONS] if kind == "picture" else [])]
            for space in spaces:
                todo = self.store.missing_embeddings(space, list(own))
                if not todo:
                    continue
                if space == CAPTIONS:
                    self._caption(todo, [own[h].prompt for h in todo])
                elif kind == "text":
                    self._embed(kind, todo, [own[h].text or "" for h in todo])
                else:
                    files = [self.store.media_path(h).read_bytes() for h in todo]
                    self._embed(kind, todo, [_read("a picture", f) for f in files])
        self.forget(user)

    def _embed(self, kind: Kind, hashes: Sequence[str], inputs: Sequence[Any]) -> None:
        todo = set(self.store.missing_embeddings(SPACE[kind], list(hashes)))
        keep = [i for i, h in enumerate(hashes) if h in todo]
        if keep:
            matrix = self.maker.encode(ENCODER[kind], [inputs[i] for i in keep])
            self.store.put_embeddings(SPACE[kind], [hashes[i] for i in keep], matrix)

    def _caption(self, hashes: Sequence[str], captions: Sequence[str]) -> None:
        matrix = self.maker.encode(CAPTION_ENCODER, [c or "a picture" for c in captions])
        self.store.put_embeddings(CAPTIONS, list(hashes), matrix)


def _type(data: bytes) -> str:
    """What a browser is told: a picture that came with a bundle need not be a WebP."""
    if data.startswith(b"\x89PNG"):
        return "image/png"
    return "image/jpeg" if data.startswith(b"\xff\xd8") else "image/webp"


def _read(name: str, data: bytes) -> Any:
    """Decode a picture within our limits, at most 512 px a side; Bad says which limit was passed.

    Made small at once: fifty may come together.
    """
    from PIL import Image, UnidentifiedImageError

    large = Bad(f"{name[:80]} has more than 16 million pixels; make it smaller first")
    if len(data) > BYTES:
        raise Bad(f"{name[:80]} is larger than 10 MB; make it smaller first")
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        if picture.width * picture.height > PIXELS:
            raise large
        if getattr(picture, "n_frames", 1) > 1:
            raise Bad(f"{name[:80]} moves; only still pictures can be compared")
        picture.load()
        rgba = picture.convert("RGBA")
        rgba.thumbnail((SIDE, SIDE))
    except Image.DecompressionBombError:
        raise large from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as wrong:
        if isinstance(wrong, Bad):
            raise
        raise Bad(f"{name[:80]} is not a readable PNG, JPEG or WebP picture") from None
    flat = Image.new("RGB", rgba.size, "white")
    flat.paste(rgba, mask=rgba.getchannel("A"))
    return flat


def _pack(picture: Any) -> bytes:
    """One format, without the metadata a camera writes."""
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=88)
    return out.getvalue()


def captions(store: Any, shelves: Shelves, ids: NDArray[np.int64]) -> Array:
    """(n, 384) caption vectors of pictures by id, for retrieval by prompt."""
    pool = shelves.pool("picture")
    by_hash = {r["hash"]: i for i, r in enumerate(pool.records)}
    out = np.zeros((len(ids), 384), np.float32)
    others = []
    for row, item in enumerate(ids):
        digest = shelves.candidate(int(item)).hash
        if digest in by_hash:
            out[row] = pool.captions[by_hash[digest]]
        else:
            others.append((row, digest))
    if others:
        rows = [r for r, _ in others]
        out[rows] = store.embeddings(CAPTIONS, [d for _, d in others])
    return out
