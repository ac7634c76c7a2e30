"""Sessions in processes of their own, opened by a test, and the processes' ends awaited."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from acqs_core.ami.session import Endpoint
from acqs_core.sender.process.opener import InProcess
from acqs_core.sender.process.remote import RemoteSession

STOP, KILL = signal.SIGSTOP, signal.SIGKILL


class Openings:
    """Opens sessions, and remembers the processes by handles that never name another."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.opener = InProcess(endpoint)
        self.pids: list[int] = []
        self.handles: list[int] = []
        self.on_turn: Callable[[int], object] = lambda pid: None

    async def open(self) -> RemoteSession:
        return await self.opener.open(self._turn)

    async def until_gone(self) -> None:
        """Return once every process that was opened has ended."""
        async with asyncio.timeout(5):
            for handle in self.handles:
                await ended(handle)

    @contextlib.asynccontextmanager
    async def _turn(self, pid: int | None) -> AsyncIterator[None]:
        assert pid is not None
        self.pids.append(pid)
        self.handles.append(os.pidfd_open(pid))
        self.on_turn(pid)
        yield


async def ended(handle: int) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(handle, over.set)
    try:
        await over.wait()
    finally:
        asyncio.get_running_loop().remove_reader(handle)


@contextlib.asynccontextmanager
async def opening_at(endpoint: Endpoint) -> AsyncIterator[Openings]:
    """Openings whose every process has ended by the end."""
    openings = Openings(endpoint)
    try:
        yield openings
        await openings.until_gone()
    finally:
        await openings.opener.close()
        for handle in openings.handles:
            os.close(handle)


@pytest.fixture
def on_uvloop() -> asyncio.AbstractEventLoopPolicy:
    """uvloop's, on which the programs run; test_sender.py has sessions of this kind on asyncio's own. A test module
    uses it as its `event_loop_policy`."""
    policy: asyncio.AbstractEventLoopPolicy = pytest.importorskip("uvloop").EventLoopPolicy()
    return policy
