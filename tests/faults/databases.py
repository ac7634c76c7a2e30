"""The database goes away and comes back, for everybody at once or on one engine's wire, also in mid-statement."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from tests.faults.account import account, until_ended
from tests.faults.ground import RESPONSE_TIMEOUT, Ground, Kind, Place
from tests.faults.kills import PATIENCE, Injection
from tests.faults.load import QUICK, Load
from tests.faults.proxy import Proxy

RATE = 10
"""Rows a second that are inserted at each place while the database takes them."""

BACKLOG = 60
"""Rows that are there at each place from the start: an engine, which may send RATE a second, has not sent them all when
the database goes."""

Outage = Callable[[Ground], Awaitable[None]]


async def crashed(ground: Ground) -> None:
    """kill -9, and started again after a second."""
    await asyncio.to_thread(ground.server.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(ground.server.start)


async def stopped(ground: Ground) -> None:
    """Stopped as by an administrator, and started again after 30 s."""
    await asyncio.to_thread(ground.server.stop)
    await asyncio.sleep(30)
    await asyncio.to_thread(ground.server.start)


async def stood_still(ground: Ground) -> None:
    """SIGSTOP for 5 s: connections stay open, and what was sent to it takes effect later."""
    await asyncio.to_thread(ground.server.freeze)
    await asyncio.sleep(5)
    ground.server.thaw()


async def wave(outage: Outage, ground: Ground, kinds: Sequence[Kind], chance: random.Random) -> list[Injection]:
    """One outage of the one server, and a place of each of these kinds that lives through it under load."""
    async with contextlib.AsyncExitStack() as stack:
        places = [await stack.enter_async_context(ground.place(kind)) for kind in kinds]
        engines = [await place.start(max_per_second=RATE) for place in places]
        await asyncio.gather(*(engine.said("ready", PATIENCE) for engine in engines))
        backlogs = [await place.insert([QUICK] * BACKLOG) for place in places]
        loads = [await stack.enter_async_context(Load(place, RATE)) for place in places]
        await asyncio.sleep(chance.uniform(1, 2))
        await outage(ground)
        over = time.monotonic()
        await asyncio.sleep(1)  # the producers notice, and go on
        await asyncio.gather(*(load.stop() for load in loads))
        found = await asyncio.gather(
            *(
                _afterwards(place, kind, [*backlog, *load.man_ids], over)
                for place, kind, backlog, load in zip(places, kinds, backlogs, loads, strict=True)
            )
        )
        codes = await asyncio.gather(*(engine.terminate(PATIENCE) for engine in engines))
        assert not any(codes), f"engines ended with {codes}"
        return found


async def _afterwards(place: Place, kind: Kind, man_ids: list[int], over: float) -> Injection:
    """Nothing was cut between a write and its answer, and the engine lived to write back what it heard: no row may be
    in doubt."""
    ended = await until_ended(place.store, man_ids, RESPONSE_TIMEOUT, 2 * PATIENCE)
    took = ended.at - over
    made = await asyncio.to_thread(place.ground.witness.made, man_ids)
    return Injection(kind, account(ended.rows, ended.unknown, made), took)


# On one engine's wire.

Trouble = Callable[[Proxy, random.Random], Awaitable[None]]


async def torn_statement(proxy: Proxy, chance: random.Random) -> None:
    """Each connection is cut when a random number of bytes of what is asked has gone through."""
    for _ in range(3):
        proxy.up.cut_after = chance.randint(1, 600)
        await asyncio.sleep(chance.uniform(0.3, 0.8))
        proxy.mend()
        await asyncio.sleep(chance.uniform(0.1, 0.5))


async def torn_commit(proxy: Proxy, chance: random.Random) -> None:
    """A statement has gone through whole, and its reply never comes back: a claim, a marking, a batch of answers."""
    for begin in chance.sample((b"SET status = 'QUEUE'", b"SET status = 'SENT'", b"SET response = 'Y'"), 3):
        met = asyncio.Event()

        def seen(_connection: int, data: bytes, begin: bytes = begin, met: asyncio.Event = met) -> None:
            if begin in data and not met.is_set():
                proxy.down.cut_after = 0
                met.set()

        proxy.up.on_bytes = seen
        async with asyncio.timeout(PATIENCE):
            await met.wait()
        await asyncio.sleep(0.2)
        proxy.mend()
        await asyncio.sleep(chance.uniform(0.1, 0.5))


async def silent(proxy: Proxy, chance: random.Random) -> None:
    """Nothing goes through any more for some seconds, and nobody is told."""
    proxy.part()
    await asyncio.sleep(chance.uniform(2, 6))
    proxy.mend()


async def slow(proxy: Proxy, chance: random.Random) -> None:
    """Every reply is late, and little goes through."""
    proxy.down.delay = chance.uniform(0.1, 0.5)
    proxy.up.bytes_per_second = 20_000
    await asyncio.sleep(4)
    proxy.mend()


async def on_the_wire(
    trouble: Trouble, ground: Ground, kind: Kind, chance: random.Random, *, blank: bool = False
) -> Injection:
    """One engine under load whose way to the database is in trouble; with rows that name no server_ip, when `blank`."""
    async with ground.place(kind, blank=blank) as place, Proxy(ground.server.port) as proxy:
        engine = await place.start(database_port=proxy.port)
        await engine.said("ready", PATIENCE)
        async with Load(place, RATE) as load:
            await asyncio.sleep(chance.uniform(0.3, 1))
            await trouble(proxy, chance)
            over = time.monotonic()
        found = await _afterwards(place, kind, load.man_ids, over)
        assert await engine.terminate(PATIENCE) == 0
        return found
