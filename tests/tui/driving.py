"""Driving a console in a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual import events
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Static

from acqs_tui.app import Console

LOOK_EVERY = 0.02
"""Seconds between looks at what a test waits for."""

PATIENCE = 30.0
"""Seconds to wait for anything."""

ROUNDS = 3
"""From a key to the message that it causes, and to what that does."""

_NAMES = {"/": "slash", "@": "at", ":": "colon"}


async def until(pilot: Pilot[int], holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Let the console run until this holds."""
    await comes(holds, seconds)


async def comes(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until this holds; nothing in it tells when."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY)


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys. The pilot's own way waits after each until the process is idle, and with an engine in it it never is:
    two seconds a key."""
    driver = pilot.app._driver
    assert driver is not None
    for key in keys:
        char = key if len(key) == 1 else None
        driver.send_message(events.Key(_NAMES.get(key, key), char))
        await heard(pilot)


async def heard(pilot: Pilot[int]) -> None:
    """Wait until a key, the message that it caused and what came of that have passed every queue between the app and
    the focused widget: each is first in, first out."""
    for _ in range(ROUNDS):
        await _emptied(pilot.app)
        for pump in list((pilot.app.focused or pilot.app.screen).ancestors_with_self):
            await _emptied(pump)


async def _emptied(pump: MessagePump) -> None:
    heard = asyncio.Event()
    if pump.call_later(heard.set):  # not by a screen that is being taken down
        async with asyncio.timeout(PATIENCE):
            await heard.wait()


def console_of(pilot: Pilot[int]) -> Console:
    console = pilot.app
    assert isinstance(console, Console)
    return console


def painted(widget: Widget) -> str:
    """What of a widget is on the screen."""
    lines = (widget.render_line(y).text.rstrip() for y in range(widget.size.height))
    return "\n".join(lines).rstrip()


def text_of(pilot: Pilot[int], selector: str) -> str:
    """What this Static of the uppermost screen says."""
    return str(pilot.app.screen.query_one(selector, Static).render())


def strip_of(pilot: Pilot[int]) -> str:
    """What is told of the row that is followed."""
    return str(console_of(pilot).strip.render())


def said(pilot: Pilot[int]) -> str:
    """What the console has said in passing."""
    return "\n".join(str(one.message) for one in pilot.app._notifications)
