"""What an engine costs that has nothing to do: a share of a core, and memory."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.figure import Figure, figure, load
from tests.bench.scene import Scene

_TICKS = os.sysconf("SC_CLK_TCK")

_IDLER = """
import asyncio, panoramisk, pydantic, pymysql, sqlalchemy
print(flush=True)
asyncio.run(asyncio.sleep(3600))
"""
"""The yardstick: an interpreter that has loaded the same libraries and does nothing at all."""


async def measure(scene: Scene, seconds: float = 10.0, settle: float = 6.0) -> list[Figure]:
    """Percent of a core, and MB resident, of an engine to which no row comes, children included.

    `settle` is for the poll to become slow, as it does five seconds after the last row.
    """
    before = load()
    idler = subprocess.Popen([sys.executable, "-c", _IDLER], stdout=subprocess.PIPE)  # noqa: ASYNC220
    try:
        assert idler.stdout is not None
        idler.stdout.readline()
        async with scene.engine() as engine:
            await asyncio.sleep(settle)
            start, ours, theirs = time.monotonic(), _cpu(engine.pid), _cpu(idler.pid)
            await asyncio.sleep(seconds)
            took = time.monotonic() - start
            ours, theirs = _cpu(engine.pid) - ours, _cpu(idler.pid) - theirs
            sizes = _megabytes(engine.pid), _megabytes(idler.pid)
    finally:
        idler.kill()
        idler.communicate()
    floor = 1 / _TICKS  # the clock's tick: less cannot be told from nothing
    percent, bare = 100 * ours / took, 100 * max(theirs, floor) / took
    return [
        figure("idle_cpu", "% of a core", [percent], [bare], load=before, **scene.versions),
        figure("idle_memory", "MB", [sizes[0]], [sizes[1]], load=before, **scene.versions),
    ]


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _cpu(pid: int) -> float:
    """Seconds of processor time so far, of the process and its children."""
    total = 0
    for one in _family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def _megabytes(pid: int) -> float:
    """Resident memory of the process and its children, in millions of bytes."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in _family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
