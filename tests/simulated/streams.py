"""Recorded and simulated AMI streams in one form: messages whose machine-made names are numbered as they appear."""

from __future__ import annotations

import collections
import re
from pathlib import Path

TRACES = Path(__file__).parent.parent / "traces" / "22.10.1"

Frame = list[tuple[str, str]]
"""One message: its headers in order."""

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000"

SHAPES = {
    "Uptime": r"\d+",
    "LastReload": r"\d+",
    "EventTV": _TIME,
    "SessionTV": _TIME,
    "SessionID": r"0x[0-9a-f]+",
    "LocalAddress": r"IPV4/TCP/[\d.]+/\d+",
    "RemoteAddress": r"IPV4/TCP/[\d.]+/\d+",
    "Timestamp": r"\d+\.\d{6}",
    "Challenge": r"\d{9}",
    "Duration": r"00:00:0\d",
    "Seconds": r"\d",
}
"""Headers whose value belongs to the machine or the moment: compared by shape, not by value."""

CHANNEL = re.compile(r"((?:Local|PJSIP)/[^\s!-]+)-([0-9a-f]{8})(?=;|!|$)")
_UNIQUEID = re.compile(r"\d{10}\.\d+")
_BRIDGE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AGE = re.compile(r"(?<=!3!)\d(?=!)|\b\d+ (?:minutes?|seconds?)\b(?:, )?")
"""Ages in what console commands print: `...!3!<seconds>!...`, `6 minutes, 59 seconds`."""


def parse(stream: bytes) -> list[Frame]:
    """The banner and every message after it; a line without a colon is a header without a value."""
    banner, _, rest = stream.partition(b"\r\n")
    texts = rest.decode("utf-8", "surrogateescape").split("\r\n\r\n")
    frames = [[_header(line) for line in text.strip("\r\n").split("\r\n")] for text in texts if text.strip("\r\n")]
    return [[("Banner", banner.decode())], *frames] if banner else []


def recorded(name: str) -> list[Frame]:
    """The frames of a file such as `ping.ami`."""
    return parse((TRACES / name).read_bytes())


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.removeprefix(" ")


def value(frame: Frame, name: str) -> str:
    """The first value of a header, empty without one."""
    return next((text for key, text in frame if key == name), "")


def event(frame: Frame) -> str:
    """The name of an event or list item; empty for a response."""
    return value(frame, "Event")


def is_event(frame: Frame) -> bool:
    """Whether nobody asked for it: list items have no Privilege, but for Status, which has one of its own."""
    return bool(value(frame, "Privilege")) and event(frame) != "Status"


class Names:
    """The machine's own names in one stream, numbered by first appearance."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, str]] = collections.defaultdict(dict)

    def number(self, kind: str, own: str) -> str:
        seen = self._numbers[kind]
        return seen.setdefault(own, f"#{len(seen)}")

    def own(self, kind: str, number: str) -> str:
        return next(own for own, known in self._numbers[kind].items() if known == number)

    def canonical(self, frame: Frame) -> Frame:
        """The frame with numbers for names. Raises AssertionError for a value that has not its shape."""
        if value(frame, "Variable").removesuffix("_MS").endswith("TIME"):  # how long a Dial() took
            frame = [(key, re.sub(r"\A\d+\Z", "<number>", text) if key == "Value" else text) for key, text in frame]
        return [(key, self._value(key, text)) for key, text in frame]

    def _value(self, key: str, text: str) -> str:
        if key in SHAPES:
            assert re.fullmatch(SHAPES[key], text), f"{key}: {text}"
            return f"<{key}>"
        text = CHANNEL.sub(lambda found: f"{found[1]}-{self.number(found[1], found[2])}", text)
        text = _UNIQUEID.sub(lambda found: self.number("uniqueid", found[0]), text)
        text = _BRIDGE_ID.sub(lambda found: self.number("bridge", found[0]), text)
        return _AGE.sub("<age>", text) if key == "Output" else text
