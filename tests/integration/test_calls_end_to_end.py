"""Every kind of call, from a producer's INSERT through a real Asterisk to the row's end."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable

import pytest

from acqs_core.action import NewAction, Outcome, Status, call, channel_id, command, hangup, raw, redirect
from acqs_core.queue.types import Timeline
from tests.integration.stand import VARIANT, Stand, events_of, outcome_of

pytestmark = pytest.mark.usefixtures("phones")

ENDS: dict[str, tuple[NewAction, Outcome, int | None, str, str]] = {
    # name: action, outcome, cause, how the row's channel starts ("": none is shown), Asterisk's answer
    "a Local channel that is answered": (
        call("Local/600@default/n", exten="610", callerid="V1"), Outcome.ANSWERED, 16, "Local/600@default-", "Y"),
    "a phone that answers and is hung up by us": (
        call("PJSIP/ans", exten="610", callerid="V2"), Outcome.ANSWERED, 16, "PJSIP/ans-", "Y"),
    "a phone that answers and hangs up": (
        call("PJSIP/hup", exten="607", callerid="V3"), Outcome.ANSWERED, None, "PJSIP/hup-", "Y"),
    "a busy phone": (call("PJSIP/busy", exten="610", callerid="V4"), Outcome.BUSY, 17, "", "Y"),
    "a busy extension": (call("Local/603@default", exten="610"), Outcome.BUSY, 17, "Local/603@default-", "Y"),
    "nobody answers": (
        call("PJSIP/ring", exten="610", timeout=1.5, callerid="V5"), Outcome.NO_ANSWER, 19, "PJSIP/ring-", "Y"),
    "congestion": (call("PJSIP/cong", exten="610", callerid="V6"), Outcome.CONGESTION, 34, "", "Y"),
    "an unknown number": (call("PJSIP/unal", exten="610", callerid="V7"), Outcome.FAILED, 1, "", "Y"),
    "an unknown peer": (call("PJSIP/nosuchpeer", exten="610", callerid="V8"), Outcome.FAILED, None, "", "Y"),
    "a missing extension": (call("PJSIP/ans", exten="99999", callerid="V9"), Outcome.REFUSED, None, "", "Y"),
    "an Originate that is waited for": (
        raw("Originate", ("Channel: Local/600@default/n", "Context: default", "Exten: 610", "Priority: 1",
                          "Async: false"), callerid="V10"),
        Outcome.ANSWERED, 16, "Local/600@default-", "Y"),
    "an Originate that is waited for in vain": (
        raw("Originate", ("Channel: PJSIP/ring", "Context: default", "Exten: 610", "Priority: 1", "Timeout: 1000",
                          "Async: false")),
        Outcome.NO_ANSWER, 19, "PJSIP/ring-", "Y"),
    "a row with its own ActionID": (
        raw("Originate", ("ActionID: my own 42", "Channel: PJSIP/busy", "Context: default", "Exten: 610",
                          "Priority: 1")),
        Outcome.BUSY, 17, "", "Y"),
}  # fmt: skip

CAUSE_ON_16: dict[str, int | None] = {
    "a phone that answers and hangs up": 16,
    "nobody answers": None,
    "an Originate that is waited for in vain": None,
}
"""Asterisk 16 tells the cause of a phone's BYE, which 22 does not, and none of a timeout (tests/traces)."""


def as_told(outcome: Outcome) -> Callable[[Timeline], bool]:
    """Whether the row has come to its outcome and its answer: they are written by two parts of the engine."""
    return lambda timeline: outcome_of(timeline) is outcome and timeline.row.response == "Y"


async def test_each_call_ends_with_its_outcome(stand: Stand) -> None:
    async with stand.engine():
        rows = {name: stand.produce(case[0]) for name, case in ENDS.items()}
        found = dict(zip(rows, await asyncio.gather(*map(stand.until_dead, rows.values())), strict=True))
        settled = {name: await stand.until(rows[name], as_told(case[1])) for name, case in ENDS.items()}
    for name, (_, outcome, cause, channel, answer) in ENDS.items():
        end = settled[name]
        man_id = rows[name]
        assert end.outcome is not None
        assert (end.row.status, outcome_of(end), end.row.response) == (Status.DEAD, outcome, answer), (name, end)
        told = CAUSE_ON_16.get(name, cause) if VARIANT.asterisk == "16" else cause
        assert end.outcome.cause == told, (name, end)
        assert end.row.channel.startswith(channel), (name, end)
        assert bool(end.row.channel) == bool(channel), (name, end)
        assert end.row.uniqueid == (channel_id(man_id) if channel else ""), (name, end)
        assert {"sent", "dead"} <= set(events_of(end)) or outcome is Outcome.REFUSED, (name, end)
        assert "sent" in events_of(found[name]), name
        assert end.outcome.sent_at is not None, name
        assert end.outcome.ended_at is not None, name


