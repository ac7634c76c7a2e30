"""The service manager's end of sd_notify: a real datagram socket, and what was said to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self


class ServiceManager:
    """Listens at `address` (a path, or an abstract name after @) and keeps every message as its NAME=value lines."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.heard: list[dict[str, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._changed = asyncio.Condition()

    @classmethod
    def below(cls, directory: Path, *, abstract: bool = False) -> ServiceManager:
        """One at an address of its own."""
        return cls(f"@{directory}/notify" if abstract else str(directory / "notify"))

    async def __aenter__(self) -> Self:
        self._socket.setblocking(False)
        self._socket.bind("\0" + self.address[1:] if self.address.startswith("@") else self.address)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        self._socket.close()

    async def _read(self) -> None:
        while True:
            message = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
            async with self._changed:
                self.heard.append(dict(line.split("=", 1) for line in message.decode().split("\n")))
                self._changed.notify_all()

    async def told(self, name: str, about: Callable[[str], bool] = bool, *, since: int = 0, within: float = 20) -> str:
        """The first value of this name that is as wanted, among messages `since`; waits for it. Raises TimeoutError."""
        async with asyncio.timeout(within), self._changed:
            while True:
                for message in self.heard[since:]:
                    if name in message and about(message[name]):
                        return message[name]
                await self._changed.wait()

    async def would_end_it(self, watchdog: float, within: float) -> bool:
        """Whether a gap of `watchdog` seconds without a sign of life comes up, as systemd measures it."""
        clock = asyncio.get_running_loop()
        over = clock.time() + within
        while clock.time() < over:
            try:
                await self.told("WATCHDOG", since=len(self.heard), within=watchdog)
            except TimeoutError:
                return True
        return False
