"""An AMI event as a record of the events pane: folded to one line, or whole, seen line by line."""

from __future__ import annotations

import time

from acqs_core.filter import Fields

LINES = 256
"""Lines of an event that can be shown; ids of events are so far apart, so that each line has one of its own."""

FIRST = ("Channel", "ChannelStateDesc", "CallerIDName", "Uniqueid", "Cause", "Response", "Reason")
"""Headers that a folded line shows, in this order, where an event has them."""

CAUSES = {"16": "normal clearing", "17": "busy", "18": "no response", "19": "no answer", "21": "rejected",
          "34": "congestion"}  # fmt: skip
"""Q.850 causes that are met daily, for events that have no Cause-txt beside the number."""

REASONS = {"0": "failed", "3": "no answer", "4": "answered", "5": "busy", "8": "congestion"}
"""Reason of an OriginateResponse (facts/ami.md, Originate)."""


class EventRecord:
    """An event and when it was read (time of day, seconds). `line` is None but for one of its lines."""

    __slots__ = ("_fields", "_folded", "at", "id", "line", "raw")

    def __init__(self, record_id: int, at: float, raw: str, line: str | None = None) -> None:
        self.id, self.at, self.raw, self.line = record_id, at, raw, line
        self._fields: Fields | None = None
        self._folded: str | None = None

    @property
    def name(self) -> str:
        """Which event it is: the value of its first line."""
        return self.raw.partition("\r\n")[0].partition(":")[2].strip()

    @property
    def height(self) -> int:
        """How many lines it has when it is shown whole."""
        return min(LINES, self.raw.count("\r\n") + 1)

    def lines(self) -> list[EventRecord]:
        """A record for each of its lines; the first has the event's own id."""
        lines = self.raw.split("\r\n")[: self.height]
        return [EventRecord(self.id + number, self.at, self.raw, line) for number, line in enumerate(lines)]

    @property
    def fields(self) -> Fields:
        """Its headers, names in small letters; of a repeated one the last."""
        if self._fields is None:
            pairs = (line.partition(":") for line in self.raw.split("\r\n"))
            self._fields = Fields((name.lower(), value.strip()) for name, colon, value in pairs if colon)
        return self._fields

    def field(self, name: str, /) -> str:
        """A header's value."""
        return self.fields.get(name, "")

    @property
    def text(self) -> str:
        """All of it."""
        return self.raw.replace("\r", "")

    @property
    def folded(self) -> str:
        """The same in small letters."""
        if self._folded is None:
            self._folded = self.text.casefold()
        return self._folded

    @property
    def clock(self) -> str:
        """When it was read."""
        return time.strftime("%H:%M:%S", time.localtime(self.at)) + f".{int(self.at % 1 * 1000):03d}"

    @property
    def summary(self) -> str:
        """What tells most, in one line."""
        shown = (f"{self.field(name.lower())} {self._in_words(name)}".strip() for name in FIRST)
        return "  ".join(printable(value) for value in shown if value)

    def _in_words(self, name: str) -> str:
        """What a header's number means; empty where it is none, or nobody knows."""
        if name == "Cause":
            return self.field("cause-txt") or CAUSES.get(self.field("cause"), "")
        if name == "Reason" and self.name == "OriginateResponse":
            return REASONS.get(self.field("reason"), "")
        return ""


def printable(text: str) -> str:
    """Text with control characters shown, so that nothing from the wire drives the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
