"""Injecting a test action: what its dialog previews and refuses while one types, and how its row is followed."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from acqs_core.action import Row, Status, raw
from acqs_core.control.wire import RowView
from acqs_core.engine import Engine
from acqs_tui.forms import FORMS
from acqs_tui.rows import RowRecord
from acqs_tui.screens.inject import InjectScreen
from acqs_tui.strip import Followed
from tests.tui.driving import console_of, press, strip_of, text_of, until


async def opened(pilot: Pilot[int]) -> InjectScreen:
    """The dialog, ready for its first field to be typed."""
    await press(pilot, "i")
    await until(pilot, lambda: isinstance(pilot.app.focused, Input))
    screen = pilot.app.screen
    assert isinstance(screen, InjectScreen)
    return screen


async def test_a_call_is_injected_as_previewed_and_followed_until_it_ends(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    await until(pilot, lambda: console.feed.status["channel_ids"])
    await opened(pilot)
    await press(pilot, *"Local/600@default", "tab", *"610")
    await until(pilot, lambda: "Exten: 610" in text_of(pilot, "#message"))
    shown = text_of(pilot, "#message").splitlines()
    await press(pilot, "enter")
    await until(pilot, lambda: "DEAD  answered" in strip_of(pilot))
    assert "UPDATED Local/600@default" in strip_of(pilot)
    man_id = console.queue_pane.lines.selected
    assert man_id is not None
    assert f"row {man_id} " in strip_of(pilot)
    sent = next(entry.detail for entry in engine.store.timeline(man_id).journal if entry.event == "sent").splitlines()
    assert [line for line in shown if "<man_id>" not in line and line != "⏎"] == [
        line for line in sent if "acqs-" not in line
    ]
    assert [line.partition(":")[0] for line in shown[:-1]] == [line.partition(":")[0] for line in sent]


async def test_a_form_says_what_is_wrong_while_it_is_typed_and_injects_nothing(
    engine: Engine, pilot: Pilot[int]
) -> None:
    await opened(pilot)
    assert "give the channel" in text_of(pilot, "#error")
    await press(pilot, *"PJSIP/x", "enter")
    await until(pilot, lambda: "give one target" in text_of(pilot, "#error"))
    assert isinstance(pilot.app.screen, InjectScreen)
    assert engine.store.page(limit=1).rows == []


async def test_a_caller_id_that_is_too_long_is_refused_while_it_is_typed(engine: Engine, pilot: Pilot[int]) -> None:
    await opened(pilot)
    await press(pilot, *"PJSIP/100", "tab", *"610", "tab", "tab", "tab", "tab", *"V314031411000070")
    await until(pilot, lambda: "V314031411000070" in text_of(pilot, "#message").replace("TEST", ""))
    await press(pilot, *"5")
    await until(pilot, lambda: "has 21 characters, a row holds 20" in text_of(pilot, "#error"))
    assert text_of(pilot, "#message") == "nothing is sent like this"


async def test_what_was_typed_last_is_there_again(engine: Engine, pilot: Pilot[int]) -> None:
    for typed in ("PJSIP/100", ""):
        await opened(pilot)
        await press(pilot, *typed)
        box = pilot.app.screen.query_one("#call-channel", Input)
        await until(pilot, lambda: box.value == "PJSIP/100")  # noqa: B023
        await press(pilot, "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, InjectScreen))


async def test_the_next_form_is_a_key_away(engine: Engine, pilot: Pilot[int]) -> None:
    await opened(pilot)
    await press(pilot, "ctrl+t")
    await until(pilot, lambda: "give the channel to move" in text_of(pilot, "#error"))


async def test_lines_of_a_raw_action_are_typed_with_enter_and_injected_with_ctrl_s(
    engine: Engine, pilot: Pilot[int]
) -> None:
    await opened(pilot)
    assert "Enter" in text_of(pilot, "#hints")
    await press(pilot, "ctrl+t", "ctrl+t", "ctrl+t", "ctrl+t")
    await until(pilot, lambda: "Enter" not in text_of(pilot, "#hints"))
    await press(pilot, "tab", "tab", "X", ":", "1", "enter", "Y", ":", "2")
    await until(pilot, lambda: "Y:2" in text_of(pilot, "#message").replace(" ", ""))
    await press(pilot, "ctrl+s")
    await until(pilot, lambda: "answered by Asterisk" in strip_of(pilot))
    (injected,) = engine.store.page(limit=2).rows
    assert [line for line in injected.lines if line] == ["X:1", "Y:2"]


async def test_what_is_typed_right_after_the_next_form_stands_in_its_first_field(
    engine: Engine, pilot: Pilot[int]
) -> None:
    screen = await opened(pilot)
    for _ in range(2):
        screen.action_next_form()
    assert pilot.app.focused is screen.query_one("#hangup-channel")
    await press(pilot, *"SIP/1")
    assert screen.query_one("#hangup-channel", Input).value == "SIP/1"
    await press(pilot, *["ctrl+t"] * (len(FORMS) - 2))
    assert pilot.app.focused is screen.query_one("#call-channel"), "and the first comes after the last"


@pytest.mark.parametrize("frozen", [False, True])
async def test_a_row_that_has_ended_before_it_is_followed_is_told_of_all_the_same(
    engine: Engine, pilot: Pilot[int], frozen: bool
) -> None:
    console = console_of(pilot)
    console.queue_pane.lines.freeze(frozen)
    man_id = engine.store.insert(raw("Ping", []), actor="test")

    def answered() -> bool:
        record = console.queue_pane.lines.newest(man_id)
        return record is not None and record.is_done

    await until(pilot, answered)
    console.deeds.follow(man_id)
    assert "answered by Asterisk" in strip_of(pilot)


def test_an_answer_is_told_of_a_row_that_was_seen_before_it_was_answered() -> None:
    followed = Followed(7)
    for response in ("N", "Y"):
        assert not followed.has_ended
        followed.see(RowRecord(RowView(Row(7, "Ping", "", (), Status.SENT, response=response)), 0.0))
    assert followed.has_ended
    assert followed.drawn().plain == " row 7  ◑ SENT  answered by Asterisk"


def test_a_channel_that_comes_after_the_ringing_is_told_in_its_place() -> None:
    followed = Followed(7)
    for channel in ("", "PJSIP/100-1"):
        row = Row(7, "Originate", "", (), Status.UPDATED, channel=channel)
        followed.see(RowRecord(RowView(row), 0.0))
    assert followed.drawn().plain == " row 7  ● UPDATED PJSIP/100-1  "
