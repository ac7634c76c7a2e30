"""Driving a console in a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual import events
from textual.pilot import Pilot

from acqs_tui.app import Console

LOOK_EVERY = 0.02
"""Seconds between looks at what a test waits for."""

HOPS = 50
"""Turns of the loop in which a key has come through every queue to the widget it is for."""

_NAMES = {"/": "slash", "@": "at", ":": "colon"}


async def until(pilot: Pilot[int], holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Let the console run until this holds."""
    await comes(holds, seconds)


async def comes(holds: Callable[[], bool], seconds: float = 30.0) -> None:
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
        for _ in range(HOPS):
            await asyncio.sleep(0)


def console_of(pilot: Pilot[int]) -> Console:
    console = pilot.app
    assert isinstance(console, Console)
    return console
