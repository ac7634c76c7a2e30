"""Fixtures of the contract suite: the same promises on SQLite, InnoDB at both usual isolation levels, and MyISAM."""

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
from tests.lab.fixtures import obtain
from tests.lab.mariadb import MariaDB
from tests.vicidial import VICIDIAL_MANAGER

MARIADB_KINDS = ("innodb-rr", "innodb-rc", "myisam")
KINDS = ("sqlite", *MARIADB_KINDS)
_ISOLATION = {"innodb-rc": "READ COMMITTED"}

_numbers = itertools.count(1)


def _server() -> MariaDB:
    server = MariaDB()
    server.start()
    return server


@pytest.fixture(scope="session")
def own_server(mariadb_server: MariaDB) -> Iterator[MariaDB]:
    """A MariaDB for this suite alone: its isolation level is changed, it is frozen and restarted."""
    server = obtain("mariadb", _server)
    yield server
    server.dispose()


def make(kind: str, server: MariaDB) -> Backend:
    """A fresh database of this kind."""
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
    """The MariaDB databases made so far, by kind: emptying one takes a tenth of the time of making it."""
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
def backend(request: pytest.FixtureRequest, tmp_path: Path, standing: dict[str, Backend]) -> Iterator[Backend]:
    """Every database in turn, its tables empty."""
    kind: str = request.param
    if kind == "sqlite":
        made = Backend(kind, f"sqlite:///{tmp_path / 'queue.sqlite3'}")
        schema.init(made.db)
        yield made
        made.close()
        return
    if kind not in standing:
        standing[kind] = make(kind, request.getfixturevalue("own_server"))
        schema.init(standing[kind].db)
    made = standing[kind]
    try:
        _empty(made)
    except QueueUnavailable:
        _empty(made)  # another test restarted the server: its old connections fail once
    yield made
    made.close_apart()


@pytest.fixture
def mariadb(request: pytest.FixtureRequest, own_server: MariaDB) -> Iterator[Backend]:
    """One MariaDB database of the kind asked for by indirect parametrisation; InnoDB otherwise."""
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
