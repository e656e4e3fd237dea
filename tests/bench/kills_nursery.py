"""Servers for `bench kills`: forked from a process that has imported everything already.

Reads "PORT FOLDER" lines and answers each with the pid of a child that serves that folder; the
child is the whole studio, only its imports are not made again. Ends with its standard input.
"""

import os
import sys


def main() -> None:
    from app import cli, flags

    flags.quiet(os.environ)
    import fastapi  # noqa: F401
    import gradio  # noqa: F401
    import uvicorn  # noqa: F401

    import app.main  # noqa: F401
    import app.page  # noqa: F401

    print("ready", flush=True)
    for line in sys.stdin:
        port, folder = line.rstrip("\n").split(" ", 1)
        child = os.fork()
        if child == 0:
            os.setsid()
            log = os.open(os.path.dirname(folder) + "/server.log", os.O_WRONLY | os.O_APPEND)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            words = ["run", "--no-browser", "--port", port, "--data-dir", folder]
            os._exit(cli.main(words))
        print(child, flush=True)


if __name__ == "__main__":
    main()
