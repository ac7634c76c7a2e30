"""Before rows are retried or discarded: exactly these rows, exactly this change; and afterwards what was refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Checkbox, Input, Label, Static

from acqs_core.action import Status
from acqs_tui.events import printable
from acqs_tui.rows import GLYPHS, RowRecord
from acqs_tui.screens.dialog import Dialog, Keys
from acqs_tui.themes import MUTED

MOST_LISTED = 1000
"""Rows that a dialog lists; beyond that it says how many more there are."""


LISTED = 9
"""Lines of them that are seen at once; 80x24 has no more."""

NONE = "none of these rows can be changed like this"


@dataclasses.dataclass(frozen=True, slots=True)
class Bulk:
    """What was confirmed: a deed on rows, each in the status in which it was seen."""

    deed: str
    rows: tuple[RowRecord, ...]
    may_call_twice: bool = False


def refusal(deed: str, row: RowRecord) -> str:
    """Why this row is left as it is; empty when it is not."""
    if deed == "discard" and row.status not in (Status.NEW, Status.QUEUE, Status.SENT):
        return "has ended" if row.status is Status.DEAD else "its call is up"
    if deed == "retry" and row.status is Status.UPDATED:
        return "its call is up; hang it up first"
    return ""


def is_doubtful(deed: str, row: RowRecord) -> bool:
    """Whether it was or may have been carried out already, so that a retry may call twice."""
    if deed != "retry":
        return False
    return (row.status is Status.SENT and not row.is_done) or row.outcome == "unknown"


class Tick(Checkbox, inherit_bindings=False):
    """A tick that is told by a mark, not by its colour. Enter is the dialog's, not its own."""

    BUTTON_INNER = " "

    def watch_value(self) -> None:
        """Draw the mark or none."""
        self.BUTTON_INNER = "✓" if self.value else " "
        super().watch_value()


class ConfirmScreen(Dialog[Bulk]):
    """Gives what to do."""

    DEFAULT_CSS = """
    ConfirmScreen .box { width: 110; }
    ConfirmScreen #rows { text-wrap: nowrap; text-overflow: ellipsis; }
    ConfirmScreen #list { background: $panel; padding: 0 1; scrollbar-size-vertical: 1; }
    ConfirmScreen .row > Label { width: auto; margin: 0 1 0 0; }
    ConfirmScreen #twice { margin: 1 0 0 0; }
    ConfirmScreen #typing { margin: 1 0 0 0; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go", "Do it", show=False),
        Binding("space", "tick", "Tick", show=False, priority=True),
    ]

    def __init__(self, deed: str, rows: Sequence[RowRecord]) -> None:
        super().__init__()
        self._deed, self._rows = deed, tuple(rows)
        self._able = tuple(row for row in rows if not refusal(deed, row))
        self._certain = tuple(row for row in self._able if not is_doubtful(deed, row))

    def compose(self) -> ComposeResult:
        """The rows, the tick, the count."""
        with Vertical(classes="box -danger") as box:
            box.border_title = "↻ Retry" if self._deed == "retry" else "✕ Discard"
            yield Static(self._says(), classes="says")
            with VerticalScroll(id="list"):
                yield Static(id="rows")
            if self._deed == "retry":
                yield Tick("also what may have been carried out before: may call twice", id="twice", compact=True)
            with Horizontal(classes="row", id="typing"):
                yield Label(id="asks")
                yield Input(id="count", restrict=r"[0-9]*")
            yield Static(id="error", classes="error")
            ticks = [("Space", "tick")] if self._deed == "retry" else []
            yield Keys(*ticks, ("Enter", self._deed), ("Esc", "change nothing"))

    def on_mount(self) -> None:
        """Focus what must be given."""
        self.query_one("#list").styles.height = min(len(self._rows), LISTED)
        self._show()
        if len(self._certain) < len(self._able):
            self.query_one("#twice").focus()
        elif len(self._chosen) > 1:
            self.query_one("#count").focus()
        else:
            self.query_one("#list").focus()

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        """More rows or fewer."""
        event.stop()
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Do it."""
        event.stop()
        self.action_go()

    def action_tick(self) -> None:
        """Tick, or untick, wherever the focus is."""
        for tick in self.query(Tick):
            tick.toggle()

    def action_go(self) -> None:
        """Do it, if all that is asked for is given."""
        chosen = self._chosen
        if not chosen:
            says = "tick that it may call twice" if self._able else NONE
        elif len(chosen) > 1 and self.query_one("#count", Input).value != str(len(chosen)):
            says = f"type {len(chosen)} to {self._deed} so many rows"
            self.query_one("#count").focus()
        else:
            self.dismiss(Bulk(self._deed, chosen, self._forced))
            return
        self.query_one("#error", Static).update(Content(f"▲ {says}"))

    @property
    def _forced(self) -> bool:
        return self._deed == "retry" and self.query_one("#twice", Checkbox).value

    @property
    def _chosen(self) -> tuple[RowRecord, ...]:
        """The rows that will be changed."""
        return self._able if self._forced else self._certain

    def _says(self) -> Content:
        if self._deed == "retry":
            return Content("Each row ends, if it has not, and a copy of it is inserted as NEW and sent.")
        return Content("Each row becomes DEAD and is never sent (again). It stops nothing at Asterisk.")

    def _show(self) -> None:
        chosen = self._chosen
        self.query_one("#typing").display = len(chosen) > 1
        self.query_one("#asks", Label).update(f"Type {len(chosen)} to {self._deed} so many rows")
        self.query_one("#error", Static).update("" if self._able else Content(f"▲ {NONE}"))
        taken = {row.id for row in chosen}
        parts: list[tuple[str, str]] = []
        for row in self._rows[:MOST_LISTED]:
            parts += _line(self._deed, row, row.id in taken)
        more = len(self._rows) - MOST_LISTED
        if more > 0:
            parts.append((f"and {more:,} more rows\n", MUTED))
        self.query_one("#rows", Static).update(Content.assemble(*parts).rstrip())


