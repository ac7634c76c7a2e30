"""The databases that every promise of the queue is held to, and a second way into each for arranging and looking."""

from __future__ import annotations

import dataclasses
import functools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pymysql
from sqlalchemy.engine import make_url

from acqs_core.action import NewAction, Row, Status
from acqs_core.queue.database import Database
from acqs_core.queue.lease import Leases
from acqs_core.queue.store import Store
from acqs_core.queue.types import Grant
from tests.lab.database import DatabaseServer

SERVER_IP = "10.0.0.1"
OTHER_IP = "10.0.0.2"


@dataclasses.dataclass
class Backend:
    """One fresh database with all tables. `kind` is sqlite, innodb-rr, innodb-rc or myisam."""

    kind: str
    url: str
    server: DatabaseServer | None = None
    _apart: list[Database] = dataclasses.field(default_factory=list)

    @property
    def is_mysql(self) -> bool:
        return self.kind != "sqlite"

    def database(self, pool_size: int = 8) -> Database:
        """A pool of its own, as another program has; closed with the test."""
        self._apart.append(Database(self.url, pool_size=pool_size))
        return self._apart[-1]

    @functools.cached_property
    def db(self) -> Database:
        """The pool that everything shares which is not asked to stand apart."""
        return Database(self.url)

    def store(self, server_ip: str = SERVER_IP, *, serve_blank: bool = False, apart: bool = False) -> Store:
        """A store; `apart`: with a pool of its own, as in another program."""
        return Store(self.database() if apart else self.db, server_ip, serve_blank=serve_blank)

    def leases(self, *, apart: bool = False) -> Leases:
        return Leases(self.database(pool_size=1) if apart else self.db)

    def grant(self, server_ip: str = SERVER_IP, holder: str = "one") -> Grant:
        """The sender's lease, taken at once."""
        grant = self.leases().acquire(server_ip, "sender", holder, 60.0)
        assert grant is not None
        return grant

    def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement as a producer would: own connection, not strict. `?` marks values; committed."""
        with self.connection() as connection, closing(connection.cursor()) as cursor:
            if self.is_mysql:
                cursor.execute(text.replace("?", "%s"), values or None)
            else:
                cursor.execute(text, values)
            return [tuple(record) for record in cursor.fetchall()]

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A plain connection of the driver, in autocommit."""
        with closing(self.connect()) as connection:
            yield connection

    def connect(self) -> Any:
        if not self.is_mysql:
            return sqlite3.connect(str(make_url(self.url).database), isolation_level=None, timeout=5)
        url = make_url(self.url)
        return pymysql.connect(
            host=str(url.host), port=int(url.port or 0), user=str(url.username), password=str(url.password or ""),
            database=str(url.database), charset="utf8mb4", autocommit=True, sql_mode="", read_timeout=20,
        )  # fmt: skip

    def status(self, man_id: int) -> str:
        return str(self.sql("SELECT status FROM vicidial_manager WHERE man_id = ?", man_id)[0][0])

    def row(self, man_id: int) -> Row:
        return self.store().by_ids([man_id])[0]

    def close_apart(self) -> None:
        while self._apart:
            self._apart.pop().dispose()

    def close(self) -> None:
        self.close_apart()
        self.db.dispose()


def hangup(callerid: str = "", channel: str = "PJSIP/100-00000001") -> NewAction:
    return NewAction("Hangup", callerid, (f"Channel: {channel}",))


def originate(callerid: str = "") -> NewAction:
    return NewAction("Originate", callerid, ("Channel: Local/8600011@demo", "Exten: 100", "Priority: 1"))


def sent(store: Store, token: int, action: NewAction) -> int:
    """Insert this action and bring it to SENT; nothing else may be NEW."""
    man_id = store.insert(action)
    assert [row.man_id for row in store.claim(token, 1)] == [man_id]
    assert store.mark_sent(man_id, token)
    return man_id


def statuses(backend: Backend) -> dict[int, Status]:
    return {int(m): Status(s) for m, s in backend.sql("SELECT man_id, status FROM vicidial_manager ORDER BY man_id")}
