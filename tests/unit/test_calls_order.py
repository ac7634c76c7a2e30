"""The same facts in another order end the same way: recorded calls, shuffled in every way that Asterisk may.

What may happen (facts/ami.md §3): OriginateResponse comes anywhere; a NewCallerid anywhere after its Newchannel, even
after the Hangup; two channels' events mix freely, each channel's own states and Hangup staying in order; and any event
may be told again later, as a reconnecting listener tells of channels that it knows. On Asterisk 1.4 what begins and
joins channels keeps its order, and a Local has both halves before anything happens to one: one thread each makes them.
"""

from __future__ import annotations

import dataclasses
import functools
import heapq
import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acqs_core.action import Status
from acqs_core.ami.wire import AmiMessage
from acqs_core.listener.calls import Calls
from acqs_core.listener.rules import Change
from tests.gate import ALL
from tests.unit.test_calls_traces import CASES
from tests.unit.trace_reader import Case, Trace, asking, hear, judged, read_trace, watching

Events = Sequence[AmiMessage]

ONE_A_TRACE = tuple({(case.version, case.trace, case.asked): case for case in CASES}.values())
SMALL = tuple(case for case in ONE_A_TRACE if case.trace.startswith("sip_"))


def in_any_order(case: Case) -> settings:
    """More orders of the newest Asterisk's recordings than of those of the same call on an older one, and more of all
    where there is time (`make test-all`): a hundred recordings share what breaks, so few orders of each find it."""
    newest, older = (40, 8) if ALL else (12, 4)
    return settings(max_examples=newest if case.version.startswith("22.") else older, derandomize=True, deadline=None)


@functools.cache
def trace_of(case: Case) -> Trace:
    """Its recording; the rows name their ActionID, as rows that the table tells of must."""
    trace = asking(read_trace(case.trace, case.version), case.man_id, case.asked)
    named = [
        dataclasses.replace(
            one,
            row=dataclasses.replace(
                one.row, lines=(*one.row.lines, f"ActionID: {one.action_id}") if one.action_id else one.row.lines
            ),
        )
        for one in trace.sent
    ]
    return dataclasses.replace(trace, sent=tuple(named))


@functools.cache
def as_recorded(case: Case) -> dict[int, Change]:
    return end(judged(watching(trace_of(case)), trace_of(case).events), case)


def end(changes: dict[int, Change], case: Case) -> dict[int, Change]:
    """How the rows end, but for the one thing that may depend on the order: which of two channels that replaced an
    optimised one hung up last, and was followed to the end."""
    if case.trace != "local_optimized":
        return changes
    return {man_id: dataclasses.replace(change, channel="", uniqueid="") for man_id, change in changes.items()}


def is_loose(event: AmiMessage) -> bool:
    return event.event in ("NewCallerid", "Newcallerid", "OriginateResponse")


def what_precedes(events: Events) -> list[set[int]]:
    """For each event those that come before it, whatever else is mixed."""
    before: list[set[int]] = [set() for _ in events]
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    near_half: dict[str, str] = {}
    for number, event in enumerate(events):
        if is_loose(event):
            continue
        channels = [event.get(name) for name in ("Uniqueid", "SrcUniqueID", "DestUniqueID") if event.get(name)]
        if not event.get("Linkedid"):  # Asterisk 1.4
            if event.event in ("Newchannel", "Dial", "Rename"):
                channels.append("these, among themselves")
            if event.event == "Newchannel":
                channels.append(near_half.get(event.get("Channel"), ""))
                near_half[event.get("Channel")[:-1] + "2"] = event.get("Uniqueid")
        for channel in filter(None, channels):
            before[number] |= {last[channel]} if channel in last else set()
            first.setdefault(channel, number)
            last[channel] = number
    for number, event in enumerate(events):
        if event.event in ("NewCallerid", "Newcallerid"):
            before[number].add(first[event.get("Uniqueid")])
    return before


@functools.cache
def what_follows(case: Case) -> tuple[list[list[int]], list[int]]:
    """For each event of a recording the ones that must wait for it, and how many it waits for itself."""
    before = what_precedes(trace_of(case).events)
    after = [[later for later, earlier in enumerate(before) if number in earlier] for number in range(len(before))]
    return after, [len(earlier) for earlier in before]


