"""Opens each session in a process of its own, and keeps a fork server for that: one that died is replaced."""

from __future__ import annotations

import asyncio
import logging
import random

from acqs_core.ami.backoff import Backoff
from acqs_core.ami.endpoint import Endpoint
from acqs_core.sender.gate import Turn
from acqs_core.sender.process.remote import RemoteSession
from acqs_core.sender.process.server import ForkServer, ForkServerLost, Process

log = logging.getLogger(__name__)

STEADY = 10.0
"""Seconds that a fork server must have lived for its death to be the first of its kind."""

PATIENCE = 0.5
"""Seconds for which a session waits until another fork server may be started; beyond that its row goes back."""


class InProcess:
    """`isolation = "process"`. The Opener of forked children."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._server: ForkServer | None = None
        self._starting = asyncio.Lock()
        self._backoff = Backoff(random.random)
        self._started = self._not_before = float("-inf")

    @property
    def server_pid(self) -> int | None:
        """The fork server's, for a status; None before there is one."""
        return None if self._server is None else self._server.pid

    async def open(self, turn: Turn) -> RemoteSession:
        """See Opener. A child waits for its turn when it lives and is ready: one that hangs keeps nobody's."""
        session = await RemoteSession.of(await self._fork())
        try:
            async with turn(session.pid):
                await session.log_in(self._endpoint)
        except BaseException:
            session.abort()
            raise
        return session

    async def close(self) -> None:
        """End the fork server."""
        async with self._starting:
            if self._server is not None:
                await self._server.close()

    async def _fork(self) -> Process:
        try:
            return await (await self._usable()).fork()
        except ForkServerLost as error:
            log.warning("sender: %s", error)
        return await (await self._usable()).fork()

    async def _usable(self) -> ForkServer:
        async with self._starting:
            if self._server is None or not self._server.usable:
                await self._pause()
                self._server = await ForkServer.start(*self._endpoint.trust)
                log.info("sender: fork server started (pid %d)", self._server.pid)
            return self._server

    async def _pause(self) -> None:
        """Let those that die young follow each other ever more slowly. Raises ForkServerLost."""
        clock = asyncio.get_running_loop().time
        wait = self._not_before - clock()
        if wait > PATIENCE:
            raise ForkServerLost(f"the fork server keeps ending; the next is started in {wait:.1f} s")
        await asyncio.sleep(max(0.0, wait))
        if clock() - self._started >= STEADY:
            self._backoff.worked()
        self._started = clock()
        self._not_before = self._started + self._backoff.after(ForkServerLost())
