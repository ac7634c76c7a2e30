"""One line below the panes for what was begun here and is not over: an injected row, a bulk deed."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from acqs_core.action import Status
from acqs_tui.events import printable
from acqs_tui.rows import GLYPHS, RowRecord
from acqs_tui.themes import MUTED

COLOURS = {
    Status.NEW: "$accent",
    Status.QUEUE: "$secondary",
    Status.SENT: "$warning",
    Status.UPDATED: "$success",
    Status.DEAD: MUTED,
}


class Followed:
    """The way of one row, as far as it was seen."""

    def __init__(self, man_id: int) -> None:
        self.man_id = man_id
        self.steps: list[RowRecord] = []

    def see(self, record: RowRecord) -> None:
        """Take the row as it is now: its answer or channel may be all that is new."""
        if self.steps and self.steps[-1].status is record.status:
            self.steps[-1] = record
        else:
            self.steps.append(record)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes: DEAD, or answered and no call."""
        return bool(self.steps) and self.steps[-1].is_final

    def drawn(self) -> Content:
        """Its statuses in a row, the channel and the outcome."""
        parts: list[tuple[str, str]] = [(f" row {self.man_id} ", "bold")]
        for number, record in enumerate(self.steps):
            row = record.view.row
            parts.append((" → " if number else " ", MUTED))
            parts.append((f"{GLYPHS[row.status]} {row.status}", COLOURS[row.status]))
            if row.status is Status.UPDATED and row.channel:
                parts.append((f" {printable(row.channel)}", ""))
        if self.steps:
            parts.append((f"  {self._end()}", "bold"))
        return Content.assemble(*parts)

    def _end(self) -> str:
        last = self.steps[-1]
        says = printable(last.view.message)
        if last.outcome:
            if says.startswith(last.outcome):
                return says  # "discarded by margaret"
            return last.outcome + (f": {says}" if says and last.outcome not in ("answered",) else "")
        return "answered by Asterisk" if self.has_ended and last.status is Status.SENT else ""


class FollowStrip(Static):
    """Shown while there is something to tell."""

    DEFAULT_CSS = """
    FollowStrip { height: 1; display: none; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    FollowStrip.-open { display: block; }
    """

    _shown: Content | None = None

    def tell(self, what: Content | None) -> None:
        """Show this, or nothing."""
        if what != self._shown:  # in words, which no colour contradicts; an update lays the whole screen out
            self._shown = what
            self.set_class(what is not None, "-open")
            self.update(what or "")
