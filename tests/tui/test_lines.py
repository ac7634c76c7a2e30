"""The list widget, on records that are put into it: what stays selected, marked and in view."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import AsyncIterator

import pytest
from textual.pilot import Pilot

from acqs_core.action import Status
from acqs_core.filter import parse
from acqs_core.settings import ControlSettings, Settings
from acqs_tui.app import Console
from acqs_tui.events import LINES, EventRecord
from acqs_tui.panes.queue import AGAIN, TABS, QueuePane
from acqs_tui.rows import SORTS, RowRecord
from tests.tui import scene
from tests.tui.driving import console_of, until
from tests.tui.scripted import Clock


@pytest.fixture
async def alone() -> AsyncIterator[Pilot[int]]:
    """A console without an engine, with the rows of the night."""
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        console = Console(Settings(control=ControlSettings(folder=folder)), read_only=True, clock=Clock(scene.NOW))
        async with console.run_test(size=(120, 40)) as pilot:
            console.queue_pane.put(rows())
            yield pilot


def rows() -> list[RowRecord]:
    return [RowRecord(view, scene.NOW) for view in scene.rows()]


async def test_a_selected_row_that_is_hidden_gives_way_to_one_that_is_not(alone: Pilot[int]) -> None:
    """In every order, behind every tab and filter."""
    pane = console_of(alone).queue_pane
    lines = pane.lines
    some = [record.id for record in rows()[::8]]
    for before, sort, tab, wanted in itertools.product(("id", "age"), SORTS, TABS, ("", "!action:originate", "nobody")):
        for man_id in some:
            show(pane, "All", "", before)
            lines.select(man_id)
            pane.sort(sort)
            show(pane, tab, wanted, sort)
            visible = {one.id for one in lines.window.visible()}
            expected = {man_id} if man_id in visible else visible
            assert lines.selected in expected if expected else lines.selected is None


def show(pane: QueuePane, tab: str, wanted: str, sort: str) -> None:
    pane.filter = parse(wanted)
    pane._tab = tab
    pane.sort(sort)


async def test_a_row_that_leaves_its_tab_gives_its_place_to_the_next(alone: Pilot[int]) -> None:
    pane = console_of(alone).queue_pane
    lines = pane.lines
    show(pane, "NEW", "", "status")
    first, second = (record.id for record in lines.window.visible())
    lines.following = False
    lines.select(first)
    pane.put(
        [
            RowRecord(view, scene.NOW)
            for view in scene.rows((("call", Status.DEAD, None, 1.0),) * (first - scene.FIRST + 1))
        ]
    )
    assert lines.selected == second


@pytest.mark.parametrize("at_once", [5, AGAIN])
async def test_a_row_passes_an_age_filter_as_soon_as_it_is_old_enough(
    alone: Pilot[int], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acqs_tui.panes.queue.AGAIN", at_once)
    console = console_of(alone)
    pane, window = console.queue_pane, console.queue_pane.lines.window
    pane.apply(parse("status:new age:>30"))
    assert len(window) == 0
    clock = console.clock
    assert isinstance(clock, Clock)
    clock.now += 29.5
    await until(alone, lambda: len(window) == 1)
    clock.now += 1
    await until(alone, lambda: len(window) == 2)
    pane.apply(parse("status:new !age:>32"))
    assert len(window) == 2
    clock.now += 10
    await until(alone, lambda: len(window) == 0)


async def test_a_frozen_pane_holds_no_more_than_its_window_and_tells_what_it_let_go(alone: Pilot[int]) -> None:
    console = console_of(alone)
    lines = console.events_pane.lines
    lines.window.size = 100
    lines.freeze(True)
    for first in range(1, 1001, 50):
        console.events_pane.put(events(first, 50), 0)
    assert 90 <= lines.waiting <= 100
    assert lines.waiting + lines.unseen == 1000
    console.frame()
    assert f"{lines.unseen} not shown" in str(console.events_pane.border_subtitle)
    lines.freeze(False)
    assert lines.window.visible()[-1].id == 1000 * LINES, "the newest are kept"


def events(first: int, count: int) -> list[EventRecord]:
    text = "Event: Newstate\r\nChannel: PJSIP/1\r\nChannelStateDesc: Ringing"
    return [EventRecord(number * LINES, 0.0, f"{text}\r\nUniqueid: {number}") for number in range(first, first + count)]
