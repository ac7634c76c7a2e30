"""The parts of the fault harness as fixtures."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.faults.ground import Ground
from tests.faults.nursery import Nursery
from tests.lab.asterisk import Asterisk
from tests.lab.mariadb import MariaDB


@pytest.fixture
async def ground(mariadb_server: MariaDB, asterisk: Asterisk) -> AsyncIterator[Ground]:
    """A table of each kind, an Asterisk, and a nursery of daemons."""
    async with Nursery() as nursery, Ground(mariadb_server, asterisk, nursery) as ground:
        yield ground
