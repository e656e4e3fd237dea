"""A picture model from the model hub, once and pinned: only when a person writes hub:OWNER/NAME.

It comes into the folder of models under its name and revision, safetensors and small files alone,
and is never asked for again. Runs in a process of its own, because everything else here is told to
stay offline. A revision that is not given is settled on the day of the fetch and noted.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.pipelines import INDEX, BadModel, read

HUB, ONLINE = "hub:", {"HF_HUB_OFFLINE": "0"}
NAME = re.compile(
    r"hub:(?P<repo>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(@(?P<revision>[\w.-]{1,64}))?"
)
NOTE = "penchant.json"
SMALL = ("*/*.json", "*/*.txt", "*/*.model")
SPARE = 2e9


def place(asked: str, models: Path, online: bool) -> Path:
    """The folder of a hub id; fetched when it is not there. BadModel says why it cannot be."""
    found = NAME.fullmatch(asked)
    if not found:
        raise BadModel(f"{asked} is no model of the hub; write hub:OWNER/NAME or "
                       "hub:OWNER/NAME@REVISION")  # fmt: skip
    there = kept(found["repo"], found["revision"], models)
    if there is not None:
        return there
    if not online:
        raise BadModel(f"{asked} was not fetched yet, and this start may not go online; run "
                       f"`launch.py run --pictures {asked}` once without --offline")  # fmt: skip
    made = subprocess.run(
        [sys.executable, "-m", "app.fetching", found["repo"], found["revision"] or "",
         str(models)],
        cwd=Path(__file__).resolve().parent.parent, env={**os.environ, **ONLINE},
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    told = json.loads(made.stdout.splitlines()[-1]) if made.stdout.strip() else {}
    if "folder" not in told:
        raise BadModel(f"{asked} did not come: {told.get('error', 'the fetch ended early')}; what "
                       "came is kept, and the same command goes on from there")  # fmt: skip
    return Path(told["folder"])


def kept(repo: str, revision: str | None, models: Path) -> Path | None:
    """The finished folder of a model; of several revisions the one asked for, else the newest."""
    stem = repo.replace("/", "--")
    done = [p.parent for p in models.glob(f"{stem}@*/{NOTE}")]
    if revision:
        done = [p for p in done if p.name.partition("@")[2].startswith(revision)
                or read(p / NOTE).get("asked") == revision]  # fmt: skip
    return max(done, key=lambda p: (p / NOTE).stat().st_mtime, default=None)


def fetch(
    repo: str, revision: str, models: Path, api: Any, bring: Callable[..., Any]
) -> dict[str, str]:
    """`api`: a huggingface_hub.HfApi; `bring`: its snapshot_download. The note comes last."""
    told = api.model_info(repo, revision=revision or None, files_metadata=True)
    files = wanted({f.rfilename: f.size or 0 for f in told.siblings})
    if INDEX not in files:
        raise BadModel("it is no diffusers pipeline (it has no model_index.json)")
    if not any(name.endswith(".safetensors") for name in files):
        raise BadModel("it has no weights as .safetensors, and others can run code when read")
    folder = models / f"{repo.replace('/', '--')}@{told.sha[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    size, free = sum(files.values()), shutil.disk_usage(folder).free
    if size + SPARE > free:
        raise BadModel(f"it takes {size / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free")
    bring(repo, revision=told.sha, local_dir=str(folder), allow_patterns=sorted(files))
    card = getattr(told, "card_data", None)
    note = {"title": repo.partition("/")[2].lower(), "upstream": repo, "revision": told.sha,
            "asked": revision, "licence": str(getattr(card, "license", "") or "")}  # fmt: skip
    (folder / f".{NOTE}").write_text(json.dumps(note, indent=2))
    (folder / f".{NOTE}").replace(folder / NOTE)
    return {"folder": str(folder), "revision": told.sha, "bytes": str(size)}


def wanted(files: dict[str, int]) -> dict[str, int]:
    """What of a repository is fetched, with its size: the parts' weights once (plain, else those in
    16 bits), and the small files.
    """
    parts = {n.partition("/")[0] for n in files if "/" in n}
    found = {n: s for n, s in files.items() if n == INDEX
             or any(Path(n).match(p) for p in SMALL) and n.count("/") == 1}  # fmt: skip
    for part in parts:
        own = [n for n in files if n.startswith(f"{part}/") and n.endswith(".safetensors")]
        plain = [n for n in own if Path(n).name.count(".") == 1]
        halves = [n for n in own if ".fp16" in n]
        found |= {n: files[n] for n in plain or halves}
    return found


if __name__ == "__main__":
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    repository, version, where = sys.argv[1:]
    try:
        end: dict[str, str] = fetch(repository, version, Path(where), HfApi(), snapshot_download)
    except (BadModel, HfHubHTTPError, OSError, ValueError) as wrong:
        end = {"error": str(wrong).strip().splitlines()[0]}
    sys.stdout.write(json.dumps(end) + "\n")
