"""How many sessions may be open, and who leaves first: a full house never delays an action (design §5)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from acqs_core.sender.child import Child


class Places:
    """`max_sessions` places. A child that has its answer and only lingers gives its own up when another needs one."""

    def __init__(self, max_sessions: int) -> None:
        self._free = asyncio.Semaphore(max_sessions)
        self._waiting = 0
        self._lingering: OrderedDict[int, Child] = OrderedDict()

    @property
    def lingering(self) -> int:
        """How many could leave at once."""
        return len(self._lingering)

    async def take(self) -> None:
        """Wait for a place; in a full house the one that has lingered longest leaves first."""
        if self._free.locked() and self._lingering:
            _, oldest = self._lingering.popitem(last=False)
            oldest.may_leave.set()
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1

    def give(self) -> None:
        """A session is closed."""
        self._free.release()

    def lingers(self, child: Child) -> None:
        """A child has its answer; it leaves at once when somebody waits for a place."""
        self._lingering[child.row.man_id] = child
        if self._waiting:
            child.may_leave.set()

    def leaves(self, child: Child) -> None:
        """A child lingers no more, if it did."""
        self._lingering.pop(child.row.man_id, None)

    def clear(self) -> None:
        """Nobody lingers any longer."""
        for child in self._lingering.values():
            child.may_leave.set()
