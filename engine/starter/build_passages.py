"""Build the passage pool that ships: python -m engine.starter.build_passages [--raw FILE.npz]

The sources are engine/starter/passages/NN-task.toml, one task a file, one text a voice, easy to
edit by hand. Writes passages.jsonl.gz, passages.safetensors and text_space.safetensors beside this
file. --raw also saves minilm, stats, tasks and voices for experiments with the recipe.
"""

import argparse
import hashlib
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from engine.encoders import text_stats
from engine.encoders.minilm import MiniLM
from engine.starter import text_space
from engine.starter.pool import write_records

HERE = Path(__file__).parent
SOURCES = HERE / "passages"
VOICES = ("terse", "lush", "formal", "playful", "concrete", "abstract", "warm", "dry")


def gather(sources: Path = SOURCES) -> list[dict[str, str]]:
    """Records of every passage, in the order of the file names and then of VOICES."""
    records = []
    for path in sorted(sources.glob("*.toml")):
        with open(path, "rb") as file:
            page = tomllib.load(file)
        if set(page["voices"]) != set(VOICES):
            raise ValueError(f"{path.name} must hold exactly the voices {', '.join(VOICES)}")
        for voice in VOICES:
            text = " ".join(page["voices"][voice].split())
            digest = hashlib.sha256(text.encode()).hexdigest()
            records.append(
                {"hash": digest, "task": page["task"], "prompt": page["prompt"],
                 "voice": voice, "text": text}
            )  # fmt: skip
    return records


def write(records: list[dict[str, str]], target: Path, raw: Path | None = None) -> None:
    """All files of the pool, the same on every run."""
    write_records(records, target / "passages.jsonl.gz")
    texts = [r["text"] for r in records]
    tasks, voices = [r["task"] for r in records], [r["voice"] for r in records]
    encoder, stats = MiniLM(), text_stats.measure_all(texts)
    # The ruler in batches of its own, so that its last bits do not depend on what came later.
    parts = texts[: text_space.RULED], texts[text_space.RULED :]
    minilm = np.concatenate([encoder.encode(part) for part in parts if part])
    made = text_space.make(minilm, stats, tasks, voices)
    save_file(made, str(target / "text_space.safetensors"))
    arrays: dict[str, Any] = {
        "features": text_space.apply(made, minilm, stats).astype(np.float16),
        "minilm": minilm.astype(np.float16),
        "stats": stats.astype(np.float16),
    }
    save_file(arrays, str(target / "passages.safetensors"))
    if raw is not None:
        np.savez(raw, minilm=minilm, stats=stats, tasks=tasks, voices=voices)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path)
    given = parser.parse_args()
    records = gather()
    write(records, HERE, given.raw)
    print(f"{len(records)} passages of {len(records) // len(VOICES)} tasks")


if __name__ == "__main__":
    main()
