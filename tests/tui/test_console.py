"""The console on a running engine: what an operator sees, and finds."""

from __future__ import annotations

import sqlite3

import pytest
from textual.pilot import Pilot

from acqs_core.action import Status, call, raw
from acqs_core.engine import Engine
from acqs_tui.app import FIELDS
from acqs_tui.records import Rounds
from tests.tui.driving import console_of, press, until


async def test_a_call_is_seen_from_its_row_to_its_end(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    man_id = await engine.insert(call("Local/600@default", exten="610", callerid="SEEN1"), actor="test")
    window = console.queue_pane.lines.window
    await until(pilot, lambda: man_id in window.records and window.records[man_id].status is Status.DEAD)
    assert window.records[man_id].outcome == "answered"
    await until(pilot, lambda: any(r["man_id"] == str(man_id) for r in console.sessions_pane.lines.window.visible()))
    named = {name for record in console.sessions_pane.lines.window.visible() for name in record}
    assert named <= set(FIELDS["sessions"] or ())
    told = {"Newchannel", "Newstate", "Hangup", "OriginateResponse"}
    await until(pilot, lambda: told <= {event.name for event in console.events_pane.lines.window.visible()})


async def test_a_filter_is_applied_while_it_is_typed_and_escape_shows_all(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    for number in range(3):
        await engine.insert(call("PJSIP/busy", exten="610", callerid=f"NAME{number}"), actor="test")
    window = console.queue_pane.lines.window
    await until(pilot, lambda: len(window) == 3)
    await press(pilot, "slash", *"callerid:name1")
    await until(pilot, lambda: len(window) == 1)
    assert window[0].view.row.callerid == "NAME1"
    await press(pilot, "enter", "escape")
    await until(pilot, lambda: len(window) == 3)


async def test_a_frozen_pane_stands_still_and_loses_nothing(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    await press(pilot, "f")
    man_id = await engine.insert(call("PJSIP/busy", exten="610"), actor="test")
    await until(pilot, lambda: console.queue_pane.lines.waiting == 1)
    assert len(console.queue_pane.lines.window) == 0
    await press(pilot, "f")
    assert man_id in console.queue_pane.lines.window.records


async def test_home_stays_on_the_only_row_when_others_come(engine: Engine, pilot: Pilot[int]) -> None:
    engine.store.pause(actor="test")
    lines = console_of(pilot).queue_pane.lines
    first = engine.store.insert(call("PJSIP/busy", exten="610"), actor="test")
    await until(pilot, lambda: first in lines.window.records)
    await press(pilot, "home")
    second = engine.store.insert(call("PJSIP/busy", exten="610"), actor="test")
    await until(pilot, lambda: second in lines.window.records)
    assert (lines.selected, lines.came) == (first, 1)


async def test_what_others_change_and_purge_off_the_screen_is_found(
    engine: Engine, pilot: Pilot[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acqs_tui.feed.STALE_EVERY", 0.02)
    monkeypatch.setattr("acqs_tui.feed.STALE_SELDOM", 0.02)
    monkeypatch.setattr("acqs_tui.panes.queue.OPEN", 7)
    monkeypatch.setattr("acqs_tui.panes.queue.ANY", 3)
    monkeypatch.setattr("acqs_tui.feed.LOOK_BACK", 0)
    engine.store.pause(actor="test")
    made = [engine.store.insert(raw("Ping", []), actor="test") for _ in range(100)]
    lines = console_of(pilot).queue_pane.lines
    records = lines.window.records
    await until(pilot, lambda: len(records) == 100)
    await until(pilot, lambda: lines.scroll_y > 3)
    engine.store.discard(made[0], actor="elsewhere")
    engine.store.discard(made[1], actor="elsewhere")
    await until(pilot, lambda: {records[one].status for one in made[:2]} == {Status.DEAD})
    await press(pilot, "f")
    with sqlite3.connect(engine.settings.queue.url.get_secret_value().removeprefix("sqlite:///")) as database:
        database.execute("DELETE FROM vicidial_manager WHERE man_id IN (?, ?)", (made[0], made[2]))
    await until(pilot, lambda: lines._waiting._gone == {made[0], made[2]})
    assert len(records) == 100, "it stands still"
    assert lines.waiting == 0, "to be read again is no change"
    await press(pilot, "f")
    assert len(records) == 98


def test_rounds_go_through_all_and_begin_anew_with_those_that_are_there_then() -> None:
    held = {1: "", 2: "", 3: ""}
    rounds = Rounds(lambda: held)
    assert (rounds.take(2), rounds.take(2)) == ([1, 2], [3])
    held[4] = ""
    assert (rounds.take(2), rounds.take(9), rounds.take(9)) == ([], [1, 2, 3, 4], [])
