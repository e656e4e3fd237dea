"""A whole session in a process of its own, that notes every door to the outside it is asked for.

`python -m tests.hostile.session FOLDER` prints JSON: what was done, addresses beyond this machine
that anything tried to reach, names that were looked up, and pickles that were read. The notes come
from Python's audit hooks, which libraries written in C pass through as well; `traced` runs the
same under strace and reads the system calls, whoever makes them.
"""

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CALLS = "connect,sendto,sendmsg,sendmmsg"
ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')


class Notes:
    """What an audit hook saw while it listened."""

    def __init__(self) -> None:
        self.listens = True
        self.outside: set[str] = set()
        self.names: set[str] = set()
        self.pickles: list[str] = []

    def hear(self, event: str, given: tuple[Any, ...]) -> None:
        if not self.listens:
            return
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            self._address(given[1])
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            self.names.add(str(given[0]))
        elif event == "pickle.find_class":
            self.pickles.append(f"{given[0]}.{given[1]}")

    def _address(self, where: Any) -> None:
        if isinstance(where, tuple) and not is_here(str(where[0])):
            self.outside.add(str(where[0]))

    def refuse(self, name: str) -> Callable[..., Any]:
        def called(*_given: Any, **_more: Any) -> Any:
            self.pickles.append(name)
            raise AssertionError(f"{name} was called in a session")

        return called


def is_here(address: str) -> bool:
    """Loopback, by number or by its name."""
    try:
        return ipaddress.ip_address(address.split("%")[0]).is_loopback
    except ValueError:
        return address in ("localhost", "")


def listened(work: Callable[[], list[str]]) -> dict[str, Any]:
    """What was done, and what the hooks heard meanwhile."""
    import pickle

    import torch

    notes = Notes()
    sys.addaudithook(notes.hear)
    doors = [(pickle, "load"), (pickle, "loads"), (torch, "load")]
    kept = [getattr(module, name) for module, name in doors]
    for module, name in doors:
        setattr(module, name, notes.refuse(f"{module.__name__}.{name}"))
    try:
        did = work()
    finally:
        notes.listens = False
        for (module, name), function in zip(doors, kept, strict=True):
            setattr(module, name, function)
    names = sorted(n for n in notes.names if not is_here(n))
    return {"did": did, "outside": sorted(notes.outside), "names": names, "pickles": notes.pickles}


def started(folder: Path) -> list[str]:
    """From an empty folder."""
    from tests.hostile.world import world

    with world(folder / "data") as made:
        return used(made)


def used(made: Any) -> list[str]:
    """Answers, create, export, import, adapters in and out; over HTTP on loopback."""
    from tests.hostile.pages import running
    from tests.hostile.world import adapter_file
    from tests.served import call

    did = []
    with running(made) as address:
        full = made.known["profile"][0]
        for kind in ("text", "picture"):
            question = call(address, f"profiles/{full}/question?medium={kind}")
            picks = {"picks": [question["items"][0]["id"]]}
            call(address, "answers", {"question_id": question["id"], "outcome": picks,
                                      "idempotency_key": f"session-{kind}"})  # fmt: skip
            call(address, f"profiles/{full}/belief?medium={kind}")
            did.append(f"answer {kind}")
        _made(address, full, did)
        bundle = _raw(address, f"profiles/{full}/export?what=bundle&adapters=true")
        again = json.loads(_raw(address, "import", bundle))
        did.append(f"bundle out and in with {again['adapters']} adapters")
        _raw(address, f"profiles/{full}/adapters/import", adapter_file(made))
        _raw(address, f"adapters/{made.known['adapter'][0]}/exports/answers_jsonl", b"{}")
        _raw(address, f"adapters/{made.known['adapter'][0]}/file")
        did.append("adapter in and out, export made")
        _raw(address, "")  # the page itself
    return did


def _made(address: str, profile: int, did: list[str]) -> None:
    for medium, depth in (("text", "steered"), ("picture", "instant")):
        wanted = {"medium": medium, "prompt": "a day at the sea", "n": 2, "depth": depth,
                  "max_tokens": 8}  # fmt: skip
        told = _raw(address, f"profiles/{profile}/generate", json.dumps(wanted).encode())
        last = json.loads(told.decode().strip().split("\n")[-1])
        if last["type"] != "done":
            raise AssertionError(last)
        did.append(f"create {medium}")


def _raw(address: str, path: str, body: bytes | None = None) -> bytes:
    import urllib.request

    where = f"{address}/api/v1/{path}" if path else f"{address}/"
    kind = "application/json" if (body or b"{")[:1] == b"{" and path != "import" else "text/plain"
    request = urllib.request.Request(where, body, {"content-type": kind})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return bytes(reply.read())


def child(folder: Path, *before: str) -> dict[str, Any]:
    """The session in a process of its own; `before`: what it runs under."""
    words = [*before, sys.executable, "-m", "tests.hostile.session", str(folder)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    made = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    if made.returncode:
        raise AssertionError(made.stderr[-3000:])
    return dict(json.loads(made.stdout.strip().split("\n")[-1]))


def traced(folder: Path) -> dict[str, Any]:
    """The same, with `packets`: addresses beyond this machine in any system call that sends, and
    `calls`: how many such calls there were in all.
    """
    log = folder / "calls.txt"
    told = child(folder, "strace", "-f", "-qq", "-e", f"trace={CALLS}", "-o", str(log))
    text = log.read_text(errors="replace")
    found = {a or b for a, b in ADDRESS.findall(text)}
    return {**told, "packets": sorted(a for a in found if not is_here(a)),
            "calls": text.count("\n"), "seen": sorted(found)}  # fmt: skip


def can_trace() -> str:
    """Why system calls cannot be read here; empty where they can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    with tempfile.TemporaryDirectory() as folder:
        words = ["strace", "-f", "-qq", "-o", f"{folder}/x", "true"]
        made = subprocess.run(words, capture_output=True, text=True)
    return "" if made.returncode == 0 else f"strace may not run here: {made.stderr[-200:]}"


def main() -> None:
    told = listened(lambda: started(Path(sys.argv[1])))
    print(json.dumps(told), flush=True)
    # Whatever still runs behind has nothing more to say.
    threading.Timer(5, lambda: os._exit(0)).start()


if __name__ == "__main__":
    main()
