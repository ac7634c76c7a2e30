"""The same facts in another order end the same way: recorded calls, shuffled in every way that Asterisk may.

What may happen (facts/ami.md §3): OriginateResponse comes anywhere; a NewCallerid anywhere after its Newchannel, even
after the Hangup; two channels' events mix freely, each channel's own states and Hangup staying in order; and any event
may be told again later, as a reconnecting listener tells of channels that it knows.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acqs_core.action import Status
from acqs_core.ami.wire import AmiMessage
from acqs_core.listener.calls import Calls
from acqs_core.listener.rules import Change
from tests.unit.test_calls_traces import CASES, Case, asking
from tests.unit.trace_reader import Trace, hear, judged, read_trace, watching

Events = Sequence[AmiMessage]

ONE_A_TRACE = tuple({(case.trace, case.asked): case for case in CASES}.values())
SMALL = tuple(case for case in ONE_A_TRACE if case.trace.startswith("sip_"))
in_any_order = settings(max_examples=40, derandomize=True, deadline=None)


@functools.cache
def trace_of(case: Case) -> Trace:
    """Its recording; the rows name their ActionID, as rows that the table tells of must."""
    trace = asking(read_trace(case.trace), case.man_id, case.asked)
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
    return end(judged(watching(trace_of(case).sent), trace_of(case).events), case)


def end(changes: dict[int, Change], case: Case) -> dict[int, Change]:
    """How the rows end, but for the one thing that may depend on the order: which of two channels that replaced an
    optimised one hung up last, and was followed to the end."""
    if case.trace != "local_optimized":
        return changes
    return {man_id: dataclasses.replace(change, channel="", uniqueid="") for man_id, change in changes.items()}


def is_loose(event: AmiMessage) -> bool:
    return event.event in ("NewCallerid", "OriginateResponse")


def shuffled(events: Events, keys: Sequence[int], again: Sequence[tuple[int, int]]) -> list[AmiMessage]:
    """The events by their keys, as far as Asterisk allows; `again` repeats some (by number) at keys of their own."""
    placed: list[tuple[int, AmiMessage]] = []
    chains: dict[str, list[int]] = {}
    for number, event in enumerate(events):
        if not is_loose(event):
            chains.setdefault(event.get("Uniqueid"), []).append(number)
    key_of = dict(enumerate(keys))
    for chain in chains.values():
        key_of.update(zip(chain, sorted(key_of[number] for number in chain), strict=True))
    for number, event in enumerate(events):
        if event.event == "NewCallerid":
            key_of[number] = max(key_of[number], key_of[chains[event.get("Uniqueid")][0]])
        placed.append((key_of[number], event))
    for number, key in again:
        number %= len(events)
        placed.append((max(key, key_of[number]), events[number]))
    return [event for _, event in sorted(placed, key=lambda one: one[0])]


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
    assert len({linkedid_of[uniqueid] for uniqueid in named}) <= 1, "shows another call's channel"
    assert bool(change.channel) == bool(change.uniqueid)


@pytest.mark.parametrize("case", ONE_A_TRACE, ids=str)
def test_a_recorded_call_ends_the_same_in_any_order(case: Case) -> None:
    trace = trace_of(case)

    @in_any_order
    @given(orders(len(trace.events)))
    def ends_the_same(order: tuple[list[int], list[tuple[int, int]]]) -> None:
        told = Told(watching(trace.sent)).tell(shuffled(trace.events, *order))
        assert end(told.last, case) == as_recorded(case)

    ends_the_same()


@pytest.mark.parametrize("case", ONE_A_TRACE, ids=str)
def test_a_row_of_another_process_ends_the_same_whenever_the_table_tells_of_it(case: Case) -> None:
    trace = trace_of(case)

    @in_any_order
    @given(orders(len(trace.events)), st.integers(0, len(trace.events)))
    def ends_the_same(order: tuple[list[int], list[tuple[int, int]]], told_after: int) -> None:
        events = shuffled(trace.events, *order)
        told = Told(Calls()).tell(events[:told_after])
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
        told = Told(watching(trace.sent)).tell(events)
        assert end(told.last, case) == as_recorded(case), [event.event for event in events]
        seen += 1
    assert seen >= len(trace.events) - 1  # an OriginateResponse alone can stand anywhere
