"""A daemon under a service manager: started, watched, wedged, frozen and stopped, as systemd does it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.simulator import Simulator
from tests.integration.dripping import Dripping
from tests.integration.headless import Fleet
from tests.integration.stand import Stand
from tests.service_manager import ServiceManager

ROOT = Path(__file__).parents[2]
WATCHDOG = 1.0
"""Seconds, as WatchdogSec."""


@contextlib.asynccontextmanager
async def daemon(
    directory: Path, simulator: Simulator, manager: ServiceManager
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`acqs-core run` as a service manager starts it."""
    host, port = simulator.address
    url = f"sqlite:///{directory}/queue.sqlite3"
    schema.init(Database(url, pool_size=1))
    file = directory / "acqs.toml"
    file.touch(mode=0o600)
    file.write_text(
        f'[queue]\nurl = "{url}"\n[asterisk]\nhost = "{host}"\nport = {port}\nusername = "acqs"\nsecret = "acqs"\n'
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ACQS_")}
    environment |= {
        "NOTIFY_SOCKET": manager.address,
        "WATCHDOG_USEC": str(int(WATCHDOG * 1e6)),
        "PYTHONPATH": str(ROOT),
    }
    with tempfile.TemporaryDirectory(prefix="acqs-") as sockets:
        process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "acqs_core", "run", "--config", str(file),
            cwd=directory, env=environment | {"ACQS_CONTROL__FOLDER": sockets}, stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
async def test_a_daemon_says_that_it_is_ready_that_it_lives_and_that_it_stops(tmp_path: Path, abstract: bool) -> None:
    async with (
        Simulator() as simulator,
        ServiceManager.below(tmp_path, abstract=abstract) as manager,
        daemon(tmp_path, simulator, manager) as process,
    ):
        assert await manager.told("READY") == "1"
        assert "serving" in await manager.told("STATUS", lambda says: "serving" in says)
        assert not await manager.would_end_it(WATCHDOG, within=3 * WATCHDOG)
        process.send_signal(signal.SIGTERM)
        assert await manager.told("STOPPING") == "1"
        assert await process.wait() == 0


async def test_a_daemon_that_stands_still_is_ended_by_the_watchdog(tmp_path: Path) -> None:
    async with (
        Simulator() as simulator,
        ServiceManager.below(tmp_path) as manager,
        daemon(tmp_path, simulator, manager) as process,
    ):
        await manager.told("READY")
        await manager.told("WATCHDOG")
        process.send_signal(signal.SIGSTOP)
        assert await manager.would_end_it(WATCHDOG, within=5 * WATCHDOG)
        process.send_signal(signal.SIGCONT)
        await manager.told("WATCHDOG", since=len(manager.heard))


@pytest.mark.parametrize("stand", ["innodb"], indirect=True)
async def test_a_daemon_whose_database_job_never_comes_back_is_ended_by_the_watchdog(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ServiceManager.below(tmp_path) as manager, Dripping(stand.url) as proxy:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
        monkeypatch.setenv("WATCHDOG_USEC", "3000000")
        async with Fleet(stand, tmp_path, queue={"url": proxy.url}) as fleet:
            engine = await fleet.start()
            await manager.told("READY")
            assert not await manager.would_end_it(3.0, within=6.0)
            proxy.drip()
            assert await manager.would_end_it(3.0, within=20.0)
            assert "sender" in str((await engine.said("stuck"))["message"])
