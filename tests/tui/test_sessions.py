"""The pane of child sessions: what each does, and what became of those that failed."""

from __future__ import annotations

from textual.pilot import Pilot

from acqs_core.sender.child import State
from acqs_tui.panes.sessions import GLYPHS
from tests.tui import scene
from tests.tui.driving import console_of, painted, press, until
from tests.tui.pictures import showing
from tests.tui.ways import UNKNOWN


def shown(pilot: Pilot[int]) -> list[list[str]]:
    """The pane's lines, word by word."""
    return [line.split() for line in painted(console_of(pilot).sessions_pane.lines).splitlines()]


async def test_a_session_that_failed_tells_how_long_ago_and_why_has_the_room_of_pids_that_nobody_has() -> None:
    async with showing((80, 24)) as pilot:
        await press(pilot, "2", "2")
        await until(pilot, lambda: len(shown(pilot)) > 2)
        head, failed, *living = shown(pilot)
        assert head == ["row", "state", "for", "action", "why"]
        assert failed[:6] == [str(scene.FIRST + UNKNOWN), "✕", "failed", "4m", "ago", "Originate"]
        assert " ".join(failed[6:]).startswith("no answer within 15 s; it may")
        assert living[-1] == [str(scene.FIRST + 31), "⇥", "logging", "in", "1s", "Originate"]
        told = scene.sessions()
        for one in told["living"]:
            one["pid"] = 4711
        console_of(pilot).feed.sessions = told
        await until(pilot, lambda: "pid" in shown(pilot)[0])
        assert shown(pilot)[-1][-1] == "4711"


def test_every_state_has_a_glyph() -> None:
    assert set(GLYPHS) == {*map(str, State), "failed"}
