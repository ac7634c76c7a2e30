"""The AMI events that the listener reads, as they come: folded to a line each, or whole."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical

from acqs_core.filter import Filter, parse
from acqs_tui.events import EventRecord, printable
from acqs_tui.lines import Cell, Column, Lines
from acqs_tui.records import Window

KEPT = 20_000
"""Lines that the pane holds."""

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
        self.lines = Lines(Window[EventRecord](KEPT), FOLDED, id="stream")
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
            self.lines.put([line for event in new for line in event.whole()] if self.is_whole else new)

    def fold(self, whole: bool) -> None:
        """Show events whole, or folded."""
        window = self.lines.window
        kept = sorted(window.records.values(), key=lambda record: record.id)
        window.clear()
        self.is_whole, self.lines.columns = whole, WHOLE if whole else FOLDED
        heads = [EventRecord(one.id, one.at, one.raw) for one in kept if not one.line or one.line.startswith("Event:")]
        self.lines.put([line for head in heads for line in head.whole()] if whole else heads)
        self.lines.settle()

    def apply(self, wanted: Filter) -> None:
        """Show only what this lets pass."""
        self.filter = wanted
        self.lines.window.show(wanted)
        self.lines.settle()
