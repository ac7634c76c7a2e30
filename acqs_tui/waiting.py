"""What comes while a view is frozen: kept until it goes on, no more of it than its window holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from acqs_tui.records import Shown, Window, too_many

S = TypeVar("S", bound=Shown)


class Waiting(Generic[S]):
    """The newest of what came, and what is gone."""

    def __init__(self, window: Window[S]) -> None:
        self._window = window
        self.records: dict[int, S] = {}
        self._gone: set[int] = set()
        self.unseen = 0
        """Records that were let go because there were too many."""

    def put(self, records: Iterable[S]) -> None:
        """Keep new and changed records."""
        self.records.update((record.id, record) for record in records)
        for record_id in too_many(self.records, self._window.size):
            del self.records[record_id]
            self.unseen += 1

    def forget(self, record_ids: Iterable[int]) -> None:
        """These are gone."""
        self._gone.update(record_ids)

    def take(self) -> tuple[list[S], set[int]]:
        """What has waited, and what is gone; from now on nothing waits."""
        records, gone = list(self.records.values()), self._gone
        self.records, self._gone = {}, set()
        return records, gone

    def clear(self) -> None:
        """Forget all, as when another engine is shown."""
        self.take()
        self.unseen = 0
