"""Fixtures of the end-to-end tests: the same cases on InnoDB as we make it and on MyISAM as VICIdial makes it, or on
whatever combination of parts the environment asks for (variant.py)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from acqs_core.queue import schema
from acqs_core.queue.database import Database
from tests.gate import only_in_all
from tests.integration.stand import VARIANT, Stand
from tests.lab.asterisk import Asterisk
from tests.lab.database import DatabaseServer
from tests.lab.mariadb import MariaDB
from tests.lab.mysql import MySQL
from tests.vicidial import VICIDIAL_MANAGER

KINDS = VARIANT.kinds

_numbers = itertools.count(1)


def make_database(server: DatabaseServer, kind: str) -> str:
    """A fresh database whose vicidial_manager is of this kind, and our tables beside it."""
    name = f"e2e_{kind}_{next(_numbers)}"
    server.create_database(name, charset="latin1" if kind == "myisam" else "utf8mb4")
    if kind == "myisam":
        server.client(VICIDIAL_MANAGER, database=name)
    database = Database(server.url(database=name), pool_size=1)
    schema.init(database)
    database.dispose()
    return name


if VARIANT.asterisk == "16":

    @pytest.fixture(scope="session")
    def asterisk(asterisk_16: Asterisk) -> Asterisk:
        """What every end-to-end test calls `asterisk` in this run."""
        return asterisk_16


if VARIANT.kinds == ("mysql",):

    @pytest.fixture(scope="session")
    def database_server(mysql_server: MySQL) -> DatabaseServer:
        """What the end-to-end tests of this run have their tables on."""
        return mysql_server

else:

    @pytest.fixture(scope="session")
    def database_server(mariadb_server: MariaDB) -> DatabaseServer:
        """What the end-to-end tests have their tables on."""
        return mariadb_server


one_kind_of_table = pytest.mark.parametrize(
    "stand",
    [kind if not number else pytest.param(kind, marks=only_in_all("takes long")) for number, kind in enumerate(KINDS)],
    indirect=True,
)
"""For a test that takes long: the other kinds of table are left to the long run."""


@pytest.fixture(params=KINDS)
def stand(request: pytest.FixtureRequest, database_server: DatabaseServer, asterisk: Asterisk) -> Iterator[Stand]:
    """A fresh queue on the shared database server and Asterisk."""
    stand = Stand(database_server, make_database(database_server, request.param), asterisk)
    yield stand
    asterisk.hang_up_all()
