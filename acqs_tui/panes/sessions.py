"""Child sessions: one line for each that lives, and the last that failed, with their reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical

from acqs_core.filter import Fields, Filter, parse
from acqs_tui.events import printable
from acqs_tui.lines import Cell, Column, Lines
from acqs_tui.panes.queue import ages
from acqs_tui.records import Window

GLYPHS = {
    "waiting": "·",
    "connecting": "⇢",
    "logging in": "⇥",
    "marking sent": "◑",
    "sent": "▶",
    "lingering": "◌",
    "leaving": "⇠",
    "failed": "✕",
}
"""A mark of each state, so that it is never told by colour alone."""

STYLES = {
    "connecting": "queue", "logging in": "queue", "marking sent": "sent", "sent": "sent", "lingering": "good",
    "failed": "alarm",
}  # fmt: skip


class SessionRecord(Fields):
    """A session as the engine tells of it."""

    id = 0
    seconds = 0.0
    at = 0.0
    """When it failed (time of day, seconds)."""
    failed = False

    @classmethod
    def of(cls, number: int, told: dict[str, Any]) -> SessionRecord:
        """Its record; those that failed carry `why`."""
        record = cls((name, str(value)) for name, value in told.items())
        record.id, record.seconds, record.failed = number, float(told["seconds"]), "why" in told
        if record.failed:
            record["state"], record.at = "failed", float(told["at"])
        return record


def _state(record: SessionRecord) -> Cell:
    state = record["state"]
    return f"{GLYPHS.get(state, '·')} {state}", STYLES.get(state, "dim")


def columns(wall: Callable[[], float], *, has_pids: bool) -> list[Column[SessionRecord]]:
    """The columns; `wall` is the time of day in seconds. Pids have one where sessions have processes of their own."""

    def since(record: SessionRecord) -> Cell:
        return (f"{ages(wall() - record.at)} ago" if record.failed else ages(record.seconds)), "dim"

    pid: Column[SessionRecord] = Column("pid", 7, lambda r: (r.get("pid", ""), "dim"), least=70, right=True)
    return [
        Column("row", 9, lambda r: (r["man_id"], "dim"), right=True),
        Column("state", 14, _state),
        Column("for", 7, since, right=True),
        Column("action", 10, lambda r: (printable(r["action"]), "name")),
        *([pid] if has_pids else []),
        Column("why", 0, lambda r: (printable(r.get("why", "")), "alarm"), least=52),
    ]


class SessionsPane(Vertical):
    """The list of sessions, newest last."""

    BORDER_TITLE = "Child sessions"
    DEFAULT_CLASSES = "pane"

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        super().__init__(id="sessions")
        self._columns = {has_pids: columns(wall, has_pids=has_pids) for has_pids in (False, True)}
        self.lines = Lines(Window[SessionRecord](2000), self._columns[False], id="children")
        self.lines.empty = lambda: "no child session passes" if self.filter else "no action is being sent"
        self.filter = parse("")
        self._told: dict[str, Any] = {}

    def compose(self) -> ComposeResult:
        """The list."""
        yield self.lines

    def on_mount(self) -> None:
        """What has failed is a second older."""
        self.set_interval(1.0, lambda: self.lines.redraw() if self._told.get("failed") else None)

    def put(self, told: dict[str, Any]) -> None:
        """The sessions as they are now."""
        if told is self._told or self.lines.frozen:
            return
        self._told = told
        failed = [SessionRecord.of(number, one) for number, one in enumerate(told["failed"])]
        living = [SessionRecord.of(1000 + one["man_id"], one) for one in told["living"]]
        self.lines.columns = self._columns[any("pid" in record for record in (*failed, *living))]
        now = {record.id for record in (*failed, *living)}
        window = self.lines.window
        window.remove([record_id for record_id in window.records if record_id not in now])
        self.lines.put([*failed, *living])

    def apply(self, wanted: Filter) -> None:
        """Show only what this lets pass."""
        self.filter = wanted
        self.lines.window.show(wanted)
        self.lines.settle()
