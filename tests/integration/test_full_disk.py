"""A full disk under MariaDB's tables: what cannot be written waits, the engine says so, no call is lost or made twice.

Only in `make test-all` (ACQS_ALL=1): MyISAM's tables wait for room by themselves, for up to a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from acqs_core.action import Status, call
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.tables import metadata
from tests.gate import only_in_all
from tests.integration.headless import Fleet, burst, calls_made, until_reached, until_settled
from tests.integration.stand import Stand
from tests.lab.asterisk import Asterisk
from tests.lab.mariadb import MariaDB
from tests.small_disk import SmallDisk
from tests.vicidial import VICIDIAL_MANAGER

pytestmark = [
    only_in_all("takes minutes"),
    pytest.mark.timeout(300),
]

ACTIONS = 60

SENDER = {"max_sessions": 20, "max_per_second": 20, "response_timeout": 5.0}

FULL = 5.0
"""Seconds, longer than our statements wait."""


@pytest.fixture(params=["innodb", "myisam"])
def on_a_small_disk(
    request: pytest.FixtureRequest, mariadb_server: MariaDB, asterisk: Asterisk
) -> Iterator[tuple[Stand, SmallDisk]]:
    """A queue whose tables are on a disk of their own."""
    name = mariadb_server.fresh_database("latin1" if request.param == "myisam" else "utf8mb4")
    with SmallDisk(mariadb_server.directory / "data" / name, 16) as disk:
        if request.param == "myisam":
            mariadb_server.client(VICIDIAL_MANAGER, database=name)
        database = Database(mariadb_server.url(database=name), pool_size=1)
        schema.init(database)
        database.dispose()
        yield Stand(mariadb_server, name, asterisk), disk
        asterisk.hang_up_all()
        mariadb_server.client(f"DROP TABLE {', '.join(metadata.tables)}", database=name)


async def test_what_a_full_disk_kept_is_written_when_there_is_room(
    on_a_small_disk: tuple[Stand, SmallDisk], tmp_path: Path
) -> None:
    stand, disk = on_a_small_disk
    with stand.asterisk.record() as recorder:
        async with Fleet(stand, tmp_path, sender=SENDER) as fleet:
            engine = await fleet.start()
            await engine.wait_ready()
            reached = asyncio.create_task(until_reached(recorder, 10))
            man_ids = burst(stand, [call("Local/631@default/n", exten="630")] * ACTIONS)
            await reached
            disk.fill()
            await asyncio.sleep(FULL)
            disk.free()
            rows, unknown = await until_settled(stand, man_ids, SENDER["response_timeout"], 200)
            assert await engine.terminate() == 0
        await asyncio.to_thread(recorder.settle)
        made = calls_made(recorder)
    assert max(made.values()) == 1, "an action reached Asterisk twice"
    assert all(made[man_id] == 1 or man_id in unknown for man_id in man_ids), "an action was lost"
    assert all(made[row.man_id] == 1 for row in rows.values() if row.status is Status.DEAD)
    assert len(unknown) <= SENDER["max_sessions"]
