"""After any gap: what Asterisk says lives now, against the rows that should be alive (design §6).

Rows are read before the channels are listed, so a row that is UPDATED and whose call is not in the list has ended. A
row that is only SENT may have been written a moment ago and have no channel yet: it is looked at twice, some seconds
apart. One without an answer is never settled by absence: its outcome stays unknown.
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

SECOND_LOOK = 3.0
"""Seconds after which a SENT row that still has no channel is believed to have missed its end."""


class Reconciler:
    """Compares the table with Asterisk over one listener session."""

    def __init__(self, session: Session, store: Store, threads: Executor, calls: Calls, with_channel_id: bool) -> None:
        self._session, self._store, self._threads = session, store, threads
        self._calls = calls
        self._with_channel_id = with_channel_id

    async def run(self, decide: Callable[[list[Change]], None]) -> None:
        """Look, settle what is certain, look again at the rest. Raises AmiError and QueueError."""
        doubtful = await self._look(decide, certain_only=True)
        if doubtful:
            await asyncio.sleep(SECOND_LOOK)
            await self._look(decide, certain_only=False, among=doubtful)

    async def _look(
        self, decide: Callable[[list[Change]], None], *, certain_only: bool, among: set[int] | None = None
    ) -> set[int]:
        rows: list[Row] = await asyncio.get_running_loop().run_in_executor(self._threads, self._store.alive)
        believed = self._calls.living()
        listed = await self._session.ask_list("CoreShowChannels", timeout=10.0)
        for channel in listed:
            decide(self._calls.event("Newstate", channel.get))
        for uniqueid in believed - {channel.get("Uniqueid") for channel in listed}:
            decide(self._calls.ended(uniqueid))
        decide(self._calls.found(rows, with_channel_id=self._with_channel_id))
        doubtful = set()
        for row in rows:
            if not row.matches_by_callerid or self._calls.lives(row.man_id):
                continue
            if among is not None and row.man_id not in among:
                continue
            if row.status is Status.UPDATED:
                decide(self._calls.gone(row.man_id))
            elif row.response == "Y" and row.action.strip().lower() == "originate":
                if certain_only:
                    doubtful.add(row.man_id)
                else:
                    decide(self._calls.gone(row.man_id))
        return doubtful
