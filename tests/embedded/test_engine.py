"""A whole engine through what a simulated Asterisk can do to it: least rights, floods, stops, restarts and crashes."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import wait
from pathlib import Path

import pytest

from acqs_core.action import Outcome, Status, call
from acqs_core.engine import THREADS, Engine
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.lease import Leases
from acqs_core.settings import Settings
from acqs_core.simulator import Simulator, User
from acqs_core.tenure import LEASE_TTL

WANTED = "^Event: (Newchannel|Newstate|NewCallerid|Rename|Hangup|OriginateResponse|FullyBooted|Shutdown)[[:cntrl:]]"
USERS = {
    "send": User("s1", read="", write="originate,call"),
    "listen": User("s2", read="call,system", write="reporting", eventfilters=(("", WANTED),)),
}
"""The rights that the README gives."""


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(speed=10, users=USERS) as simulator:
        yield simulator


@pytest.fixture
def chosen(simulator: Simulator, tmp_path: Path) -> Settings:
    tree = {
        "queue": {"url": f"sqlite:///{tmp_path}/queue.sqlite3"},
        "asterisk": {
            "port": simulator.address[1],
            "send_username": "send",
            "send_secret": "s1",
            "listen_username": "listen",
            "listen_secret": "s2",
        },
        "listener": {"filter": False},
        "sender": {"linger": 0.1},
    }
    chosen = Settings.model_validate(tree)
    database = Database(chosen.queue.url.get_secret_value(), pool_size=1)
    schema.init(database)
    database.dispose()
    return chosen


@contextlib.asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[Engine]:
    task = asyncio.create_task(engine.run())
    async with asyncio.timeout(10):
        await engine.ready.wait()
    yield engine
    engine.stop()
    await task


@pytest.fixture
async def engine(chosen: Settings) -> AsyncIterator[Engine]:
    async with running(Engine(chosen)) as engine:
        yield engine


async def reached(engine: Engine, man_id: int, status: Status) -> Outcome | None:
    """What is known of how a row's call went, once the row has this status."""
    async with asyncio.timeout(30):
        while True:
            timeline = await asyncio.to_thread(engine.store.timeline, man_id)
            if timeline.row.status is status:
                return timeline.outcome.outcome if timeline.outcome is not None else None
            await asyncio.sleep(0.05)


async def test_a_call_ends_as_it_should_with_the_least_rights_in_a_flood(simulator: Simulator, engine: Engine) -> None:
    flooding = asyncio.create_task(simulator.flood(2000, 60))
    man_ids = [await engine.insert(call(f"PJSIP/{phone}", context="default", exten="610")) for phone in ("ans", "busy")]
    assert [await reached(engine, man_id, Status.DEAD) for man_id in man_ids] == [Outcome.ANSWERED, Outcome.BUSY]
    flooding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await flooding


GOODBYES: dict[str, Callable[[Simulator], Awaitable[None]]] = {
    "restart": lambda simulator: simulator.restart(boot_time=20),
    "graceful restart": lambda simulator: simulator.stop_gracefully(restart=True, boot_time=20),
    "crash": lambda simulator: simulator.crash(boot_time=20),
}


@pytest.mark.parametrize("goodbye", GOODBYES)
async def test_a_row_that_comes_while_asterisk_boots_is_sent_once_it_has_booted(
    simulator: Simulator, engine: Engine, goodbye: str
) -> None:
    first = await engine.insert(call("Local/601@default", context="default", exten="607"))
    await reached(engine, first, Status.UPDATED)
    await GOODBYES[goodbye](simulator)
    assert not simulator.booted
    second = await engine.insert(call("Local/610@default", context="default", exten="610"))
    await simulator.received(2)
    assert simulator.booted, "a call that is sent too early meets a dialplan that is not there yet"
    assert await reached(engine, first, Status.DEAD) is Outcome.ANSWERED
    assert await reached(engine, second, Status.DEAD) is Outcome.ANSWERED


async def test_a_sender_whose_listener_is_another_program_waits_for_asterisk_to_boot_too(
    simulator: Simulator, chosen: Settings
) -> None:
    async with running(Engine(chosen, send=False)), running(Engine(chosen, listen=False)) as engine:
        sender = engine.sender
        assert sender is not None
        assert sender.trouble is None
        await simulator.crash(boot_time=60)
        async with asyncio.timeout(5):
            while sender.trouble is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        man_id = await engine.insert(call("Local/610@default", context="default", exten="610"))
        await simulator.received(1)
        assert simulator.booted
        assert await reached(engine, man_id, Status.DEAD) is Outcome.ANSWERED


async def test_an_engine_whose_statements_all_wait_keeps_its_leases(engine: Engine) -> None:
    """Renewing has a connection and a thread of its own; whoever stands by must not be let in for a slow table."""
    waiting = threading.Event()
    busy = [engine._threads.submit(waiting.wait) for _ in range(THREADS)]
    database = Database.of(engine.settings.queue, pool_size=1)
    try:
        seen = {role: list[dt.datetime | None]() for role in ("sender", "listener")}
        async with asyncio.timeout(3 * LEASE_TTL):
            while min(len(set(times)) for times in seen.values()) < 4:
                for lease in await asyncio.to_thread(Leases(database).view):
                    assert lease.token == 1, "it was never lost and taken again"
                    seen[lease.role].append(lease.expires_at)
                await asyncio.sleep(0.1)
    finally:
        waiting.set()
        wait(busy)
        database.dispose()
