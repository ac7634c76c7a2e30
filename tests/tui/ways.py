"""Every screen of the console, and how it is come to on the scripted night."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from acqs_tui.app import Console
from acqs_tui.connection import missing
from acqs_tui.screens.confirm import ReportScreen
from acqs_tui.screens.leaving import DrainScreen, QuitScreen, TakeOverScreen
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
    """By this key, and then these texts letter by letter; tab and ctrl+t are keys."""

    async def type_them(pilot: Pilot[int]) -> None:
        await press(pilot, key)
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        for text in texts:
            await press(pilot, *((text,) if text in ("tab", "ctrl+t") else text))

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


def shown_at_once(*pressed: str) -> Way:
    """By keys whose effect comes with the next frame."""

    async def type_them(pilot: Pilot[int]) -> None:
        await press(pilot, *pressed)
        console_of(pilot).frame()

    return type_them


def asking(dialog: Callable[[Console], Screen[Any]]) -> Way:
    """By a dialog that a script gives no occasion for."""

    async def push(pilot: Pilot[int]) -> None:
        await console_of(pilot).push_screen(dialog(console_of(pilot)))

    return push


async def followed(pilot: Pilot[int]) -> None:
    """A call that was injected rings."""
    console_of(pilot).deeds.follow(scene.FIRST + 26)


REFUSED = [
    (scene.FIRST + number, f"action {scene.FIRST + number} is SENT by now, it was NEW; look at it again")
    for number in (32, 33)
]

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
    "retry_ticked": row(UNKNOWN, "t", "space"),
    "discard": row(33, "d"),
    "discard_many": keys("home", "space", "space", "space", "d"),
    "report": asking(lambda console: ReportScreen("3 of 5 rows discarded, 2 refused.", REFUSED)),
    "redirect": typed("i", "ctrl+t", "PJSIP/211-00c3d750", "tab", "8600051"),
    "hangup": typed("i", "ctrl+t", "ctrl+t", "PJSIP/211-00c3d750"),
    "command": typed("i", "ctrl+t", "ctrl+t", "ctrl+t"),
    "raw": typed("i", "ctrl+t", "ctrl+t", "ctrl+t", "ctrl+t"),
    "refused": typed("i", "PJSIP/210", "tab", "tab", "tab", "tab", "tab", "tab"),
    "event": keys("3", "end", "enter"),
    "events": shown_at_once("3", "3"),
    "events_whole": shown_at_once("w", "3"),
    "sessions": shown_at_once("2"),
    "frozen": shown_at_once("3", "f"),
    "followed": followed,
    "quit": asking(lambda console: QuitScreen(scene.SERVER, 2417, is_own=True)),
    "drain": asking(lambda console: DrainScreen(console.deeds)),
    "take_over": asking(lambda console: TakeOverScreen(scene.SERVER)),
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

READ_ONLY: dict[str, Way] = {
    "read_only": keys(),
    "read_only_detail": row(19, "o"),
}
"""Screens of a console that may only look."""
