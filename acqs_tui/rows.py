"""A row of the queue as a record of the queue pane: what it says in each column, and what it is filtered by."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from typing import Any

from acqs_core.action import Row, Status
from acqs_core.control.wire import RowView
from acqs_core.filter import ROW_FIELDS, of_row
from acqs_tui.records import Key

GLYPHS = {Status.NEW: "○", Status.QUEUE: "◔", Status.SENT: "◑", Status.UPDATED: "●", Status.DEAD: "✕"}
"""A mark of each status, so that it is never told by colour alone."""


class RowRecord:
    """A row as it was when it was last read, at `read_at` on the console's own clock (monotonic seconds)."""

    __slots__ = ("_folded", "_text", "id", "read_at", "view")

    def __init__(self, view: RowView, read_at: float) -> None:
        self.view = view
        self.id = view.row.man_id
        self.read_at = read_at
        self._text: str | None = None
        self._folded: str | None = None

    def age(self, now: float) -> float | None:
        """Seconds since it was entered; None when it has no date."""
        age = self.view.row.age
        return None if age is None else age + now - self.read_at

    @property
    def status(self) -> Status:
        """Its status."""
        return self.view.row.status

    @property
    def outcome(self) -> str:
        """What became of it; empty while nothing is known."""
        return str(self.view.outcome or "")

    @property
    def is_unknown(self) -> bool:
        """Whether it was or may have been written and nobody knows what became of it."""
        return self.status is Status.SENT and self.outcome == "unknown"

    @property
    def is_done(self) -> bool:
        """Whether Asterisk has answered it and nothing more comes: it is no call."""
        return self.view.row.is_done

    @property
    def is_final(self) -> bool:
        """Whether it stays as it is, but for a discard or a purge."""
        return self.view.row.is_final

    def says_the_same(self, other: RowRecord | None) -> bool:
        """Whether the other is this row, read at another time and otherwise no other."""
        if other is None:
            return False
        mine, theirs = self.view, other.view
        same_outcome = (mine.outcome, mine.cause, mine.message) == (theirs.outcome, theirs.cause, theirs.message)
        return same_outcome and _but_its_age(mine.row) == _but_its_age(theirs.row)

    def field(self, name: str, /) -> str:
        """A field's text, for a filter."""
        row = self.view.row
        if name == "outcome":
            return self.outcome
        if name in _PLAIN:
            return str(getattr(row, name))
        if name == "age":
            return _seconds(row.age)
        return of_row(row, self.outcome).field(name)

    @property
    def text(self) -> str:
        """All its fields, one a line."""
        if self._text is None:
            row = self.view.row
            plain = (getattr(row, name) for name in ("action", "callerid", "channel", "uniqueid", "server_ip"))
            self._text = "\n".join((str(row.man_id), row.status, self.outcome, *plain, *row.lines))
        return self._text

    @property
    def folded(self) -> str:
        """The same in small letters."""
        if self._folded is None:
            self._folded = self.text.casefold()
        return self._folded


class ByNow:
    """A row for a filter that asks how old it is: older than when it was read."""

    __slots__ = ("_clock", "_record")

    def __init__(self, record: RowRecord, clock: Callable[[], float]) -> None:
        self._record, self._clock = record, clock

    def field(self, name: str, /) -> str:
        """A field's text; the age is that of now."""
        return _seconds(self._record.age(self._clock())) if name == "age" else self._record.field(name)

    @property
    def text(self) -> str:
        """All its fields, one a line."""
        return self._record.text

    @property
    def folded(self) -> str:
        """The same in small letters."""
        return self._record.folded


def _seconds(age: float | None) -> str:
    return "" if age is None else str(age)


_but_its_age = operator.attrgetter(*(field.name for field in dataclasses.fields(Row) if field.name != "age"))

_PLAIN = frozenset(ROW_FIELDS[:10]) - {"outcome", "age"}

SORTS: dict[str, Callable[[RowRecord], Key]] = {
    "id": lambda r: (r.id,),
    "age": lambda r: (-(r.view.row.age or 0.0) + r.read_at, r.id),
    "status": lambda r: (list(GLYPHS).index(r.status), r.id),
    "outcome": lambda r: (r.outcome, r.id),
    "action": lambda r: (r.view.row.action.lower(), r.id),
    "caller id": lambda r: (r.view.row.callerid, r.id),
    "channel": lambda r: (r.view.row.channel, r.id),
}
"""By what the queue pane can be sorted."""


def unpack(packed: list[list[Any]], now: float) -> list[RowRecord]:
    """Records of the rows that came over the socket at `now`."""
    records = [RowRecord(RowView.unpack(values), now) for values in packed]
    for record in records:
        _ = record.folded  # made page by page as rows come, or the first filter over all of them would take a second
    return records
