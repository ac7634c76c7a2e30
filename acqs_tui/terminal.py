"""The terminal is left as it was, however the console ends: told to, cut off, or failed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import traceback
from typing import TYPE_CHECKING, Any

from rich.text import Text

if TYPE_CHECKING:
    from textual.app import App

LAST = 3.0
"""Seconds that an orderly end may take after a signal: a terminal that is gone takes nothing any more, and a thread
that writes to it would wait for ever."""


def heed_signals(app: App[Any]) -> None:
    """End in order at SIGTERM and at SIGHUP, with which a closed terminal says so. An engine that this console started
    goes on: it has a session of its own."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _end, app, number)


def _end(app: App[Any], number: signal.Signals) -> None:
    code = 128 + number
    last = threading.Timer(LAST, os._exit, (code,))
    last.daemon = True
    last.start()
    app.exit(code, return_code=code)


def obituary(error: BaseException | None) -> Text:
    """What a console that failed leaves on the terminal: where, what, and what it means for the queue. Without the
    values of variables, which hold other people's calls."""
    where = "" if error is None else "".join(traceback.format_exception(error))
    what = "" if error is None else f": {type(error).__name__}: {error}"
    return Text(
        f"{where}\nacqs-tui has failed{what}\n"
        "The queue is not harmed: the engine goes on sending. Start acqs-tui again, and please report the lines above."
    )
