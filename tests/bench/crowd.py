"""An engine process for the console's figures: 100,000 rows, as many events and row changes a second as it is told.

`python -m tests.bench.crowd FOLDER EVENTS CHANGES [ROWS]`; writes a line when it listens, ends when stdin does.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import sys
import time
from pathlib import Path

from acqs_core.action import Status
from tests.tui import scene
from tests.tui.scripted import Clock, Script, telling

EVERY = 0.05
"""Seconds between its steps."""


def crowd(rows: int) -> Script:
    """A script with so many rows."""
    script = Script(Clock(scene.NOW))
    patterns = scene.rows()
    script.rows = {
        man_id: dataclasses.replace(view, row=dataclasses.replace(view.row, man_id=man_id))
        for man_id, view in zip(range(1, rows + 1), itertools.cycle(patterns), strict=False)
    }
    return script


async def act(script: Script, events: int, changes: int) -> None:
    """So many a second, until cancelled."""
    texts = [raw for _, raw in scene.events(scene.rows())]
    newest = max(script.rows)
    numbers, start, done = itertools.count(), time.monotonic(), 0.0
    while True:
        await asyncio.sleep(EVERY)
        passed = time.monotonic() - start
        at = time.time()
        for _ in range(int(passed * events) - int(done * events)):
            script.telemetry.frames.add((at, texts[next(numbers) % len(texts)]))
        for number in range(int(done * changes), int(passed * changes)):
            man_id = newest - number % 1000
            _change(script, man_id)
        done = passed


def _change(script: Script, man_id: int) -> None:
    view = script.rows[man_id]
    status = Status.UPDATED if view.row.status is Status.SENT else Status.SENT
    script.rows[man_id] = dataclasses.replace(view, row=dataclasses.replace(view.row, status=status))
    script.telemetry.touched.add(man_id)


async def main(folder: str, events: str, changes: str, rows: str = "100000") -> None:
    """Serve until stdin ends."""
    script = crowd(int(rows))
    async with telling(script, Path(folder)):
        acting = asyncio.create_task(act(script, int(events), int(changes)))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        acting.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
