"""The console on a running engine: what an operator sees, and finds."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from acqs_core.action import Status, call
from acqs_core.engine import Engine
from acqs_core.settings import ControlSettings, Settings
from acqs_tui.app import Console
from tests.hosted import running


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        async with running(Settings(), Path(folder)) as one:
            yield one


@pytest.fixture
async def pilot(engine: Engine) -> AsyncIterator[Pilot[int]]:
    """A console that is attached to it."""
    console = Console(Settings(control=ControlSettings(folder=engine.settings.control.folder)))
    async with console.run_test(size=(160, 48), notifications=True) as one:
        await until(one, lambda: bool(console.feed.status))
        yield one
        await console.feed.close()


async def until(pilot: Pilot[int], holds: Callable[[], bool], seconds: float = 15.0) -> None:
    """Draw frames until this holds."""
    async with asyncio.timeout(seconds):
        while not holds():
            await pilot.pause(0.05)


def console_of(pilot: Pilot[int]) -> Console:
    console = pilot.app
    assert isinstance(console, Console)
    return console


async def test_a_call_is_seen_from_its_row_to_its_end(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    man_id = await engine.insert(call("Local/600@default", exten="610", callerid="SEEN1"), actor="test")
    window = console.queue_pane.lines.window
    await until(pilot, lambda: man_id in window.records and window.records[man_id].status is Status.DEAD)
    assert window.records[man_id].outcome == "answered"
    await until(pilot, lambda: any(r["man_id"] == str(man_id) for r in console.sessions_pane.lines.window.visible()))
    names = {event.name for event in console.events_pane.lines.window.visible()}
    assert {"Newchannel", "Newstate", "Hangup", "OriginateResponse"} <= names


async def test_a_filter_is_applied_while_it_is_typed_and_escape_shows_all(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    for number in range(3):
        await engine.insert(call("PJSIP/busy", exten="610", callerid=f"NAME{number}"), actor="test")
    window = console.queue_pane.lines.window
    await until(pilot, lambda: len(window) == 3)
    await pilot.press("slash", *"callerid", "colon", *"name1")
    await until(pilot, lambda: len(window) == 1)
    assert window[0].view.row.callerid == "NAME1"
    await pilot.press("enter", "escape")
    await until(pilot, lambda: len(window) == 3)


async def test_a_frozen_pane_stands_still_and_loses_nothing(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    await pilot.press("f")
    man_id = await engine.insert(call("PJSIP/busy", exten="610"), actor="test")
    await until(pilot, lambda: console.queue_pane.lines.waiting == 1)
    assert len(console.queue_pane.lines.window) == 0
    await pilot.press("f")
    assert man_id in console.queue_pane.lines.window.records
