"""bench load: the studio under 200 people for ten minutes, then two thousand who come and go.

Every vote was acknowledged after its commit; afterwards each must be in the log, once. Memory is
the resident size of the server once a second: `rss_kb_per_1000_votes` is its slope over the second
half of the ten minutes. Then ten waves of 200 new people each vote ten times: `kb_per_session` is
the slope, over the last eight, of the least in each wave, for what was freed goes back only now and
then. In between everybody votes as fast as replies come for a minute (`overload_per_s`); what a
vote takes five seconds after that is `recovered_p95_ms`.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.click import FLAGS, checked, loaded, watched
from tests.served import served

WAVES, SETTLED = 10, 2


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Ten minutes of votes, and ten waves; 8 seconds and four small waves when quick."""
    clients, seconds = (20, 8.0) if quick else (200, 600.0)
    with tempfile.TemporaryDirectory() as temp:
        data = Path(temp) / "data"
        with served(data, *FLAGS) as address:
            port = int(address.rsplit(":", 1)[1])
            with watched(port) as seen:
                made = loaded(port, "studio", clients, seconds, 1.0, seed)
            crush = loaded(port, "studio", clients, seconds / 10, 0.0, seed + 100)
            calm = loaded(port, "studio", clients, 20.0, 1.0, seed + 101)
            loads, sizes = [made, crush, calm], [seen[-1][1]]
            for wave in range(4 if quick else WAVES):
                with watched(port) as after:
                    # Ten votes each: as many seconds as two hundred people need for them.
                    loads.append(loaded(port, "studio", clients, 10.0, 1.0, seed + wave + 1))
                sizes.append(min(size for _, size in after))
        lost, twice = checked(data, loads)
    times, rss = np.array(made["ms"]), np.array(seen)
    half, late = rss[len(rss) // 2 :], sizes[1 + SETTLED :]
    slope = np.polyfit(half[:, 0], half[:, 1], 1)[0]
    figures = {
        "votes": sum(x["votes"] for x in loads), "per_s": made["per_s"],
        "p50_ms": np.percentile(times, 50), "p95_ms": np.percentile(times, 95),
        "p99_ms": np.percentile(times, 99), "lost": lost, "duplicated": twice,
        "overload_per_s": crush["per_s"], "recovered_p95_ms": np.percentile(calm["ms"], 95),
        "rss_mb": rss[-1, 1] / 1e6,
        "rss_kb_per_1000_votes": slope / made["per_s"],
        "sessions": clients * (len(loads)),
        "kb_per_session": np.polyfit(range(len(late)), late, 1)[0] / 1e3 / clients,
    }  # fmt: skip
    rows = [{"wave": k, "rss_mb": size / 1e6} for k, size in enumerate(sizes)]
    return {"figures": figures, "rows": rows}
