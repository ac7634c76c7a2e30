"""Events seen whole: a window of events as the lines of their texts, each made when it is drawn.

What is held stays the events, so that nothing is lost, and no more is held, by looking at them otherwise.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable

from acqs_tui.events import LINES, EventRecord
from acqs_tui.records import Change, Key, Window, by_id

MOST_MADE = 100
"""Events whose lines are kept once they were made: more than a screen shows."""


class Whole(Window[EventRecord]):
    """Another look at a window of events, which stay in it. Its lines are records with ids of their own."""

    def __init__(self, events: Window[EventRecord]) -> None:
        super().__init__(events.size)
        self.events, self.records = events, events.records
        self._ends: list[int] | None = None
        """Down to which line each visible event goes; None when that is to be counted again."""
        self._made: dict[int, list[EventRecord]] = {}

    def __len__(self) -> int:
        """How many lines."""
        ends = self._counted()
        return ends[-1] if ends else 0

    def __getitem__(self, index: int) -> EventRecord:
        """This line."""
        number = bisect.bisect_right(self._counted(), index)
        return self._lines(self.events[number])[index - self._start(number)]

    def visible(self) -> list[EventRecord]:
        """The events, each once."""
        return self.events.visible()

    def get(self, record_id: int) -> EventRecord | None:
        """The event that this is a line of."""
        return self.events.get(record_id - record_id % LINES)

    def index(self, record_id: int) -> int | None:
        """The place of a line."""
        part = record_id % LINES
        number = self.events.index(record_id - part)
        if number is None or part >= self.events[number].height:
            return None
        return self._start(number) + part

    def nearest(self, key: Key) -> int:
        """The first line of what stands nearest."""
        return self._start(self.events.nearest(key))

    def key_of(self, record_id: int) -> Key | None:
        """By what a line is sorted."""
        return None if self.index(record_id) is None else (record_id,)

    def put(self, records: Iterable[EventRecord]) -> Change:
        """Take new events."""
        self._ends = None
        return self.events.put(records)

    def remove(self, record_ids: Iterable[int]) -> None:
        """Forget these events."""
        self._ends = None
        self.events.remove(record_ids)

    def clear(self) -> None:
        """Forget all."""
        self._ends = None
        self._made.clear()
        self.events.clear()

    def show(self, passes: Callable[[EventRecord], bool], sort: Callable[[EventRecord], Key] = by_id) -> None:
        """Show the events that pass."""
        self._ends = None
        self.events.show(passes, sort)

    def _counted(self) -> list[int]:
        if self._ends is None:
            self._ends = list(itertools.accumulate(event.height for event in self.events.visible()))
        return self._ends

    def _start(self, number: int) -> int:
        return self._counted()[number - 1] if number else 0

    def _lines(self, event: EventRecord) -> list[EventRecord]:
        if len(self._made) > MOST_MADE:
            self._made.clear()
        made = self._made.get(event.id)
        if made is None:
            made = self._made[event.id] = event.lines()
        return made
