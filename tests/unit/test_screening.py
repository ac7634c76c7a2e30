"""Which claimed rows may be sent: a refusal has an outcome and a sentence, and nothing else is held up by it."""

from __future__ import annotations

import pytest

from acqs_core.action import Outcome, Row
from acqs_core.sender.screening import Screening
from acqs_core.settings import SenderSettings


def row(action: str, *lines: str, callerid: str = "V1", age: float | None = 1.0) -> Row:
    return Row(1, action, callerid, lines, age=age)


def screening(**settings: object) -> Screening:
    return Screening(SenderSettings.model_validate(settings))


def outcome(rules: Screening, one: Row, *dead: str) -> Outcome | None:
    refusal = rules.refusal(one, set(dead))
    return refusal[0] if refusal else None


def test_an_ordinary_row_may_be_sent() -> None:
    assert screening().refusal(row("Originate", "Channel: PJSIP/1", "Exten: 600"), set()) is None


@pytest.mark.parametrize(
    "bad",
    [
        row(""),
        row("   "),
        row("Originate", "Channel: PJSIP/1\r\nAction: Command"),
        row("Originate", "Channel: PJSIP/1\nApplication: System"),
        row("Originate", "Channel: PJSIP/1\0"),
        row("Originate", f"Data: {'x' * 2000}"),
        row("Originate\r\nAction: Command"),
    ],
    ids=["no action", "blank action", "crlf", "lf", "nul", "too long", "crlf in the name"],
)
def test_a_row_that_can_never_be_sent_is_invalid_and_its_sentence_says_why(bad: Row) -> None:
    refusal = screening().refusal(bad, set())
    assert refusal is not None
    assert refusal[0] is Outcome.INVALID
    assert refusal[1]


def test_only_actions_that_are_allowed_are_sent_whatever_their_case() -> None:
    rules = screening(allow_actions=["originate", " Hangup "])
    assert outcome(rules, row("ORIGINATE", "Channel: x")) is None
    assert outcome(rules, row(" hangup", "Channel: x")) is None
    refusal = rules.refusal(row("Command", "Command: core stop now"), set())
    assert refusal is not None
    assert refusal[0] is Outcome.NOT_ALLOWED
    assert refusal[1].startswith("the action Command is not allowed; add it to [sender] allow_actions")


def test_a_row_that_waited_too_long_is_not_sent_late() -> None:
    rules = screening(expire_new_after=60)
    assert outcome(rules, row("Originate", "Channel: x", age=60.0)) is None
    refusal = rules.refusal(row("Originate", "Channel: x", age=61.0), set())
    assert refusal == (Outcome.EXPIRED, "it waited 61 s, expire_new_after is 60 s")
    assert outcome(rules, row("Originate", "Channel: x", age=None)) is None


def test_nothing_expires_unless_asked_for() -> None:
    assert outcome(screening(), row("Originate", "Channel: x", age=1e9)) is None


@pytest.mark.parametrize("action", ["Hangup", "Redirect", "hangup", " REDIRECT "])
def test_hangup_and_redirect_of_a_call_that_has_ended_are_not_sent(action: str) -> None:
    one = row(action, "Channel: PJSIP/1", "Exten: 600")
    assert outcome(screening(), one, "V1") is Outcome.DEAD_CALL
    assert outcome(screening(), one, "V2", "v1", "V1 ") is None


@pytest.mark.parametrize(
    "one",
    [
        row("Originate", "Channel: x"),
        row("Command", "Command: core show channels"),
        row("Redirect", "Channel: x", "Exten: 8309"),
        row("Redirect", "Channel: x", "exten:8310"),
        row("Hangup", "Channel: x", callerid=""),
        row("Hangup", "Channel: x", callerid="   "),
    ],
    ids=["originate", "command", "recording 8309", "recording 8310", "no caller id", "blank caller id"],
)
def test_other_rows_are_sent_though_a_call_of_their_caller_id_has_ended(one: Row) -> None:
    assert not screening().asks_for_dead_call(one)
    assert outcome(screening(), one, one.callerid) is None


def test_the_first_reason_is_the_one_that_trying_again_would_not_change() -> None:
    rules = screening(allow_actions=["Originate"], expire_new_after=1)
    assert outcome(rules, row("Hangup", "Channel: \n", age=9.0), "V1") is Outcome.INVALID
    assert outcome(rules, row("Hangup", "Channel: x", age=9.0), "V1") is Outcome.NOT_ALLOWED
    rules = screening(expire_new_after=1)
    assert outcome(rules, row("Hangup", "Channel: x", age=9.0), "V1") is Outcome.EXPIRED


def test_what_is_screened_is_what_is_sent() -> None:
    one = row("Originate", "Channel: PJSIP/1")
    message = screening().compose(one, "abcd", with_channel_id=True)
    assert message.action_id == "acqs-1-abcd"
    assert "ChannelId: acqs-0000000001" in message.lines
