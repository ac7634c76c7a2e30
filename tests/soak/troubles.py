"""The random faults of a soak. Each breaks something and mends it; none knows what the others did."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.faults.proxy import Proxy
from tests.integration.sabotage import processes_named
from tests.lab.database import DatabaseServer
from tests.soak.parts import Kept, Simulated

PAUSE = (2.0, 6.0)
"""Seconds between two faults."""


class Troubles:
    """Breaks things one after the other. `steady` is never ended by us, `killed` is, `processes` loses its children."""

    def __init__(
        self,
        chance: random.Random,
        *,
        database: DatabaseServer,
        simulated: Simulated,
        proxy: Proxy,
        killed: Kept,
        processes: Kept,
    ) -> None:
        self._chance = chance
        self._database, self._simulated, self._proxy = database, simulated, proxy
        self._killed, self._processes = killed, processes
        self.made = Counter[str]()
        """How often each was made, by what it is."""
        self._all: dict[str, Callable[[], Awaitable[None]]] = {
            "connections to Asterisk cut": self._cut,
            "connections cut in the middle of a message": self._cut_within,
            "cable to Asterisk pulled": self._part,
            "bytes to and from Asterisk late": self._delay,
            "connections to Asterisk refused": self._refuse,
            "engine killed (kill -9)": self._kill_engine,
            "engine stopped and woken (SIGSTOP)": self._freeze_engine,
            "child killed (kill -9)": self._kill_child,
            "child stopped (SIGSTOP)": self._freeze_child,
            "fork server killed (kill -9)": self._kill_fork_server,
            "database restarted": self._restart_database,
            "database killed (kill -9)": self._crash_database,
            "Asterisk restarted": self._restart_asterisk,
        }

    async def run(self, seconds: float) -> None:
        """Make each once in a random order, and again, for so long; the last one is mended before this returns."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        order: list[str] = []
        while True:
            pause = self._chance.uniform(*PAUSE)
            if clock() + pause >= until:
                await asyncio.sleep(max(0.0, until - clock()))
                return
            await asyncio.sleep(pause)
            order = order or self._chance.sample(list(self._all), len(self._all))
            await self.make(order.pop())

    async def make(self, name: str) -> None:
        """Make one by its name."""
        self.made[name] += 1
        await self._all[name]()

    async def refuse_logins(self, seconds: float) -> None:
        """An Asterisk whose manager.conf has another secret: engines leave it alone for half a minute."""
        self.made["logins refused"] += 1
        await self._simulated.stop()
        await self._simulated.start("wrong")
        await asyncio.sleep(seconds)
        await self._simulated.stop()
        await self._simulated.start()

    async def _cut(self) -> None:
        self._proxy.cut()

    async def _cut_within(self) -> None:
        way = self._chance.choice((self._proxy.up, self._proxy.down))
        way.cut_after = self._chance.randint(1, 600)
        await asyncio.sleep(self._chance.uniform(0.2, 1.0))
        self._proxy.mend()

    async def _part(self) -> None:
        self._proxy.part()
        await asyncio.sleep(self._chance.uniform(0.5, 3.0))
        self._proxy.mend()

    async def _delay(self) -> None:
        self._proxy.up.delay, self._proxy.down.delay = self._chance.uniform(0, 0.5), self._chance.uniform(0, 0.5)
        await asyncio.sleep(self._chance.uniform(0.5, 2.0))
        self._proxy.mend()

    async def _refuse(self) -> None:
        self._proxy.refuses = True
        await asyncio.sleep(self._chance.uniform(0.2, 2.0))
        self._proxy.mend()

    async def _kill_engine(self) -> None:
        self._killed.signal(signal.SIGKILL)

    async def _freeze_engine(self) -> None:
        engine = self._killed
        pid = engine.pid
        engine.signal(signal.SIGSTOP, pid)
        await asyncio.sleep(self._chance.uniform(0.5, 8.0))
        engine.signal(signal.SIGCONT, pid)

    async def _kill_child(self) -> None:
        self._to_a_child(signal.SIGKILL)

    async def _freeze_child(self) -> None:
        self._to_a_child(signal.SIGSTOP)

    async def _kill_fork_server(self) -> None:
        for pid in processes_named("acqs-forkserver", self._processes.pid):
            self._processes.signal(signal.SIGKILL, pid)

    def _to_a_child(self, number: signal.Signals) -> None:
        servers = processes_named("acqs-forkserver", self._processes.pid)
        children = [pid for server in servers for pid in processes_named("acqs-child", server)]
        if children:
            self._processes.signal(number, self._chance.choice(children))

    async def _restart_database(self) -> None:
        await asyncio.to_thread(self._database.restart)

    async def _crash_database(self) -> None:
        await asyncio.to_thread(self._database.kill)
        await asyncio.sleep(self._chance.uniform(0.0, 2.0))
        await asyncio.to_thread(self._database.start)

    async def _restart_asterisk(self) -> None:
        await self._simulated.stop()
        await asyncio.sleep(self._chance.uniform(0.0, 2.0))
        await self._simulated.start()
