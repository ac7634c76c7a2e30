"""A sender that loses its lease and has it again while a child of before is still on its way. SQLite, no Asterisk."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acqs_core.action import NewAction, Row, Status
from acqs_core.errors import ConnectFailed
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.lease import Leases
from acqs_core.queue.store import Store
from acqs_core.queue.writer import Writer
from acqs_core.sender.child import ChildSession
from acqs_core.sender.gate import Turn
from acqs_core.sender.sender import Sender
from acqs_core.settings import SenderSettings
from acqs_core.telemetry import Telemetry


class Nobody:
    """Where a session would come from: it takes until `tried` is set, and then there is none."""

    def __init__(self) -> None:
        self.asked, self.tried = asyncio.Event(), asyncio.Event()

    async def open(self, turn: Turn) -> ChildSession:
        """No session."""
        self.asked.set()
        await self.tried.wait()
        raise ConnectFailed("nobody is there")

    async def close(self) -> None:
        """Nothing to do."""


async def test_a_row_that_its_child_gives_up_during_the_take_over_is_new_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(f"sqlite:///{tmp_path}/queue.sqlite3", pool_size=4)
    schema.init(database)
    store, leases, nobody = Store(database, "10.1.1.1"), Leases(database), Nobody()
    with ThreadPoolExecutor(4) as threads:
        telemetry = Telemetry()
        writer = Writer(store, threads, telemetry)
        sender = Sender(store, writer, threads, nobody, SenderSettings(), telemetry)

        def token() -> int:
            grant = leases.acquire("10.1.1.1", "sender", "test", 60)
            assert grant is not None
            return grant.token

        before = token()
        await sender.take_over(before)
        man_id = store.insert(NewAction("Ping", "", ()))
        (row,) = store.claim(before, 1)
        sender._deliveries.begin(row, sender._screening.compose(row, "0000", True), before)
        await nobody.asked.wait()

        sender.lose_lease()
        asked, answer = threading.Event(), threading.Event()

        def unanswered() -> list[Row]:
            asked.set()
            assert answer.wait(10)
            return []

        monkeypatch.setattr(store, "unanswered_callerids", unanswered)
        taking = asyncio.create_task(sender.take_over(token()))
        assert await asyncio.to_thread(asked.wait, 10)
        nobody.tried.set()
        await asyncio.wait(sender._deliveries._tasks)
        await sender._deliveries.give_back()  # as the loop does, which has no token yet
        answer.set()
        await taking
        await sender._deliveries.give_back()
    assert store.by_ids([man_id])[0].status is Status.NEW