def _line(deed: str, row: RowRecord, is_taken: bool) -> list[tuple[str, str]]:
    known = row.view.row
    if is_taken:
        ends = "" if row.status is Status.DEAD else f"{GLYPHS[row.status]} {row.status} → ✕ DEAD"
        change = f"{ends}{' + ' if ends else ''}a NEW copy" if deed == "retry" else ends
    else:
        change = f"stays {row.status}: " + (refusal(deed, row) or "may call twice")
    may = ("  ▲ may call twice", "bold $warning") if is_taken and is_doubtful(deed, row) else ("", "")
    who = "  ".join(printable(text) for text in (known.action, known.callerid, known.channel) if text)
    return [
        (f"{row.id:>8}  ", "bold" if is_taken else MUTED),
        (change, "" if is_taken else MUTED),
        may,
        (f"  {who}\n", MUTED),
    ]


class ReportScreen(Dialog[None]):
    """What a deed was refused for, row by row."""

    DEFAULT_CSS = """
    ReportScreen .box { width: 90; }
    ReportScreen #list { background: $panel; padding: 0 1; scrollbar-size-vertical: 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "leave", "Leave", show=False)]

    def __init__(self, says: str, refused: Sequence[tuple[int, str]]) -> None:
        super().__init__()
        self._says, self._refused = says, refused

    def compose(self) -> ComposeResult:
        """The sum and the refusals."""
        with Vertical(classes="box -danger") as box:
            box.border_title = "Not all was done"
            yield Static(Content(self._says), classes="says")
            with VerticalScroll(id="list"):
                shown = [printable(says) for _, says in self._refused[:MOST_LISTED]]
                more = len(self._refused) - MOST_LISTED
                yield Static(Content("\n".join([*shown, *([f"and {more:,} more"] if more > 0 else [])])))
            yield Keys(("Esc", "close"))

    def on_mount(self) -> None:
        """Keys scroll the list."""
        self.query_one("#list").styles.height = min(len(self._refused), LISTED)
        self.query_one("#list").focus()
