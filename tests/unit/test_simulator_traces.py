"""The simulator against recorded streams of a real Asterisk 22.10.1: the same actions, and what came back.

Events are compared field by field: header names and their order exactly; values exactly after channel numbers,
Uniqueids and bridge ids were replaced by the order in which they first appear; clocks and addresses by their shape.
Events are compared in order for each channel, not between channels, which Asterisk does not order (facts/ami.md, 3).
"""

from __future__ import annotations

import asyncio
import collections
import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from acqs_core.simulator import Simulator

TRACES = Path(__file__).parent.parent / "traces" / "22.10.1"

CALLS = [
    "originate_answered_local",
    "originate_answered_local_n",
    "originate_busy_local",
    "originate_noanswer_local",
    "originate_congestion_local",
    "originate_invalid",
    "originate_noexten",
    "originate_local_app",
    "originate_channelid",
    "originate_channelid_duplicate",
    "originate_channelid_long",
    "originate_no_actionid",
    "originate_sync",
    "originate_sync_fail",
    "sip_answered",
    "sip_busy",
    "sip_congestion",
    "sip_noanswer",
    "sip_unallocated",
    "sip_nobody",
    "sip_nocontact",
    "redirect",
    "hangup",
    "hangup_by_uniqueid_regex_cause",
    "local_optimized",
    "login_events_call",
    "filter_action",
]
"""Cases with calls: replayed step by step, compared for each channel."""

TALKS = [
    "eventmask",
    "unknown_action",
    "limits",
    "ping",
    "login_ok",
    "login_failed",
    "login_failed_user",
    "login_events_off",
    "not_logged_in",
    "login_again_same_session",
    "logoff",
    "userevent",
]
"""Cases of one connection without calls: sent in one piece, compared frame by frame."""

SPEEDS = {"originate_channelid_duplicate": 3}
"""Cases that must act while a call of 3 seconds lives, and so run slower than the others."""

IGNORED = {
    "TestEvent": "only builds with the test framework send it",
    "VarSet RTPAUDIOQOS*": "RTP statistics; there is no media",
    "VarSet BRIDGEPEER": "bookkeeping of bridges",
    "VarSet DIAL*, ANSWEREDTIME*, RINGTIME*, PROGRESSTIME*": "bookkeeping of Dial()",
    "VarSet CHANLOCALSTATUS": "bookkeeping of an optimised Local channel",
}
"""The only recorded events that are left out of the comparison, and why."""

SHAPES = {
    "Uptime": r"\d+",
    "LastReload": r"\d+",
    "EventTV": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000",
    "SessionTV": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000",
    "SessionID": r"0x[0-9a-f]+",
    "LocalAddress": r"IPV4/TCP/[\d.]+/\d+",
    "RemoteAddress": r"IPV4/TCP/[\d.]+/\d+",
    "Timestamp": r"\d+\.\d{6}",
}
"""Headers whose value belongs to the machine: compared by shape."""

RACY_FIELDS = {
    "DialBegin": {"DestChannelState", "DestChannelStateDesc"},
    "BridgeLeave": {"BridgeNumChannels"},
}
"""Fields that two recordings of one case differ in: a phone may ring before DialBegin is sent, either side may leave a
bridge first (the numbers are compared for each bridge instead)."""

_IGNORED_VARIABLE = re.compile(
    r"RTPAUDIOQOS.*|BRIDGEPEER|DIAL(STATUS|ED.*)|ANSWEREDTIME.*|RINGTIME.*|PROGRESSTIME.*|CHANLOCALSTATUS"
)
_CHANNEL = re.compile(r"((?:Local|PJSIP)/[^\s-]+)-([0-9a-f]{8})(?=;|$)")
_UNIQUEID = re.compile(r"\d{10}\.\d+")
_BRIDGE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Frame = list[tuple[str, str]]


def parse(stream: bytes) -> list[Frame]:
    """Every message of a stream after its banner; a line without a colon would be a header without a value."""
    _, _, rest = stream.partition(b"\r\n")
    texts = rest.decode("utf-8", "surrogateescape").split("\r\n\r\n")
    return [[_header(line) for line in text.strip("\r\n").split("\r\n")] for text in texts if text.strip("\r\n")]


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.removeprefix(" ")


def ignored(frame: Frame) -> bool:
    headers = dict(frame)
    name = headers.get("Event")
    return name == "TestEvent" or (name == "VarSet" and bool(_IGNORED_VARIABLE.fullmatch(headers["Variable"])))


