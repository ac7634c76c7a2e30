"""The columns of a list: what each says of a record, and how wide it is in a pane of this width."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from rich.cells import cell_len, set_cell_size

from acqs_tui.records import Shown

S = TypeVar("S", bound=Shown)

Cell = tuple[str, str]
"""A cell's text, and the component class (without `lines--`) of its style; empty is plain."""


@dataclasses.dataclass(frozen=True, slots=True)
class Column(Generic[S]):
    """One column. `width` 0 takes what is left; it is left out where the pane is narrower than `least`."""

    title: str
    width: int
    cell: Callable[[S], Cell]
    least: int = 0
    right: bool = False


def laid_out(columns: Iterable[Column[S]], width: int, edge: int) -> list[tuple[Column[S], int]]:
    """The columns that have room in a pane of so many cells, `edge` of which are taken, and their widths."""
    shown = [column for column in columns if width >= column.least]
    taken = sum(column.width + 1 for column in shown) + edge
    loose = [column for column in shown if not column.width]
    left = max(0, width - taken)
    share = left // len(loose) if loose else 0
    return [(column, column.width or share) for column in shown]


def fit(text: str, width: int, right: bool = False) -> str:
    """Text in exactly so many cells. What is not printable was made so by whoever made the cell."""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else set_cell_size(text, width)
    return (" " * (width - size) + text) if right else text + " " * (width - size)
