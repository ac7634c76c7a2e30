"""What an engine says of itself while it serves, stands by, has lost a side, or drains."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from acqs_core.action import call
from acqs_core.engine import Engine
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.settings import Settings
from acqs_core.simulator import Simulator


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(speed=10.0) as simulator:
        yield simulator


@contextlib.asynccontextmanager
async def running(simulator: Simulator, folder: Path) -> AsyncIterator[Engine]:
    """An engine that has been started, on a table in `folder`."""
    host, port = simulator.address
    tree = {
        "server_ip": "10.1.1.1",
        "queue": {"url": f"sqlite:///{folder}/queue.sqlite3"},
        "asterisk": {"host": host, "port": port, "username": "acqs", "secret": "acqs"},
        "sender": {"linger": 5.0},
    }
    database = Database(f"sqlite:///{folder}/queue.sqlite3", pool_size=1)
    schema.init(database)
    database.dispose()
    engine = Engine(Settings.model_validate(tree))
    task = asyncio.create_task(engine.run())
    try:
        yield engine
    finally:
        engine.stop()
        await asyncio.wait_for(task, 20)


async def says(engine: Engine, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Its status once it is as wanted. A status tells nobody that it changed, so it is looked at."""
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        status = engine.status()
        if wanted(status):
            return status
        assert asyncio.get_running_loop().time() < deadline, status
        await asyncio.sleep(0.02)


async def test_an_engine_is_ready_once_it_has_its_leases_and_asterisk(simulator: Simulator, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as engine:
        before = engine.status()
        assert (before["ready"], before["leases"]) == (False, {"sender": None, "listener": None})
        status = await says(engine, lambda status: status["ready"])
        assert (status["trouble"], status["standing_by"]) == ([], [])
        assert status["up"] == {"database": True, "asterisk": True}
        assert all(token > 0 for token in status["leases"].values())
        engine.stop()
        assert engine.status()["trouble"] == ["draining"]


async def test_the_second_engine_of_a_server_stands_by_and_says_so(simulator: Simulator, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as first:
        await says(first, lambda status: status["ready"])
        async with running(simulator, tmp_path) as second:
            status = await says(second, lambda status: len(status["standing_by"]) == 2)
            assert not status["ready"]
            assert status["leases"] == {"sender": None, "listener": None}
            place = first.holder.rpartition(":")[0]
            assert f"sender: another engine ({place}) serves 10.1.1.1; standing by" in status["trouble"]
            assert status["holders"] == dict.fromkeys(("sender", "listener"), first.holder) == first.status()["holders"]


async def test_a_pause_is_told_by_who_sends_and_not_by_who_stands_by(simulator: Simulator, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as first:
        await says(first, lambda status: status["ready"])
        async with running(simulator, tmp_path) as second:
            await asyncio.to_thread(first.store.pause, actor="ann", reason="lunch")
            status = await says(first, lambda status: bool(status["paused"]))
            assert status["ready"], "it would send but for the pause"
            pause = status["pause"]
            assert (pause["actor"], pause["reason"]) == ("ann", "lunch")
            since = dt.datetime.fromisoformat(pause["at"])
            assert abs((dt.datetime.now(dt.UTC) - since).total_seconds()) < 30
            told = second.status()
            assert (told["paused"], told["pause"]) == (None, None), "it might miss the resume and say so for ever"
            await asyncio.to_thread(first.store.resume, actor="ann")
            assert (await says(first, lambda status: status["paused"] is False))["pause"] is None


async def test_which_database_and_which_asterisk_since_when_is_told(simulator: Simulator, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as engine:
        assert engine.status()["asterisk"] is None
        status = await says(engine, lambda status: status["ready"])
        assert status["database"] == "queue.sqlite3"
        first = status["asterisk"]
        assert first["banner"].startswith("Asterisk Call Manager/")
        assert abs(time.time() - first["since"]) < 30
        await simulator.drop_connections()
        status = await says(engine, lambda status: status["counters"]["listener_connects"] == 2 and status["ready"])
        assert status["asterisk"]["since"] > first["since"]


async def test_an_engine_whose_asterisk_has_gone_is_not_ready(simulator: Simulator, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as engine:
        await says(engine, lambda status: status["ready"])
        await simulator.stop()
        status = await says(engine, lambda status: not status["up"]["asterisk"])
        assert (status["ready"], status["up"]["database"]) == (False, True)
        assert status["counters"]["breaker_opens"] == 1, "however often it is tried in vain"


async def test_what_the_listener_has_read_is_counted_on_after_a_reconnect(simulator: Simulator, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as engine:
        before = (await says(engine, lambda status: status["ready"]))["read"]
        await simulator.drop_connections()
        status = await says(engine, lambda status: status["counters"]["listener_connects"] == 2 and status["ready"])
        assert status["read"]["frames"] > before["frames"] > 0


async def test_a_child_session_is_counted_by_what_it_does(simulator: Simulator, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as engine:
        await engine.insert(call("Local/600@default", exten="600"))
        status = await says(engine, lambda status: status["children"]["lingering"] == 1)
        assert sum(status["children"].values()) == 1
        depth = await engine.depth(1000)
        assert sum(depth.counts.values()) == 1
        assert depth.oldest_new_age == 0.0
