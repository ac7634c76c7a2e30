"""What an operator looks at more closely, and takes away: detail, copy, export. Changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from acqs_core.control.wire import RowView
from acqs_tui.commands import BY_ID
from acqs_tui.events import EventRecord
from acqs_tui.export import raw
from acqs_tui.lines import Lines
from acqs_tui.panes.sessions import SessionRecord
from acqs_tui.related import man_id_of
from acqs_tui.rows import RowRecord
from acqs_tui.screens.detail import DetailScreen, EventScreen
from acqs_tui.screens.export import ExportScreen

if TYPE_CHECKING:
    from acqs_tui.app import Console

ZONES = 900.0
"""Seconds by which time zones differ, or a multiple of them."""


class Looks:
    """The closer looks of one console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed."""
        return self._console.read_only

    def key(self, command: str) -> str:
        """The keys of a command as they are printed on a keyboard."""
        return self._console.views.shown_key(BY_ID[command])

    async def ask(self, do: str, **given: Any) -> Any:
        """Ask the engine. Raises AcqsError."""
        return await self._console.feed.ask(do, **given)

    def record(self, view: RowView) -> RowRecord:
        """A row that was read just now."""
        return RowRecord(view, self._console.clock())

    def entered(self, record: RowRecord) -> float | None:
        """When a row was entered (time of day, seconds). Its entry_date is a time of the database's own zone: which one
        that is, is told by its age."""
        row, age = record.view.row, record.age(self._console.clock())
        if row.entry_date is None or age is None:
            return None
        written = row.entry_date.replace(tzinfo=dt.UTC).timestamp()
        return written + round((self._console.wall() - age - written) / ZONES) * ZONES

    def see(self, rows: Iterable[RowRecord]) -> None:
        """Rows that came with this frame: a detail of one of them is drawn anew."""
        for screen in self._console.screen_stack:
            if isinstance(screen, DetailScreen) and any(row.id == screen.man_id for row in rows):
                screen.ask()

    def events_after(self, record_id: int) -> list[EventRecord]:
        """The events that the events pane holds and that came after this one, whatever its filter, oldest first."""
        return self._console.events_pane.after(record_id)

    # Detail.

    def can_detail(self) -> bool:
        """With something selected."""
        return self._console.pane.lines.selected_record is not None

    can_copy = can_detail

    def do_detail(self) -> None:
        """Of what is selected in the focused pane."""
        lines: Lines[Any] = self._console.pane.lines
        if lines.selected is not None:
            self.open(lines, lines.selected)

    def open(self, lines: Lines[Any], record_id: int) -> None:
        """The detail of this record of a list."""
        record = lines.window.get(record_id)
        if isinstance(record, RowRecord):
            self._row(record.id)
        elif isinstance(record, SessionRecord):
            self._row(int(record["man_id"]))
        elif isinstance(record, EventRecord):
            rows = reversed(self._console.queue_pane.lines.window.records.values())
            self._console.push_screen(EventScreen(record, man_id_of(record, rows), self), self._jump)

    def _row(self, man_id: int) -> None:
        self._console.push_screen(DetailScreen(self, man_id))

    def _jump(self, man_id: int | None) -> None:
        """To a row in the queue pane; when its filter or tab hides it, to its detail."""
        if man_id is None:
            return
        lines = self._console.queue_pane.lines
        lines.focus()
        if lines.window.index(man_id) is None:
            self._row(man_id)
        else:
            lines.following = False
            lines.select(man_id)

    def confirm(self, deed: str, record: RowRecord | None) -> None:
        """Ask about a deed on this row."""
        if record is not None and not self.read_only:
            self._console.deeds.confirm(deed, [record])

    # Copy and export.

    def do_copy(self) -> None:
        """The selected row, session or event, to the terminal's clipboard."""
        record = self._console.pane.lines.selected_record
        if isinstance(record, RowRecord):
            row = record.view.row
            head = " ".join(filter(None, (f"row {record.id}", row.status, record.outcome, row.channel, row.uniqueid)))
            self.copy(f"{head}\n{raw(record)}".replace("\r\n", "\n"), f"row {record.id}")
        elif isinstance(record, EventRecord):
            self.copy(record.raw, "the event")
        elif record is not None:
            self.copy("  ".join(record.values()), "the session")

    def copy(self, text: str, what: str) -> None:
        """Text to the terminal's clipboard (OSC 52), where the terminal lets it."""
        self._console.copy_to_clipboard(text.rstrip() + "\n")
        self._console.notify(f"{what} was copied, if this terminal has a clipboard", timeout=2, markup=False)

    def do_export(self) -> None:
        """Ask for format and file of what the focused pane shows."""
        pane = self._console.pane
        records: list[Any] = pane.lines.window.visible()
        kind = {"queue": "rows", "sessions": "sessions", "events": "events"}[str(pane.id)]
        screen = ExportScreen(
            kind, records, lambda: dt.datetime.fromtimestamp(self._console.wall()), has_ami=kind != "sessions"
        )
        self._console.push_screen(screen, self._say)

    def _say(self, says: str | None) -> None:
        if says:
            self._console.notify(says, markup=False)
