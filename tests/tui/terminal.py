"""A terminal with a real `acqs-tui` on it, watched from the other side of a pty."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]

MODES = re.compile(rb"\x1b\[\?([\d;]+)([hl])")

ALTERNATE, CURSOR, MICE = 1049, 25, (1000, 1002, 1003, 1006, 1015, 1016)

PATIENCE = 30.0
"""Seconds for whatever is waited for: many, since only that it comes is looked at."""


class Terminal:
    """What the program wrote, and what the terminal was told to be."""

    def __init__(self, master: int, slave: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.written = bytearray()
        self.started = time.monotonic()
        self._master, self._slave = master, slave
        self._before = termios.tcgetattr(slave)
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    @property
    def closed(self) -> bool:
        """Whether the window is closed."""
        return self._master < 0

    def close(self) -> None:
        """Close the window."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._slave)
        os.close(self._master)
        self._master = -1

    def is_on(self, mode: int) -> bool | None:
        """Whether a mode of the terminal (DECSET) is on; None if it was never said."""
        said = None
        for numbers, how in MODES.findall(self.written):
            if str(mode).encode() in numbers.split(b";"):
                said = how == b"h"
        return said

    def is_as_before(self) -> bool:
        """Whether the next program finds the terminal as this one did: settings, screen, cursor, mouse, paste."""
        left = [mode for mode in (ALTERNATE, *MICE, 2004) if self.is_on(mode)]
        return termios.tcgetattr(self._slave) == self._before and not left and self.is_on(CURSOR) is not False

    def begin(self) -> None:
        """Forget what was written so far."""
        self.written.clear()

    async def until(self, holds: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Wait until something was written with which this holds."""
        async with asyncio.timeout(seconds):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def shows(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until this was painted."""
        await self.until(lambda: text.encode() in self.written, seconds)

    async def ended(self) -> int:
        """Wait until the program has ended; its exit code."""
        code = await asyncio.to_thread(self.process.wait, PATIENCE)
        self._read()
        return code

    async def stopped(self) -> None:
        """Wait until the program is stopped, as by Ctrl+Z."""
        await asyncio.to_thread(os.waitid, os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)
        self._read()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while not self.closed and (more := os.read(self._master, 1 << 16)):
                self.written += more
        self._changed.set()


@contextlib.asynccontextmanager
async def on_terminal(
    *arguments: str, size: tuple[int, int] = (100, 30), module: str = "acqs_tui"
) -> AsyncIterator[Terminal]:
    """`python -m acqs_tui` with these arguments on a terminal of its own, of which it is the leader."""
    terminal = _started([module, *arguments], size)
    process = terminal.process
    try:
        yield terminal
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
        process.wait()
        if not terminal.closed:
            terminal.close()


def _started(arguments: list[str], size: tuple[int, int]) -> Terminal:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    os.set_blocking(master, False)
    environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-c", _LEAD, *arguments],
        stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, start_new_session=True,
        env={**environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return Terminal(master, slave, process)


_LEAD = """
import fcntl, runpy, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""A terminal tells of its end only to those whose terminal it is."""
