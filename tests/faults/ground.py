"""The real parts on which many server_ips stand side by side: one MariaDB with a table of each kind, one Asterisk.

Every injection gets a place of its own: a server_ip that nobody had before, and engines that are started there, each
with its own way to the database and to Asterisk (a proxy's port, where one lies between).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

from acqs_core.action import NewAction
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from tests.faults.account import Witness
from tests.faults.nursery import Nursery
from tests.faults.stopping import Stop
from tests.integration.headless import Headless, burst, write_settings
from tests.integration.stand import Stand
from tests.integration.variant import Isolation
from tests.lab.asterisk import Asterisk
from tests.lab.database import DatabaseServer
from tests.vicidial import VICIDIAL_MANAGER

Kind = Literal["innodb", "myisam"]

KINDS: tuple[Kind, ...] = get_args(Kind)

RESPONSE_TIMEOUT = 1.5
"""Seconds until a row without an answer is in doubt; short, so that it is shown soon."""

SESSIONS = 4
"""Child sessions of an engine: so many actions can be written and unanswered at once."""

SENDER = {"linger": 0.2, "max_sessions": SESSIONS, "response_timeout": RESPONSE_TIMEOUT}
"""Few sessions, so that a dozen rows are in every state at once: NEW, QUEUE, SENT, and over."""

APART = 10_000_000
"""How far apart the man_ids of two tables are that share an Asterisk: a ChannelId names a call by them."""


async def until(reached: Callable[[], bool], seconds: float) -> None:
    """Return once this is so; whoever is asked tells nobody by itself. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            if await asyncio.to_thread(reached):
                return
            await asyncio.sleep(0.03)


class Ground:
    """The parts, and the places on them; use it in an `async with`."""

    def __init__(self, server: DatabaseServer, asterisk: Asterisk, nursery: Nursery) -> None:
        self.server, self.asterisk, self.nursery = server, asterisk, nursery
        self._numbers = itertools.count(1)
        self._tables = itertools.count(0)
        self._databases: dict[Kind, str] = {}
        self.directory = Path(tempfile.mkdtemp(prefix="acqs-f"))  # short: a socket's path has 107 bytes at the most
        self.witness = Witness(asterisk)
        """Who counts what Asterisk carries out."""

    def renew_witness(self) -> None:
        """Asterisk was started anew, and the witness at the old one has nothing more to see."""
        self.witness.close()
        self.witness = Witness(self.asterisk)

    async def __aenter__(self) -> Self:
        for kind in KINDS:
            self._databases[kind] = await asyncio.to_thread(self.make_database, kind)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.witness.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def make_database(self, kind: Kind) -> str:
        """A fresh database whose vicidial_manager is of this kind, with man_ids that no other has."""
        name = self.server.fresh_database("latin1" if kind == "myisam" else "utf8mb4")
        if kind == "myisam":
            self.server.client(VICIDIAL_MANAGER, database=name)
        database = Database(self.server.url(name), pool_size=1)
        schema.init(database)
        database.dispose()
        first = next(self._tables) * APART + 1
        self.server.client(f"ALTER TABLE vicidial_manager AUTO_INCREMENT = {first}", database=name)
        return name

    @contextlib.asynccontextmanager
    async def place(self, kind: Kind, *, alone: bool = False, blank: bool = False) -> AsyncIterator[Place]:
        """A server_ip that nobody had; `alone` also in a database of its own, `blank` there with rows that name no
        server_ip. Every engine there ends with it."""
        number = next(self._numbers)
        apart = alone or blank
        database = await asyncio.to_thread(self.make_database, kind) if apart else self._databases[kind]
        place = Place(self, database, f"10.{number // 62_500}.{number // 250 % 250}.{number % 250}", blank=blank)
        try:
            yield place
        finally:
            await place.close()


class Place(Stand):
    """One server_ip, and the engines that were started for it."""

    def __init__(self, ground: Ground, database: str, server_ip: str, *, blank: bool = False) -> None:
        super().__init__(ground.server, database, ground.asterisk, server_ip=server_ip)
        self.ground, self._blank = ground, blank
        self._directory = Path(tempfile.mkdtemp(prefix="p", dir=ground.directory))
        self._begun: list[Headless] = []

    async def start(
        self,
        *,
        stop: Stop | None = None,
        database_port: int | None = None,
        asterisk: dict[str, Any] | None = None,
        isolation: Isolation = "task",
        **sender: Any,
    ) -> Headless:
        """Start an engine, to end at `stop`; the ports are those of what lies between, if anything does."""
        more = {"sender": SENDER | {"isolation": isolation} | sender, "asterisk": asterisk or {}}
        return await self.begin("run", stop=stop, database_port=database_port, **more)

    async def begin(
        self, *command: str, stop: Stop | None = None, database_port: int | None = None, **sections: Any
    ) -> Headless:
        """Start `acqs-core` with this command, to end at `stop`; `sections` as in acqs.toml."""
        tree = self.flags(serve_blank=self._blank, control={"folder": str(self._directory)}, **sections)
        if database_port is not None:
            tree["queue"] = {"url": self.url.replace(f":{self.server.port}/", f":{database_port}/")}
        path = self._directory / f"{len(self._begun)}.toml"
        write_settings(path, tree)
        fork = await self.ground.nursery.fork(*command, "--config", str(path), stop=str(stop) if stop else "")
        begun = Headless(fork)
        self._begun.append(begun)
        return begun

    async def insert(self, news: Sequence[NewAction]) -> list[int]:
        """Insert rows as a dialer does; their man_ids."""
        return await asyncio.to_thread(burst, self, list(news), server_ip="" if self._blank else None)

    async def close(self) -> None:
        """Kill what still runs."""
        await asyncio.gather(*(one.kill() for one in self._begun))
        self.store.db.dispose()
        shutil.rmtree(self._directory, ignore_errors=True)
