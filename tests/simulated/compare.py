"""Two AMI streams held against each other: one recorded from a real Asterisk 22.10.1, one sent by the simulator.

Compared are the banner; every response and list item, whole and in order; which events come and how often; their header
names and the order of these; their values, exactly, after names of the machine's own were numbered (streams.py).

Only this order may differ (facts/ami.md, What shapes the design, 3):

- events of different channels, bridges, dials and requests among each other, but for `disorder` below;
- Dial events against their channel's own: they come from another task of Asterisk;
- OriginateResponse against everything;
- DeviceStateChange: how often each device was told of and its last state are compared, not what lies between;
- events against responses.
"""

from __future__ import annotations

import collections
import difflib

from tests.simulated.streams import Frame, event, is_event, value

RACY_FIELDS = {
    "DialBegin": {"DestChannelState", "DestChannelStateDesc"},
    "BridgeLeave": {"BridgeNumChannels"},
}
"""Fields that two recordings of one case differ in: a phone may ring before DialBegin is sent, either side may leave a
bridge first (the numbers are compared for each bridge instead)."""

AFTER_HANGUP = {"NewCallerid", "DeviceStateChange", "OriginateResponse"}
"""The only events that may speak of a channel after its Hangup."""


def difference(ours: list[Frame], theirs: list[Frame], apart: frozenset[str] = frozenset()) -> str:
    """What differs, one line a message, as a diff from the recording to the simulator; empty when nothing does.

    `apart` are events whose place among those of their channel is a race in this recording.
    """
    found = _diff(_grouped(ours, apart), _grouped(theirs, apart))
    problems = [f"simulated, but never in this order: {line}" for line in disorder(ours)]
    return "\n".join(found + problems)


def in_full(ours: list[Frame], theirs: list[Frame]) -> str:
    """What differs when not even events may come in another order."""
    return "\n".join(_diff({"": [_line(frame) for frame in ours]}, {"": [_line(frame) for frame in theirs]}))


def disorder(frames: list[Frame]) -> list[str]:
    """Events out of the order that holds between channels too: none names a channel before its Newchannel, or after its
    Hangup. A stream without Newchannel (by filter or mask) is held to the second only."""
    born = {value(frame, "Channel") for frame in frames if event(frame) == "Newchannel"}
    alive: set[str] = set()
    gone: set[str] = set()
    wrong = []
    for frame in filter(is_event, frames):
        if event(frame) == "Newchannel":
            alive.add(value(frame, "Channel"))
        named = born.intersection(text for _, text in frame)
        if (named - alive) or (named & gone and event(frame) not in AFTER_HANGUP):
            wrong.append(_line(frame))
        if event(frame) == "Hangup":
            gone.add(value(frame, "Channel"))
    return wrong


def _line(frame: Frame) -> str:
    return " ".join(map("=".join, frame))


def _grouped(frames: list[Frame], apart: frozenset[str]) -> dict[str, list[str]]:
    """The lines that must be equal, in order, by what they are about."""
    about: dict[str, list[str]] = collections.defaultdict(list)
    about["answers"] = [_line(frame) for frame in _answers(frames)]
    states: dict[str, list[str]] = collections.defaultdict(list)
    for frame in filter(is_event, frames):
        if event(frame) == "DeviceStateChange":
            states[value(frame, "Device")].append(value(frame, "State"))
            continue
        if event(frame).startswith("Bridge"):
            size = f"{event(frame)} {value(frame, 'BridgeNumChannels')}"
            about[f"sizes of bridge {value(frame, 'BridgeUniqueid')}"].append(size)
        about[_subject(frame, apart)].append(_line(_without_races(frame, apart)))
    for device, told in states.items():
        about[f"device {device}"] = [f"told {len(told)} times, at last {told[-1]}"]
    return dict(about)


def _answers(frames: list[Frame]) -> list[Frame]:
    """Responses and list items; which channel a hangup by pattern names first is a matter of hashing."""
    answers = [frame for frame in frames if not is_event(frame)]
    hung_up = iter(sorted(frame for frame in answers if event(frame) == "ChannelHungup"))
    return [next(hung_up) if event(frame) == "ChannelHungup" else frame for frame in answers]


def _subject(frame: Frame, apart: frozenset[str]) -> str:
    name = event(frame)
    if name == "OriginateResponse":
        return f"originate {value(frame, 'ActionID')}"
    if name.startswith("Dial"):
        return f"dial of {value(frame, 'DestChannel')}"
    own = next((value(frame, key) for key in ("Channel", "LocalOneChannel", "BridgeUniqueid") if value(frame, key)), "")
    return f"{name} of {own}" if name in apart else own


def _without_races(frame: Frame, apart: frozenset[str]) -> Frame:
    racy = RACY_FIELDS.get(event(frame), set())
    if event(frame) in apart:
        racy = racy | {"ChannelState", "ChannelStateDesc"}
    return [(key, "<racy>" if key in racy else text) for key, text in frame]


def _diff(ours: dict[str, list[str]], theirs: dict[str, list[str]]) -> list[str]:
    lines = []
    for key in sorted(ours.keys() | theirs.keys()):
        old, new = theirs.get(key, []), ours.get(key, [])
        if old != new:
            lines += [key, *difflib.unified_diff(old, new, "recorded", "simulated", lineterm="", n=1)]
    return lines
