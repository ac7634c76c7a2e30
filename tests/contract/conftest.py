"""Fixtures of the contract suite: the same promises on SQLite, and on InnoDB at both usual isolation levels and MyISAM
of MariaDB and, when it is asked for, of MySQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from acqs_core.errors import QueueUnavailable
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.store import Store
from acqs_core.queue.tables import metadata
from tests.contract.backend import SERVER_IP, Backend
from tests.lab.database import DatabaseServer
from tests.lab.fixtures import asked_for, obtain
from tests.lab.mariadb import MariaDB
from tests.lab.mysql import MySQL
from tests.vicidial import VICIDIAL_MANAGER

SERVERS: dict[str, type[MariaDB | MySQL]] = {"mariadb": MariaDB} | ({"mysql": MySQL} if asked_for("mysql") else {})
KINDS = ("sqlite", *(f"{server}-{kind}" for server in SERVERS for kind in ("innodb-rr", "innodb-rc", "myisam")))
_ISOLATION = {"innodb-rc": "READ COMMITTED"}

_numbers = itertools.count(1)


def _started(name: str) -> DatabaseServer:
    server = SERVERS[name]()
    server.start()
    return server


class Servers:
    """The servers of this suite alone, each started when it is first asked for."""

    def __init__(self) -> None:
        self.made: dict[str, DatabaseServer] = {}

    def get(self, name: str) -> DatabaseServer:
        if name not in self.made:
            self.made[name] = obtain(name, lambda: _started(name))
        return self.made[name]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Servers whose isolation level may be changed, and that may be frozen and restarted."""
    servers = Servers()
    yield servers
    for server in servers.made.values():
        server.dispose()


@pytest.fixture(scope="session", params=SERVERS)
def own_server(request: pytest.FixtureRequest, servers: Servers) -> DatabaseServer:
    """Each of them in turn."""
    return servers.get(request.param)


def make(kind: str, server: DatabaseServer) -> Backend:
    """A fresh database of this kind: innodb-rr, innodb-rc or myisam."""
    charset = "latin1" if kind == "myisam" else "utf8mb4"
    name = f"contract_{next(_numbers)}"
    server.client(
        f"SET GLOBAL TRANSACTION ISOLATION LEVEL {_ISOLATION.get(kind, 'REPEATABLE READ')};"
        f"CREATE DATABASE {name} CHARACTER SET {charset}; GRANT ALL ON {name}.* TO 'acqs'@'127.0.0.1'; USE {name};"
        + (VICIDIAL_MANAGER if kind == "myisam" else "")
    )
    return Backend(kind, server.url(name), server)


@pytest.fixture(scope="session")
def standing() -> Iterator[dict[str, Backend]]:
    """The databases made so far on a server, by kind: emptying one takes a tenth of the time of making it."""
    made: dict[str, Backend] = {}
    yield made
    for one in made.values():
        one.close()


def _empty(made: Backend) -> None:
    def work(connection: Connection) -> None:
        for table in metadata.tables:
            connection.exec_driver_sql(f"DELETE FROM {table}")

    made.db.run(work)


@pytest.fixture(params=KINDS)
def backend(
    request: pytest.FixtureRequest, tmp_path: Path, servers: Servers, standing: dict[str, Backend]
) -> Iterator[Backend]:
    """Every database in turn, its tables empty."""
    kind: str = request.param
    if kind == "sqlite":
        made = Backend(kind, f"sqlite:///{tmp_path / 'queue.sqlite3'}")
        schema.init(made.db)
        yield made
        made.close()
        return
    if kind not in standing:
        server, _, table = kind.partition("-")
        standing[kind] = make(table, servers.get(server))
        schema.init(standing[kind].db)
    made = standing[kind]
    try:
        _empty(made)
    except QueueUnavailable:
        _empty(made)  # another test restarted the server: its old connections fail once
    yield made
    made.close_apart()


@pytest.fixture
def served(request: pytest.FixtureRequest, own_server: DatabaseServer) -> Iterator[Backend]:
    """A database on each server, of the kind asked for by indirect parametrisation; InnoDB otherwise."""
    made = make(getattr(request, "param", "innodb-rr"), own_server)
    schema.init(made.db)
    yield made
    made.close()


@pytest.fixture
def db(backend: Backend) -> Database:
    return backend.db


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.store()


@pytest.fixture
def token(backend: Backend) -> int:
    """The token of the sender's lease for the server that `store` is for."""
    return backend.grant(SERVER_IP).token
