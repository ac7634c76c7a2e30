"""An engine for a console that found none, in a process of its own, with the console at the other end of a socket pair.

In the console's own interpreter drawing would cost half the rate of sending (design §7). The process is in a session
of its own: a terminal that is closed takes the console with it and never the calls. It ends when it is told to stop;
a console that just goes away leaves it running as a daemon, to which the next console attaches.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from acqs_core import loop
from acqs_core.control.wire import decode, encode, refusal
from acqs_core.errors import AcqsError
from acqs_core.settings import Settings, revealed

LOG_BYTES, LOG_FILES = 4 << 20, 3
"""How much log such an engine keeps; a daemon of the service manager's logs to the journal instead."""


def start(settings: Settings, *, demo: bool = False) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the process; it, and our end of the pair. Secrets go through the pair, never in arguments or environment.

    `demo`: on SQLite and a simulated Asterisk with calls of every kind, until the console leaves.
    """
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "acqs_core.control.host", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            env={name: value for name, value in os.environ.items() if not name.startswith("ACQS_")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        theirs.close()
    ours.sendall(encode({"settings": revealed(settings), "demo": demo}))
    return process, ours


def main() -> int:
    """The process: reads its order from the socket pair, then runs the engine."""
    console = socket.socket(fileno=int(sys.argv[1]))
    order = decode(_line(console))
    settings = Settings.model_validate(order["settings"])
    if not order["demo"]:
        _log_to(log_file(settings.server_ip))
    try:
        with asyncio.Runner(loop_factory=loop.factory()) as runner:
            runner.run(_run(settings, console, demo=order["demo"]))
    except AcqsError as error:
        logging.getLogger(__name__).error("%s", error)
        with contextlib.suppress(OSError):
            console.sendall(encode(refusal(error)))
        return error.exit_code
    except Exception:
        logging.getLogger(__name__).exception("the engine failed")
        raise
    return 0


def log_file(server_ip: str) -> Path:
    """Where an engine that a console started logs: XDG_STATE_HOME, else /var/log for root, else ~/.local/state."""
    state = Path(os.environ.get("XDG_STATE_HOME") or ("/var/log" if os.geteuid() == 0 else "~/.local/state"))
    return state.expanduser() / "acqs" / f"engine-{server_ip.replace('/', '_')}.log"


async def _run(settings: Settings, console: socket.socket, *, demo: bool) -> None:
    from acqs_core.control.serving import served  # with the engine, which the console's own process never loads
    from acqs_core.engine import Engine
    from acqs_core.queue import schema
    from acqs_core.queue.database import Database

    async with _stage(settings, demo=demo) as (chosen, play):
        schema.demand(Database.of(chosen.queue, pool_size=1))
        engine = Engine(chosen)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, engine.stop)
        async with served(engine, stop=engine.stop) as server:
            with_console = await server.adopt(console)
            if demo:
                with_console.add_done_callback(lambda _: engine.stop())
            playing = asyncio.create_task(play(engine))
            try:
                await engine.run()
            finally:
                playing.cancel()


@contextlib.asynccontextmanager
async def _stage(settings: Settings, *, demo: bool) -> AsyncIterator[tuple[Settings, Any]]:
    """The settings to run on and what happens by itself: nothing, but in a demo."""

    async def nothing(_: object) -> None:
        return

    if not demo:
        yield settings, nothing
        return
    from acqs_core import demo as parts

    async with parts.stage(settings) as staged:
        yield staged, parts.trickle


def _line(sock: socket.socket) -> bytes:
    held = b""
    while not held.endswith(b"\n"):
        more = sock.recv(1 << 16)
        if not more:
            break
        held += more
    return held


def _log_to(path: Path) -> None:
    """Log to a file for our own user, one JSON object a line; where that cannot be, go on without."""
    from acqs_core.jsonlines import JsonLines

    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES)
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
