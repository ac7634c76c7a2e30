"""Whose turn it is among rows that share a caller id (design §1): the waiting itself, over pacing's CallerIdOrder."""

from __future__ import annotations

import asyncio

from acqs_core.action import Row
from acqs_core.sender.pacing import CallerIdOrder


class Turns:
    """Rows that wait in QUEUE for the answer to one before them."""

    def __init__(self) -> None:
        self._order = CallerIdOrder()
        self._waiting: dict[int, asyncio.Event] = {}

    def __len__(self) -> int:
        """How many rows wait."""
        return len(self._waiting)

    def __contains__(self, man_id: int) -> bool:
        return man_id in self._waiting

    async def take(self, row: Row) -> None:
        """Wait until those with the same caller id before this one are answered, or until everybody is let go."""
        if self._order.enter(row.callerid, row.man_id):
            return
        turn = self._waiting[row.man_id] = asyncio.Event()
        try:
            await turn.wait()
        finally:
            del self._waiting[row.man_id]

    def give(self, row: Row) -> None:
        """The row is answered, or will not be sent: the next one's turn."""
        following = self._order.leave(row.callerid, row.man_id)
        if following in self._waiting:
            self._waiting[following].set()

    def hold(self, row: Row, seconds: float) -> None:
        """A row of an earlier engine may still be answered: those behind it wait as long as it would have waited."""
        self._order.enter(row.callerid, row.man_id)
        asyncio.get_running_loop().call_later(seconds, self.give, row)

    def let_go(self) -> None:
        """Sending stops: nobody waits any longer."""
        for turn in self._waiting.values():
            turn.set()
