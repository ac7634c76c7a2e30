"""The console before a crowd: 10,000 events and 200 row changes a second, and 100,000 rows in its window.

Measured from outside, on a real terminal: a key is typed, and the painting that shows what it did is timed by the
program that paints (probe.py; the monotonic clock is one for all processes). The yardstick is the same console before
an engine of the same table that is silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.burst import burst_rate, until_quiet
from tests.bench.figure import Figure, figure, load, say
from tests.bench.scene import LINGER, Scene
from tests.bench.witness import Witness
from tests.integration.headless import ROOT, Fleet
from tests.tui import scene as story
from tests.tui.terminal import Terminal, on_terminal

EVENTS, CHANGES, ROWS = 10_000, 200, 100_000

SIZE = (160, 48)

LOADING = 120.0
"""Seconds for the window to fill."""

Note = dict[str, float]

UP, HOME, END, ESCAPE = b"\x1b[A", b"\x1b[H", b"\x1b[F", b"\x1b"


@dataclasses.dataclass(frozen=True, slots=True)
class Visit:
    """What one console measured. Seconds, but for the shares and bytes."""

    keys: list[float]
    core: float
    """Share of one core."""
    memory: list[float]
    """Bytes at the beginning, in the middle and at the end of the keys."""
    jump: float
    filter: float
    missed: float


async def measure(keys: int = 100) -> list[Figure]:
    """Key to paint, share of a core, memory, jump and filter, first paint."""
    before = load()
    quiet = await visit(0, 0, keys)
    busy = await visit(EVENTS, CHANGES, keys)
    again = await visit(0, 0, keys)

    def told(bench: str, unit: str, ours: list[float], theirs: list[float]) -> Figure:
        return figure(bench, unit, ours, theirs, load=before)

    say(f"console: {busy.missed:.0f} events were not shown")
    return [
        told("console_key_p99", "ms", [p99(busy.keys)], [p99(quiet.keys), p99(again.keys)]),
        told("console_key_p50", "ms", [1000 * one for one in busy.keys], [1000 * one for one in quiet.keys]),
        told("console_core", "%", [100 * busy.core], [100 * quiet.core, 100 * again.core]),
        told("console_memory_growth", "MB", [grown(busy)], [max(0.1, grown(quiet)), max(0.1, grown(again))]),
        told("console_jump", "ms", [1000 * busy.jump], [1000 * quiet.jump, 1000 * again.jump]),
        told("console_filter", "ms", [1000 * busy.filter], [1000 * quiet.filter, 1000 * again.filter]),
        await first_paint(),
    ]


def p99(keys: list[float]) -> float:
    """Milliseconds."""
    return 1000 * statistics.quantiles(keys, n=100, method="inclusive")[98]


def grown(one: Visit) -> float:
    """Megabytes from the middle of the keys to their end: full by then is what has a bound."""
    return (one.memory[2] - one.memory[1]) / 1e6


async def visit(events: int, changes: int, keys: int) -> Visit:
    """One console on one engine: fill the window, jump, filter, then walk up key by key."""
    async with console(events, changes) as (terminal, notes):
        pressed: dict[str, float] = {}

        async def press(name: str, key: bytes, pause: float) -> None:
            pressed[name] = time.monotonic()
            terminal.press(key)
            await asyncio.sleep(pause)

        await asyncio.sleep(2)
        await press("home", HOME, 2)
        await press("end", END, 2)
        await press("slash", b"/", 2)
        await press("filter", b"b", 3)
        await press("clear", ESCAPE, 3)
        sent = []
        for _ in range(keys):
            sent.append(time.monotonic())
            terminal.press(UP)
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        terminal.press(b"q")
        await terminal.ended()
    seen = [json.loads(line) for line in notes.read_text().splitlines()]
    notes.unlink()
    walk = [note for note in seen if sent[0] <= note["at"] <= sent[-1] + 1]
    first, middle, last = walk[0], walk[len(walk) // 2], walk[-1]
    return Visit(
        keys=[_changed(seen, at, "selected") for at in sent],
        core=(last["used"] - first["used"]) / (last["at"] - first["at"]),
        memory=[first["memory"], middle["memory"], last["memory"]],
        jump=_changed(seen, pressed["end"], "selected"),
        filter=_changed(seen, pressed["filter"], "visible"),
        missed=last["missed"],
    )


def _changed(notes: list[Note], at: float, name: str) -> float:
    """Seconds from this key to the painting that showed what it did."""
    before = [note for note in notes if note["at"] <= at]
    after = (note["at"] for note in notes if note["at"] > at and note[name] != before[-1][name])
    shown = next(after, None)
    if shown is None:
        raise RuntimeError(f"a key changed nothing: {name} stayed {before[-1][name]}")
    return shown - at


@contextlib.asynccontextmanager
async def console(events: int, changes: int, rows: int = ROWS) -> AsyncIterator[tuple[Terminal, Path]]:
    """A console on a terminal, its window full, attached to an engine with this many events and changes a second."""
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        engine = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.crowd", folder, str(events), str(changes), str(rows),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        assert engine.stdout is not None
        assert engine.stdin is not None
        await engine.stdout.readline()
        notes = Path(tempfile.mkstemp(prefix="acqs-notes-")[1])
        try:
            arguments = (str(notes), story.SERVER, folder)
            async with on_terminal(*arguments, size=SIZE, module="tests.bench.probe") as terminal:
                await terminal.shows(f"{rows:,} rows", LOADING)
                yield terminal, notes
        finally:
            engine.stdin.close()
            await engine.wait()


async def first_paint(runs: int = 5) -> Figure:
    """Seconds from the start of `acqs-tui` until its panes are on the screen, beside an interpreter that has loaded
    what every program with this library loads."""
    before = load()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        settings = Path(folder) / "acqs.toml"
        settings.write_text(f'server_ip = "{story.SERVER}"\n[control]\nfolder = "{folder}"\n')
        for _ in range(runs):
            start = time.monotonic()
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import textual.app", cwd=ROOT)
            await process.wait()
            theirs.append(time.monotonic() - start)
            async with on_terminal("--config", str(settings), "--read-only") as terminal:
                await terminal.shows("AMI events")
                ours.append(time.monotonic() - terminal.started)
                terminal.process.terminate()
                await terminal.ended()
    return figure("console_first_paint", "s", ours, theirs, load=before)


async def attached(scene: Scene, bursts: int = 9) -> Figure:
    """Actions a second of a burst while a console watches; the yardstick's of the same engine while none does.

    Single bursts scatter by half, so there are many. The engine's first is not counted, and a console that has only
    just started is let fill its window and come to rest, as in `visit`.
    """
    before = load()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="acqs-bench-") as directory:
        async with Fleet(scene.stand, Path(directory), sender={"linger": LINGER}) as fleet:
            engine = await fleet.start()
            await engine.wait_ready()
            settings = Path(directory) / "console.toml"
            settings.write_text(f'server_ip = "{scene.stand.server_ip}"\n[control]\nfolder = "{fleet.sockets}"\n')
            with Witness(scene.asterisk) as witness:
                quiet = scene.sessions()
                await burst_rate(scene, witness)
                await until_quiet(scene, quiet)
                for _ in range(bursts):
                    theirs.append(await burst_rate(scene, witness))
                    await until_quiet(scene, quiet)
                    async with on_terminal("--config", str(settings), size=SIZE) as terminal:
                        await terminal.shows(f"{scene.rows():,} rows", LOADING)
                        await asyncio.sleep(2)
                        ours.append(await burst_rate(scene, witness))
                        terminal.press(b"q")
                        await terminal.ended()
                    await until_quiet(scene, quiet)
                    say(f"burst: {ours[-1]:.0f}/s with a console, {theirs[-1]:.0f}/s without")
            await engine.terminate()
    return figure("burst_attached", "actions/s", ours, theirs, load=before, **scene.versions)
