"""What recorded calls make of their rows, case by case: on Asterisk's own words, not on our memory of them.

A row that brought neither a ChannelId nor a caller id is known by its OriginateResponse alone, so each such case stands
here twice: as it was recorded, and with the ChannelId that ACQS adds (the recorded Uniqueid, put in the row).
"""

from __future__ import annotations

import pytest

from acqs_core.action import Outcome, Status
from acqs_core.ami.wire import AmiMessage
from acqs_core.listener.rules import Change
from tests.unit import recorded_14, recorded_16, recorded_22
from tests.unit.trace_reader import Case, asking, hear, judged, read_trace, watching

ANSWERED = Outcome.ANSWERED
CASES = (*recorded_22.CASES, *recorded_16.CASES, *recorded_14.CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_recorded_call_makes_of_its_row_what_became_of_it(case: Case) -> None:
    trace = asking(read_trace(case.trace, case.version), case.man_id, case.asked)
    last = judged(watching(trace), trace.events).get(case.man_id)
    assert last is None or last.status is Status.DEAD
    assert (last and (last.channel, last.uniqueid, last.outcome, last.cause)) == case.end, case.why


@pytest.mark.parametrize(("version", "name"), sorted({(case.version, case.trace) for case in CASES}))
def test_no_channel_is_believed_to_live_when_a_recording_has_ended_it(version: str, name: str) -> None:
    trace = read_trace(name, version)
    calls = watching(trace)
    judged(calls, trace.events)
    assert calls.living() == frozenset()


def test_a_row_whose_local_is_optimised_away_follows_the_living_channel_and_ends_with_the_last() -> None:
    trace = read_trace("local_optimized")
    calls = watching(trace)
    shown: list[Change] = []
    hangups: list[AmiMessage] = []
    at_hangup: list[Change] = []
    for event in trace.events:
        shown += hear(calls, event)
        if event.event == "Hangup":
            hangups.append(event)
            at_hangup.append(shown[-1])
    gone = [event.get("Uniqueid") for event in hangups]
    assert gone[:2] == ["opt-1;2", "opt-1"]
    assert [change.status for change in at_hangup] == [Status.UPDATED] * 5 + [Status.DEAD]
    assert [uniqueid.endswith((".208", ".210", "opt-1")) for uniqueid in gone].count(True) == 3
    # After the fourth Hangup only far halves are left, which are no channels to follow.
    assert all(change.uniqueid not in gone[: n + 1] for n, change in enumerate(at_hangup[:3]))
    assert {change.uniqueid for change in at_hangup[3:]} == {"1795457466.210"}


def test_a_refused_duplicate_leaves_the_living_call_as_it_is() -> None:
    trace = read_trace("originate_channelid_duplicate")
    calls = watching(trace)
    refused = next(n for n, event in enumerate(trace.events) if event.get("Response") == "Failure")
    judged(calls, trace.events[:refused])
    (change,) = hear(calls, trace.events[refused])
    assert (change.man_id, change.status) == (2, Status.DEAD)
    assert calls.lives(1)
    assert not calls.lives(2)


def test_calls_that_a_restart_cut_off_end_when_asterisk_lists_them_no_more() -> None:
    trace = read_trace("restart")
    calls = watching(trace)
    last = judged(calls, trace.events)[1]
    assert (last.status, last.uniqueid) == (Status.UPDATED, "1795457536.215")
    changes = [change for uniqueid in sorted(calls.living()) for change in calls.ended(uniqueid)]
    assert [(c.status, c.outcome, c.cause, c.uniqueid) for c in changes if c.status is Status.DEAD] == [
        (Status.DEAD, ANSWERED, None, "1795457536.215")
    ]
    assert not calls.living()