class Names:
    """The machine's own names in one stream, numbered by first appearance."""

    def __init__(self) -> None:
        self.numbers: dict[str, dict[str, str]] = collections.defaultdict(dict)

    def number(self, kind: str, own: str) -> str:
        seen = self.numbers[kind]
        return seen.setdefault(own, f"#{len(seen)}")

    def own(self, kind: str, number: str) -> str:
        return next(own for own, known in self.numbers[kind].items() if known == number)

    def canonical(self, frame: Frame) -> Frame:
        return [(key, self._value(key, value)) for key, value in frame]

    def _value(self, key: str, value: str) -> str:
        if key in SHAPES:
            assert re.fullmatch(SHAPES[key], value), f"{key}: {value}"
            return f"<{key}>"
        value = _CHANNEL.sub(lambda found: f"{found[1]}-{self.number(found[1], found[2])}", value)
        value = _UNIQUEID.sub(lambda found: self.number("uniqueid", found[0]), value)
        return _BRIDGE_ID.sub(lambda found: self.number("bridge", found[0]), value)


def own_answers(frames: list[Frame]) -> list[Frame]:
    """Responses and list items, in order; which channel a hangup by pattern names first is a matter of hashing."""
    answers = [frame for frame in frames if ("Event", "Status") in frame or "Privilege" not in dict(frame)]
    hung_up = iter(sorted(frame for frame in answers if ("Event", "ChannelHungup") in frame))
    return [next(hung_up) if ("Event", "ChannelHungup") in frame else frame for frame in answers]


def by_channel(frames: list[Frame]) -> dict[str, list[Frame]]:
    """Events by what they are about. Dial events come from another task than a channel's own, so they stand apart."""
    about: dict[str, list[Frame]] = collections.defaultdict(list)
    for frame in frames:
        headers = dict(frame)
        name = headers.get("Event", "")
        if "Privilege" not in headers or name == "DeviceStateChange":
            continue
        if name.startswith("Dial"):
            key = "dial of " + headers["DestChannel"]
        else:
            key = next((headers[one] for one in ("Channel", "LocalOneChannel", "BridgeUniqueid") if one in headers), "")
        key = "originate" if name == "OriginateResponse" else key
        racy = RACY_FIELDS.get(name, set())
        about[key].append([(header, "<racy>" if header in racy else value) for header, value in frame])
    return dict(about)


def devices(frames: list[Frame]) -> dict[str, tuple[int, str]]:
    """For every device how often its state was told and what it was last; the states between depend on timing."""
    told: dict[str, list[str]] = collections.defaultdict(list)
    for headers in map(dict, frames):
        if headers.get("Event") == "DeviceStateChange":
            told[headers["Device"]].append(headers["State"])
    return {device: (len(states), states[-1]) for device, states in told.items()}


def bridge_sizes(frames: list[Frame]) -> dict[str, list[tuple[str, str]]]:
    sizes: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
    for headers in map(dict, frames):
        if headers.get("Event", "").startswith("Bridge"):
            sizes[headers["BridgeUniqueid"]].append((headers["Event"], headers["BridgeNumChannels"]))
    return dict(sizes)


def difference(ours: dict[str, list[Frame]], theirs: dict[str, list[Frame]]) -> str:
    """What differs, one line an event, in the form of a diff from the recording to the simulator."""
    lines = []
    for key in sorted(ours.keys() | theirs.keys()):
        old, new = ([" ".join(map("=".join, frame)) for frame in which.get(key, [])] for which in (theirs, ours))
        if old != new:
            lines += [key, *difflib.unified_diff(old, new, "recorded", "simulated", lineterm="", n=1)]
    return "\n".join(lines)


def recorded(name: str) -> list[Frame]:
    return parse((TRACES / name).read_bytes())


