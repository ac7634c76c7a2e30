"""`make screenshots`: the console's pictures in screenshots/, as SVG and PNG, of the demo while it runs.

A real engine on SQLite and the simulated Asterisk works off the demo's trickle, beside servers that stand in the same
table; the console is attached to it, and the deeds in the pictures are done. What is the same each time is for the
snapshots. The PNG are drawn from the SVG by rsvg-convert, which is installed where it is missing; where it cannot be
only the SVG are made, and that is said.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import get_args
from unittest import mock

from textual.pilot import Pilot

from acqs_core import demo
from acqs_core.action import Outcome, Status, call
from acqs_core.engine import Engine
from acqs_core.queue.database import Database
from acqs_core.queue.lease import Leases
from acqs_core.queue.store import Store
from acqs_core.queue.types import Role
from acqs_core.settings import Settings
from acqs_tui.app import Console
from tests.hosted import running
from tests.lab import debian
from tests.lab.errors import LabUnavailable
from tests.tui.driving import console_of, press, until
from tests.tui.pictures import Size, in_utc, plain
from tests.tui.ways import told, typed

FOLDER = Path(__file__).parents[2] / "screenshots"

WIDE, SMALL = (160, 48), (80, 24)

PIXELS = {WIDE: 1600, SMALL: 1000}
"""Width of a PNG."""

SERVER, HOST = "10.0.4.15", "dialer-4"

CALLS_FLOW, BACKLOG = 75.0, 70.0
"""Seconds of the demo before the first picture, and of its pause: the rates have a past, the backlog has ages."""


async def main() -> None:
    """Make all of them."""
    FOLDER.mkdir(exist_ok=True)
    convert = await asyncio.to_thread(converter)
    async with showing() as pilot:
        console = console_of(pilot)
        await passing("calls flow", CALLS_FLOW)
        await take(pilot, "console", convert)
        console.theme = "acqs-light"
        await take(pilot, "console-light", convert)
        console.theme = "acqs-dark"
        await pilot.resize_terminal(*SMALL)
        await take(pilot, "80x24", convert, SMALL)
        await pilot.resize_terminal(*WIDE)
        console.queue_pane.lines.select(await ended_call(pilot))
        await over(pilot, "detail", convert, lambda: press(pilot, "enter"))
        console.do_follow()
        await over(pilot, "inject", convert, lambda: typed("i", "PJSIP/ans", "tab", "630")(pilot))
        await over(pilot, "servers", convert, lambda: press(pilot, "v"))
        await typed("p", "trunk 2 drops calls")(pilot)
        await press(pilot, "enter")
        await passing("the queue is paused", BACKLOG)
        await take(pilot, "paused", convert)
        await over(pilot, "resume", convert, lambda: press(pilot, "u"))


@contextlib.asynccontextmanager
async def showing() -> AsyncIterator[Pilot[int]]:
    """A console attached to the demo's engine."""
    with (
        tempfile.TemporaryDirectory(prefix="acqs-") as folder,
        in_utc(),
        mock.patch("socket.gethostname", return_value=HOST),
    ):
        async with running(Settings(server_ip=SERVER), Path(folder)) as engine:
            await asyncio.to_thread(add_neighbours, engine)
            calls = asyncio.create_task(demo.trickle(engine))
            console = Console(engine.settings)
            console.animation_level = "none"
            async with console.run_test(size=WIDE, notifications=True) as pilot:
                await until(pilot, lambda: console.feed.connected)
                yield pilot
                await console.feed.close()
            calls.cancel()


def add_neighbours(engine: Engine) -> None:
    """Other servers of the same table: two that work, one that is paused, and one that nobody serves."""
    database = Database.of(engine.settings.queue, pool_size=1)
    leases = Leases(database)
    for host, server_ip, backlog in (("5", "10.0.4.16", 0), ("6", "10.0.4.17", 31), ("7", "10.0.4.18", 212)):
        for role in get_args(Role):
            leases.acquire(server_ip, role, f"dialer-{host}:2417:9b01aa", 3600)
        leave(Store(database, server_ip), backlog)
    leave(Store(database, "10.0.4.19"), 12)
    Store(database, "10.0.4.18").pause(actor="asterisk upgrade", reason="maintenance until 05:00")
    database.dispose()


def leave(store: Store, backlog: int) -> None:
    """So many NEW rows for its server."""
    for _ in range(backlog):
        store.insert(call("PJSIP/ans", context="default", exten="630"))


async def ended_call(pilot: Pilot[int]) -> int:
    """The man_id of a phone's call that was answered and has ended."""
    window = console_of(pilot).queue_pane.lines.window

    def found() -> list[int]:
        return [
            row.id
            for row in window.records.values()
            if row.status is Status.DEAD
            and row.outcome == Outcome.ANSWERED
            and row.view.row.channel.startswith("PJSIP/ans")
        ]

    await until(pilot, lambda: bool(found()))
    return max(found())


async def over(pilot: Pilot[int], name: str, convert: str, come: Callable[[], Awaitable[None]]) -> None:
    """A picture of a screen over the main one."""
    await come()
    await until(pilot, lambda: len(pilot.app.screen_stack) > 1)
    await take(pilot, name, convert)
    await press(pilot, "escape")
    await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


async def take(pilot: Pilot[int], name: str, convert: str, size: Size = WIDE) -> None:
    """Draw what is on the screen now."""
    await told(pilot)
    await asyncio.sleep(1)  # frames of the console's own
    path = FOLDER / f"{name}.svg"
    await asyncio.to_thread(path.write_text, plain(pilot.app.export_screenshot(simplify=True)))
    if convert:
        await asyncio.to_thread(to_png, convert, path, PIXELS[size])
    print(path.relative_to(FOLDER.parent))


async def passing(what: str, seconds: float) -> None:
    """Let the demo go on."""
    print(f"{what} for {seconds:g} s ...", file=sys.stderr)
    await asyncio.sleep(seconds)


def converter() -> str:
    """What makes PNG of SVG; empty, and said why, where it is not to be had."""
    try:
        debian.install(["rsvg-convert"])
        return debian.program("rsvg-convert")
    except LabUnavailable as error:
        print(f"no PNG: {error}", file=sys.stderr)
        return ""


def to_png(convert: str, svg: Path, width: int) -> None:
    """Beside it."""
    subprocess.run([convert, "-w", str(width), "-o", str(svg.with_suffix(".png")), str(svg)], check=True)


if __name__ == "__main__":
    asyncio.run(main())
