"""Whose turn it is among rows that share a caller id (design §1): the waiting itself, over pacing's CallerIdOrder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from acqs_core.action import Row
from acqs_core.sender.pacing import CallerIdOrder


class Turns:
    """Rows that wait in QUEUE for the answer to one before them."""

    def __init__(self) -> None:
        self._order = CallerIdOrder()
        self._waiting: dict[int, asyncio.Event] = {}
        self._going_back: dict[int, str] = {}
        self._held: dict[int, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """How many rows wait."""
        return len(self._waiting)

    def __contains__(self, man_id: int) -> bool:
        return man_id in self._waiting

    def must_wait(self, row: Row) -> bool:
        """Whether others of its caller id stand before it."""
        return row.callerid in self._order

    async def take(self, row: Row) -> bool:
        """Wait until those with the same caller id before this one are answered; False when it must go back to NEW."""
        if self._order.enter(row.callerid, row.man_id):
            return True
        if not self._order.is_broken(row.callerid):
            turn = self._waiting[row.man_id] = asyncio.Event()
            try:
                await turn.wait()
            finally:
                del self._waiting[row.man_id]
        return not self._order.is_broken(row.callerid)

    def give(self, row: Row) -> None:
        """The row is answered: the next one's turn. Nothing happens for one that goes back, or is held."""
        if row.man_id not in self._going_back and row.man_id not in self._held:
            self._leave(row.callerid, row.man_id)

    def goes_back(self, row: Row) -> None:
        """The row was not written: it keeps its place until `returned`, and everybody in its line goes back too."""
        if row.callerid.strip():
            self._going_back[row.man_id] = row.callerid
            self._wake(self._order.breaks(row.callerid))

    def returned(self, man_ids: Iterable[int] | None = None) -> None:
        """These rows are NEW again, or whoever has the lease now makes them so (None: all that go back)."""
        for man_id in list(self._going_back) if man_ids is None else man_ids:
            callerid = self._going_back.pop(man_id, None)
            if callerid is not None:
                self._leave(callerid, man_id)

    def hold(self, row: Row, seconds: float) -> None:
        """Nobody will hear the answer to this row, of an earlier engine or of a session that was lost: those behind it
        wait as long as it would have waited."""
        if not row.callerid.strip():
            return
        self._order.enter(row.callerid, row.man_id)
        held = self._held.get(row.man_id)
        if held is not None:
            held.cancel()
        self._held[row.man_id] = asyncio.get_running_loop().call_later(seconds, self._let_pass, row)

    def let_go(self, rows: Iterable[Row]) -> None:
        """Sending stops: of `rows`, those that wait for a turn wait no longer and go back."""
        for row in rows:
            if row.man_id in self._waiting:
                self._wake(self._order.breaks(row.callerid))

    def _let_pass(self, row: Row) -> None:
        del self._held[row.man_id]
        self._leave(row.callerid, row.man_id)

    def _leave(self, callerid: str, man_id: int) -> None:
        following = self._order.leave(callerid, man_id)
        if following is not None:
            self._wake([following])

    def _wake(self, man_ids: Iterable[int]) -> None:
        for man_id in man_ids:
            turn = self._waiting.get(man_id)
            if turn is not None:
                turn.set()
