"""An engine on real parts, with a producer's and an operator's view of the table beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

from acqs_core.action import LINE_COLUMNS, NewAction, Outcome, Status
from acqs_core.engine import Engine
from acqs_core.queue.database import Database
from acqs_core.queue.store import Store
from acqs_core.queue.types import Timeline
from acqs_core.settings import Settings, load
from tests.integration.variant import Isolation, Variant
from tests.lab.asterisk import Asterisk
from tests.lab.database import DatabaseServer

VARIANT = Variant.of(os.environ)
"""The combination of this run."""

SERVER_IP = "10.9.8.7"


class Stand:
    """One database of one kind and one Asterisk; engines are started on them and stopped again."""

    def __init__(
        self,
        server: DatabaseServer,
        database: str,
        asterisk: Asterisk,
        *,
        server_ip: str = SERVER_IP,
        isolation: Isolation = VARIANT.isolation,
    ) -> None:
        self.isolation = isolation
        self.server, self.database, self.asterisk, self.server_ip = server, database, asterisk, server_ip
        self.url = server.url(database=database)
        self.store = Store(Database(self.url, pool_size=4), server_ip, serve_blank=True)

    def flags(self, **sections: Any) -> dict[str, Any]:
        """The tree of settings for an engine here; `sections` as in acqs.toml."""
        asterisk = {
            "host": "127.0.0.1",
            **_endpoint(self.asterisk),
            "listen_username": "acqs_listen",
            "listen_secret": self.asterisk.secret("acqs_listen"),
            "send_username": "acqs_send",
            "send_secret": self.asterisk.secret("acqs_send"),
        }
        flags: dict[str, Any] = {"server_ip": self.server_ip, "queue": {"url": self.url}}
        flags["sender"] = {"linger": 0.2, "isolation": self.isolation} | sections.pop("sender", {})
        flags["asterisk"] = asterisk | sections.pop("asterisk", {})
        return flags | sections

    def settings(self, **sections: Any) -> Settings:
        """Settings for an engine here."""
        return load(environ={}, flags=self.flags(**sections))

    @contextlib.asynccontextmanager
    async def engine(self, *, send: bool = True, listen: bool = True, **sections: Any) -> AsyncIterator[Engine]:
        """A ready engine, drained at the end."""
        engine = Engine(self.settings(**sections), send=send, listen=listen)
        running = asyncio.create_task(engine.run())
        try:
            ready = asyncio.create_task(engine.ready.wait())
            await asyncio.wait((ready, running), timeout=15, return_when=asyncio.FIRST_COMPLETED)
            assert engine.ready.is_set(), engine.snapshot()
            yield engine
        finally:
            engine.stop()
            await asyncio.wait_for(running, 30)

    def produce(self, new: NewAction, *, server_ip: str | None = None) -> int:
        """INSERT as a dialer does: positionally into all 19 columns, with '' where it has nothing to say."""
        lines = [*new.lines, *[""] * (len(LINE_COLUMNS) - len(new.lines))]
        values = [new.action, new.callerid, *lines]
        quoted = ",".join("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in values)
        where = self.server_ip if server_ip is None else server_ip
        answer = self.server.client(
            f"INSERT INTO vicidial_manager VALUES('','',NOW(),'NEW','N','{where}','',{quoted});"
            "SELECT LAST_INSERT_ID();",
            database=self.database,
        )
        return int(answer.split()[-1])

    async def until(self, man_id: int, reached: Callable[[Timeline], bool], seconds: float = 20.0) -> Timeline:
        """The row's timeline once it is as wanted. A table tells nobody that it changed, so it is looked at."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            timeline = await asyncio.to_thread(self.store.timeline, man_id)
            if reached(timeline):
                return timeline
            assert asyncio.get_running_loop().time() < deadline, f"still {timeline}"
            await asyncio.sleep(0.03)

    async def until_dead(self, man_id: int, seconds: float = 20.0) -> Timeline:
        """The timeline of a row that has ended, with its outcome and its answer."""
        return await self.until(man_id, lambda t: t.row.status is Status.DEAD and outcome_of(t) is not None, seconds)

    async def until_answered(self, man_id: int, seconds: float = 20.0) -> Timeline:
        """The timeline of a row that Asterisk has answered, its journal included."""
        return await self.until(
            man_id, lambda t: t.row.response == "Y" and any(e.event == "answered" for e in t.journal), seconds
        )


def _endpoint(asterisk: Asterisk) -> dict[str, Any]:
    """Where this run's engines reach Asterisk: its plain port, or its TLS port and what to trust there."""
    if VARIANT.tls:
        return {"port": asterisk.tls_port, "tls": True, "tls_ca": str(asterisk.ca)}
    return {"port": asterisk.ami_port}


def outcome_of(timeline: Timeline) -> Outcome | None:
    return timeline.outcome.outcome if timeline.outcome is not None else None


def events_of(timeline: Timeline) -> list[str]:
    return [entry.event for entry in timeline.journal]
