"""The daemon's log on stderr: a readable line at a terminal, one JSON object a line for everything else.

Lines are written by a thread of their own. A reader of stderr that stops reading (a pager, a log shipper that hangs)
fills the pipe, and the next write waits for it: in the event loop every call would wait with it.
"""

from __future__ import annotations

import collections
import logging
import os
import sys
import threading
from collections.abc import Sequence

from acqs_core.jsonlines import JsonLines

MOST_LINES = 10_000
"""How many lines wait for a reader that reads no more; what is logged beyond them is counted."""

BATCH = 100
"""How many lines are written at once: after each write a thread may wait 5 ms for an interpreter that is busy."""

LAST_WORDS = 1.0
"""Seconds that the end of the program waits for what is not written yet."""


def start(*, verbose: bool = False, quiet: bool = False) -> None:
    """Send the log to stderr; `quiet` leaves warnings and errors."""
    handler = Stderr()
    if sys.stderr.isatty():
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    else:
        handler.setFormatter(JsonLines())
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO, handlers=[handler], force=True
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class Stderr(logging.Handler):
    """Writes past Python's own buffer: what a full disk did not take would stay in that, be tried again at the end, and
    make an exit code of 120 of a program that did all its work. What was lost is told as soon as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._news = threading.Condition()
        self._lines: collections.deque[tuple[int, str]] = collections.deque()
        """Lines to be written, each with the number of those just before it that found no room here."""
        self._refused = 0
        self._closed = False
        # A daemon: it may wait in a write for ever, and the program ends without it.
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Have one line written; waits for nobody."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 a message that does not fit its arguments: logging tells where
            self.handleError(record)
            return
        with self._news:
            if len(self._lines) < MOST_LINES:
                self._lines.append((self._refused, line))
                self._refused = 0
            else:
                self._refused += 1
            self._news.notify()

    def close(self) -> None:
        """Write what waits, but wait for a reader that stands still no longer than LAST_WORDS; called at exit."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join(LAST_WORDS)
        super().close()

    def _write_all(self) -> None:
        lost = 0
        while batch := self._next():
            pieces = []
            for refused, line in batch:
                lost += refused
                if lost:
                    pieces.append((lost, self._format_lost(lost)))
                if line is not None:
                    pieces.append((1, line))
                lost = 0
            lost = _write(pieces)

    def _next(self) -> Sequence[tuple[int, str | None]]:
        """What to write next, as in `_lines`; a number without a line when no other follows, nothing at the end."""
        with self._news:
            self._news.wait_for(lambda: self._lines or self._refused or self._closed)
            if self._lines:
                return [self._lines.popleft() for _ in range(min(len(self._lines), BATCH))]
            refused, self._refused = self._refused, 0
            return [(refused, None)] if refused else []

    def _format_lost(self, lost: int) -> str:
        says = "%d lines of this log could not be written; is its disk full, or did its reader stop reading?"
        return self.format(logging.LogRecord(__name__, logging.WARNING, __file__, 0, says, (lost,), None))


def _write(pieces: list[tuple[int, str]]) -> int:
    """Write texts, each of which stands for so many lines of the log; how many of those could not be written."""
    texts = [text.encode(errors="backslashreplace") + b"\n" for _, text in pieces]
    left = b"".join(texts)
    try:
        while left:
            left = left[os.write(2, left) :]
    except OSError:
        pass  # it is counted, and told by the next that can be written
    lost = 0
    for (lines, _), text in zip(reversed(pieces), reversed(texts), strict=True):
        if not left:
            break
        lost += lines
        left = left[: -len(text)]
    return lost
