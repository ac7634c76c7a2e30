"""What the panes show, as plain records in memory, without a widget: bounded, sorted, filtered, counted.

A pane never asks the database to filter or to sort (only indexed queries reach it), so 100,000 rows are held here, and
each of what a pane does with them is a list operation of milliseconds.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from acqs_core.filter import Record

Key = tuple[Any, ...]
"""By what a pane is sorted; ends with the record's id, so that no two are equal."""


class Shown(Record, Protocol):
    """A record of a pane: with an id that never changes, and higher for what came later."""

    @property
    def id(self) -> int:
        """Its id."""


S = TypeVar("S", bound=Shown)


def by_id(record: Shown) -> Key:
    """The order in which things came."""
    return (record.id,)


def too_many(record_ids: Collection[int], size: int) -> list[int]:
    """Of more than `size`, the lowest, which are to leave; a tenth more than must, so that it is not every time."""
    over = len(record_ids) - size
    return sorted(record_ids)[: over + size // 10] if over > 0 else []


class Rounds:
    """Goes through ids a part at a time, round after round, through those that there are when a round begins."""

    def __init__(self, ids: Callable[[], Iterable[int]]) -> None:
        self._ids = ids
        self._left: Iterator[int] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the next one begins a round."""
        return self._left is None

    def take(self, most: int) -> list[int]:
        """The next ones; none at the end of a round, once."""
        if self._left is None:
            self._left = iter(list(self._ids()))
        some = list(itertools.islice(self._left, most))
        if not some:
            self._left = None
        return some


@dataclasses.dataclass(slots=True)
class Change:
    """What an update of a window did to what is visible: a pane keeps its place by it."""

    added: int = 0
    """Visible records that are new."""
    rebuilt: bool = False
    """Everything may stand elsewhere now."""


class Window(Generic[S]):
    """The newest `size` records by id, and those of them that are visible: in order, passing tab and filter."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.records: dict[int, S] = {}
        self._visible: list[Key] = []
        self._keys: dict[int, Key] = {}
        self.sort: Callable[[S], Key] = by_id
        """By what the visible ones are ordered."""
        self._passes: Callable[[S], bool] = lambda record: True
        self.dropped = 0
        """Records that were let go because there were more than `size`."""

    def __len__(self) -> int:
        """How many are visible."""
        return len(self._visible)

    def __getitem__(self, index: int) -> S:
        """The visible record at this line."""
        return self.records[self._visible[index][-1]]

    def visible(self) -> list[S]:
        """All that are visible, in order."""
        return [self.records[key[-1]] for key in self._visible]

    def get(self, record_id: int) -> S | None:
        """A record that is held, visible or not."""
        return self.records.get(record_id)

    def index(self, record_id: int) -> int | None:
        """The line at which a record is visible; None when it is not."""
        key = self._keys.get(record_id)
        return None if key is None else bisect.bisect_left(self._visible, key)

    def nearest(self, key: Key) -> int:
        """The line at which something with this key, made by `sort`, stands or would stand."""
        return min(bisect.bisect_left(self._visible, key), max(0, len(self._visible) - 1))

    def key_of(self, record_id: int) -> Key | None:
        """By what a visible record is sorted."""
        return self._keys.get(record_id)

    def put(self, records: Iterable[S]) -> Change:
        """Take new records, and new states of known ones."""
        fresh = list(records)
        change = Change()
        if len(fresh) > 200:
            self._put_many(fresh, change)
        else:
            for record in fresh:
                self._put_one(record, change)
        self._let_go(change)
        return change

    def remove(self, record_ids: Iterable[int]) -> None:
        """Forget these, as when they were purged."""
        for record_id in record_ids:
            if self.records.pop(record_id, None) is not None:
                self._hide(record_id)

    def clear(self) -> None:
        """Forget all."""
        self.records.clear()
        self._visible.clear()
        self._keys.clear()

    def show(self, passes: Callable[[S], bool], sort: Callable[[S], Key] = by_id) -> None:
        """Show those that pass, in this order, from now on."""
        self._passes, self.sort = passes, sort
        self._rebuild()

    def _put_one(self, record: S, change: Change) -> None:
        old = self._keys.get(record.id)
        self.records[record.id] = record
        if not self._passes(record):
            if old is not None:
                self._hide(record.id)
            return
        key = self.sort(record)
        if key == old:
            return
        if old is not None:
            self._hide(record.id)
        else:
            change.added += 1
        self._keys[record.id] = key
        if not self._visible or key > self._visible[-1]:
            self._visible.append(key)
        else:
            bisect.insort(self._visible, key)

    def _put_many(self, fresh: list[S], change: Change) -> None:
        before = len(self._visible)
        self.records.update((record.id, record) for record in fresh)
        self._rebuild_with(fresh)
        change.added, change.rebuilt = max(0, len(self._visible) - before), True

    def _rebuild_with(self, fresh: list[S]) -> None:
        keys = {record.id: self.sort(record) for record in fresh if self._passes(record)}
        known = self._keys
        moved = {record.id for record in fresh if record.id in known and known[record.id] != keys.get(record.id)}
        if moved:
            self._visible = [key for key in self._visible if key[-1] not in moved]
            for record_id in moved:
                del known[record_id]
        new = {record_id: key for record_id, key in keys.items() if record_id not in known}
        known.update(new)
        self._merge(sorted(new.values()))

    def _merge(self, keys: list[Key]) -> None:
        """Older pages come before all that is there, newer ones after: only what lies between must be sorted."""
        if not keys:
            return
        if self._visible and keys[-1] < self._visible[0]:
            self._visible[:0] = keys
            return
        sorts = bool(self._visible) and keys[0] < self._visible[-1]
        self._visible += keys
        if sorts:
            self._visible.sort()

    def _rebuild(self) -> None:
        sort, passes = self.sort, self._passes
        self._keys = {record.id: sort(record) for record in self.records.values() if passes(record)}
        self._visible = sorted(self._keys.values())

    def _hide(self, record_id: int) -> None:
        key = self._keys.pop(record_id, None)
        if key is not None:
            del self._visible[bisect.bisect_left(self._visible, key)]

    def _let_go(self, change: Change) -> None:
        leaving = too_many(self.records, self.size)
        if not leaving:
            return
        for record_id in leaving:
            del self.records[record_id]
        gone = {record_id for record_id in leaving if self._keys.pop(record_id, None) is not None}
        if self.sort is by_id:
            del self._visible[: len(gone)]
        else:
            self._visible = [key for key in self._visible if key[-1] not in gone]
        self.dropped += len(leaving)
        change.rebuilt = True
