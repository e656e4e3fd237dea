"""What `bench click` stands beside, each served in its own process:
`python -m tests.bench.click_peers floor|queue|queue-wide PORT FOLDER`.

floor: a bare route with our group commit, on the same server with the same settings, no update and
no next question. queue: the same insert as a Gradio event through its queue, as Gradio sets it up;
queue-wide: with the concurrency its guide recommends for quick events.
"""

import sys
from pathlib import Path
from typing import Any

TABLE = "CREATE TABLE IF NOT EXISTS votes(key TEXT PRIMARY KEY, picks TEXT NOT NULL) STRICT"
INSERT = "INSERT INTO votes VALUES (?, ?)"


def opened(folder: Path) -> Any:
    """Our store with one table more, for its group commit and all its guards."""
    from profiles.store import Store

    store = Store.open(folder)
    store.write(lambda db: db.conn.execute(TABLE))
    return store


def floor(port: int, folder: Path) -> None:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    app, store, pool = FastAPI(), opened(folder), ThreadPoolExecutor(2)

    class Vote(BaseModel):
        key: str
        picks: list[int]

    def put(vote: Vote) -> None:
        store.write(lambda db: db.execute(INSERT, [vote.key, str(vote.picks)]))

    @app.post("/vote")
    async def vote(given: Vote) -> dict[str, bool]:
        await asyncio.get_running_loop().run_in_executor(pool, put, given)
        return {"ok": True}

    uvicorn.run(app, port=port, log_level="warning", loop="uvloop", http="httptools")


def queue(port: int, folder: Path, wide: bool) -> None:
    import gradio as gr

    store = opened(folder)

    def vote(key: str) -> str:
        store.write(lambda db: db.execute(INSERT, [key, "[1, 2, 3]"]))
        return "ok"

    with gr.Blocks(analytics_enabled=False) as page:
        given, told = gr.Textbox(), gr.Textbox()
        limit: Any = 40 if wide else "default"
        given.submit(vote, given, told, api_name="vote", concurrency_limit=limit)
    page.queue()
    page.launch(server_port=port, quiet=True)


if __name__ == "__main__":
    kind, number, place = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if kind == "floor":
        floor(number, place)
    else:
        queue(number, place, kind == "queue-wide")
