"""A bounded memory of what went by, read by whoever wants it at their own pace, who are told what they missed.

Its own module because it is the one place between the engine and those who watch it: appending costs the same whether
nobody watches or five do, and a watcher that is slow loses entries, never time of the engine's.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """The last `size` things that were added. `total` counts all that ever were."""

    __slots__ = ("_kept", "total")

    def __init__(self, size: int) -> None:
        self._kept: deque[T] = deque(maxlen=size)
        self.total = 0

    def add(self, one: T) -> None:
        """Remember this; the oldest is forgotten when there is no room."""
        self._kept.append(one)
        self.total += 1

    def since(self, seen: int, most: int | None = None) -> tuple[list[T], int]:
        """What was added after the first `seen`, oldest first, and how many of those are not in it.

        They are missing because they were forgotten, or because of more than `most` only the newest are given.
        """
        new = max(0, self.total - seen)
        given = min(new, len(self._kept), new if most is None else most)
        return list(itertools.islice(reversed(self._kept), given))[::-1], new - given


class Touched:
    """Rows that changed and that nobody has looked at since; of more than `size` the oldest are let go."""

    __slots__ = ("_man_ids", "_size")

    def __init__(self, size: int) -> None:
        self._man_ids: dict[int, None] = {}
        self._size = size

    def __len__(self) -> int:
        return len(self._man_ids)

    def add(self, man_id: int) -> None:
        """This row has changed."""
        self._man_ids[man_id] = None
        if len(self._man_ids) > self._size:
            del self._man_ids[next(iter(self._man_ids))]

    def update(self, man_ids: Iterable[int]) -> None:
        """These rows have changed."""
        for man_id in man_ids:
            self.add(man_id)

    def take(self, most: int) -> list[int]:
        """At most so many of them, which count as looked at."""
        taken = list(itertools.islice(self._man_ids, most))
        for man_id in taken:
            del self._man_ids[man_id]
        return taken
