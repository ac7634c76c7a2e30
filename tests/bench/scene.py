"""What the figures about calls are measured on: durable InnoDB, a real Asterisk, an engine as an operator runs it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pymysql

from acqs_core.action import LINE_COLUMNS, NewAction, call
from tests.bench import bare
from tests.integration.conftest import make_database
from tests.integration.headless import Fleet, Headless
from tests.integration.stand import Stand
from tests.lab.session import Lab

LINGER = 10.0
"""Seconds, the seed's and the default's."""

CALL = call("Local/631@default/n", context="default", exten="631")
"""Answered at once; lives for two seconds, so that no call ends while others are being measured."""

_runs = itertools.count(1)


class Scene:
    """One database and one Asterisk for all figures of a run."""

    def __init__(self, lab: Lab) -> None:
        server, self.asterisk = lab.mariadb(), lab.asterisk()
        self.stand = Stand(server, make_database(server, "innodb"), self.asterisk)
        self.user = bare.User(self.asterisk.ami_port, "acqs_send", self.asterisk.secret("acqs_send"))
        self.versions = {"asterisk": self.asterisk.version, "mariadb": server.version}
        if server.client("SELECT @@innodb_flush_log_at_trx_commit").strip() != "1":
            raise RuntimeError("this MariaDB does not commit durably: its figures would flatter")

    @contextlib.asynccontextmanager
    async def engine(self, **sender: object) -> AsyncIterator[Headless]:
        """A ready `acqs-core run` with the default settings, but for what is given of the sender's."""
        with tempfile.TemporaryDirectory(prefix="acqs-bench-") as directory:
            async with Fleet(self.stand, Path(directory), sender={"linger": LINGER} | sender) as fleet:
                engine = await fleet.start()
                await engine.wait_ready()
                yield engine
                await engine.terminate()

    @contextlib.contextmanager
    def producer(self) -> Iterator[Callable[[Sequence[NewAction]], tuple[list[int], float]]]:
        """A dialer's connection: its function INSERTs in one statement and gives the man_ids and when it returned."""
        server, columns = self.stand.server, ", ".join(["%s"] * (2 + len(LINE_COLUMNS)))
        connection = pymysql.connect(
            host="127.0.0.1", port=server.port, user="acqs", password=server.password("acqs"),
            database=self.stand.database, autocommit=True,
        )  # fmt: skip
        record = f"('','',NOW(),'NEW','N','{self.stand.server_ip}','',{columns})"

        def insert(news: Sequence[NewAction]) -> tuple[list[int], float]:
            values = [
                value
                for new in news
                for value in (new.action, new.callerid, *new.lines, *[""] * (len(LINE_COLUMNS) - len(new.lines)))
            ]
            with connection.cursor() as cursor:
                cursor.execute(f"INSERT INTO vicidial_manager VALUES {', '.join([record] * len(news))}", values)
                first = cursor.lastrowid
            return list(range(first, first + len(news))), time.monotonic()

        with contextlib.closing(connection):
            yield insert

    def names(self, count: int) -> list[str]:
        """Uniqueids for as many bare calls, that no other call has, and none as its beginning."""
        run = next(_runs)
        return [f"bare-{run:04}-{number:06}" for number in range(count)]

    def rows(self) -> int:
        """Rows of the queue's table."""
        return int(self.stand.server.client("SELECT COUNT(*) FROM vicidial_manager", self.stand.database))

    def sessions(self) -> int:
        """Manager sessions that Asterisk has now."""
        # A heading, one line each, and a line with their number.
        return len(self.asterisk.cli("manager show connected").strip().splitlines()) - 2


async def sleep_until(at: float) -> None:
    """Until then by time.monotonic()."""
    await asyncio.sleep(max(0.0, at - time.monotonic()))
