"""The daemon's log on stderr: a readable line at a terminal, one JSON object a line for everything else."""

from __future__ import annotations

import logging
import os
import sys

from acqs_core.jsonlines import JsonLines


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
    """Writes each line by itself, past Python's own buffer: what a full disk did not take would stay in that, be tried
    again at the end, and make an exit code of 120 of a program that did all its work. What was lost is told as soon as
    there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; called under the handler's lock."""
        try:
            if self._lost:
                _write(self._format_lost())
                self._lost = 0
            _write(self.format(record))
        except OSError:
            self._lost += 1
        except Exception:  # noqa: BLE001 a message that does not fit its arguments: logging tells where
            self.handleError(record)

    def _format_lost(self) -> str:
        says = "%d lines of this log could not be written; is its disk full?"
        return self.format(logging.LogRecord(__name__, logging.WARNING, __file__, 0, says, (self._lost,), None))


def _write(line: str) -> None:
    left = line.encode(errors="backslashreplace") + b"\n"
    while left:
        left = left[os.write(2, left) :]
