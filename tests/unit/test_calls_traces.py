"""What recorded calls make of their rows, case by case: on Asterisk 22's own words, not on our memory of them.

A row that brought neither a ChannelId nor a caller id is known by its OriginateResponse alone, so each such case stands
here twice: as it was recorded, and with the ChannelId that ACQS adds (the recorded Uniqueid, put in the row).
"""

from __future__ import annotations

import dataclasses

import pytest

from acqs_core.action import Outcome, Status
from acqs_core.ami.wire import AmiMessage
from acqs_core.listener.rules import Change
from tests.unit.trace_reader import Sent, Trace, hear, judged, read_trace, watching

ANSWERED, BUSY, NO_ANSWER = Outcome.ANSWERED, Outcome.BUSY, Outcome.NO_ANSWER
CONGESTION, FAILED = Outcome.CONGESTION, Outcome.FAILED
C149 = "c" * 149


@dataclasses.dataclass(frozen=True)
class Case:
    """What becomes of one row of a recording. `end` is (channel, uniqueid, outcome, cause) of a DEAD row, None when
    nothing ever tells of it. `asked` is a ChannelId that the row is given, as ACQS gives it."""

    trace: str
    end: tuple[str, str, Outcome, int | None] | None
    why: str
    asked: str = ""
    man_id: int = 1

    def __str__(self) -> str:
        return f"{self.trace}-{self.man_id}{'-channelid' if self.asked else ''}"


L, P = "Local/{}@default-000000{}", "PJSIP/{}-000000{}"
CASES = (
    Case(
        "originate_answered_local",
        (L.format(600, "19;1"), "1795456197.57", ANSWERED, 16),
        "both halves bear its caller id; the half that the Originate made is shown",
    ),
    Case(
        "originate_answered_local_n",
        (L.format(600, "1a;1"), "1795456207.59", ANSWERED, 16),
        "the other half is up before, but is not what was called",
    ),
    Case("originate_busy_local", ("", "", BUSY, None), "no name, no id: Reason 5 is all there is"),
    Case(
        "originate_busy_local",
        (L.format(603, "1b;1"), "1795456217.61", BUSY, 17),
        "the half that was called gives Cause 0, its other half 17",
        asked="1795456217.61",
    ),
    Case("originate_congestion_local", ("", "", CONGESTION, None), "Reason 8 is all there is"),
    Case(
        "originate_congestion_local",
        ("", "", CONGESTION, 34),
        "it never rang, so the row shows no channel",
        asked="1795456246.70",
    ),
    Case("originate_noanswer_local", ("", "", NO_ANSWER, None), "Reason 3 is all there is"),
    Case(
        "originate_noanswer_local",
        (L.format(602, "25;1"), "1795456280.80", NO_ANSWER, 19),
        "it rang until the timeout",
        asked="1795456280.80",
    ),
    Case("originate_invalid", None, "answered with an Error, which the sender hears", man_id=1),
    Case("originate_invalid", ("", "", FAILED, None), "no such channel technology: Reason 0, no channel", man_id=2),
    Case("originate_invalid", None, "answered with an Error, which the sender hears", man_id=3),
    Case("originate_invalid", ("", "", NO_ANSWER, None), "nobody picked up within a second", man_id=6),
    Case("originate_invalid", ("", "", FAILED, None), "no such peer: Reason 0, no channel", man_id=8),
    Case("originate_noexten", ("", "", FAILED, None), "the Local leads nowhere: Reason 0, Cause 0"),
    Case("originate_noexten", ("", "", FAILED, None), "and never rings", asked="1795456289.82"),
    Case("originate_noexten", None, "answered with `Extension does not exist.`", man_id=2),
    Case(
        "originate_local_app",
        (L.format(600, "23;1"), "1795456267.76", ANSWERED, None),
        "OriginateResponse comes before Up; the application ends it with Cause 0",
    ),
    Case(
        "originate_channelid",
        (L.format(600, "1c;1"), "acqs-0000000042-1", ANSWERED, 16),
        "a ChannelId of its own that only resembles ours, and an OtherChannelId",
    ),
    Case("originate_channelid_duplicate", (L.format(601, "1d;1"), "dup-id-1", ANSWERED, 16), "lives until its Hangup"),
    Case(
        "originate_channelid_duplicate",
        ("", "", FAILED, None),
        "refused: its Failure carries the living call's id, which is none of its business",
        man_id=2,
    ),
    Case("originate_channelid_long", None, "150 characters: answered with an Error"),
    Case(
        "originate_channelid_long",
        (L.format(600, "1f;1"), C149, ANSWERED, 16),
        "a long uniqueid is kept whole",
        man_id=2,
    ),
    Case("originate_no_actionid", None, "no name, no id, and an OriginateResponse without ActionID: nothing can tell"),
    Case(
        "originate_no_actionid",
        (L.format(603, "24;1"), "1795456276.78", BUSY, 17),
        "its ChannelId tells, and the Hangup's cause says busy",
        asked="1795456276.78",
    ),
    Case("originate_sync", None, "without Async there is no OriginateResponse"),
    Case(
        "originate_sync",
        (L.format(600, "29;1"), "1795456300.88", ANSWERED, 16),
        "its channel was up",
        asked="1795456300.88",
    ),
    Case("originate_sync_fail", None, "without Async there is no OriginateResponse"),
    Case(
        "originate_sync_fail",
        (L.format(602, "2a;1"), "1795456309.90", NO_ANSWER, 19),
        "Cause 19 says that nobody answered",
        asked="1795456309.90",
    ),
    Case("sip_answered", (P.format("ans", "0b"), "1795456359.104", ANSWERED, 16), "by its caller id"),
    Case("sip_earlymedia_false", (P.format("early", "10"), "1795456390.109", ANSWERED, 16), "up without ringing"),
    Case("sip_busy", ("", "", FAILED, None), "Reason 0, and nothing tells that the Hangup is its own"),
    Case("sip_busy", (P.format("busy", "0d"), "1795456375.106", BUSY, 17), "the Hangup tells", asked="1795456375.106"),
    Case("sip_congestion", ("", "", CONGESTION, 34), "503 before it rang", asked="1795456387.108"),
    Case(
        "sip_noanswer",
        (P.format("ring", "12"), "1795456408.111", NO_ANSWER, 19),
        "the Failure comes while the channel lives and is believed once it does not",
        asked="1795456408.111",
    ),
    Case("sip_unallocated", ("", "", FAILED, 1), "404: Reason 0, Cause 1", asked="1795456440.116"),
    Case("sip_nobody", ("", "", NO_ANSWER, 19), "no reply at all: Reason 3", asked="1795456415.112"),
    Case("sip_nocontact", ("", "", FAILED, None), "there never was a channel", asked="1795456999.1"),
    Case(
        "redirect",
        (P.format("ans", "07"), "1795456327.96", ANSWERED, 16),
        "known by the OriginateResponse; sent elsewhere while it was up",
    ),
    Case("redirect", None, "a Redirect without a caller id names no call", man_id=4),
    Case(
        "redirect_bridged",
        (P.format("slow", "0a"), "1795456347.101", ANSWERED, 16),
        "the phone that the Local led to is redirected and outlives both halves; a NewCallerid follows a Hangup",
    ),
    Case("hangup", (L.format(601, "59;1"), "1795457459.203", ANSWERED, None), "ended by an action, Cause 0"),
    Case("hangup", None, "a Hangup row has no call", man_id=4),
    Case("local_optimized", (L.format(620, "5c;1"), "1795457466.210", ANSWERED, 16), "what it followed, it ends with"),
    Case(
        "masquerade_asyncgoto",
        (P.format("ans", "04"), "1795456177.54", ANSWERED, 16),
        "the phone leaves the bridge and is the call",
    ),
    *(
        Case("callerid_odd", ("", "", CONGESTION, 34), "Asterisk's name is the row's, byte for byte", man_id=man_id)
        for man_id in (1, 2, 5, 6, 8, 9)
    ),
    *(
        Case("callerid_odd", ("", "", CONGESTION, None), "without a name only the ActionID tells", man_id=man_id)
        for man_id in (3, 4)
    ),
    Case("callerid_odd", ("", "", CONGESTION, None), "Asterisk writes a tab in a name as backslash t", man_id=7),
)


