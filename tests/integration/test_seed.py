"""The INSERT of the ACQS description as it was published in 2004, carried out by the database's own client."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from acqs_core.action import Outcome, channel_id
from tests.integration.conftest import make_database
from tests.integration.headless import Fleet, calls_made
from tests.integration.stand import VARIANT, Stand, outcome_of
from tests.lab.asterisk import Asterisk
from tests.lab.database import DatabaseServer
from tests.lab.mariadb import STRICT, MariaDB
from tests.lab.mysql import MySQL

INSERT = (
    "INSERT INTO vicidial_manager values('','','2004-01-30 17:22:53','NEW','N','','','Originate',"
    "'DL40130172253cc100','Channel: local/8600011@demo','Context: default','Exten: 917275551212','Priority: 1',"
    "'Callerid: DL40130172253cc160','','','','','');"
)
"""Step 1 of the description: no server_ip, and one caller id in the column and another in the header."""


async def test_the_published_insert_is_a_call_from_beginning_to_end(stand: Stand) -> None:
    with stand.asterisk.record() as recorder:
        async with stand.engine():
            answer = stand.server.client(INSERT + "SELECT LAST_INSERT_ID();", database=stand.database)
            man_id = int(answer.split()[-1])
            end = await stand.until_dead(man_id)
        recorder.settle()
        assert calls_made(recorder) == {man_id: 1}
        made = recorder.channels_created()
    assert (outcome_of(end), end.row.response) == (Outcome.ANSWERED, "Y")
    assert end.row.uniqueid == channel_id(man_id)
    assert end.row.channel == made[channel_id(man_id)]
    assert end.row.channel.lower().startswith("local/8600011@demo-")
    assert end.row.server_ip == stand.server_ip, "a blank row is whose engine claimed it"


@pytest.fixture(scope="module")
def strict_server(database_server: DatabaseServer) -> Iterator[DatabaseServer]:
    """A server in its own default mode; `database_server` only says that there is one to be had."""
    with MySQL(sql_mode=None) if VARIANT.kinds == ("mysql",) else MariaDB(sql_mode=STRICT) as server:
        yield server


@pytest.mark.parametrize("kind", VARIANT.kinds)
async def test_a_strict_server_refuses_it_and_db_check_says_why(
    strict_server: DatabaseServer, asterisk: Asterisk, kind: str, tmp_path: Path
) -> None:
    stand = Stand(strict_server, make_database(strict_server, kind), asterisk)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        strict_server.client(INSERT, database=stand.database)
    assert "1366" in refused.value.stderr
    async with Fleet(stand, tmp_path) as fleet:
        _, findings = await fleet.ask("db", "check")
    about = next(finding for finding in findings if finding["subject"] == "sql_mode")
    assert about["level"] != "ok"
    assert "1366" in about["says"]
    assert "sql_mode=''" in about["mend"]
