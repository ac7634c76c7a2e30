"""What a service manager hears of an engine, over a real socket."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from pathlib import Path

import pytest

from acqs_core import notify
from acqs_core.engine import Engine
from acqs_core.notify import Manager
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.settings import Settings
from acqs_core.simulator import Simulator
from acqs_core.telemetry import Pulse
from tests.service_manager import ServiceManager

WATCHDOG = 0.5
"""Seconds, as WatchdogSec."""


def make_settings(directory: Path, port: int) -> Settings:
    """An engine's on a fresh SQLite file and an Asterisk at this port."""
    url = f"sqlite:///{directory}/queue.sqlite3"
    database = Database(url, pool_size=1)
    schema.init(database)
    database.dispose()
    asterisk = {"host": "127.0.0.1", "port": port, "username": "acqs", "secret": "acqs"}
    return Settings.model_validate({"queue": {"url": url}, "asterisk": asterisk})


async def test_an_engine_that_waits_for_asterisk_counts_as_started_and_says_what_it_waits_for(
    tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "START_PATIENCE", 0.3)
    engine = Engine(make_settings(tmp_path, unused_tcp_port))
    async with ServiceManager.below(tmp_path) as manager, asyncio.TaskGroup() as tasks:
        tasks.create_task(engine.run())
        following = tasks.create_task(notify.follow(engine, Manager(manager.address, WATCHDOG)))
        assert await manager.told("READY") == "1"
        assert not engine.ready.is_set()
        assert await manager.told("STATUS", lambda says: str(unused_tcp_port) in says)
        assert not await manager.would_end_it(WATCHDOG, within=2 * WATCHDOG), "a restart would mend nothing"
        engine.stop()
        assert int(await manager.told("EXTEND_TIMEOUT_USEC")) > WATCHDOG * 1e6
        following.cancel()


async def test_a_manager_that_hears_late_is_told_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "STATUS_EVERY", 0.05)
    async with Simulator() as simulator, asyncio.TaskGroup() as tasks:
        engine = Engine(make_settings(tmp_path, simulator.address[1]))
        late, missed = ServiceManager.below(tmp_path), asyncio.Event()

        class Late(Manager):
            async def tell(self, *lines: str) -> bool:
                took = await Manager.tell(self, *lines)
                if lines == ("READY=1",) and not took:
                    missed.set()
                return took

        tasks.create_task(engine.run())
        following = tasks.create_task(notify.follow(engine, Late(late.address)))
        await missed.wait()
        async with late:
            assert await late.told("READY") == "1"
            assert "serving" in await late.told("STATUS", lambda says: "serving" in says)
        following.cancel()
        engine.stop()


async def test_a_manager_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    assert not await Manager(f"{tmp_path}/nobody").tell("READY=1")


async def test_a_machine_that_has_no_socket_left_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async with ServiceManager.below(tmp_path) as manager:
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", exhausted)
            assert not await Manager(manager.address).tell("WATCHDOG=1")


def test_the_manager_is_taken_out_of_the_environment_so_that_no_child_speaks_for_us() -> None:
    environment = {"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
    assert Manager.of_environment(environment) == Manager("@a", 30.0)
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": "vsock:2:1"}, None),
        ({"NOTIFY_SOCKET": "/run/n"}, Manager("/run/n")),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}, Manager("/run/n")),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "soon"}, Manager("/run/n")),
    ],
    ids=["none", "not a unix socket", "without a watchdog", "watched is another process", "not a number"],
)
def test_only_what_is_meant_for_us_is_followed(environment: dict[str, str], found: Manager | None) -> None:
    assert Manager.of_environment(dict(environment)) == found


def test_a_loop_is_stuck_when_it_is_overdue_and_not_while_it_rests() -> None:
    now = 0.0
    pulse = Pulse(lambda: now)
    pulse.beat("sender", rest=50)
    pulse.beat("lease")
    now = 10.5
    assert pulse.stuck(10) == ["lease"]
    pulse.beat("lease")
    assert pulse.stuck(10) == []
    now = 61.0
    pulse.ended("lease")
    assert pulse.stuck(10) == ["sender"]
    pulse.clear()
    assert pulse.stuck(0) == []
