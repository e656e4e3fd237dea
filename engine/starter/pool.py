"""The pools that ship, read once and shared: records, features in the taste space, pictures."""

import gzip
import json
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from engine.data import Array, Kind

HERE = Path(__file__).parent
# Drawings that show something else than their name says, by content hash: a flag among the turkeys.
# Their rows stay, so that every array keeps its order; no shelf shows them.
MISNAMED = frozenset({"5fbb1842bdaac3ea90b15e0ea1cdf4e909340a7e4b70b150b256a99e3cfa1790"})


@dataclass(frozen=True)
class Pool:
    """n records with arrays of n rows.

    features (n, 64) in `space`; stats (n, s) named by `stat_names`; captions (n, 384) unit
    vectors of what each item shows or says, in minilm-l6:text.
    """

    kind: Kind
    space: str
    records: tuple[Mapping[str, Any], ...]
    features: Array
    stats: Array
    stat_names: tuple[Any, ...]
    captions: Array
    prior_var: NDArray[np.float64]
    archive: Path | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _open: list[zipfile.ZipFile] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.records)

    def bytes(self, row: int) -> bytes:
        """The WebP file of a picture."""
        if self.archive is None:
            raise ValueError(f"the {self.kind} pool holds no pictures")
        with self._lock:
            if not self._open:
                self._open.append(zipfile.ZipFile(self.archive))
            return self._open[0].read(str(self.records[row]["file"]))


def write_records(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """One line of JSON a record, packed: the same bytes on every run."""
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_bytes(gzip.compress(lines.encode(), 9, mtime=0))


def read_records(path: Path) -> tuple[dict[str, Any], ...]:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return tuple(json.loads(line) for line in lines)


@cache
def pictures() -> Pool:
    """Icons: the same concepts in about ten drawing styles."""
    from engine.encoders.picture_stats import NAMES

    arrays = load_file(str(HERE / "pictures.safetensors"))
    captions = arrays["caption"].astype(np.float32)[arrays["concept_row"]]
    return Pool(
        "picture",
        "starter:picture",
        read_records(HERE / "pictures.jsonl.gz"),
        arrays["features"].astype(np.float32),
        arrays["stats"].astype(np.float32),
        NAMES,
        captions,
        load_file(str(HERE / "picture_space.safetensors"))["prior_var"].astype(np.float64),
        HERE / "pictures.zip",
    )


@cache
def passages() -> Pool:
    """Short texts: the same tasks in eight voices."""
    from engine.encoders.text_stats import NAMES

    arrays = load_file(str(HERE / "passages.safetensors"))
    return Pool(
        "text",
        "starter:text",
        read_records(HERE / "passages.jsonl.gz"),
        arrays["features"].astype(np.float32),
        arrays["stats"].astype(np.float32),
        NAMES,
        arrays["minilm"].astype(np.float32),
        load_file(str(HERE / "text_space.safetensors"))["prior_var"].astype(np.float64),
    )
