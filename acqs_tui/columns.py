"""The columns of a list: what each says of a record, and how wide it is in a pane of this width."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from rich.cells import cell_len, set_cell_size

from acqs_tui.records import Shown

S = TypeVar("S", bound=Shown)

NARROW = 90
"""Cells below which columns take their narrow width."""

Cell = tuple[str, str]
"""A cell's text, and the component class (without `lines--`) of its style; empty is plain."""


@dataclasses.dataclass(frozen=True, slots=True)
class Column(Generic[S]):
    """One column. `width` 0 takes what is left; it is left out where the pane is narrower than `least`, and has its
    `narrow` width, if it has one, where the pane is narrower than NARROW."""

    title: str
    width: int
    cell: Callable[[S], Cell]
    least: int = 0
    right: bool = False
    narrow: int = 0
    tail: bool = False
    """What does not fit loses its begin, not its end: a dialer's caller ids differ in their last digits."""

    def fitted(self, text: str, width: int) -> str:
        """Text as it stands in this column, in exactly so many cells."""
        return fit(_end_of(text, width) if self.tail else text, width, self.right)

    def width_in(self, pane: int) -> int:
        """Its width in a pane of so many cells."""
        return self.narrow if self.narrow and pane < NARROW else self.width


def laid_out(columns: Iterable[Column[S]], width: int, edge: int) -> list[tuple[Column[S], int]]:
    """The columns that have room in a pane of so many cells, `edge` of which are taken, and their widths."""
    shown = [(column, column.width_in(width)) for column in columns if width >= column.least]
    taken = sum(taken + 1 for _, taken in shown) + edge
    loose = [column for column, taken in shown if not taken]
    share = max(0, width - taken) // len(loose) if loose else 0
    return [(column, taken or share) for column, taken in shown]


def _end_of(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    kept = text[1 - width :] if width > 1 else ""
    while cell_len(kept) >= width > 1:
        kept = kept[1:]
    return f"…{kept}"


def fit(text: str, width: int, right: bool = False) -> str:
    """Text in exactly so many cells. What is not printable was made so by whoever made the cell."""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else set_cell_size(text, width)
    return (" " * (width - size) + text) if right else text + " " * (width - size)
