"""A finished export to the model hub: the one thing here that leaves this machine, and only by the
command `adapter-push`. Always into a private repository; making it public is done there, by hand.

It runs in a process of its own, because everything else here is told to stay offline.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from app.wire import Bad

TOKEN, ONLINE = "HF_TOKEN", {"HF_HUB_OFFLINE": "0"}
REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
LIMIT = 3600.0


def push(packed: Path, repo: str, kind: str, api: Any) -> dict[str, Any]:
    """Upload what a finished export holds. `api` is a huggingface_hub.HfApi; kind model, dataset.

    A repository that is there already and is public is refused: it would publish at once.
    """
    api.create_repo(repo, repo_type=kind, private=True, exist_ok=True)
    if not api.repo_info(repo, repo_type=kind).private:
        raise Bad(f"{repo} is there already and is public; make it private or name another")
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(packed) as opened:
        opened.extractall(name)
        (folder,) = Path(name).iterdir()
        api.upload_folder(repo_id=repo, folder_path=folder, repo_type=kind,
                          commit_message="From Penchant")  # fmt: skip
        files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    return {"repo": repo, "kind": kind, "private": True, "files": files}


def away(packed: Path, repo: str, kind: str, offline: bool) -> dict[str, Any]:
    """`push` in a fresh process that may go online; Bad says what is missing."""
    if offline:
        raise Bad("--offline was asked for, and a push leaves this machine; leave it out to push")
    if not REPO.fullmatch(repo):
        raise Bad(f"{repo!r} is no repository; write NAME/REPO")
    if not os.environ.get(TOKEN):
        raise Bad(f"put a token that may write into {TOKEN} first; it is read from there alone")
    made = subprocess.run(
        [sys.executable, "-m", "app.pushing", str(packed), repo, kind],
        cwd=Path(__file__).resolve().parent.parent, env={**os.environ, **ONLINE},
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    if made.returncode:
        said = made.stderr.strip().splitlines() or ["no word"]
        raise Bad(f"nothing was pushed: {said[-1]}")
    told: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return told


if __name__ == "__main__":
    from huggingface_hub import HfApi

    place, name, what = sys.argv[1:]
    done = push(Path(place), name, what, HfApi(token=os.environ[TOKEN]))
    sys.stdout.write(json.dumps(done) + "\n")
