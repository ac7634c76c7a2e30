"""The queue: rows of every status or of one, sorted and filtered in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Tab, Tabs

from acqs_core.action import Status
from acqs_core.filter import Filter, parse
from acqs_tui.events import printable
from acqs_tui.lines import Cell, Column, Lines
from acqs_tui.records import Rounds, Window
from acqs_tui.rows import GLYPHS, SORTS, ByNow, RowRecord

TABS = ("All", *Status, "Unknown")

STUCK = 30.0
"""Seconds after which a row that is still NEW or QUEUE is shown as an alarm."""

AGAIN = 5000
"""Rows at which an age filter looks again in one frame: some 10 ms, so that no key waits for it."""

OPEN, ANY = 300, 100
"""Rows off the screen that are read again at a time, beside those on it: such that may go on, and whichever."""


def ages(seconds: float | None) -> str:
    """Seconds as a person says them: 4s, 3m, 2h, 5d."""
    if seconds is None:
        return ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds / size)}{unit}"
    return f"{int(max(seconds, 0))}s"


def _age(clock: Callable[[], float]) -> Callable[[RowRecord], Cell]:
    def cell(record: RowRecord) -> Cell:
        age = record.age(clock())
        stuck = record.status in (Status.NEW, Status.QUEUE) and (age or 0) > STUCK
        return (f"▲{ages(age)}", "alarm") if stuck else (ages(age), "dim")

    return cell


def _status(record: RowRecord) -> Cell:
    return f"{GLYPHS[record.status]} {record.status}", record.status.lower()


def _outcome(record: RowRecord) -> Cell:
    outcome = record.outcome
    if not outcome and record.is_done:
        return "✓ done", "good"
    style = {"answered": "good", "unknown": "alarm", "": ""}.get(outcome, "sent")
    return {"answered": "✓ ", "unknown": "? ", "": ""}.get(outcome, "· ") + outcome, style


def _plain(name: str, style: str = "") -> Callable[[RowRecord], Cell]:
    return lambda record: (printable(str(getattr(record.view.row, name))), style)


def columns(clock: Callable[[], float]) -> list[Column[RowRecord]]:
    """The columns; ages are by this clock (seconds, as RowRecord.read_at)."""
    return [
        Column("id", 9, lambda r: (str(r.id), "dim"), right=True),
        Column("age", 5, _age(clock), right=True),
        Column("status", 9, _status),
        Column("outcome", 13, _outcome, least=60),
        Column("action", 10, _plain("action", "name"), least=76, narrow=9),
        Column("caller id", 20, _plain("callerid"), least=70, narrow=12, tail=True),
        Column("channel", 0, _plain("channel"), least=40),
        Column("uniqueid", 22, _plain("uniqueid", "dim"), least=120),
        Column("answer", 6, lambda r: ("yes" if r.view.row.response == "Y" else "", "dim"), least=90),
    ]


class QueuePane(Vertical):
    """Status tabs over the list of rows."""

    BORDER_TITLE = "Queue"
    DEFAULT_CLASSES = "pane"

    def __init__(self, window: int, clock: Callable[[], float]) -> None:
        super().__init__(id="queue")
        self.lines = Lines(Window[RowRecord](window), columns(clock), can_mark=True, id="rows")
        self.lines.sorted_by = "id"
        self.lines.empty = self._empty
        self.filter = parse("")
        self._tab = "All"
        self._clock = clock
        self._second = 0
        records = self.lines.window.records
        self._aging = Rounds(lambda: records)
        self._open: set[int] = set()
        """Rows that may go on: looked for among 100,000, they would cost a key 40 ms."""
        self._open_again, self._all_again = Rounds(lambda: self._open), Rounds(lambda: records)

    def compose(self) -> ComposeResult:
        """The tabs and the rows."""
        yield Tabs(*(Tab(name, id=f"tab-{name.lower()}") for name in TABS), id="tabs")
        yield self.lines

    def on_mount(self) -> None:
        """Keys go to the rows, not to the tabs."""
        self.query_one(Tabs).can_focus = False

    def _empty(self) -> str:
        """What is said where no rows are."""
        held = len(self.lines.window.records)
        if not held:
            inject = ", i injects a test action" if self.app.check_action("do", ("inject",)) else ""
            return f"no rows yet: they come here as they are inserted{inject}"
        return f"none of {held:,} rows {'passes the filter, Esc shows all' if self.filter else f'is {self._tab}'}"

    def put(self, rows: Iterable[RowRecord]) -> None:
        """Rows that were read; one that has not changed stays the record that it was."""
        changed = [row for row in rows if not row.says_the_same(self.lines.newest(row.id))]
        for row in changed:
            (self._open.discard if row.is_final else self._open.add)(row.id)
        if changed:
            self.lines.put(changed)

    def grow_older(self) -> None:
        """Look again at some rows where the filter asks for the age, at each once a second or as soon as can be."""
        if "age" not in self.filter.fields or self.lines.frozen:
            return
        if self._aging.is_over:
            if self._second == int(self._clock()):
                return
            self._second = int(self._clock())
        records = self.lines.window.records
        self.lines.put([records[man_id] for man_id in self._aging.take(AGAIN) if man_id in records])

    def forget(self, man_ids: Iterable[int]) -> None:
        """Rows that are no longer in the table."""
        gone = list(man_ids)
        if gone:
            self.lines.forget(gone)

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        """Show the rows of this status."""
        self._tab = str(event.tab.label)
        self.show()

    def step_tab(self, by: int) -> None:
        """The next or previous tab."""
        tabs = self.query_one(Tabs)
        active = next(name for name in TABS if tabs.active == f"tab-{name.lower()}")
        tabs.active = f"tab-{TABS[(TABS.index(active) + by) % len(TABS)].lower()}"

    def apply(self, wanted: Filter) -> None:
        """Show only what this lets pass."""
        self.filter = wanted
        self.show()

    def sort(self, by: str | None = None) -> str:
        """Sort by this column, or by the next; its name."""
        names = list(SORTS)
        current = self.lines.sorted_by
        self.lines.sorted_by = by if by in SORTS else names[(names.index(current) + 1) % len(names)]
        self.show()
        return self.lines.sorted_by

    def on_lines_header_clicked(self, event: Lines.HeaderClicked) -> None:
        """Sort by the title that was clicked."""
        event.stop()
        if event.title in SORTS:
            self.sort(event.title)

    def show(self) -> None:
        """Have tab, filter and order take effect."""
        self.lines.show(self._passes(), SORTS[self.lines.sorted_by])

    def _passes(self) -> Callable[[RowRecord], bool]:
        tab, wanted = self._tab, self._wanted()
        if tab == "All":
            return wanted
        if tab == "Unknown":
            return lambda record: record.is_unknown and wanted(record)
        status = Status(tab)
        return lambda record: record.status is status and wanted(record)

    def _wanted(self) -> Callable[[RowRecord], bool]:
        wanted, clock = self.filter, self._clock
        return (lambda record: wanted(ByNow(record, clock))) if "age" in wanted.fields else wanted

    def chosen(self) -> list[RowRecord]:
        """The marked rows, else the selected one."""
        records = self.lines.window.records
        marked = [records[man_id] for man_id in sorted(self.lines.marked) if man_id in records]
        if marked:
            return marked
        selected = self.lines.selected_record
        return [] if selected is None else [selected]

    @property
    def has_chosen(self) -> bool:
        """Whether there are any, without gathering them."""
        records = self.lines.window.records
        return any(man_id in records for man_id in self.lines.marked) or self.lines.selected_record is not None

    def to_freshen(self) -> list[int]:
        """Rows that others may have changed or purged: those on the screen, in turn those that may go on, and in turn
        all that the window holds."""
        lines, held = self.lines, self.lines.window.records
        first = max(0, round(lines.scroll_y))
        shown = range(first, min(len(lines.window), first + max(0, lines.size.height - 1)))
        seen = [lines.window[line].id for line in shown]
        again = self._open_again.take(OPEN)
        left = [one for one in again if one not in held and lines.newest(one) is None]
        self._open.difference_update(left)
        return seen + [one for one in (*again, *self._all_again.take(ANY)) if one in held]