def asking(trace: Trace, man_id: int, asked: str) -> Trace:
    """The recording, as if a row had brought a ChannelId."""

    def with_line(one: Sent) -> Sent:
        if one.row.man_id != man_id or not asked:
            return one
        return Sent(dataclasses.replace(one.row, lines=(*one.row.lines, f"ChannelId: {asked}")), one.action_id)

    return dataclasses.replace(trace, sent=tuple(map(with_line, trace.sent)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_recorded_call_makes_of_its_row_what_became_of_it(case: Case) -> None:
    trace = asking(read_trace(case.trace), case.man_id, case.asked)
    last = judged(watching(trace.sent), trace.events).get(case.man_id)
    assert last is None or last.status is Status.DEAD
    assert (last and (last.channel, last.uniqueid, last.outcome, last.cause)) == case.end, case.why


@pytest.mark.parametrize("name", sorted({case.trace for case in CASES}))
def test_no_channel_is_believed_to_live_when_a_recording_has_ended_it(name: str) -> None:
    trace = read_trace(name)
    calls = watching(trace.sent)
    judged(calls, trace.events)
    assert calls.living() == frozenset()


def test_a_row_whose_local_is_optimised_away_follows_the_living_channel_and_ends_with_the_last() -> None:
    trace = read_trace("local_optimized")
    calls = watching(trace.sent)
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
    calls = watching(trace.sent)
    refused = next(n for n, event in enumerate(trace.events) if event.get("Response") == "Failure")
    judged(calls, trace.events[:refused])
    (change,) = hear(calls, trace.events[refused])
    assert (change.man_id, change.status) == (2, Status.DEAD)
    assert calls.lives(1)
    assert not calls.lives(2)


def test_calls_that_a_restart_cut_off_end_when_asterisk_lists_them_no_more() -> None:
    trace = read_trace("restart")
    calls = watching(trace.sent)
    last = judged(calls, trace.events)[1]
    assert (last.status, last.uniqueid) == (Status.UPDATED, "1795457536.215")
    changes = [change for uniqueid in sorted(calls.living()) for change in calls.ended(uniqueid)]
    assert [(c.status, c.outcome, c.cause, c.uniqueid) for c in changes if c.status is Status.DEAD] == [
        (Status.DEAD, ANSWERED, None, "1795457536.215")
    ]
    assert not calls.living()


def test_asterisk_16_tells_the_same_of_an_answered_local() -> None:
    trace = read_trace("originate_answered_local", "16.28.0")
    last = judged(watching(trace.sent), trace.events)[1]
    assert (last.status, last.outcome, last.cause) == (Status.DEAD, ANSWERED, 16)
    assert last.channel.endswith(";1")
