"""The list widget, on records that are put into it: what stays selected, marked and in view."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from acqs_core.action import Outcome, Row, Status
from acqs_core.control.wire import RowView
from acqs_core.filter import parse
from acqs_core.settings import ControlSettings, Settings
from acqs_tui.app import Console
from acqs_tui.columns import Column, laid_out
from acqs_tui.events import LINES, EventRecord
from acqs_tui.panes.queue import AGAIN, TABS, QueuePane, columns
from acqs_tui.records import Window, by_id
from acqs_tui.rows import SORTS, RowRecord
from acqs_tui.whole import Whole
from tests.tui import scene
from tests.tui.driving import console_of, press, until
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


async def test_all_rows_that_are_shown_are_marked_and_no_others(alone: Pilot[int]) -> None:
    console = console_of(alone)
    pane = console.queue_pane
    await press(alone, "slash", *"status:updated", "enter", "M")
    updated = {record.id for record in rows() if record.status is Status.UPDATED}
    assert pane.lines.marked == updated
    assert f"{len(updated)} rows are marked" in [str(one.message) for one in console._notifications]
    console.frame()
    assert f"{len(updated)} marked" in str(pane.border_subtitle)
    await press(alone, "escape")
    assert [row.id for row in pane.chosen()] == sorted(updated)
    pane.forget([min(updated)])
    assert pane.lines.marked == updated - {min(updated)}
    await press(alone, "m")
    assert not pane.lines.marked
    assert pane.has_chosen, "the selected one"


async def test_rows_that_may_go_on_are_read_again_without_a_look_at_all_the_others(
    alone: Pilot[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pane, view = console_of(alone).queue_pane, scene.rows()[0]

    def row(man_id: int, status: Status) -> RowRecord:
        return RowRecord(RowView(dataclasses.replace(view.row, man_id=man_id, status=status)), scene.NOW)

    def again() -> set[int]:
        return {*pane.to_freshen(), *pane.to_freshen()}  # a whole round, and its end

    pane.lines.clear()
    pane.put(row(man_id, Status.DEAD) for man_id in range(1000, 3000))
    pane.put([row(1, Status.NEW), row(2, Status.SENT), row(3, Status.NEW)])
    looked: list[int] = []
    monkeypatch.setattr(RowRecord, "is_final", property(lambda record: looked.append(record.id)))
    assert again() & {1, 2, 3} == {1, 2, 3}
    assert not looked
    monkeypatch.undo()
    pane.put([row(2, Status.DEAD)])
    pane.forget([3])
    assert again() & {1, 2, 3} == {1}
    assert pane._open == {1}, "what was forgotten is not kept"


async def test_an_overdue_row_is_told_by_a_mark_and_not_by_colour_alone(alone: Pilot[int]) -> None:
    console = console_of(alone)
    lines = console.queue_pane.lines
    kinds: list[scene.Kind] = [
        ("call", status, None, age)
        for status, age in ((Status.NEW, 30.0), (Status.NEW, 31.0), (Status.QUEUE, 366 * 86400.0), (Status.SENT, 99.0))
    ]
    lines.window.clear()
    console.queue_pane.put(RowRecord(view, scene.NOW) for view in scene.rows(tuple(kinds)))
    ages = [lines.render_line(1 + number).text.split()[1] for number in range(4)]
    assert ages == ["30s", "▲31s", "▲366d", "1m"]


async def test_what_is_no_call_is_done_once_it_is_answered(alone: Pilot[int]) -> None:
    pane = console_of(alone).queue_pane

    def sent(man_id: int, action: str, response: str, outcome: Outcome | None = None) -> RowRecord:
        return RowRecord(RowView(Row(man_id, action, "", (), Status.SENT, response), outcome), scene.NOW)

    pane.lines.window.clear()
    pane.put([sent(1, "Hangup", "Y"), sent(2, "Hangup", "N"), sent(3, "originate ", "Y"),
              sent(4, "Ping", "Y", Outcome.DISCARDED)])  # fmt: skip
    shown = [pane.lines.render_line(line).text[27:40].strip() for line in range(1, 5)]
    assert shown == ["✓ done", "", "", "· discarded"]


@pytest.mark.parametrize(("width", "titles"), [
    (77, "id age status outcome action caller id channel"), (78, "id age status outcome action caller id channel"),
    (158, "id age status outcome action caller id channel uniqueid answer"), (50, "id age status channel"),
])  # fmt: skip
def test_columns_fill_a_pane_and_the_action_is_among_them_at_80_cells(width: int, titles: str) -> None:
    found = laid_out(columns(lambda: 0.0), width, 1)
    assert " ".join(column.title for column, _ in found) == titles
    assert sum(taken + 1 for _, taken in found) + 1 == width
    assert min(taken for column, taken in found if column.title in ("channel", "caller id")) >= 11


@pytest.mark.parametrize("how", ["followed", "down", "page"])
async def test_a_pinned_view_that_comes_to_the_last_row_stays_with_it(alone: Pilot[int], how: str) -> None:
    pane = console_of(alone).queue_pane
    lines, last = pane.lines, rows()[-1].id
    await until(alone, lambda: lines.max_scroll_y > 0)
    await press(alone, "home")
    await until(alone, lambda: lines.scroll_y == 0)
    if how == "followed":
        lines.select(last)
    elif how == "down":
        await press(alone, *["down"] * len(lines.window))
    else:
        await press(alone, *["pagedown"] * 5)
    assert (lines.selected, lines.following) == (last, False)
    pane.put(
        [
            RowRecord(dataclasses.replace(view, row=dataclasses.replace(view.row, man_id=last + 1)), scene.NOW)
            for view in scene.rows()[:1]
        ]
    )
    await until(alone, lambda: len(lines.window) == len(scene.KINDS) + 1)
    assert (lines.selected, lines.came) == (last, 1)
    await press(alone, "end")
    assert (lines.selected, lines.following) == (last + 1, True)


async def test_what_came_is_counted_since_the_view_was_pinned_or_another_was_shown(alone: Pilot[int]) -> None:
    console = console_of(alone)
    pane = console.events_pane
    pane.put(events(1, 50), 0)
    await press(alone, "3", "home")
    for number, says in ((50, "50 · pinned"), (51, "51 · pinned, +1 new"), (52, "52 · pinned, +2 new")):
        pane.put(events(number, 1), 0)
        console.frame()
        assert str(pane.border_subtitle) == says
    pane.apply(parse("uniqueid:=3"))
    console.frame()
    assert str(pane.border_subtitle) == "1 · filter uniqueid:=3 · pinned"


@pytest.mark.parametrize(
    ("pane", "typed", "says"),
    [("1", "statsu:new", "did you mean status:?"), ("2", "stat:x", "did you mean state:?"), ("2", "why:login", ""),
     ("2", "seconds:>3", ""), ("3", "anything:x", "")],
)  # fmt: skip
async def test_a_name_that_no_field_of_the_pane_has_is_refused(
    alone: Pilot[int], pane: str, typed: str, says: str
) -> None:
    await press(alone, pane, "slash", *typed)
    box = alone.app.query_one("#filter", Input)
    assert box.value == typed
    assert says in str(box.border_subtitle or "")
    assert box.has_class("-invalid") == bool(says)


async def test_two_keys_go_two_tabs_on_however_quickly_they_come(alone: Pilot[int]) -> None:
    console = console_of(alone)
    console.do_tab_next()
    console.do_tab_next()
    await until(alone, lambda: console.queue_pane._tab == "QUEUE")


async def test_a_filter_that_is_typed_in_one_go_is_no_row_of_commands(alone: Pilot[int]) -> None:
    console = console_of(alone)
    driver = console._driver
    assert driver is not None
    for key in ("slash", *"edq", "enter", "end"):
        driver.send_message(Key(key, key if len(key) == 1 else None))
    await until(alone, lambda: console.queue_pane.filter.text == "edq")
    await until(alone, lambda: console.focused is console.queue_pane.lines)
    assert len(console.screen_stack) == 1
    assert len(console.queue_pane.lines.window) == 0


@pytest.mark.parametrize("at_once", [1, 250])
@pytest.mark.parametrize("sort", [by_id, lambda event: (event.at, event.id)], ids=["by id", "by time"])
def test_a_full_window_lets_the_oldest_go_and_shows_the_others_that_pass(
    at_once: int, sort: Callable[[EventRecord], tuple[float, ...]]
) -> None:
    window = Window[EventRecord](100)
    window.show(lambda event: event.id % 3 != 0, sort)
    events = [EventRecord(number, float(-number), "Event: Hangup") for number in range(500)]
    for first in range(0, len(events), at_once):
        window.put(events[first : first + at_once])
    assert 90 <= len(window.records) <= 100
    assert max(window.records) == 499
    assert min(window.records) == 500 - len(window.records) == window.dropped
    assert window.visible() == sorted((event for event in window.records.values() if event.id % 3 != 0), key=sort)


@pytest.mark.parametrize("at_once", [1, 500])
def test_a_window_of_whole_events_is_one_of_their_lines(at_once: int) -> None:
    held = Window[EventRecord](100)
    whole = Whole(held)
    came = events(1, 120)
    for first in range(0, len(came), at_once):
        whole.put(came[first : first + at_once])
    kept = held.visible()
    assert whole.visible() == kept
    assert held.dropped == 120 - len(kept) > 0
    lines = [line for event in kept for line in event.raw.split("\r\n")]
    assert [whole[number].line for number in range(len(whole))] == lines
    for number in (0, 1, 7, len(lines) - 1):
        record = whole[number]
        assert whole.index(record.id) == number
        assert whole.get(record.id) is kept[number // 4]
    assert whole.index(kept[0].id + 4) is None
    whole.show(lambda event: event.field("uniqueid") == "119")
    assert [whole[number].line for number in range(len(whole))][-1] == "Uniqueid: 119"
    assert (len(whole), whole.nearest((kept[3].id + 2,)), whole.nearest((kept[-1].id,))) == (4, 0, 0)
    whole.remove([kept[-2].id])
    assert (len(whole), whole.nearest((5,)), len(held.records)) == (0, 0, len(kept) - 1)


async def test_events_are_seen_whole_and_folded_again_and_none_is_lost(alone: Pilot[int]) -> None:
    console = console_of(alone)
    pane, lines = console.events_pane, console.events_pane.lines
    pane.put(events(1, 300), 0)
    await press(alone, "3", "w")
    assert len(lines.window) == 1200
    assert lines.selected_record is not None
    assert lines.selected_record.line == "Uniqueid: 300"
    console.frame()
    assert str(pane.border_subtitle).startswith("300")
    await press(alone, "w")
    assert len(lines.window) == 300
    await press(alone, "f", "w")
    pane.put(events(301, 1), 0)
    assert len(lines.window) == 1200, "it is frozen, and stands there whole"
    assert pane.after(299 * LINES)[-1].field("uniqueid") == "301", "the detail of a row knows also what waits"
    await press(alone, "w", "w", "f")
    assert len(lines.window) == 1204
    assert [lines.window[number].line is None for number in range(1204)] == [False] * 1204
    await press(alone, "home", "down", "w")
    assert (lines.selected, lines.following) == (LINES, False)
    pane.events.size = 200
    pane.put(events(302, 1), 0)
    console.frame()
    assert f"{302 - len(pane.events)} older let go" in str(pane.border_subtitle)


def events(first: int, count: int) -> list[EventRecord]:
    text = "Event: Newstate\r\nChannel: PJSIP/1\r\nChannelStateDesc: Ringing"
    return [EventRecord(number * LINES, 0.0, f"{text}\r\nUniqueid: {number}") for number in range(first, first + count)]


@pytest.mark.parametrize(
    ("text", "width", "says"),
    [
        ("V3140314430000700484", 12, "…30000700484"),
        ("V3140314430000700484", 20, "V3140314430000700484"),
        ("V1", 4, "V1  "),
        ("日本語日本語", 6, "…本語 "),
        ("V12", 1, "…"),
    ],
)
def test_a_caller_id_that_does_not_fit_keeps_its_end(text: str, width: int, says: str) -> None:
    column: Column[RowRecord] = Column("caller id", 20, lambda record: ("", ""), tail=True)
    assert column.fitted(text, width) == says
