"""A full disk under the queue or under the log: the engine goes on, or says why not; nothing is lost or sent twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acqs_core.action import NewAction, Status, call
from acqs_core.engine import Engine
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.settings import Settings
from acqs_core.simulator import Simulator
from tests.embedded.test_sender import running, until
from tests.embedded.test_sender_refusals import trouble
from tests.small_disk import SmallDisk

ROOT = Path(__file__).parents[2]

CALLS = 40


def settings(folder: Path, simulator: Simulator) -> Settings:
    url = f"sqlite:///{folder}/queue.sqlite3"
    database = Database(url, pool_size=1)
    schema.init(database)
    database.dispose()
    asterisk = {"host": "127.0.0.1", "port": simulator.address[1], "username": "acqs", "secret": "acqs"}
    sender = {"linger": 0.1, "max_per_second": 40.0}
    return Settings.model_validate({"queue": {"url": url}, "asterisk": asterisk, "sender": sender})


async def test_a_full_disk_under_the_queue_is_told_and_when_it_is_freed_every_call_was_made_once(
    tmp_path: Path,
) -> None:
    with SmallDisk(tmp_path, 4) as disk:
        async with Simulator(speed=20.0) as simulator, running(settings(tmp_path, simulator)) as engine:
            man_ids = engine.store.insert_many([call("Local/600@default", exten="610")] * CALLS)
            await simulator.received(CALLS // 4)
            disk.fill()
            await trouble(engine, "no room is left")
            disk.free()
            for man_id in man_ids:
                await until(engine, man_id, lambda t: t.row.status is Status.DEAD and t.row.response == "Y")
            assert engine.status()["trouble"] == []
        made = Counter(action.action_id.split("-")[1] for action in simulator.actions if action.name == "Originate")
    assert made == dict.fromkeys(map(str, man_ids), 1)


async def test_while_too_many_rows_wait_to_be_written_none_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulator(speed=20.0) as simulator, running(settings(tmp_path, simulator)) as engine:
        with monkeypatch.context() as patch:
            patch.setattr("acqs_core.queue.writer.MOST_ROWS", 0)
            await trouble(engine, "nothing more is sent")
            man_id = await engine.insert(NewAction("Ping", "", ()))
            await asyncio.sleep(0.6)  # longer than its sender leaves the table alone then
            assert engine.store.by_ids([man_id])[0].status is Status.NEW
        await until(engine, man_id, lambda t: t.row.response == "Y")


@contextlib.asynccontextmanager
async def daemon(chosen: Settings, folder: Path, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`acqs-core run` with its stderr in this file."""
    environ = {
        "PATH": os.environ["PATH"], "ACQS_QUEUE__URL": chosen.queue.url.get_secret_value(),
        "ACQS_ASTERISK__PORT": str(chosen.asterisk.port), "ACQS_ASTERISK__USERNAME": "acqs",
        "ACQS_ASTERISK__SECRET": "acqs", "ACQS_CONTROL__FOLDER": str(folder),
    }  # fmt: skip
    stderr = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "acqs_core", "run", "--verbose", cwd=ROOT, env=environ, stderr=stderr
    )
    os.close(stderr)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_log_without_room_ends_no_engine_and_what_was_lost_is_told_when_there_is_some(tmp_path: Path) -> None:
    logs, queue = tmp_path / "logs", tmp_path / "queue"
    logs.mkdir()
    queue.mkdir()
    with SmallDisk(logs, 1) as disk:
        disk.fill()
        async with Simulator(speed=20.0) as simulator:
            chosen = settings(queue, simulator)
            engine = Engine(chosen)
            async with daemon(chosen, queue, logs / "engine.log") as process:
                for man_id in engine.store.insert_many([NewAction("Ping", "", ())] * 20):
                    await until(engine, man_id, lambda t: t.row.response == "Y")
                disk.free()
                process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), 20) == 0
        told = [json.loads(line)["message"] for line in (logs / "engine.log").read_text().splitlines()]
    assert "lines of this log could not be written" in told[0]
    assert told[-1].startswith("stopped: 20 sent")
    assert len([action for action in simulator.actions if action.name == "Ping"]) == 20


async def test_a_log_that_stays_without_room_is_no_failure_of_the_program(tmp_path: Path) -> None:
    async with Simulator(speed=20.0) as simulator:
        chosen = settings(tmp_path, simulator)
        engine = Engine(chosen)
        async with daemon(chosen, tmp_path, Path("/dev/full")) as process:
            (man_id,) = engine.store.insert_many([NewAction("Ping", "", ())])
            await until(engine, man_id, lambda t: t.row.response == "Y")
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 20) == 0
