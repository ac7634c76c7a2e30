"""What runs during a soak, each in a process of its own: engines that are started again when they end, as a service
manager does, and a simulated Asterisk that may be given another secret."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.integration.headless import ROOT, Headless

SECRET, WRONG = "soak-secret", "another-secret"


async def spawn(*command: str) -> asyncio.subprocess.Process:
    """`acqs-core` with these arguments; it ends with us, however we do."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ACQS_")}
    return await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "acqs_core", *command, cwd=ROOT,
        env={**ours, "PYTHONPATH": str(ROOT)}, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


class Simulated:
    """`acqs-core simulate`, always on the same port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        for name, secret in (("right", SECRET), ("wrong", WRONG)):
            file = self._directory / name
            file.touch(mode=0o600)
            file.write_text(secret + "\n")
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, secret: str = "right") -> None:
        """Return once it listens; calls run ten times faster than time."""
        process = self._process = await spawn(
            "simulate", "--port", str(self.port), "--user", "acqs", "--secret-file", str(self._directory / secret),
            "--speed", "10", "--json",
        )  # fmt: skip
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        self.port = int(json.loads(line)["port"])
        self._reading = asyncio.create_task(self._discard())

    async def stop(self) -> None:
        """As `core stop now`: its calls are hung up and what it is asked meanwhile is refused."""
        assert self._process is not None
        assert self._reading is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await asyncio.wait_for(self._process.wait(), 20)
        await self._reading

    async def _discard(self) -> None:
        """Its log, a line for each action."""
        assert self._process is not None
        assert self._process.stderr is not None
        while await self._process.stderr.read(1 << 16):
            pass


class Kept:
    """An engine that is started again whenever it ends, a second later."""

    def __init__(self, settings: Path) -> None:
        self._settings = settings
        self.lives: list[Headless] = []
        self._keeping: asyncio.Task[None] | None = None
        self._started = asyncio.Event()

    @property
    def pid(self) -> int:
        return self.lives[-1].pid

    @property
    def log(self) -> list[dict[str, Any]]:
        """What all its lives have logged."""
        return [line for life in self.lives for line in life.log]

    async def start(self) -> None:
        """Return once it serves."""
        self._keeping = asyncio.create_task(self._keep())
        await self._started.wait()
        await self.lives[0].wait_ready(60)

    async def _keep(self) -> None:
        while True:
            process = await spawn("run", "--config", str(self._settings))
            self.lives.append(Headless(process))
            self._started.set()
            await process.wait()
            await asyncio.sleep(1)

    def signal(self, number: signal.Signals, pid: int | None = None) -> None:
        """To the engine, or to a child of it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid or self.pid, number)

    async def terminate(self) -> int:
        """SIGTERM, and no other life; the exit code."""
        assert self._keeping is not None
        self._keeping.cancel()
        return await self.lives[-1].terminate(60)

    async def close(self) -> None:
        """End it at once, if it has not ended."""
        if self._keeping is not None:
            self._keeping.cancel()
        for life in self.lives:
            await life.kill()
