"""Two engines on one table: the lease passes to and fro under load, and no action is sent by both or by neither."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path

from acqs_core.action import Status, call
from tests.integration.conftest import one_kind_of_table
from tests.integration.headless import Fleet, Headless, burst, calls_made, until_reached, until_settled
from tests.integration.stand import Stand
from tests.lab.recorder import Recorder

RESPONSE_TIMEOUT = 2.0

SETTINGS = {"linger": 0.2, "max_sessions": 20, "response_timeout": RESPONSE_TIMEOUT}

EVERY, AT_ONCE = 0.1, 3
"""The load: so many rows each time, that many seconds apart."""


@one_kind_of_table
async def test_frozen_and_thawed_engines_send_nothing_twice(stand: Stand, tmp_path: Path) -> None:
    """A holder that is stopped for longer than its lease wakes up believing that it still has it."""
    async with _two_under_load(stand, tmp_path) as (engines, recorder):
        for _ in range(3):
            sending = await _holder(stand, engines)
            other = engines[1 - engines.index(sending)]
            sending.freeze()
            took_over = await _newer_token(stand, await _token(stand), 8)
            assert took_over == other.pid
            await until_reached(recorder, 10)
            sending.thaw()
            await until_reached(recorder, 10)


@one_kind_of_table
async def test_a_lease_that_passes_on_every_second_lets_nothing_be_sent_twice(stand: Stand, tmp_path: Path) -> None:
    chance = random.Random(7)
    holders = set()
    async with _two_under_load(stand, tmp_path) as (_, recorder):
        for _ in range(12):
            token = await _token(stand)
            await asyncio.to_thread(
                stand.server.client,
                "UPDATE acqs_lease SET holder = '', expires_at = UTC_TIMESTAMP(6)",
                database=stand.database,
            )
            holders.add(await _newer_token(stand, token, 5))
            await until_reached(recorder, chance.randint(3, 20))
    assert len(holders) == 2, "only one of the two ever sent"


@contextlib.asynccontextmanager
async def _two_under_load(stand: Stand, directory: Path) -> AsyncIterator[tuple[list[Headless], Recorder]]:
    """Two engines that compete while a producer inserts at a steady rate; afterwards every row is accounted for."""
    man_ids: list[int] = []
    stop = asyncio.Event()
    with stand.asterisk.record() as recorder:
        async with Fleet(stand, directory, sender=SETTINGS) as fleet:
            engines = [await fleet.start(), await fleet.start()]
            await asyncio.gather(*(engine.said("sender: ") for engine in engines))
            producing = asyncio.create_task(_produce(stand, man_ids, stop))
            await until_reached(recorder, 5)
            yield engines, recorder
            stop.set()
            await producing
            rows, unknown = await until_settled(stand, man_ids, RESPONSE_TIMEOUT)
            codes = await asyncio.gather(*(engine.terminate() for engine in engines))
        await asyncio.to_thread(recorder.settle)
        made = calls_made(recorder)
    assert codes == [0, 0]
    assert max(made.values()) == 1, "an action reached Asterisk twice"
    assert all(made[row.man_id] == 1 for row in rows.values() if row.status is Status.DEAD)
    assert len(unknown) < len(rows) / 10, "more rows are in doubt than a frozen engine had in its hands"


async def _produce(stand: Stand, man_ids: list[int], stop: asyncio.Event) -> None:
    """Rows of which some share a caller id, so that some wait in QUEUE for the answer to another."""
    for number in itertools.count():
        same = call("Local/631@default/n", exten="630", callerid=f"V{number % 4}")
        man_ids += await asyncio.to_thread(burst, stand, [same] * AT_ONCE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY)
        if stop.is_set():
            return


async def _lease(stand: Stand) -> tuple[int, int]:
    """Token, and pid of the holder (0: nobody)."""
    text = await asyncio.to_thread(
        stand.server.client, "SELECT token, holder FROM acqs_lease WHERE role = 'sender'", database=stand.database
    )
    token, _, holder = text.rstrip("\n").partition("\t")
    return int(token), int(holder.split(":")[1]) if holder else 0


async def _token(stand: Stand) -> int:
    return (await _lease(stand))[0]


async def _holder(stand: Stand, engines: list[Headless]) -> Headless:
    pid = (await _lease(stand))[1]
    return next(engine for engine in engines if engine.pid == pid)


async def _newer_token(stand: Stand, than: int, seconds: float) -> int:
    """The pid of whoever has taken the sender's lease since; the lease table tells nobody, so it is looked at."""
    async with asyncio.timeout(seconds):
        while True:
            token, pid = await _lease(stand)
            if token > than and pid:
                return pid
            await asyncio.sleep(0.05)
