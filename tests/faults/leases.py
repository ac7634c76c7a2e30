"""A holder of the lease is killed, stopped or cut off, also inside a statement: another sends and listens within 5 s,
and the first claims nothing when it wakes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pymysql

from tests.faults.account import account, until_ended
from tests.faults.ground import RESPONSE_TIMEOUT, SESSIONS, Ground, Kind, Place, until
from tests.faults.kills import PATIENCE, UNANSWERED, Injection, moment, takes_over
from tests.faults.load import QUICK, Load
from tests.faults.proxy import Proxy
from tests.faults.stopping import Stop
from tests.integration.headless import Headless

RATE = 20
"""Rows a second that are inserted meanwhile."""

Loses = Callable[[Place, Headless, Proxy], Awaitable[float]]
"""Takes the lease's holder away; when it was, by the day's clock."""


async def killed(ground: Ground, kind: Kind, chance: random.Random) -> Injection:
    """kill -9 at any instant."""

    async def lose(_place: Place, holder: Headless, _proxy: Proxy) -> float:
        await holder.kill()
        return time.time()

    return await _passes_on(ground, kind, chance, lose, wakes=False)


async def frozen(ground: Ground, kind: Kind, chance: random.Random) -> Injection:
    """SIGSTOP at any instant, SIGCONT when the other sends."""

    async def lose(_place: Place, holder: Headless, _proxy: Proxy) -> float:
        holder.freeze()
        return time.time()

    return await _passes_on(ground, kind, chance, lose)


async def frozen_in_statement(ground: Ground, kind: Kind, chance: random.Random) -> Injection:
    """SIGSTOP while a claim or a marking is with the database and its reply is not read."""

    async def lose(_place: Place, holder: Headless, _proxy: Proxy) -> float:
        return moment(await holder.said("stopped at", PATIENCE))

    stop = Stop(chance.choice(("claim", "mark sent")), "within", chance.randint(2, 10), "STOP")
    return await _passes_on(ground, kind, chance, lose, stop=stop)


async def cut_off(ground: Ground, kind: Kind, chance: random.Random) -> Injection:
    """The network between the holder and the database carries nothing any more, and nobody is told."""

    async def lose(_place: Place, _holder: Headless, proxy: Proxy) -> float:
        proxy.part()
        return time.time()

    return await _passes_on(ground, kind, chance, lose)


async def cut_off_in_statement(ground: Ground, kind: Kind, chance: random.Random) -> Injection:
    """The same while its claim waits for somebody else's lock, and holds its own on the lease."""

    async def lose(place: Place, _holder: Headless, proxy: Proxy) -> float:
        async with _claim_waits(place):
            proxy.part()
            return time.time()

    return await _passes_on(ground, kind, chance, lose, alone=True)


async def _passes_on(
    ground: Ground, kind: Kind, chance: random.Random, lose: Loses,
    *, wakes: bool = True, stop: Stop | None = None, alone: bool = False,
) -> Injection:  # fmt: skip
    """The holder is lost under load, another takes over, the first comes back; every row is accounted for."""
    async with ground.place(kind, alone=alone) as place, Proxy(ground.server.port) as proxy:
        holder = await place.start(stop=stop, database_port=proxy.port)
        await holder.said("ready", PATIENCE)
        heir = await place.start()
        await heir.said("sender: another engine", PATIENCE)
        async with Load(place, RATE) as load:
            await asyncio.sleep(chance.uniform(0.3, 1.3))  # any instant
            lost = await lose(place, holder, proxy)
            await heir.said("sender: lease of", PATIENCE)
            took = await takes_over(place, heir, lost, load.since(lost))
            await asyncio.sleep(chance.uniform(0.1, 0.6))  # the other is at work when it wakes
            if wakes:
                holder.thaw()
                proxy.mend()
                await holder.said("sender: the lease was lost", PATIENCE)
        ended = await until_ended(place.store, load.man_ids, RESPONSE_TIMEOUT, PATIENCE)
        made = await asyncio.to_thread(ground.witness.made, load.man_ids)
        codes = [await engine.terminate(PATIENCE) for engine in ((holder, heir) if wakes else (heir,))]
        wrong = f"ended with {codes}" if any(codes) else ""
        # Who wakes writes back what it has heard; only what waited for its answer or its marking is in doubt.
        doubtful = SESSIONS if wakes else UNANSWERED
        return Injection(kind, account(ended.rows, ended.unknown, made), took, wrong, doubtful=doubtful)


@contextlib.asynccontextmanager
async def _claim_waits(place: Place) -> AsyncIterator[None]:
    """Somebody holds a lock, for which a claim waits that has begun. The lock is let go of when a second is over, as
    the claim gives up by then."""
    server = place.server
    await asyncio.to_thread(lambda: place.store.pause(actor="faults"))
    man_id = (await place.insert([QUICK]))[0]
    other = pymysql.connect(
        host="127.0.0.1", port=server.port, user="acqs", password=server.password(), database=place.database
    )
    try:
        with other.cursor() as cursor:
            if place.store.db.is_myisam:
                cursor.execute("LOCK TABLES vicidial_manager READ")
            else:
                cursor.execute("BEGIN")
                cursor.execute(f"SELECT man_id FROM vicidial_manager WHERE man_id = {man_id} FOR UPDATE")
            await asyncio.to_thread(lambda: place.store.resume(actor="faults"))
            waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE %''QUEUE'' %'"
            await until(lambda: server.client(f"{waiting} AND db = '{place.database}'").strip() != "0", PATIENCE)
            yield
            await asyncio.sleep(1.0)
    finally:
        other.close()
