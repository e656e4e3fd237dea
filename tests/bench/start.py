"""bench start: from process start to the first question served, beside a bare Gradio page.

The first question comes from our own route, before Gradio is imported; `page_s` is when the page
around it can be drawn too, which is what bare Gradio is timed for.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from tests.served import ROOT, free_port, served, wait

BARE = """
import sys, gradio as gr
with gr.Blocks() as page:
    gr.Markdown("hello")
page.launch(server_port=int(sys.argv[1]), quiet=True, prevent_thread_lock=False)
"""


def run(quick: bool = False, seed: int = 0, people: Any = None) -> dict[str, Any]:
    """Median of several starts on a data folder that has been used before."""
    rounds = 1 if quick else 5
    ours, pages, theirs = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        _first(data)
        for _ in range(rounds):
            question, page = _first(data)
            ours.append(question)
            pages.append(page)
            theirs.append(_bare())
    figures = {
        "first_question_s": float(np.median(ours)),
        "bare_gradio_s": float(np.median(theirs)),
        "ratio_bare_gradio": float(np.median([a / b for a, b in zip(ours, theirs, strict=True)])),
        "page_s": float(np.median(pages)),
        "ratio_page_bare": float(np.median([a / b for a, b in zip(pages, theirs, strict=True)])),
        "torch_imported": float(_torch()),
    }
    rows = [{"ours": a, "page": p, "bare": b}
            for a, p, b in zip(ours, pages, theirs, strict=True)]  # fmt: skip
    return {"figures": figures, "rows": rows}


def _first(data: Path) -> tuple[float, float]:
    """Seconds from the start of the process to the first question, and to the page."""
    begun = time.perf_counter()
    with served(data, page=False) as address:
        made = _ask(address + "/api/v1/profiles", b"{}")
        _ask(f"{address}/api/v1/profiles/{made['id']}/question?medium=picture")
        question = time.perf_counter() - begun
        while not _there(address + "/config"):
            time.sleep(0.05)
        return question, time.perf_counter() - begun


def _there(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60):
            return True
    except urllib.error.HTTPError:
        return False


def _ask(url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def _bare() -> float:
    port = free_port()
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)], cwd=ROOT,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        wait(f"http://127.0.0.1:{port}/config", process)
        return time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(20)


def _torch() -> bool:
    """Whether serving a first question imports torch."""
    text = (
        "import sys, tempfile; from pathlib import Path; from app.studio import Studio\n"
        "s = Studio.open(Path(tempfile.mkdtemp())); u = s.store.local_user()\n"
        "s.question(u, s.new_profile(u)['id'], 'picture'); print('torch' in sys.modules); s.close()"
    )
    made = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True,
                          check=True)  # fmt: skip
    return made.stdout.strip() == "True"
