"""Sessions, sender and listener against an Asterisk 1.4's own recorded bytes, over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acqs_core.action import Outcome, Status, call, command
from acqs_core.ami.session import Session
from acqs_core.engine import Engine
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.settings import Settings
from tests.embedded.test_sender import until
from tests.unit.recorded_server import Asterisk14, events_of

CALLER = "V0123456789012345678"
NEAR = "Local/600@default-8b06,1"


async def test_a_session_knows_an_old_asterisk_and_does_not_ask_it_for_its_version() -> None:
    async with Asterisk14() as server:
        session = await Session.open(server.endpoint())
        form = await session.learn_form()
        assert (form.is_old, form.asterisk, session.knows_channel_id) == (True, "", False)
        assert (await session.ask("Ping")).success
        assert (await session.ask("Filter", "Operation: Add", "Filter: x")).message == "Invalid/unknown command"
        listed = await session.ask_list(form.channel_list)
        assert [channel.get("Channel")[-2:] for channel in listed] == [",2", ",1"]
        output = (await session.ask("Command", "Command: dialplan show 606@default")).content
        assert output.splitlines()[-1] == "-= 1 extension (14 priorities) in 1 context. =-"
        await session.logoff()
    assert server.actions() == ["Ping", "Filter", "Status", "Command"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database file with an empty queue in it."""
    path = tmp_path / "queue.sqlite3"
    schema.init(Database(f"sqlite:///{path}", pool_size=1))
    return path


@contextlib.asynccontextmanager
async def running(server: Asterisk14, file: Path, isolation: str = "task") -> AsyncIterator[Engine]:
    tree = {
        "queue": {"url": f"sqlite:///{file}"},
        "asterisk": {"host": "127.0.0.1", "port": server.port, "username": "cron", "secret": "1234"},
        "sender": {"linger": 0.1, "isolation": isolation, "allow_commands": ["dialplan show"]},
    }
    engine = Engine(Settings.model_validate(tree))
    task = asyncio.create_task(engine.run())
    try:
        async with asyncio.timeout(8):  # 1.4 says no FullyBooted: who waited for it would be ready after 10 s
            await engine.ready.wait()
        yield engine
    finally:
        engine.stop()
        await task


@pytest.mark.parametrize("isolation", ["task", "process"])
async def test_a_call_is_sent_and_followed_to_its_end_by_its_caller_id(file: Path, isolation: str) -> None:
    async with Asterisk14(events_of("originate_answered_local")) as server, running(server, file, isolation) as engine:
        engine.store.insert(call("Local/600@default", exten="610", callerid=CALLER))
        end = await until(engine, 1, lambda t: t.row.status is Status.DEAD and t.row.response == "Y")
    assert (end.row.channel, end.row.uniqueid) == (NEAR, "1795456382.55")
    assert end.outcome is not None
    assert (end.outcome.outcome, end.outcome.cause) == (Outcome.ANSWERED, 16)
    assert not {"Filter", "CoreSettings", "CoreShowChannels"} & set(server.actions())
    (originate,) = [one for one in server.received if one.action == "Originate"]
    assert originate["ChannelId"] == ""
    assert all(": " in line for line in originate.lines if line)


@pytest.mark.parametrize("isolation", ["task", "process"])
async def test_the_output_of_a_command_is_in_the_journal(file: Path, isolation: str) -> None:
    async with Asterisk14() as server, running(server, file, isolation) as engine:
        engine.store.insert(command("dialplan show 606@default"))
        timeline = await until(engine, 1, lambda t: any(entry.event == "answered" for entry in t.journal))
    (detail,) = [entry.detail for entry in timeline.journal if entry.event == "answered"]
    assert detail.splitlines()[0] == "[ Context 'default' created by 'pbx_config' ]"
    assert detail.splitlines()[-1] == "-= 1 extension (14 priorities) in 1 context. =-"
    assert "END COMMAND" not in detail
    assert timeline.row.status is Status.SENT


async def test_status_tells_which_rows_calls_still_live(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        for man_id, uniqueid in ((1, "1795456285.20"), (2, "1795456200.1")):
            database.execute(
                "INSERT INTO vicidial_manager (man_id, uniqueid, channel, entry_date, status, response, server_ip, "
                "action, callerid) VALUES (?, ?, 'x', CURRENT_TIMESTAMP, 'UPDATED', 'Y', '127.0.0.1', 'Originate', '')",
                (man_id, uniqueid),
            )
    async with Asterisk14() as server, running(server, file) as engine:
        gone = await until(engine, 2, lambda t: t.row.status is Status.DEAD)
        lives = await until(engine, 1, lambda t: t.row.channel == "Local/601@default-a09a,1")
    assert gone.outcome is not None
    assert gone.outcome.outcome is Outcome.UNKNOWN
    assert lives.row.status is Status.UPDATED
