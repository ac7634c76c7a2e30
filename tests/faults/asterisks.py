"""Asterisk restarts with calls up, is killed, stops gracefully, stands still: the real one, for everybody at once."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from subprocess import CalledProcessError

from acqs_core.action import Status, call
from tests.faults.account import account, until_ended
from tests.faults.ground import RESPONSE_TIMEOUT, Ground, Kind, Place, until
from tests.faults.kills import PATIENCE, Injection
from tests.faults.load import WRITTEN, Load, Tap
from tests.faults.proxy import Proxy
from tests.integration.headless import Headless, until_rows

CALLS = 50
"""Calls up at each place when Asterisk goes."""

LONG = call("Local/601@default/n", exten="601")
"""A call that lasts half a minute."""

RATE = 5
"""Rows a second that are inserted at each place meanwhile."""

SESSIONS = 20
"""Child sessions of each engine: so many may wait for an answer when Asterisk goes."""

Goes = Callable[[Ground], Awaitable[None]]
"""Takes Asterisk away and returns once it is back."""


async def restarted(ground: Ground) -> None:
    """`core restart now` on its console."""
    with ground.asterisk.record() as recorder:
        with contextlib.suppress(CalledProcessError):  # it may be gone before it has answered
            await asyncio.to_thread(ground.asterisk.cli, "core restart now")
        await until(lambda: recorder.closed, PATIENCE)
    await until(functools.partial(_has_booted, ground), PATIENCE)


async def killed(ground: Ground) -> None:
    """kill -9, and started again after a second."""
    await asyncio.to_thread(ground.asterisk.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(ground.asterisk.start)


async def stood_still(ground: Ground) -> None:
    """SIGSTOP for 5 s: connections stay open and nothing answers."""
    await asyncio.to_thread(ground.asterisk.freeze)
    await asyncio.sleep(5)
    ground.asterisk.thaw()


async def stopped_gracefully(ground: Ground) -> None:
    """`core stop gracefully`: it refuses everything until its last call has ended; started again after that."""
    await asyncio.to_thread(ground.asterisk.stop_gracefully)
    await until(lambda: not ground.asterisk.server.running, 2 * PATIENCE)
    await asyncio.to_thread(ground.asterisk.start)


async def wave(goes: Goes, calls: int, ground: Ground, kinds: Sequence[Kind], chance: random.Random) -> list[Injection]:
    """One Asterisk goes, and a place of each of these kinds had calls up on it; what is written is counted on the
    wire, as a witness at Asterisk would end with it."""
    async with contextlib.AsyncExitStack() as stack:
        places = [await stack.enter_async_context(ground.place(kind)) for kind in kinds]
        proxies = [await stack.enter_async_context(Proxy(ground.asterisk.ami_port)) for _ in kinds]
        taps = [Tap(proxy) for proxy in proxies]
        engines = [
            await place.start(asterisk={"port": proxy.port}, max_sessions=SESSIONS)
            for place, proxy in zip(places, proxies, strict=True)
        ]
        await asyncio.gather(*(engine.said("ready", PATIENCE) for engine in engines))
        up = await asyncio.gather(*(_call(place, calls) for place in places))
        loads = [await stack.enter_async_context(Load(place, RATE, WRITTEN)) for place in places]
        await asyncio.sleep(chance.uniform(0.2, 1))
        await goes(ground)
        back = time.monotonic()
        await asyncio.gather(*(load.stop() for load in loads))
        return await asyncio.gather(
            *(
                _afterwards(place, kind, [*called, *load.man_ids], tap, back, engine)
                for place, kind, called, load, tap, engine in zip(places, kinds, up, loads, taps, engines, strict=True)
            )
        )


async def _call(place: Place, calls: int) -> list[int]:
    """So many calls that are up, each row UPDATED."""
    if not calls:
        return []
    man_ids = await place.insert([LONG] * calls)
    await until_rows(place, man_ids, lambda row: row.status is Status.UPDATED, PATIENCE)
    return man_ids


async def _afterwards(
    place: Place, kind: Kind, man_ids: list[int], tap: Tap, back: float, engine: Headless
) -> Injection:
    ended = await until_ended(place.store, man_ids, RESPONSE_TIMEOUT, 2 * PATIENCE)
    took = ended.at - back
    code = await engine.terminate(PATIENCE)
    told, wrong = account(ended.rows, ended.unknown, tap.written), f"it ended with {code}" if code else ""
    return Injection(kind, told, took, wrong, doubtful=SESSIONS)


def _has_booted(ground: Ground) -> bool:
    try:
        return "fully booted" in ground.asterisk.cli("core waitfullybooted")
    except CalledProcessError:
        return False