def shuffled(case: Case, keys: Sequence[int], again: Sequence[tuple[int, int]]) -> list[AmiMessage]:
    """The events by their keys, as far as Asterisk allows; `again` repeats some (by number) when that many are told."""
    events = trace_of(case).events
    after, waits = what_follows(case)
    left = list(waits)
    free = [(keys[number], number) for number, count in enumerate(left) if not count]
    heapq.heapify(free)
    told: list[int] = []
    while free:
        _, number = heapq.heappop(free)
        told.append(number)
        for later in after[number]:
            left[later] -= 1
            if not left[later]:
                heapq.heappush(free, (keys[later], later))
    for number, when in again:
        number %= len(events)
        told.insert(max(when * len(told) // 1000, told.index(number) + 1), number)
    return [events[number] for number in told]


def orders(count: int) -> st.SearchStrategy[tuple[list[int], list[tuple[int, int]]]]:
    keys = st.integers(0, 1000)
    return st.tuples(
        st.lists(keys, min_size=count, max_size=count),
        st.lists(st.tuples(st.integers(0, 1000), keys), max_size=6),
    )


@dataclasses.dataclass
class Told:
    """A listener's memory, what it has made of the rows so far, and the channels that it has heard of."""

    calls: Calls
    last: dict[int, Change] = dataclasses.field(default_factory=dict)
    linkedid_of: dict[str, str] = dataclasses.field(default_factory=dict)

    def tell(self, events: Events) -> Told:
        """Tell of events one by one; what must hold after each is held against every change."""
        for event in events:
            if event.get("Linkedid"):
                self.linkedid_of[event.get("Uniqueid")] = event.get("Linkedid")
            self.take(hear(self.calls, event))
        return self

    def take(self, changes: list[Change]) -> None:
        for change in changes:
            check(self.calls, self.last.get(change.man_id), change, self.linkedid_of)
            self.last[change.man_id] = change


def check(calls: Calls, before: Change | None, change: Change, linkedid_of: dict[str, str]) -> None:
    was_dead = before is not None and before.status is Status.DEAD
    assert change.status is Status.DEAD or not was_dead, "DEAD came back"
    if change.status is Status.DEAD and not was_dead:
        assert not calls.lives(change.man_id), "DEAD while its call lives"
    named = [uniqueid for uniqueid in (change.uniqueid, change.leg_uniqueid) if uniqueid]
    assert len({linkedid_of.get(uniqueid) for uniqueid in named}) <= 1, "shows another call's channel"
    assert bool(change.channel) == bool(change.uniqueid)


@pytest.mark.parametrize("case", ONE_A_TRACE, ids=str)
def test_a_recorded_call_ends_the_same_in_any_order(case: Case) -> None:
    trace = trace_of(case)

    @in_any_order(case)
    @given(orders(len(trace.events)))
    def ends_the_same(order: tuple[list[int], list[tuple[int, int]]]) -> None:
        told = Told(watching(trace)).tell(shuffled(case, *order))
        assert end(told.last, case) == as_recorded(case)

    ends_the_same()


@pytest.mark.parametrize("case", ONE_A_TRACE, ids=str)
def test_a_row_of_another_process_ends_the_same_whenever_the_table_tells_of_it(case: Case) -> None:
    trace = trace_of(case)

    @in_any_order(case)
    @given(orders(len(trace.events)), st.integers(0, len(trace.events)))
    def ends_the_same(order: tuple[list[int], list[tuple[int, int]]], told_after: int) -> None:
        events = shuffled(case, *order)
        told = Told(trace.memory()).tell(events[:told_after])
        assert told.last == {}
        told.take(told.calls.found([one.row for one in trace.sent], with_channel_id=False))
        assert end(told.tell(events[told_after:]).last, case) == as_recorded(case)

    ends_the_same()


def allowed_orders(events: Events) -> Iterator[tuple[AmiMessage, ...]]:
    """Every order of a single channel's events that Asterisk allows."""
    numbered = list(enumerate(events))
    for order in itertools.permutations(numbered):
        chain = [number for number, event in order if not is_loose(event)]
        begun = [number for number, event in order if event.event != "OriginateResponse"]
        if chain == sorted(chain) and (not begun or begun[0] == chain[0]):
            yield tuple(event for _, event in order)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_a_single_channel_ends_the_same_in_every_order_there_is(case: Case) -> None:
    trace = trace_of(case)
    seen = 0
    for events in allowed_orders([event for event in trace.events if event.get("Uniqueid")]):
        told = Told(watching(trace)).tell(events)
        assert end(told.last, case) == as_recorded(case), [event.event for event in events]
        seen += 1
    assert seen >= len(trace.events) - 1  # an OriginateResponse alone can stand anywhere
