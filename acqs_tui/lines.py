"""The one list widget: lines drawn from plain records, whether there are forty or 100,000 (Textual's Line API).

Textual's DataTable takes seconds for 10,000 rows (facts/textual.md); here only what is on the screen is ever drawn. The
selection is a record, not a line: it stays on its record while others come, go and are sorted. Scrolling up pins the
view; what comes meanwhile is counted, and End follows again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from acqs_tui.columns import Cell, Column, fit, laid_out
from acqs_tui.records import Key, Shown, Window, by_id
from acqs_tui.waiting import Waiting

__all__ = ["Cell", "Column", "Lines"]

S = TypeVar("S", bound=Shown)

MOST_KEPT = 500
"""Drawn lines that are kept: some screens full."""


class Lines(ScrollView, Generic[S], can_focus=True):
    """A list of a window's visible records."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"lines--{name}"
        for name in ("header", "cursor", "blurred", "mark", "dim", "new", "queue", "sent", "updated", "dead", "alarm",
                     "good", "name")
    }  # fmt: skip

    DEFAULT_CSS = """
    Lines { background: $surface; color: $foreground; scrollbar-size-vertical: 1; overflow-x: hidden;
            overflow-y: scroll; scrollbar-background: $surface; scrollbar-background-hover: $surface;
            scrollbar-background-active: $surface; }
    Lines > .lines--header { color: $text-muted; text-style: bold; background: $panel; }
    Lines > .lines--cursor { background: $primary 60%; color: $text; }
    Lines > .lines--blurred { background: $primary 25%; }
    Lines > .lines--mark { color: $warning; text-style: bold; }
    Lines > .lines--dim { color: $text-muted; }
    Lines > .lines--new { color: $accent; }
    Lines > .lines--queue { color: $secondary; }
    Lines > .lines--sent { color: $warning; }
    Lines > .lines--updated { color: $success; text-style: bold; }
    Lines > .lines--dead { color: $text-muted; }
    Lines > .lines--alarm { color: $error; text-style: bold; }
    Lines > .lines--good { color: $success; }
    Lines > .lines--name { color: $primary; text-style: bold; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end,G", "follow", "Follow", show=False),
        Binding("enter", "choose", "Detail", show=False),
        Binding("space", "mark", "Mark", show=False),
    ]

    class Chosen(Message):
        """Enter was pressed, or a record clicked twice."""

        def __init__(self, lines: Lines[Any], record_id: int) -> None:
            super().__init__()
            self.lines, self.record_id = lines, record_id

        @property
        def control(self) -> Lines[Any]:
            """The list it was in."""
            return self.lines

    class HeaderClicked(Message):
        """A column's title was clicked."""

        def __init__(self, lines: Lines[Any], title: str) -> None:
            super().__init__()
            self.lines, self.title = lines, title

        @property
        def control(self) -> Lines[Any]:
            """The list it was in."""
            return self.lines

    def __init__(
        self, window: Window[S], columns: Iterable[Column[S]], *, can_mark: bool = False, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.window = window
        self.columns = list(columns)
        self.can_mark = can_mark
        self.selected: int | None = None
        """The id of the selected record."""
        self.marked: set[int] = set()
        self.following = True
        """The view stays at the end, on the newest."""
        self.came = 0
        """Records that came since the view was pinned."""
        self.sorted_by = ""
        self.empty: Callable[[], str] = str
        """What is said where nothing is to be shown."""
        self._key: Key | None = None
        """Where the selected record stood when it was last visible, in the order `_key_by`."""
        self._key_by = window.sort
        self._waiting = Waiting(window)
        self._frozen = False
        self._base, self._columns = Style(), self._laid_out()
        self._styles: dict[tuple[str, bool], Style] = {}
        self._kept: dict[int, tuple[S, object, Strip]] = {}
        """Lines that were drawn, by record id: the record as it was, how it was drawn, and the line."""

    # What the pane tells it.

    def put(self, records: Iterable[S]) -> None:
        """Take new and changed records; while the view is frozen the newest wait, as many as the window holds."""
        if self._frozen:
            self._waiting.put(records)
            return
        change = self.window.put(records)
        if not self.following:
            self.came += change.added
        if change.rebuilt:
            self._unmark_gone()
        self.settle()

    def forget(self, record_ids: Iterable[int]) -> None:
        """These are gone; while the view is frozen they stay in it."""
        if self._frozen:
            self._waiting.forget(record_ids)
            return
        self.window.remove(record_ids)
        self._unmark_gone()
        self.settle()

    def newest(self, record_id: int) -> S | None:
        """A record as it came last, shown or not."""
        return self._waiting.records.get(record_id) or self.window.records.get(record_id)

    def newest_first(self) -> Iterator[S]:
        """All that came and is held, shown or not."""
        return itertools.chain(reversed(self._waiting.records.values()), reversed(self.window.records.values()))

    @property
    def frozen(self) -> bool:
        """Whether the view stands still; nothing is lost meanwhile."""
        return self._frozen

    @property
    def waiting(self) -> int:
        """How many records wait for the view to go on."""
        return len(self._waiting.records)

    @property
    def unseen(self) -> int:
        """How many of those that waited were let go: more than the window holds."""
        return self._waiting.unseen

    def freeze(self, on: bool) -> None:
        """Let the view stand still, or show what has waited."""
        self._frozen = on
        if not on:
            waited, gone = self._waiting.take()
            self.put(waited)
            self.forget(gone)

    def mark_all(self) -> None:
        """Mark all that is visible."""
        self.marked.update(record.id for record in self.window.visible())
        self.refresh()

    def _unmark_gone(self) -> None:
        self.marked &= self.window.records.keys()

    def show(self, passes: Callable[[S], bool], sort: Callable[[S], Key] = by_id) -> None:
        """Show those that pass, in this order; what has come is counted anew, for it was counted among others."""
        self.window.show(passes, sort)
        self.came = 0
        self.settle()

    def settle(self) -> None:
        """The window has changed: find the selected record's line again, and draw."""
        self._grow_to(Size(self.size.width, len(self.window) + 1))
        if self.following:
            self._select(len(self.window) - 1)
            self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)  # also before there is a bar
        elif self.selected is not None:
            self._stay(self.selected)
        self.refresh()

    def _stay(self, selected: int) -> None:
        """Know where the selected record stands now; where it is hidden or gone, select what is nearest to there."""
        window = self.window
        if window.index(selected) is not None:
            self._note(selected)
            return
        key = self._key
        if self._key_by is not window.sort:  # in another order it stood elsewhere
            record = window.records.get(selected)
            key = None if record is None else window.sort(record)
        self._select(0 if key is None else window.nearest(key))

    def _grow_to(self, size: Size) -> None:
        """Take this size. A bar has its place whether it is needed or not, so the screen need not be laid out: that
        costs 30 ms, in the middle of a burst of calls."""
        self.set_reactive(ScrollView.virtual_size, size)
        self.vertical_scrollbar.window_virtual_size = size.height
        self.scroll_y = self.validate_scroll_y(self.scroll_y)

    def clear(self) -> None:
        """Forget all, as when another engine is shown."""
        self.window.clear()
        self.marked.clear()
        self._waiting.clear()
        self.selected, self._key, self.following, self.came = None, None, True, 0
        self.settle()

    def see(self, window: Window[S], columns: Iterable[Column[S]], selected: int | None) -> None:
        """Show the same records otherwise, in other columns, and select this one."""
        self.window, self.columns, self.selected = window, list(columns), selected
        self.settle()
        if not self.following and self.selected is not None:
            self.select(self.selected)

    @property
    def selected_record(self) -> S | None:
        """The selected record, if it is visible."""
        line = None if self.selected is None else self.window.index(self.selected)
        return None if line is None else self.window[line]

    def select(self, record_id: int) -> bool:
        """Select a record and bring it into view; whether it is visible."""
        line = self.window.index(record_id)
        if line is not None:
            self._go(line)
        return line is not None

    # Keys and mouse.

    def action_move(self, by: int) -> None:
        """A line up or down."""
        line = self._line
        self._go((len(self.window) if line is None else line) + by)

    def action_page(self, by: int) -> None:
        """A page up or down."""
        self._go((self._line or 0) + by * max(1, self.size.height - 2))

    def action_first(self) -> None:
        """To the first line, and stay there: also when it is the last as well."""
        self.following = False
        self._go(0)

    def action_follow(self) -> None:
        """To the end, and stay there."""
        self.following, self.came = True, 0
        self.settle()

    def action_choose(self) -> None:
        """Ask for the selected record's detail."""
        if self.selected is not None:
            self.post_message(self.Chosen(self, self.selected))

    def action_mark(self) -> None:
        """Mark the selected record, or take its mark away, and go on to the next."""
        if self.can_mark and self.selected is not None:
            self.marked ^= {self.selected}
            self.action_move(1)

    def on_click(self, event: events.Click) -> None:
        """Select what was clicked; twice is Enter; a title sorts."""
        if event.y == 0:
            x = 0
            for column, width in self._laid_out():
                if x <= event.x < x + width + 1:
                    self.post_message(self.HeaderClicked(self, column.title))
                x += width + 1
            return
        line = event.y - 1 + round(self.scroll_y)
        if line < len(self.window):
            self._go(line)
            if event.chain == 2:
                self.action_choose()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling up by wheel or bar pins the view; scrolling to the end follows again."""
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and self.following and new_value < self.max_scroll_y:
            self.following = False
        elif new_value >= self.max_scroll_y and new_value > old_value and not self._frozen:
            self.following, self.came = True, 0
        self.refresh()

    def on_resize(self) -> None:
        """Columns are laid out anew."""
        self.settle()

    @property
    def _line(self) -> int | None:
        return None if self.selected is None else self.window.index(self.selected)

    def _go(self, line: int) -> None:
        """Select a line; not the last, or the last when it was not followed, pins the view."""
        last = len(self.window) - 1
        line = max(0, min(line, last))
        following = self.following and line >= last
        before = self._line
        self._select(line)
        top = round(self.scroll_y)
        if line < top:
            self.scroll_to(y=line, animate=False, immediate=True, force=True)
        elif line > top + self.size.height - 2:
            self.scroll_to(y=line - self.size.height + 2, animate=False, immediate=True, force=True)
        self.following = following  # scrolled by a selection, not by a reader who wants to follow
        for changed in (before, line):
            if changed is not None:
                self.refresh(Region(0, changed - round(self.scroll_y) + 1, self.size.width, 1))

    def _select(self, line: int) -> None:
        chosen = self.window[line].id if 0 <= line < len(self.window) else None
        self._note(chosen)
        self.selected = chosen

    def _note(self, visible: int | None) -> None:
        self._key, self._key_by = None if visible is None else self.window.key_of(visible), self.window.sort

    # Drawing.

    def render_lines(self, crop: Region) -> list[Strip]:
        """What is to be painted; styles and columns are found once for all of it."""
        base, columns = self.rich_style, self._laid_out()
        if (base, columns) != (self._base, self._columns) or len(self._kept) > MOST_KEPT:
            self._base, self._columns = base, columns
            self._kept.clear()
        self._styles.clear()
        return super().render_lines(crop)

    def redraw(self) -> None:
        """Draw all again: what a cell says has changed without its record, as an age does."""
        self._kept.clear()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The header, or the record at this line of the view."""
        width = self.size.width
        if y == 0:
            return self._header(width)
        line = y - 1 + round(self.scroll_y)
        if y == 1 and not len(self.window):
            return Strip([Segment(fit(f" {self.empty()}", width), self._base + self._style("dim", False))])
        if line >= len(self.window):
            return Strip.blank(width, self._base)
        return self._drawn(self.window[line], width)

    def _header(self, width: int) -> Strip:
        style = self.get_component_rich_style("lines--header")
        segments = [Segment(" " if self.can_mark else "", style)]
        for column, room in self._columns:
            title = f"{column.title}▲" if self.sorted_by and column.title == self.sorted_by else column.title
            segments.append(Segment(fit(title, room, column.right) + " ", style))
        return Strip(segments).adjust_cell_length(width, style)

    def _drawn(self, record: S, width: int) -> Strip:
        """The record's line; most of a pane stays as it was from one painting to the next."""
        is_selected = record.id == self.selected
        look = (is_selected, self.has_focus, record.id in self.marked, width)
        kept = self._kept.get(record.id)
        if kept is None or kept[0] is not record or kept[1] != look:
            kept = self._kept[record.id] = (record, look, self._draw(record, width, is_selected))
        return kept[2]

    def _draw(self, record: S, width: int, is_selected: bool) -> Strip:
        base, has_cursor = self._base, is_selected and self.has_focus
        if is_selected:
            base = self.get_component_rich_style("lines--cursor" if has_cursor else "lines--blurred")
        segments = []
        if self.can_mark:
            segments.append(Segment("▌" if record.id in self.marked else " ", base + self._style("mark", False)))
        for column, room in self._columns:
            text, name = column.cell(record)
            style = base + self._style(name, has_cursor) if name else base
            segments += (Segment(column.fitted(text, room), style), Segment(" ", base))
        return Strip(segments).adjust_cell_length(width, base)

    def _style(self, name: str, has_cursor: bool) -> Style:
        """The colour and weight of a component; under the cursor the colour is the cursor's own, to be readable."""
        found = self._styles.get((name, has_cursor))
        if found is None:
            style = self.get_component_rich_style(f"lines--{name}")
            found = self._styles[name, has_cursor] = Style(color=None if has_cursor else style.color, bold=style.bold)
        return found

    def _laid_out(self) -> list[tuple[Column[S], int]]:
        return laid_out(self.columns, self.size.width, int(self.can_mark))