class Client:
    """A connection that keeps all it reads and lets one wait for a number of responses or events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._data = b""
        self.responses = 0
        self.events = 0
        self.frames: list[Frame] = []

    @classmethod
    async def open(cls, simulator: Simulator) -> Client:
        return cls(*await asyncio.open_connection(*simulator.address))

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def until(self, *, responses: int = 0, events: int = 0) -> None:
        async with asyncio.timeout(10):
            while self.responses < responses or self.events < events:
                assert await self._read(), f"closed after {self.events} of {events} events"

    async def everything(self) -> list[Frame]:
        async with asyncio.timeout(20):
            while await self._read():
                pass
        self._writer.close()
        return self.frames

    async def _read(self) -> bool:
        data = await self._reader.read(65536)
        self._data += data
        whole, _, _ = self._data.rpartition(b"\r\n\r\n")
        self.frames = [frame for frame in parse(whole) if not ignored(frame)]
        self.responses = sum(frame[0][0] == "Response" for frame in self.frames)
        self.events = sum("Privilege" in dict(frame) for frame in self.frames)
        return bool(data)


class Replay:
    """A recorded case sent to the simulator, each action when as many events had come as before it in the recording."""

    def __init__(self, case: str, simulator: Simulator) -> None:
        self.case, self.simulator = case, simulator
        self.expected = [frame for frame in recorded(f"{case}.ami") if not ignored(frame)]
        self.names = Names()
        self.expected = [self.names.canonical(frame) for frame in self.expected]
        self.senders: list[tuple[str, asyncio.Task[list[Frame]]]] = []

    async def run(self) -> list[Frame]:
        listener = await Client.open(self.simulator)
        messages = iter((TRACES / f"{self.case}.txt").read_bytes().split(b"\r\n\r\n"))
        answered = 0
        for step, after in self._agenda():
            await listener.until(responses=answered, events=after)
            if step == "listener":
                answered += 1
                listener.send(self._translate(next(messages), listener) + b"\r\n\r\n")
            else:
                text = self._translate((TRACES / f"{self.case}.{step}.txt").read_bytes(), listener)
                self.senders.append((step, asyncio.create_task(self._send(text))))
        frames = await listener.everything()
        names = Names()
        return [names.canonical(frame) for frame in frames]

    def _agenda(self) -> Iterator[tuple[str, int]]:
        """Who acts next (the listener, or a sender that logs in) and after how many events."""
        steps = [f"sender{n}" for n in ("", 2, 3) if (TRACES / f"{self.case}.sender{n}.txt").exists()]
        logins = events = 0
        for headers in map(dict, self.expected):
            if "Response" in headers and "Event" not in headers:
                yield "listener", events
            if headers.get("Event") == "SuccessfulAuth":
                logins += 1
                if logins > 1:
                    yield steps[logins - 2], events
            events += "Privilege" in headers

    def _translate(self, text: bytes, listener: Client) -> bytes:
        """Recorded channel names to those that the simulator gave out."""
        ours = Names()
        for frame in listener.frames:
            ours.canonical(frame)

        def own(found: re.Match[str]) -> str:
            return f"{found[1]}-{ours.own(found[1], self.names.number(found[1], found[2]))}"

        return re.sub(r"(?m)" + _CHANNEL.pattern.replace("$", "\r?$"), own, text.decode("latin-1")).encode("latin-1")

    async def _send(self, text: bytes) -> list[Frame]:
        client = await Client.open(self.simulator)
        client.send(text)
        return await client.everything()


@pytest.fixture(autouse=True)
def _say_what_is_ignored(request: pytest.FixtureRequest) -> None:
    print("not compared:", "; ".join(f"{what} ({why})" for what, why in IGNORED.items()))


@pytest.mark.parametrize("case", CALLS)
async def test_a_replayed_call_sends_what_a_real_asterisk_sent(case: str) -> None:
    async with Simulator(users={"cron": "1234"}, speed=SPEEDS.get(case, 10)) as simulator:
        replay = Replay(case, simulator)
        frames = await replay.run()
        assert own_answers(frames) == own_answers(replay.expected)
        assert difference(by_channel(frames), by_channel(replay.expected)) == ""
        assert devices(frames) == devices(replay.expected)
        assert bridge_sizes(frames) == bridge_sizes(replay.expected)
        for step, task in replay.senders:
            names, expected_names = Names(), Names()
            expected = [expected_names.canonical(frame) for frame in recorded(f"{case}.{step}.ami")]
            assert [names.canonical(frame) for frame in await task] == expected


@pytest.mark.parametrize("case", TALKS)
async def test_a_replayed_conversation_reads_as_with_a_real_asterisk(case: str) -> None:
    async with Simulator(users={"cron": "1234"}, speed=10) as simulator:
        client = await Client.open(simulator)
        client.send((TRACES / f"{case}.txt").read_bytes())
        names, expected_names = Names(), Names()
        said = [names.canonical(frame) for frame in await client.everything()]
        expected = [expected_names.canonical(frame) for frame in recorded(f"{case}.ami") if not ignored(frame)]
        assert said == expected


def test_the_comparison_notices_a_missing_header_a_wrong_value_and_a_swapped_pair() -> None:
    frames = [Names().canonical(frame) for frame in recorded("sip_busy.ami")]
    hangup = next(frame for frame in frames if ("Event", "Hangup") in frame)
    changes = (hangup[:-1], [("Cause", "16") if key == "Cause" else (key, value) for key, value in hangup])
    for changed in (*changes, [*hangup[:-2], hangup[-1], hangup[-2]]):
        altered = [changed if frame is hangup else frame for frame in frames]
        assert difference(by_channel(altered), by_channel(frames))
