"""Trouble between one engine and Asterisk: on the wire to the real one, and a simulated one that misbehaves."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from acqs_core.simulator import Simulator
from tests.faults.account import account, until_ended
from tests.faults.ground import RESPONSE_TIMEOUT, SESSIONS, Ground, Kind
from tests.faults.kills import PATIENCE, Injection
from tests.faults.load import SEEN, WRITTEN, Load, Tap
from tests.faults.proxy import Proxy

RATE = 10
"""Rows a second that are inserted meanwhile."""

OF_A_ROW = re.compile(r"acqs-(\d+)-\w+")
"""The ActionID of a row."""

Trouble = Callable[[Proxy, random.Random], Awaitable[int]]
"""Makes trouble on the wire; gives between how many actions and their answers it may have come."""

Misbehaves = Callable[[Simulator, random.Random], Awaitable[int]]
"""The same at a simulated Asterisk."""


async def torn_action(proxy: Proxy, chance: random.Random) -> int:
    """Each connection is cut when a random number of bytes has gone to Asterisk: in a login, an action, a Logoff."""
    for _ in range(3):
        proxy.up.cut_after = chance.randint(1, 400)
        await asyncio.sleep(chance.uniform(0.3, 0.8))
        proxy.mend()
        await asyncio.sleep(chance.uniform(0.1, 0.5))
    return proxy.torn


async def torn_answer(proxy: Proxy, chance: random.Random) -> int:
    """The same the other way: within the banner, an answer, an event."""
    for _ in range(3):
        proxy.down.cut_after = chance.randint(1, 400)
        await asyncio.sleep(chance.uniform(0.3, 0.8))
        proxy.mend()
        await asyncio.sleep(chance.uniform(0.1, 0.5))
    return proxy.torn


async def half_closed(proxy: Proxy, chance: random.Random) -> int:
    """One direction of every connection ends, the other stays open."""
    for way in (proxy.up, proxy.down):
        proxy.half_close(way)
        await asyncio.sleep(chance.uniform(0.3, 0.8))
    return 2 * SESSIONS


async def silent(proxy: Proxy, chance: random.Random) -> int:
    """Nothing goes through any more, for longer than the listener believes it, and nobody is told."""
    proxy.part()
    await asyncio.sleep(chance.uniform(8, 12))
    proxy.mend()
    return SESSIONS


async def slow(proxy: Proxy, chance: random.Random) -> int:
    """Every answer is late, and little goes through."""
    proxy.down.delay = chance.uniform(0.1, 0.5)
    proxy.up.bytes_per_second = 4_000
    await asyncio.sleep(4)
    proxy.mend()
    return 0


async def on_the_wire(trouble: Trouble, ground: Ground, kind: Kind, chance: random.Random) -> Injection:
    """One engine under load whose way to the real Asterisk is in trouble."""
    async with ground.place(kind) as place, Proxy(ground.asterisk.ami_port) as proxy:
        tap = Tap(proxy)
        engine = await place.start(asterisk={"port": proxy.port})
        await engine.said("ready", PATIENCE)
        async with Load(place, RATE, WRITTEN) as load:
            await asyncio.sleep(chance.uniform(0.3, 1))
            doubtful = await trouble(proxy, chance)
            over = time.monotonic()
        ended = await until_ended(place.store, load.man_ids, RESPONSE_TIMEOUT, 2 * PATIENCE)
        took = ended.at - over
        seen = await asyncio.to_thread(ground.witness.made, load.man_ids)
        witnessed = {new.action for new in SEEN}
        made = {row.man_id: (seen if row.action in witnessed else tap.written)[row.man_id]
                for row in ended.rows.values()}  # fmt: skip
        assert await engine.terminate(PATIENCE) == 0
        return Injection(kind, account(ended.rows, ended.unknown, made), took, doubtful=doubtful)


async def refuses_logins(simulator: Simulator, chance: random.Random) -> int:
    """It refuses every login for some seconds."""
    simulator.refuse_logins = True
    await asyncio.sleep(chance.uniform(1, 3))
    simulator.refuse_logins = False
    return 0


async def sends_no_banner(simulator: Simulator, chance: random.Random) -> int:
    """It ends every new connection at once, as with its authlimit reached."""
    simulator.no_banner = True
    await asyncio.sleep(chance.uniform(1, 3))
    simulator.no_banner = False
    return 0


async def answers_nothing(simulator: Simulator, chance: random.Random) -> int:
    """It takes whatever comes and says nothing, for longer than the listener believes it."""
    simulator.mute = True
    await asyncio.sleep(chance.uniform(8, 12))
    simulator.mute = False
    return SESSIONS


async def floods(simulator: Simulator, chance: random.Random) -> int:
    """It tells of 5,000 things a second that are no business of ours."""
    await simulator.flood(5_000, chance.uniform(3, 5))
    return 0


async def misbehaving(misbehaves: Misbehaves, ground: Ground, kind: Kind, chance: random.Random) -> Injection:
    """One engine under load on a simulated Asterisk, which remembers every action that arrived."""
    async with ground.place(kind) as place, Simulator(seed=chance.randrange(1000)) as simulator:
        login = {f"{role}_{what}": "acqs" for role in ("listen", "send") for what in ("username", "secret")}
        engine = await place.start(asterisk={"port": simulator.address[1], **login})
        await engine.said("ready", PATIENCE)
        async with Load(place, RATE, WRITTEN) as load:
            await asyncio.sleep(chance.uniform(0.3, 1))
            doubtful = await misbehaves(simulator, chance)
            over = time.monotonic()
        ended = await until_ended(place.store, load.man_ids, RESPONSE_TIMEOUT, 2 * PATIENCE)
        took = ended.at - over
        assert await engine.terminate(PATIENCE) == 0
        ids = (OF_A_ROW.fullmatch(action.action_id) for action in simulator.actions)
        made = Counter(int(found[1]) for found in ids if found)
        return Injection(kind, account(ended.rows, ended.unknown, made), took, doubtful=doubtful)
