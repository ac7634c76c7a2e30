"""What Asterisk says lives now, against the rows that should be alive (design §6): after any gap, and now and then.

Rows are read before the channels are listed, so a row that is UPDATED and whose call is not in the list has ended. A
row that is only SENT may have been written a moment ago and have no channel yet: it must be missed twice, some seconds
apart, and be answered each time. One without an answer is never settled by absence: its outcome stays unknown. But its
answer may be on its way while we look, so the looks go on for as long as the connection lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from acqs_core.action import Row, Status
from acqs_core.ami.session import Session
from acqs_core.listener.calls import Calls
from acqs_core.listener.rules import Change
from acqs_core.queue.store import Store

FIRST_LOOKS, LONGEST = 3.0, 60.0
"""Seconds between looks: twice the first, then doubling up to the second. A row that had no answer yet at one look is
settled by the next two."""


class Reconciler:
    """Compares the table with Asterisk over one listener session."""

    def __init__(self, session: Session, store: Store, threads: Executor, calls: Calls, with_channel_id: bool) -> None:
        self._session, self._store, self._threads = session, store, threads
        self._calls = calls
        self._with_channel_id = with_channel_id

    async def run(self, decide: Callable[[list[Change]], None]) -> None:
        """Look until cancelled, and settle what is certain. Raises AmiError and QueueError."""
        wait, missed = FIRST_LOOKS / 2, set[int]()
        while True:
            missed = await self._look(decide, missed)
            await asyncio.sleep(max(wait, FIRST_LOOKS))
            wait = min(wait * 2, LONGEST)

    async def _look(self, decide: Callable[[list[Change]], None], missed: set[int]) -> set[int]:
        """One look; `missed` had no channel at the last one. Gives those that are answered and have none now."""
        rows: list[Row] = await asyncio.get_running_loop().run_in_executor(self._threads, self._store.alive)
        believed = self._calls.living()
        listed = await self._session.ask_list(self._session.form.channel_list, timeout=10.0)
        for channel in listed:
            decide(self._calls.event("Newstate", channel.get))
        for uniqueid in believed - {channel.get("Uniqueid") for channel in listed}:
            decide(self._calls.ended(uniqueid))
        decide(self._calls.lost(rows))
        decide(self._calls.found(rows, with_channel_id=self._with_channel_id))
        absent = [row for row in rows if row.matches_by_callerid and not self._calls.lives(row.man_id)]
        answered = {row.man_id for row in absent if row.response == "Y" and row.originates}
        for row in absent:
            if row.status is Status.UPDATED or row.man_id in missed & answered:
                decide(self._calls.gone(row.man_id))
        return answered - missed
