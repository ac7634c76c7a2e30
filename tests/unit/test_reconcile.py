"""A listener that was away, at any time and for any time: what lives is not DEAD, what ended ends, and no other way.

The calls are recorded ones; of the events in the gap nothing is heard. What Asterisk lists after it is made of the
recording, too: the latest that it said of each channel that lives.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import cast

import pytest

from acqs_core.action import Outcome, Row, Status
from acqs_core.ami.forms import Form
from acqs_core.ami.session import AmiMessage, Session
from acqs_core.listener.calls import Calls
from acqs_core.listener.reconcile import Reconciler
from acqs_core.listener.rules import Change
from acqs_core.queue.store import Store
from tests.unit import recorded_16, recorded_22
from tests.unit.trace_reader import Case, Sent, Trace, asking, hear, read_trace

GAPS = 12
"""Gaps tried in each recording, beside the longest."""


def made(trace: Trace, case: Case) -> str:
    """The channel that the row's Originate made; empty where no recording tells."""
    sent = next(one for one in trace.sent if one.row.man_id == case.man_id)
    answers = [event for event in trace.events if event.event == "OriginateResponse"]
    return case.asked or next((e.get("Uniqueid") for e in answers if e.action_id == sent.action_id and e.success), "")


CASES = [
    dataclasses.replace(case, asked=asked)
    for case in (*recorded_22.CASES, *recorded_16.CASES)
    if case.end is not None and (asked := made(read_trace(case.trace, case.version), case))
]


class Asterisk:
    """What the recording says lives, as far as it has been told."""

    form = Form((11, 0, 0))

    def __init__(self) -> None:
        self.living: dict[str, AmiMessage] = {}
        self._ended: set[str] = set()

    def tell(self, event: AmiMessage) -> None:
        """Something happened."""
        uniqueid = event.get("Uniqueid")
        if event.event == "Hangup":
            self.living.pop(uniqueid, None)
            self._ended.add(uniqueid)
        elif event.event in ("Newchannel", "Newstate", "NewCallerid") and uniqueid not in self._ended:
            self.living[uniqueid] = event

    async def ask_list(self, action: str, timeout: float) -> list[AmiMessage]:
        """CoreShowChannels."""
        assert action == "CoreShowChannels"
        return list(self.living.values())


class Table:
    """The rows, as the changes that were decided left them."""

    def __init__(self, sent: Iterable[Sent]) -> None:
        self.rows = {one.row.man_id: dataclasses.replace(one.row, response="Y") for one in sent}
        self.outcomes: dict[int, Outcome | None] = {}

    def alive(self) -> list[Row]:
        """As Store.alive."""
        return [row for row in self.rows.values() if row.status in (Status.SENT, Status.UPDATED)]

    def decide(self, changes: Sequence[Change]) -> None:
        """Write what was decided."""
        for change in changes:
            row = self.rows[change.man_id]
            if row.status is not Status.DEAD:
                channel, uniqueid = change.channel or row.channel, change.uniqueid or row.uniqueid
                moved = dataclasses.replace(row, status=change.status, channel=channel, uniqueid=uniqueid)
                self.rows[change.man_id] = moved
            if self.outcomes.get(change.man_id) in (None, Outcome.UNKNOWN):
                self.outcomes[change.man_id] = change.outcome


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def gaps(count: int, chance: random.Random) -> list[tuple[int, int]]:
    """First event that is missed, and first that is heard again, of `count` events."""
    return [(0, count), *(tuple(sorted(chance.choices(range(count + 1), k=2))) for _ in range(GAPS))]  # type: ignore[list-item]


@pytest.mark.parametrize("forgets", [False, True], ids=["cut", "killed"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_whatever_of_a_call_was_missed_its_row_ends_with_it_and_not_before(
    case: Case, forgets: bool, threads: Executor
) -> None:
    trace = asking(read_trace(case.trace, case.version), case.man_id, case.asked)
    sent = tuple(one for one in trace.sent if one.row.matches_by_callerid and one.row.man_id == case.man_id)
    channels = {event.get("Uniqueid") for event in trace.events if event.get("Linkedid") == case.asked}
    for begin, end in gaps(len(trace.events), random.Random(7)):
        table, asterisk, calls = Table(sent), Asterisk(), Calls()
        for one in sent:
            calls.watch(one.row, action_id=one.action_id, with_channel_id=False)
        for event in trace.events[:begin]:
            asterisk.tell(event)
            table.decide(hear(calls, event))
        for event in trace.events[begin:end]:
            asterisk.tell(event)
        calls = Calls() if forgets else calls
        await _look(asterisk, table, calls, threads)
        row = table.rows[case.man_id]
        where = f"gap {begin}..{end} of {len(trace.events)}: {row}"
        lives = any(one.get("Linkedid") == case.asked for one in asterisk.living.values())
        assert not (lives and row.status is Status.DEAD), f"DEAD, and its call lives; {where}"
        if any(
            one.get("Uniqueid") == case.asked and one.get("ChannelStateDesc") == "Up"
            for one in asterisk.living.values()
        ):
            assert (row.status, table.outcomes[case.man_id]) == (Status.UPDATED, Outcome.ANSWERED), where
        for event in trace.events[end:]:
            asterisk.tell(event)
            table.decide(hear(calls, event))
        await _look(asterisk, table, calls, threads)
        row, outcome = table.rows[case.man_id], table.outcomes[case.man_id]
        assert row.status is Status.DEAD, f"its call has ended; {where}"
        assert row.uniqueid in {"", *channels}, f"another call's channel; {where}"
        assert case.end is not None
        right = {case.end[2], Outcome.UNKNOWN}
        if case.end[2] is not Outcome.ANSWERED and any(map(_fails(case), trace.events[:begin] + trace.events[end:])):
            right.add(Outcome.FAILED)  # that it failed was heard, and of how only so much
        assert outcome in right, f"{outcome}, not {case.end[2]}; {where}"


def _fails(case: Case) -> Callable[[AmiMessage], bool]:
    """Whether an event says that the call failed, or ended without having been up."""
    return lambda event: (
        event.response == "Failure"
        or (event.event == "Hangup" and event.get("Uniqueid") == case.asked and event.get("ChannelStateDesc") != "Up")
    )


async def _look(asterisk: Asterisk, table: Table, calls: Calls, threads: Executor) -> None:
    """The looks after a gap that settle whatever can be."""
    reconciler = Reconciler(cast(Session, asterisk), cast(Store, table), threads, calls, False)
    missed: set[int] = set()
    for _ in range(2):
        missed = await reconciler._look(table.decide, missed)
