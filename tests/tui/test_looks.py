"""Looking more closely on a running engine: detail, an event and its row, copy, export."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from pathlib import Path

import pytest
from textual.color import Color
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input, Static

from acqs_core.action import NewAction, Outcome, Row, Status, call
from acqs_core.control.wire import RowView
from acqs_core.engine import Engine
from acqs_core.settings import Settings
from acqs_tui import export, ladder, themes
from acqs_tui.app import Console
from acqs_tui.events import EventRecord
from acqs_tui.related import belongs, ids_of, man_id_of
from acqs_tui.rows import RowRecord
from acqs_tui.screens.confirm import ConfirmScreen
from acqs_tui.screens.detail import DetailScreen, EventScreen, whole
from acqs_tui.screens.export import Choice, ExportScreen
from tests.tui.driving import console_of, press, until
from tests.tui.pictures import showing
from tests.tui.ways import row as row_of_the_night


def shown(pilot: Pilot[int], selector: str) -> str:
    return str(pilot.app.screen.query_one(selector, Static).content)


async def ended_call(pilot: Pilot[int], engine: Engine, callerid: str) -> int:
    """A call that was answered and has hung up, selected."""
    console = console_of(pilot)
    man_id = await engine.insert(call("Local/600@default", exten="610", callerid=callerid), actor="margaret")
    window = console.queue_pane.lines.window
    await until(pilot, lambda: man_id in window.records and window.records[man_id].status is Status.DEAD)
    console.queue_pane.lines.select(man_id)
    return man_id


async def test_enter_tells_a_row_from_the_producer_to_its_end_and_r_shows_it_raw(
    engine: Engine, pilot: Pilot[int]
) -> None:
    man_id = await ended_call(pilot, engine, "LADDER")
    await press(pilot, "enter")
    screen = pilot.app.screen
    assert isinstance(screen, DetailScreen)
    await until(pilot, lambda: "dead" in shown(pilot, "#told") and "Hangup" in shown(pilot, "#told"))
    told = shown(pilot, "#told")
    for part in ("producer", "by margaret", "ActionID: acqs-", "Async: true", "answered", "Newchannel", "LADDER"):
        assert part in told, part
    assert shown(pilot, "#why").startswith("It has ended: its call was answered")
    assert {event.name for event in screen.events} >= {"Newchannel", "Hangup", "OriginateResponse"}
    await press(pilot, "r")
    assert re.search(r"Event: Hangup\n", shown(pilot, "#told"))
    await press(pilot, "y")
    assert f"acqs-{man_id}-" in pilot.app.clipboard
    await press(pilot, "escape")
    assert not isinstance(pilot.app.screen, DetailScreen)


async def test_a_detail_stays_live_and_its_deeds_are_of_its_row(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    await console.feed.ask("pause", reason="[red]storm\x1b[31m")
    man_id = await engine.insert(NewAction("Command", "[red]", ("command: core show uptime",)), actor="test")
    window = console.queue_pane.lines.window
    await until(pilot, lambda: man_id in window.records)
    console.queue_pane.lines.select(man_id)
    await press(pilot, "o")
    await until(pilot, lambda: "paused by" in shown(pilot, "#why"))
    assert "([red]storm\\x1b[31m)" in shown(pilot, "#why"), "as text, not as markup or an escape"
    await press(pilot, "d")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
    await press(pilot, "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, DetailScreen))
    await until(pilot, lambda: "it was discarded by" in shown(pilot, "#why"))


async def test_what_matters_less_is_quieter_than_what_it_stands_beside() -> None:
    async with showing((160, 48)) as pilot:
        await row_of_the_night(19, "o")(pilot)
        for widget in (console_of(pilot).status_bar, pilot.app.screen.query_one("#told", Static)):
            colours = [
                {segment.style.color for segment in widget.render_line(y) if segment.style is not None}
                for y in range(widget.size.height)
            ]
            foreground = Color.parse(themes.DARK.foreground or "").rich_color
            quiet = {colour for line in colours for colour in line} - {foreground}
            assert foreground in set().union(*colours)
            assert not {colour for colour in quiet if colour and min(colour.get_truecolor()) > 240}, "nothing is white"


async def test_an_event_is_shown_whole_and_leads_to_its_row(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    man_id = await ended_call(pilot, engine, "EVENTS")
    events = console.events_pane.lines
    await until(pilot, lambda: "Hangup" in [event.name for event in events.window.visible()])
    hangup = next(event for event in events.window.visible() if event.name == "Hangup")
    console.queue_pane.lines.select(console.queue_pane.lines.window[0].id)
    await press(pilot, "3")
    events.select(hangup.id)
    await press(pilot, "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, EventScreen))
    assert f"row {man_id}" in shown(pilot, ".says")
    assert "Cause: 16" in shown(pilot, "#told")
    await press(pilot, "y", "enter")
    assert pilot.app.clipboard.startswith("Event: Hangup\r\n")
    assert console.pane is console.queue_pane
    assert console.queue_pane.lines.selected == man_id


async def test_a_session_leads_to_the_detail_of_its_row(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    man_id = await engine.insert(call("Local/600@default", exten="610", callerid="CHILD"), actor="test")
    await until(pilot, lambda: len(console.sessions_pane.lines.window) > 0)
    await press(pilot, "2", "enter")
    screen = pilot.app.screen
    assert isinstance(screen, DetailScreen)
    assert screen.man_id == man_id


async def test_an_export_writes_what_the_pane_shows_and_asks_before_it_overwrites(
    engine: Engine, pilot: Pilot[int], tmp_path: Path
) -> None:
    console = console_of(pilot)
    await console.feed.ask("pause", reason="")
    for name in ("ONE", "TWO", "TWO"):
        await engine.insert(NewAction("Command", name, ("command: core show uptime",)), actor="test")
    window = console.queue_pane.lines.window
    await until(pilot, lambda: len(window) == 3)
    await press(pilot, "slash", *"TWO", "enter")
    await until(pilot, lambda: len(window) == 2)
    path = tmp_path / "there.csv"
    path.write_text("mine")
    await press(pilot, "e")
    box = pilot.app.screen.query_one("#path", Input)
    assert re.fullmatch(r"~/acqs-rows-\d{8}-\d{6}\.csv", box.value)
    box.value = str(path)
    await press(pilot, "enter")
    await until(pilot, lambda: "there already" in shown(pilot, "#error"))
    assert path.read_text() == "mine"
    await press(pilot, "enter")
    await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["callerid"] for row in rows] == ["TWO", "TWO"]
    assert rows[0]["cmd_line_b"] == "command: core show uptime"
    await until(pilot, lambda: any(f"2 rows written to {path}" in note.message for note in pilot.app._notifications))


async def test_another_format_is_chosen_by_keys_and_told_by_its_glyph(pilot: Pilot[int]) -> None:
    await press(pilot, "e")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExportScreen))
    first, second, _ = pilot.app.screen.query(Choice)
    assert (first.BUTTON_INNER, second.BUTTON_INNER) == ("●", " ")
    await press(pilot, "shift+tab", "down")
    box = pilot.app.screen.query_one("#path", Input)
    await until(pilot, lambda: box.value.endswith(".json"))
    await until(pilot, lambda: (first.BUTTON_INNER, second.BUTTON_INNER) == (" ", "●"))
    assert "exactly as it is" in shown(pilot, "#does")


async def test_enter_writes_also_from_the_formats(
    pilot: Pilot[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    await press(pilot, "e")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExportScreen))
    await press(pilot, "shift+tab", "down", "enter")
    await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
    assert len(list(tmp_path.glob("acqs-rows-*.json"))) == 1  # noqa: ASYNC240


# Pure.


def row(man_id: int = 12, *, callerid: str = "SAME", uniqueid: str = "acqs-0000000012", action: str = "Originate",
        lines: tuple[str, ...] = ("Channel: Local/1@x",)) -> RowRecord:  # fmt: skip
    return RowRecord(RowView(Row(man_id, action, callerid, lines, Status.DEAD, "Y", "10.0.0.1", "", uniqueid)), 0.0)


def event(name: str, *headers: str, at: float = 0.0) -> EventRecord:
    return EventRecord(256, at, "\r\n".join((f"Event: {name}", *headers)))


@pytest.mark.parametrize(
    ("headers", "belongs_to_it"),
    [
        (("ActionID: acqs-12-0a1b",), True),
        (("ActionID: acqs-12-0a1bff",), False),
        (("Uniqueid: 1.2", "Linkedid: acqs-0000000012"), True),
        (("Uniqueid: acqs-00000000123",), False),
        (("CallerIDNum: SAME",), True),
        (("CallerIDName: SAMEY",), False),
        (("CallerIDNum: SAME", "Uniqueid: acqs-0000000013"), False),
        (("CallerIDNum: SAME", "Uniqueid: 1.5", "Linkedid: acqs-0000000013"), False),
        (("CallerIDNum: SAME", "ActionID: acqs-13-0a1b"), False),
        (("CallerIDNum: SAME", "Uniqueid: acqs-0000000012", "Linkedid: acqs-0000000013"), True),
    ],
)
def test_an_event_belongs_to_a_row_by_whole_ids_and_whole_caller_ids(
    headers: tuple[str, ...], belongs_to_it: bool
) -> None:
    ids = ids_of(row(), "Action: Originate\nActionID: acqs-12-0a1b\nChannelId: acqs-0000000012")
    assert belongs(event("Newstate", *headers), ids, "SAME") is belongs_to_it


def test_an_event_of_before_the_row_is_of_another_call_of_the_same_caller_id() -> None:
    def of_it(at: float) -> bool:
        return belongs(event("Newstate", "CallerIDNum: SAME", at=at), frozenset(), "SAME", since=100.0)

    assert [of_it(at) for at in (98.9, 99.1, 100.0, 200.0)] == [False, True, True, True]


async def test_a_detail_shows_no_event_of_an_earlier_call_of_the_same_caller_id(
    engine: Engine, pilot: Pilot[int]
) -> None:
    first = await ended_call(pilot, engine, "AGAIN")
    second = await ended_call(pilot, engine, "AGAIN")
    for man_id, other in ((first, second), (second, first)):
        console_of(pilot).queue_pane.lines.select(man_id)
        await press(pilot, "enter")
        screen = pilot.app.screen
        assert isinstance(screen, DetailScreen)
        await until(pilot, lambda: "Hangup" in shown(pilot, "#told"))
        assert screen.events
        assert not [one for one in screen.events if f"acqs-{other}-" in one.raw or f"acqs-{other:010}" in one.raw]
        await press(pilot, "escape")


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (event("Hangup", "Channel: PJSIP/1", "Cause: 17", "Cause-txt: User busy"), "PJSIP/1  17 User busy"),
        (event("SoftHangupRequest", "Channel: PJSIP/1", "Cause: 34"), "PJSIP/1  34 congestion"),
        (event("Hangup", "Cause: 99", "Cause-txt: "), "99"),
        (event("OriginateResponse", "Response: Failure", "Reason: 3"), "Failure  3 no answer"),
        (event("OriginateResponse", "Response: Success", "Reason: 4"), "Success  4 answered"),
        (event("OriginateResponse", "Response: Failure", "Reason: 77"), "Failure  77"),
        (event("QueueMemberPause", "Reason: 3"), "3"),
    ],
)
def test_a_folded_event_says_in_words_what_its_number_means(seen: EventRecord, says: str) -> None:
    assert seen.summary == says


def test_nobody_and_a_blank_uniqueid_match_nothing() -> None:
    ids = ids_of(row(uniqueid=""), "")
    assert not ids
    assert not belongs(event("Newstate", "CallerIDNum: <unknown>", "Uniqueid: "), ids, "<unknown>")


def test_an_event_finds_its_row_by_our_id_else_by_uniqueid_else_by_caller_id() -> None:
    rows = [row(5, uniqueid="1.5"), row(4, uniqueid="1.4", callerid="OTHER")]
    assert man_id_of(event("Hangup", "Linkedid: acqs-0000000077"), []) == 77
    assert man_id_of(event("OriginateResponse", "ActionID: acqs-78-0a1b"), []) == 78
    assert man_id_of(event("Hangup", "Uniqueid: 1.4", "CallerIDNum: SAME"), rows) == 4
    assert man_id_of(event("Hangup", "Uniqueid: 9.9", "CallerIDNum: SAME"), rows) == 5
    assert man_id_of(event("Hangup", "Uniqueid: 9.9"), rows) is None


@pytest.mark.parametrize(
    ("status", "outcome", "journal", "is_known"),
    [
        (Status.NEW, None, (), True),
        (Status.QUEUE, None, (), True),
        (Status.SENT, None, (), False),
        (Status.DEAD, Outcome.ANSWERED, (), False),
        (Status.DEAD, Outcome.EXPIRED, (), True),
        (Status.DEAD, Outcome.DISCARDED, ("was NEW",), True),
        (Status.DEAD, Outcome.DISCARDED, ("was SENT",), False),
    ],
)
def test_a_row_is_said_to_be_not_sent_only_where_that_is_known(
    status: Status, outcome: Outcome | None, journal: tuple[str, ...], is_known: bool
) -> None:
    record = RowRecord(RowView(Row(12, "Ping", "", ("X: 1",), status), outcome), 0.0)
    told = {"journal": [{"event": "discarded", "detail": detail, "actor": "", "at": None} for detail in journal]}
    says = Content.assemble(*whole(told, record, [], 80)).plain
    assert ("not sent" in says) is is_known
    assert "Action: Ping\n  X: 1" in says


def test_a_ladder_is_in_order_with_the_time_since_the_step_before() -> None:
    at = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    journal = [
        {"event": "sent", "detail": "Action: Originate\nX: y", "actor": "", "at": at.isoformat()},
        {"event": "answered", "detail": "ok", "actor": "", "at": (at + dt.timedelta(seconds=2)).isoformat()},
    ]
    found = ladder.steps({"journal": journal}, [event("Newchannel", at=at.timestamp() + 0.005)])
    assert [step.name for step in found] == ["sent", "Newchannel", "answered"]
    for width in (70, 150):
        text = ladder.drawn(found, width).plain
        assert all(len(line) <= width for line in text.splitlines())
        assert "+5 ms" in text
        assert "+2.0 s" in text
    assert "queue → Asterisk" in ladder.drawn(found, 70).plain
    assert "●─────────○─────────▶" in ladder.drawn(found, 150).plain


def test_a_producers_insert_is_the_first_step_and_the_wait_in_the_queue_the_second() -> None:
    at = dt.datetime(2026, 1, 2, 3, 4, 17, 250_000, tzinfo=dt.UTC)
    told = {"journal": [{"event": "sent", "detail": "Action: Originate", "actor": "", "at": at.isoformat()}]}
    first, second = ladder.steps(told, [], at.timestamp() - 12.25)
    assert (first.name, first.says, second.name) == ("inserted", "by its producer", "sent")
    lines = ladder.drawn([first, second], 70).plain.splitlines()
    assert "producer → queue" in lines[1]
    assert "." not in lines[1][:13], "entry_date has whole seconds"
    assert "~12 s" in lines[2]
    told["journal"].insert(0, {"event": "inserted", "detail": "inject", "actor": "ann", "at": at.isoformat()})
    assert [step.name for step in ladder.steps(told, [], at.timestamp() - 12.25)] == ["inserted", "sent"]


@pytest.mark.parametrize("hours", [0.0, 2.0, -3.5])
def test_a_row_was_entered_when_the_database_says_whatever_its_time_zone(hours: float) -> None:
    now = dt.datetime(2026, 1, 2, 3, 4, 17, tzinfo=dt.UTC)
    console = Console(Settings(), clock=lambda: 5.0, wall=now.timestamp)
    entered = now.replace(tzinfo=None) - dt.timedelta(seconds=33) + dt.timedelta(hours=hours)
    view = RowView(Row(12, "Ping", "", (), Status.NEW, entry_date=entered, age=30.0))
    assert console.looks.entered(RowRecord(view, 3.0)) == now.timestamp() - 33
    assert console.looks.entered(RowRecord(RowView(Row(12, "Ping", "", ())), 3.0)) is None


def test_a_csv_field_is_no_formula_and_json_has_it_as_it_is(tmp_path: Path) -> None:
    evil = row(callerid="=cmd()", lines=("@x", "a,b\nc"))
    assert export.write(tmp_path / "a.csv", "csv", [evil]) == 1
    with (tmp_path / "a.csv").open(newline="") as file:
        read = next(csv.DictReader(file))
    assert (read["callerid"], read["cmd_line_b"], read["cmd_line_c"]) == ("'=cmd()", "'@x", "a,b\nc")
    export.write(tmp_path / "a.json", "json", [evil])
    assert json.loads((tmp_path / "a.json").read_text())[0]["callerid"] == "=cmd()"
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o600


def test_raw_ami_keeps_a_row_one_message_and_an_event_as_it_was_read(tmp_path: Path) -> None:
    export.write(tmp_path / "a.txt", "ami", [row(lines=("Channel: x\nAction: Bad", ""))])
    text = (tmp_path / "a.txt").read_bytes()
    assert text == b"Action: Originate\r\nChannel: x\\nAction: Bad\r\n\r\n"
    assert export.raw(event("Hangup", "Cause: 16")) == "Event: Hangup\r\nCause: 16\r\n\r\n"


def test_events_of_different_kinds_share_a_csv_and_repeated_headers_are_kept(tmp_path: Path) -> None:
    export.write(tmp_path / "a.csv", "csv", [event("A", "X: 1", "X: 2"), event("B", "Y: 3")])
    with (tmp_path / "a.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["X"], first["Y"], second["Event"], second["Y"]) == ("1\n2", "", "B", "3")


def test_an_export_never_overwrites_unless_told_to(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    export.write(path, "json", [row()])
    with pytest.raises(FileExistsError):
        export.write(path, "json", [])
    assert export.write(path, "json", [], overwrite=True) == 0
    assert json.loads(path.read_text()) == []
