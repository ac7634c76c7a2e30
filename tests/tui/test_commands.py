"""Every command of the table does what it is for when its key is pressed, on the scripted night."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen
from textual.widgets import Input

from acqs_core.settings import ControlSettings, Settings
from acqs_tui.app import Console
from acqs_tui.commands import BY_ID
from acqs_tui.screens.confirm import ConfirmScreen
from acqs_tui.screens.detail import DetailScreen
from acqs_tui.screens.export import ExportScreen
from acqs_tui.screens.help import HelpScreen
from acqs_tui.screens.inject import InjectScreen
from acqs_tui.screens.leaving import TakeOverScreen
from acqs_tui.screens.pausing import PauseScreen, ResumeScreen
from acqs_tui.screens.servers import ServersScreen
from tests.tui import scene
from tests.tui.driving import press, until
from tests.tui.pictures import has_told
from tests.tui.scripted import Clock, night, telling


@dataclasses.dataclass(frozen=True, slots=True)
class Effect:
    """What holds once the command was done, and not before; `before` are keys that make it possible."""

    holds: Callable[[Console], bool]
    before: tuple[str, ...] = ()
    paused: bool = False
    lost: bool = False
    """There is no engine any more."""


def asks(screen: type[Screen[Any]], title: str = "") -> Callable[[Console], bool]:
    """This dialog is open."""
    return lambda console: (
        isinstance(console.screen, screen) and title in str(console.screen.query(".box").first().border_title)
    )


EFFECTS = {
    "inject": Effect(asks(InjectScreen)),
    "pause": Effect(asks(PauseScreen)),
    "resume": Effect(asks(ResumeScreen), paused=True),
    "retry": Effect(asks(ConfirmScreen, "Retry")),
    "discard": Effect(asks(ConfirmScreen, "Discard")),
    "detail": Effect(asks(DetailScreen)),
    "filter": Effect(lambda console: isinstance(console.focused, Input)),
    "sort": Effect(lambda console: console.queue_pane.lines.sorted_by == "age"),
    "freeze": Effect(lambda console: console.queue_pane.lines.frozen),
    "follow": Effect(lambda console: console.queue_pane.lines.following, before=("home",)),
    "whole": Effect(lambda console: console.events_pane.lines.window[0].line == "Event: Newchannel"),
    "mark_all": Effect(lambda console: len(console.queue_pane.lines.marked) == len(scene.KINDS)),
    "unmark": Effect(lambda console: not console.queue_pane.lines.marked, before=("home", "space", "space")),
    "copy": Effect(lambda console: console.clipboard.startswith(f"row {scene.FIRST + len(scene.KINDS) - 1} NEW")),
    "export": Effect(asks(ExportScreen)),
    "servers": Effect(asks(ServersScreen)),
    "tab_next": Effect(lambda console: {row.status for row in console.queue_pane.lines.window.visible()} == {"NEW"}),
    "tab_previous": Effect(lambda console: all(row.is_unknown for row in console.queue_pane.lines.window.visible())),
    "pane_queue": Effect(lambda console: console.pane is console.queue_pane, before=("2",)),
    "pane_sessions": Effect(lambda console: console.pane is console.sessions_pane),
    "pane_events": Effect(lambda console: console.pane is console.events_pane),
    "attach": Effect(asks(TakeOverScreen), lost=True),
    "theme": Effect(lambda console: console.theme == "acqs-light"),
    "help": Effect(asks(HelpScreen)),
    "quit": Effect(lambda console: console._exit),
}


@pytest.mark.parametrize("command", EFFECTS)
async def test_a_command_does_what_it_is_for(command: str) -> None:
    effect, clock = EFFECTS[command], Clock(scene.NOW)
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        script = night(clock, paused=effect.paused)
        settings = Settings(server_ip=scene.SERVER, control=ControlSettings(folder=folder))
        console = Console(settings, clock=clock)
        async with telling(script, Path(folder)) as server, console.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: has_told(console, script))
            if effect.lost:
                await server.close()
                await until(pilot, lambda: not console.feed.connected)
            await press(pilot, *effect.before)
            assert not effect.holds(console)
            await press(pilot, BY_ID[command].key)
            await until(pilot, lambda: effect.holds(console))
            await console.feed.close()


def test_every_command_is_pressed_here() -> None:
    assert EFFECTS.keys() == BY_ID.keys()
