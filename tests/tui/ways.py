"""Every screen of the console, and how it is come to on the scripted night."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.pilot import Pilot
from textual.widgets import Input

from acqs_tui.connection import missing
from tests.tui import scene
from tests.tui.driving import console_of, press, until

UNKNOWN = 15
"""The place of the row of which nobody knows what became."""

Way = Callable[[Pilot[int]], Awaitable[None]]
"""How a screen is come to from the main one."""


def keys(*pressed: str) -> Way:
    """By these keys."""

    async def type_them(pilot: Pilot[int]) -> None:
        await press(pilot, *pressed)

    return type_them


def typed(key: str, *texts: str) -> Way:
    """By this key, and then these texts letter by letter; a tab is a key."""

    async def type_them(pilot: Pilot[int]) -> None:
        await press(pilot, key)
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        for text in texts:
            await press(pilot, *((text,) if text == "tab" else text))

    return type_them


def row(number: int, *then: str) -> Way:
    """By selecting the row of this place in scene.KINDS, then these keys."""

    async def go(pilot: Pilot[int]) -> None:
        console_of(pilot).queue_pane.lines.select(scene.FIRST + number)
        for key in then:
            await press(pilot, key)
            await told(pilot)

    return go


def filtered(text: str) -> Way:
    """With this in the filter's box."""

    async def type_it(pilot: Pilot[int]) -> None:
        await press(pilot, "slash")
        pilot.app.screen.query_one("#filter", Input).value = text

    return type_it


async def told(pilot: Pilot[int]) -> None:
    """Wait until no question to the engine is open."""
    await until(pilot, lambda: all(one.name == "feed" or one.is_finished for one in pilot.app.workers))


async def lost(pilot: Pilot[int]) -> None:
    """The engine is gone."""
    console = console_of(pilot)
    console.feed.problem = missing("the engine has ended")
    console.frame()


SCREENS: dict[str, Way] = {
    "main": keys(),
    "filter": filtered("status:dead !busy"),
    "filter_wrong": filtered("age:x"),
    "marked": keys("home", "space", "space", "space"),
    "detail": row(19, "o"),
    "detail_unknown": row(UNKNOWN, "o"),
    "detail_raw": row(19, "o", "r"),
    "inject": typed("i", "PJSIP/210", "tab", "8600051"),
    "pause": keys("p"),
    "retry_unknown": row(UNKNOWN, "t"),
    "discard": row(33, "d"),
    "discard_many": keys("home", "space", "space", "space", "d"),
    "servers": keys("v"),
    "help": keys("question_mark"),
    "export": keys("e"),
    "palette": keys("ctrl+p"),
    "lost": lost,
}
"""Screens over a queue that runs."""

PAUSED: dict[str, Way] = {
    "paused": keys(),
    "resume": keys("u"),
}
"""Screens over one that is paused and has a backlog."""
