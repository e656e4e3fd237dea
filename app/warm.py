"""Going on from an adapter: the next tuning begins with its numbers instead of with none.

With answers about what it wrote ("choose among its fresh drafts") this makes rounds: each is
learnt where the model stands now (paper 48). Distances are still measured from the base model.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.wire import Bad

if TYPE_CHECKING:
    from app.keeping import Keeping

START = "start.safetensors"


def startable(keeping: "Keeping", profile: int, medium: str) -> list[dict[str, Any]]:
    """What the next tuning may go on from: adapters of this taste that fit the model here."""
    if medium != "text":
        return []
    rows = keeping.studio.store.work.adapters(profile)
    return [{"id": r["id"], "name": r["name"]} for r in rows if r["kind"] == medium
            and keeping.fits(r)]  # fmt: skip


def begun(keeping: "Keeping", who: tuple[int, int], wanted: Mapping[str, Any], medium: str) -> Any:
    """The adapter that is asked for, or None. `who`: user and profile, whose it must be. Bad: why
    it cannot be gone on from.
    """
    if wanted.get("start") is None:
        return None
    user, profile = who
    row = keeping.one(user, int(wanted["start"]))
    if row["profile_id"] != profile:
        raise Bad(f"{row['name']} belongs to another taste; choose one of this taste")
    if medium != "text" or row["kind"] != medium:
        raise Bad("only a tuning of words can go on from an adapter, and from one of words")
    if not keeping.fits(row):
        raise Bad(f"{row['name']} was made for another model than the one here; start afresh")
    made = keeping.load(row["id"])
    rank = (wanted.get("settings") or {}).get("rank")
    if rank is not None and int(rank) != made.rank:
        raise Bad(f"{row['name']} has rank {made.rank}; leave the rank out, or start afresh")
    return made


def files(made: Any) -> dict[str, bytes]:
    """What the job is given of it; nothing without one."""
    if made is None:
        return {}
    from safetensors.numpy import save

    return {START: save({k: v.astype("float32") for k, v in made.weights.items()})}
