"""A busy Asterisk's events, as many as are wanted, made of recorded calls: names and ids are new, all else as it came.

What each call makes of its row was judged by reading its recording (tests/unit/recorded_22.py), not by our own rules.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import re
from collections.abc import Iterator, Sequence

from acqs_core.action import Outcome, Status, channel_id
from acqs_core.ami.wire import END, Framer, event_name
from tests.unit.recorded_22 import CASES
from tests.unit.trace_reader import TRACES, Case

CALLS = ("originate_answered_local_n", "originate_noanswer_local", "sip_answered", "sip_busy", "redirect_bridged")
"""A Local channel that answers, one that nobody answers, a phone that does and one that is busy, and a phone behind a
Local that is redirected: 8 of 36 events are wanted, where a box that dials through long dialplans has 13 of 80."""

MADE = {"redirect_bridged": "1795456346.99"}
"""The channel that the Originate made, where it is not the one that the row shows in the end."""

TOGETHER = 300
"""Calls that live at a time."""

_UNIQUEID = re.compile(rb"1795\d{6}\.\d+")
_NUMBER = re.compile(rb"-[0-9a-f]{8}\b")
_ACTION_ID = re.compile(rb"(?<=\nActionID: )[^\r]+")
_CALLER = b"V0123456789012345678"


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """What a row must be when its call's events have been heard."""

    man_id: int
    status: Status
    channel: str
    uniqueid: str
    outcome: Outcome | None
    cause: int | None


class Recorded:
    """One recorded call, to be told again under other names."""

    def __init__(self, case: Case) -> None:
        assert case.end is not None
        self._channel, self._uniqueid, self._outcome, self._cause = case.end
        made = MADE.get(case.trace) or case.asked or self._uniqueid
        _, _, stream = (TRACES / case.version / f"{case.trace}.ami").read_bytes().partition(b"\r\n")
        frames = [frame for frame in Framer().feed(stream) if (event_name(frame) or b"FullyBooted") != b"FullyBooted"]
        begin = next(at for at, frame in enumerate(frames) if event_name(frame) == b"Newchannel")
        self._frames = END.join(frames[begin:])
        self._others = sorted({found.decode() for found in _UNIQUEID.findall(self._frames)} - {made})
        self._made, self._half = made, _other_half(frames, made)

    def __len__(self) -> int:
        """Its events."""
        return self._frames.count(END) + 1

    def told(self, man_id: int) -> list[bytes]:
        """Its events as those of a row's call that asked for a ChannelId of ours."""
        ids = {name.encode(): self._id(name, man_id).encode() for name in (self._made, *self._others)}
        text = _UNIQUEID.sub(lambda found: ids[found[0]], self._frames)
        text = _NUMBER.sub(f"-{man_id:08x}".encode(), text)
        text = _ACTION_ID.sub(f"acqs-{man_id}-beef".encode(), text)
        return text.replace(_CALLER, f"V{man_id:019}".encode()).split(END)

    def expected(self, man_id: int, *, ended: bool) -> Expected:
        """What it makes of the row: in the end, or while it is up."""
        shown = (
            _NUMBER.sub(f"-{man_id:08x}".encode(), self._channel.encode()).decode(),
            self._id(self._uniqueid, man_id),
        )
        if ended:
            return Expected(man_id, Status.DEAD, *shown, self._outcome, self._cause)
        return Expected(
            man_id, Status.UPDATED, *shown, Outcome.ANSWERED if self._outcome is Outcome.ANSWERED else None, None
        )

    def _id(self, uniqueid: str, man_id: int) -> str:
        if uniqueid == self._made:
            return channel_id(man_id)
        if uniqueid == self._half:
            return f"{channel_id(man_id)};2"
        return f"1795000000.{man_id * 20 + self._others.index(uniqueid)}"


def _other_half(frames: Sequence[bytes], made: str) -> str:
    """The Uniqueid of the other half of a Local channel; empty when the Originate made no such."""
    names = {}
    for frame in frames:
        if event_name(frame) == b"Newchannel":
            headers = dict(line.partition(": ")[::2] for line in frame.decode().split("\r\n"))
            names[headers["Uniqueid"]] = headers["Channel"]
    name = names[made]
    return next((one for one, other in names.items() if name.endswith(";1") and other == f"{name[:-1]}2"), "")


def recorded() -> list[Recorded]:
    """The calls of CALLS."""
    by_trace = {case.trace: case for case in CASES if case.end is not None and (case.asked or case.end[1])}
    return [Recorded(by_trace[name]) for name in CALLS]


def expected(man_ids: Sequence[int], living: int) -> list[Expected]:
    """What the traffic of these rows makes of them."""
    calls, ended = recorded(), len(man_ids) - living
    return [calls[one % len(calls)].expected(one, ended=at < ended) for at, one in enumerate(man_ids)]


def traffic(man_ids: Sequence[int], living: int, seed: int = 1) -> list[bytes]:
    """The events of a call for each of these rows, TOGETHER at a time, in an order of their own. The last `living`
    calls are left before their first Hangup."""
    chance, calls = random.Random(seed), recorded()
    last = set(man_ids[len(man_ids) - living :])
    waiting = iter(man_ids)

    def begin(man_id: int) -> Iterator[bytes]:
        frames = calls[man_id % len(calls)].told(man_id)
        if man_id in last:
            frames = frames[: next(at for at, frame in enumerate(frames) if event_name(frame) == b"Hangup")]
        return iter(frames)

    events: list[bytes] = []
    under_way = [begin(man_id) for man_id in itertools.islice(waiting, TOGETHER)]
    while under_way:
        at = chance.randrange(len(under_way))
        frame = next(under_way[at], None)
        if frame is not None:
            events.append(frame + END)
        elif (man_id := next(waiting, None)) is not None:
            under_way[at] = begin(man_id)
        else:
            under_way[at] = under_way[-1]
            under_way.pop()
    return events