async def test_a_row_follows_the_living_channel_when_its_local_channel_is_optimised_away(stand: Stand) -> None:
    async with stand.engine():
        man_id = stand.produce(call("Local/617@default", exten="618", callerid="M42"))
        moved = await stand.until(
            man_id, lambda t: t.row.channel.startswith("Local/620@") and t.row.status is Status.UPDATED
        )
        assert moved.row.uniqueid != channel_id(man_id)
        assert outcome_of(moved) is Outcome.ANSWERED
        stand.produce(hangup(moved.row.channel))
        end = await stand.until_dead(man_id)
    assert end.row.channel.startswith("Local/620@")
    assert outcome_of(end) is Outcome.ANSWERED


async def test_a_redirect_moves_a_living_call_and_is_final_when_answered(stand: Stand) -> None:
    async with stand.engine():
        man_id = stand.produce(call("PJSIP/ans", exten="607", callerid="R1"))
        up = await stand.until(man_id, lambda t: outcome_of(t) is Outcome.ANSWERED and t.row.channel != "")
        moving = stand.produce(redirect(up.row.channel, exten="610", callerid="R2"))
        moved = await stand.until_answered(moving)
        assert moved.row.status is Status.SENT
        end = await stand.until_dead(man_id, 8)  # 607 alone would have kept it for 20 s
    assert (end.row.channel, outcome_of(end)) == (up.row.channel, Outcome.ANSWERED)


async def test_a_hangup_ends_a_call_and_one_for_a_dead_call_is_never_sent(stand: Stand) -> None:
    with stand.asterisk.record() as recorder:
        async with stand.engine() as engine:
            man_id = stand.produce(call("PJSIP/ans", exten="607", callerid="H1"))
            await stand.until(man_id, lambda t: outcome_of(t) is Outcome.ANSWERED)
            ending = stand.produce(hangup(channel_id(man_id)))
            await stand.until_answered(ending)
            await stand.until_dead(man_id)
            sent = engine.telemetry.counters.sent
            too_late = stand.produce(hangup(channel_id(man_id), callerid="H1"))
            refused = await stand.until_dead(too_late)
            assert engine.telemetry.counters.sent == sent
        recorder.settle()
    assert outcome_of(refused) is Outcome.DEAD_CALL
    assert refused.row.response == "N"
    assert "sent" not in events_of(refused)


async def test_the_output_of_a_command_is_in_the_journal(stand: Stand) -> None:
    async with stand.engine():
        man_id = stand.produce(command("core show version"))
        end = await stand.until_answered(man_id)
    assert end.row.status is Status.SENT
    assert any(entry.event == "answered" and "Asterisk" in entry.detail for entry in end.journal)


async def test_an_action_that_asterisk_refuses_is_dead_with_its_words(stand: Stand) -> None:
    async with stand.engine(sender={"allow_actions": ["NoSuchAction"]}):
        man_id = stand.produce(raw("NoSuchAction", ("Key: value",)))
        end = await stand.until_dead(man_id)
    assert end.outcome is not None
    assert outcome_of(end) is Outcome.REFUSED
    assert "NoSuchAction" in end.outcome.message


async def test_rows_that_share_a_caller_id_go_in_order_and_do_not_touch_each_other(stand: Stand) -> None:
    """The first is waited for by Asterisk itself, so the second must wait in QUEUE while the first rings."""
    blocking = ("Channel: PJSIP/ring", "Context: default", "Exten: 610", "Priority: 1", "Timeout: 2000", "Async: false")
    async with stand.engine():
        first = stand.produce(raw("Originate", blocking, callerid="SAME"))
        second = stand.produce(call("PJSIP/busy", exten="610", callerid="SAME"))
        other = stand.produce(call("PJSIP/busy", exten="610", callerid="OTHER"))
        one = await stand.until(first, as_told(Outcome.NO_ANSWER))
        two = await stand.until(second, as_told(Outcome.BUSY))
        three = await stand.until_dead(other)
    answered = _when(one, "answered", "refused")
    assert _when(two, "sent") >= answered
    assert _when(three, "sent") < answered, "nobody else waits"
    assert two.row.channel != one.row.channel


def _when(timeline: Timeline, *events: str) -> dt.datetime:
    """When the first of these was."""
    at = next(entry.at for entry in timeline.journal if entry.event in events)
    assert at is not None
    return at
