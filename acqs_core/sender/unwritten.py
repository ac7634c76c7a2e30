"""Rows that were claimed and certainly not written, on their way back to NEW.

A row that stayed in QUEUE with nobody to send it would wait until the next take-over, so everything that can leave one
there is gathered here: a child that did not write, a claim or an ending whose reply never came.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from acqs_core.queue.store import Store

LATE_CLAIM = 5.0
"""Seconds after which a claim whose reply never came cannot take effect any more: a database that stopped still reads,
when it goes on, what was sent to it before, and our statements wait 2 s for it (queue/database.py)."""


InThread = Callable[..., Awaitable[Any]]
"""Runs a blocking call elsewhere."""


class Unwritten:
    """Remembers such rows until the database has taken them back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rows: dict[int, int | None] = {}
        self._doubts: list[float] = []
        self.ending: set[int] = set()
        """Rows in QUEUE that are just being ended, and have no child."""

    def keep(self, man_id: int, asked_by: int | None = None) -> None:
        """A row was not written; `asked_by` is the token by which it may have been marked SENT all the same."""
        self._rows[man_id] = asked_by

    def doubt_claim(self) -> None:
        """Rows may be in QUEUE that nobody holds: let go of them at once, and again when a late claim must be over."""
        self._doubts = [self._clock(), self._clock() + LATE_CLAIM]

    def forget(self) -> None:
        """The lease is lost: whoever takes it next releases what is in QUEUE, and SENT is not ours to take back."""
        self._rows.clear()
        self._doubts.clear()

    async def give_back(self, store: Store, in_thread: InThread, token: int, held: Collection[int]) -> list[int]:
        """Return to NEW what no child of `held` still has in its hands; gives which rows.

        Raises QueueError, and then they are all still remembered.
        """
        now = self._clock()
        if any(at <= now for at in self._doubts):
            await in_thread(store.release_queue, token, {*held, *self._rows, *self.ending})
            self._doubts = [at for at in self._doubts if at > now]
        rows = {man_id: by for man_id, by in self._rows.items() if man_id not in held}
        for man_id in [man_id for man_id, by in rows.items() if by == token]:
            await in_thread(store.unsend, man_id, token)
        if rows:
            await in_thread(store.requeue, sorted(rows), token)
        for man_id in rows:
            self._rows.pop(man_id, None)
        return list(rows)
