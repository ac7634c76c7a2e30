"""After an outage: what has been waiting is held, sent or expired, as the settings say. SQLite, simulated Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from acqs_core.action import Outcome, Status
from acqs_core.engine import Engine
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.types import Control
from acqs_core.settings import Settings
from acqs_core.simulator import Simulator
from tests.embedded.test_sender import Door, outcome_of, running, until


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(speed=10.0) as simulator:
        yield simulator


def settings(folder: Path, port: int, **sender: object) -> Settings:
    url = f"sqlite:///{folder}/queue.sqlite3"
    schema.init(Database(url, pool_size=1))
    tree = {
        "queue": {"url": url},
        "asterisk": {"host": "127.0.0.1", "port": port, "username": "acqs", "secret": "acqs"},
        "sender": {"linger": 0.1} | sender,
    }
    return Settings.model_validate(tree)


def waited(chosen: Settings, seconds: int, *numbers: int) -> None:
    """Pings that a producer entered so long ago."""
    with contextlib.closing(sqlite3.connect(chosen.queue.url.get_secret_value().removeprefix("sqlite:///"))) as plain:
        for number in numbers:
            plain.execute(
                "INSERT INTO vicidial_manager (entry_date, status, response, server_ip, action, cmd_line_b) VALUES "
                "(datetime('now', 'localtime', '-' || ? || ' seconds'), 'NEW', 'N', ?, 'Ping', 'Data: ' || ?)",
                (seconds, chosen.server_ip, number),
            )
        plain.commit()


def pings(simulator: Simulator) -> list[str]:
    return [action.get("Data") for action in simulator.actions if action.name == "Ping" and action.get("Data")]


async def told(engine: Engine, wanted: Callable[[Control], bool]) -> Control:
    async with asyncio.timeout(10):
        while True:
            control = await asyncio.to_thread(engine.store.control)
            if wanted(control):
                return control
            await asyncio.sleep(0.02)


async def looked_at_the_start(engine: Engine) -> None:
    """What waited when it took over is known: what comes now came later."""
    assert engine.sender is not None
    async with asyncio.timeout(10):
        while engine.sender._backlog.is_due:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_an_engine_that_starts_before_a_backlog_holds_it_until_somebody_resumes(
    simulator: Simulator, tmp_path: Path
) -> None:
    chosen = settings(tmp_path, simulator.address[1], on_backlog="hold")
    waited(chosen, 100, 1, 2)
    waited(chosen, 0, 3)
    async with running(chosen) as engine:
        control = await told(engine, lambda control: control.paused)
        assert control.actor.startswith("acqs-core on ")
        assert control.reason.startswith("2 rows waited over 60 s, the oldest 10")
        assert "acqs-core resume --discard-older-than" in control.reason
        assert pings(simulator) == []
        await asyncio.to_thread(engine.store.resume, actor="ann")
        await simulator.received(3, "Ping")
    assert sorted(pings(simulator)) == ["1", "2", "3"]


async def test_what_somebody_resumed_is_not_held_by_the_next_engine(simulator: Simulator, tmp_path: Path) -> None:
    chosen = settings(tmp_path, simulator.address[1], on_backlog="hold")
    waited(chosen, 100, 1)
    async with running(chosen) as engine:
        await told(engine, lambda control: control.paused)
    engine.store.resume(actor="ann")
    async with running(chosen):
        await simulator.received(1, "Ping")
    assert pings(simulator) == ["1"]


async def test_a_backlog_that_is_to_be_sent_is_told_once_and_sent(
    simulator: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = settings(tmp_path, simulator.address[1], on_backlog="send")
    waited(chosen, 100, 1)
    waited(chosen, 5000, 2)
    async with running(chosen):
        await simulator.received(2, "Ping")
    lines = [record.getMessage() for record in caplog.records if "have been waiting" in record.getMessage()]
    assert lines == ["sender: 2 rows have been waiting: 1 under 10 min, 1 older; they are sent now (on_backlog = send)"]


async def test_rows_that_are_fresh_enough_wait_for_nobody(simulator: Simulator, tmp_path: Path) -> None:
    chosen = settings(tmp_path, simulator.address[1], on_backlog="hold", backlog_after=200.0)
    waited(chosen, 100, 1)
    async with running(chosen) as engine:
        await simulator.received(1, "Ping")
        assert not engine.store.control().paused


@pytest.mark.parametrize(("seconds", "held"), [(0.0, True), (60.0, False)])
async def test_what_waited_while_asterisk_was_away_is_held_if_it_was_away_that_long(
    simulator: Simulator, tmp_path: Path, seconds: float, held: bool
) -> None:
    door = Door(simulator, {2, 3})
    chosen = settings(tmp_path, await door.open(), on_backlog="hold", backlog_after=seconds or 0.1)
    async with running(chosen, listen=False) as engine:
        await looked_at_the_start(engine)
        waited(chosen, 100, 1)
        if held:
            control = await told(engine, lambda control: control.paused)
            assert control.reason.startswith("1 rows waited")
            assert pings(simulator) == []
        else:
            await simulator.received(1, "Ping")
            assert not engine.store.control().paused
    door.close()


async def test_nothing_goes_out_while_the_pause_cannot_be_written(simulator: Simulator, tmp_path: Path) -> None:
    chosen = settings(tmp_path, simulator.address[1], on_backlog="hold")
    waited(chosen, 100, 1)
    waited(chosen, 0, 2)
    file = chosen.queue.url.get_secret_value().removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as plain:
        plain.execute("CREATE TRIGGER no BEFORE INSERT ON acqs_control BEGIN SELECT RAISE(ABORT, 'no pause'); END")
        async with running(chosen) as engine:
            sender = engine.sender
            assert sender is not None
            await until(engine, 1, lambda t: "no pause" in (sender.trouble or ""))
            assert [row.status for row in engine.store.page().rows] == [Status.NEW] * 2
            plain.execute("DROP TRIGGER no")
            await told(engine, lambda control: control.paused)
    assert pings(simulator) == []


async def test_rows_that_waited_through_a_pause_too_long_expire_and_are_neither_sent_nor_held(
    simulator: Simulator, tmp_path: Path
) -> None:
    chosen = settings(tmp_path, simulator.address[1], expire_new_after=90.0, on_backlog="hold")
    async with running(chosen) as engine:
        await asyncio.to_thread(engine.store.pause, actor="ann")
        await told(engine, lambda control: control.paused)
        waited(chosen, 100, 1)
        waited(chosen, 0, 2)
        await asyncio.to_thread(engine.store.resume, actor="ann")
        await simulator.received(1, "Ping")
        expired = await until(engine, 1, lambda t: t.row.status is Status.DEAD)
    assert (outcome_of(expired), pings(simulator)) == (Outcome.EXPIRED, ["2"])
    waited(chosen, 100, 3)
    async with running(chosen) as engine:
        await until(engine, 3, lambda t: outcome_of(t) is Outcome.EXPIRED)
        assert not engine.store.control().paused
