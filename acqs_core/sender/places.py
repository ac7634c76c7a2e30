"""How many sessions may be open, and who leaves first: a full house never delays an action (design §5).

Nor does a half-full one. Asterisk wakes every open manager session for every event, also one that gets none: with 90
lingering, a burst of 200 calls cost Asterisk 22 4.5 s of processor time instead of 0.8 s. So under load most leave.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from acqs_core.sender.child import Child

LOAD = 4
"""Actions under way at once beyond which it is a burst, and who lingers slows those who do not."""

COMPANY = 4
"""How many may go on lingering in a burst."""


class Places:
    """`max_sessions` places. A child that has its answer and only lingers gives its own up when another needs one, and
    in a burst once COMPANY others have it after this one."""

    def __init__(self, max_sessions: int) -> None:
        self._free = asyncio.Semaphore(max_sessions)
        self._waiting = 0
        self._taken = 0
        self._answered: set[int] = set()
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
        self._taken += 1
        self._thin_out()

    def give(self) -> None:
        """A session is closed."""
        self._taken -= 1
        self._free.release()

    def lingers(self, child: Child) -> None:
        """A child has its answer; it leaves at once when somebody waits for a place."""
        self._lingering[child.row.man_id] = child
        self._answered.add(child.row.man_id)
        if self._waiting:
            child.may_leave.set()
        self._thin_out()

    def leaves(self, child: Child) -> None:
        """A child lingers no more, if it did."""
        self._lingering.pop(child.row.man_id, None)
        self._answered.discard(child.row.man_id)

    def clear(self) -> None:
        """Nobody lingers any longer."""
        for child in self._lingering.values():
            child.may_leave.set()

    def _thin_out(self) -> None:
        """In a burst those leave who have lingered longest."""
        if self._taken - len(self._answered) > LOAD:
            while len(self._lingering) > COMPANY:
                _, oldest = self._lingering.popitem(last=False)
                oldest.may_leave.set()
