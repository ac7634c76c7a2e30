"""The AMI events that the listener reads, as they come: folded to a line each, or whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical

from acqs_core.filter import Filter, parse
from acqs_tui.events import LINES, EventRecord, printable
from acqs_tui.lines import Cell, Column, Lines
from acqs_tui.records import Window
from acqs_tui.whole import Whole

KEPT = 20_000
"""Events that the pane holds, the newest; folded or whole."""

STYLES = {
    "Hangup": "alarm",
    "Newchannel": "new",
    "OriginateResponse": "sent",
    "Shutdown": "alarm",
    "FullyBooted": "good",
}


def _clock(record: EventRecord) -> Cell:
    return (record.clock, "dim") if not record.line or record.line.startswith("Event:") else ("", "")


def _text(record: EventRecord) -> Cell:
    if record.line is None:
        return record.summary, ""
    return printable(record.line), STYLES.get(record.name, "name") if record.line.startswith("Event:") else ""


FOLDED: list[Column[EventRecord]] = [
    Column("time", 12, _clock, least=60),
    Column("event", 18, lambda r: (printable(r.name), STYLES.get(r.name, "name"))),
    Column("", 0, _text),
]
WHOLE: list[Column[EventRecord]] = [Column("time", 12, _clock), Column("", 0, _text)]


class EventsPane(Vertical):
    """The list of events, newest last."""

    BORDER_TITLE = "AMI events"
    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id="events")
        self.events = Window[EventRecord](KEPT)
        self.lines = Lines(self.events, FOLDED, id="stream")
        self.lines.empty = lambda: "no event passes, Esc shows all" if self.filter else "no events of calls yet"
        self.filter = parse("")
        self.is_whole = False
        self.missed = 0
        """Events that came and were not shown: the engine or this console had no room for them."""

    def compose(self) -> ComposeResult:
        """The list."""
        yield self.lines

    def put(self, events: Iterable[EventRecord], missed: int) -> None:
        """Events that came, and how many more did."""
        self.missed += missed
        new = list(events)
        if new:
            self.lines.put(new)

    def after(self, record_id: int) -> list[EventRecord]:
        """The events that are held and came after this one, whatever the filter, oldest first."""
        return list(itertools.takewhile(lambda event: event.id > record_id, self.lines.newest_first()))[::-1]

    def fold(self, whole: bool) -> None:
        """Show events whole, or folded."""
        self.is_whole = whole
        selected = self.lines.selected
        head = None if selected is None else selected - selected % LINES
        self.lines.see(Whole(self.events) if whole else self.events, WHOLE if whole else FOLDED, head)

    def apply(self, wanted: Filter) -> None:
        """Show only what this lets pass."""
        self.filter = wanted
        self.lines.show(wanted)
