"""Verbs of the Keep page on the command line."""

import shutil
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from app.wire import Bad

if TYPE_CHECKING:
    from app.studio import Studio

NUMBERS = ("steps", "batch", "rank", "seed", "rate", "mirror", "smooth")


def tune(studio: "Studio", user: int, given: Any) -> Any:
    """Start a tuning and follow it; Ctrl+C leaves it running."""
    settings = {n: getattr(given, n) for n in NUMBERS if getattr(given, n, None) is not None}
    wanted = {"preset": given.preset, "name": given.name or "", "objective": given.objective,
              "medium": given.medium, "start": given.start,
              "settings": settings, "knobs": knobs(given.set or [])}  # fmt: skip
    job = studio.keeping.tune(user, given.profile, wanted)
    try:
        return follow(studio, user, job["id"])
    except KeyboardInterrupt:
        told("\nIt goes on in the background; `launch.py job` shows it, `job ID stop` ends it.")
        return studio.keeping.job(user, job["id"])


def knobs(pairs: list[str]) -> dict[str, float]:
    """--set beta=0.1 and the like."""
    made = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            made[name] = float(value)
        except ValueError:
            raise Bad(f"--set {pair}: write NAME=NUMBER, as in --set beta=0.1") from None
    return made


def follow(studio: "Studio", user: int, job: int) -> dict[str, Any]:
    """A line on the terminal until the job is over."""
    while True:
        shown = studio.keeping.job(user, job)
        if shown["state"] not in ("queued", "running"):
            told("\n")
            return {k: v for k, v in shown.items() if k not in ("curve", "samples")}
        left = f", about {shown['eta'] / 60:.0f} min to go" if shown.get("eta") else ""
        told(f"\r{shown['message']}: {shown['done']} of {shown['total']}{left}      ")
        time.sleep(1)


def told(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def job(studio: "Studio", user: int, given: Any) -> Any:
    """One job, or all of a profile; with a wish, do that first."""
    if given.wish:
        return studio.keeping.wish(user, given.job, given.wish)
    return studio.keeping.job(user, given.job)


def jobs(studio: "Studio", user: int, given: Any) -> Any:
    return {"jobs": studio.keeping.jobs(user, given.profile)}


def adapters(studio: "Studio", user: int, given: Any) -> Any:
    studio.profile(user, given.profile)
    return {"adapters": studio.keeping.listed(given.profile)}


def export(studio: "Studio", user: int, given: Any) -> Any:
    """Write one target of an adapter as a zip, after its proof."""
    from profiles.disk import atomic_file, atomic_write

    carrying = studio.keeping.carrying
    if given.target == "penchant":
        body, _ = carrying.pack(user, given.adapter)
        atomic_write(given.file, body)
        proof: dict[str, Any] = {}
    else:
        *_, last = carrying.export(user, given.adapter, given.target, given.privacy)
        proof = last["target"]
        if proof["state"] != "made":
            raise Bad(proof["why"])
        path, _ = carrying.file(user, given.adapter, given.target)
        atomic_file(given.file, partial(shutil.copyfile, path))
    return {"file": str(given.file), "bytes": given.file.stat().st_size, "proof": proof}


def push(studio: "Studio", user: int, given: Any) -> Any:
    """An export that was made before, to a private repository of the hub."""
    import os

    from app import flags, pushing

    packed, _ = studio.keeping.carrying.file(user, given.adapter, given.target)
    studio.audited(user, "adapter-push", adapter=given.adapter, target=given.target)
    kind = "dataset" if studio.keeping.carrying.words(given.target) else "model"
    return pushing.away(packed, given.repo, kind, flags.read(given, os.environ).offline)


def bring(studio: "Studio", user: int, given: Any) -> Any:
    return studio.keeping.carrying.bring(user, given.profile, given.file.read_bytes())
