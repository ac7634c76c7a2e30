"""Tells a service manager (systemd) how the engine is: started, alive, stopping, and in words what it waits for.

The whole protocol (sd_notify(3)) is one datagram of NAME=value lines to the socket that NOTIFY_SOCKET names, so it is
spoken here in ten lines; the libraries for it are as long, or bind to libsystemd in C and need a compiler to install.

What it is for is the watchdog. It is fed only while the engine's loops turn (`Pulse`): a sender whose database job
never comes back would look well from outside for ever, and nobody would be called.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import socket
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acqs_core.engine import Engine

log = logging.getLogger(__name__)

START_PATIENCE = 20.0
"""Seconds after which an engine that waits for Asterisk, its database or the lease counts as started all the same.

A restart mends none of these, and a boot must not hang on them; the status line says what is waited for."""

STUCK_AFTER = 60.0
"""Seconds of standstill that count as stuck where no watchdog is set: more than any database job of ours may take."""

FEED_EVERY = 5.0
"""Seconds between signs of life at the most; a watchdog gets four in its time."""

STATUS_EVERY = 1.0

TELL_WITHIN = 2.0
"""Seconds that the manager is given to take a message."""


@dataclasses.dataclass(slots=True)
class Manager:
    """The service manager that started us."""

    address: str
    """Its socket: a path, or a name in the abstract namespace after an @."""
    watchdog: float | None = None
    """Seconds without a sign of life after which it ends us (WatchdogSec); None when it does not watch."""
    _away: bool = dataclasses.field(default=False, repr=False, compare=False)

    @classmethod
    def of_environment(cls, environ: MutableMapping[str, str] = os.environ) -> Manager | None:
        """The manager that the environment names; None without one. The names are taken out of the environment, so
        that no child process speaks in our place."""
        address = environ.pop("NOTIFY_SOCKET", "")
        micros, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        if not address.startswith(("/", "@")):
            return None
        ours = micros.isdigit() and int(micros) > 0 and pid in ("", str(os.getpid()))
        return cls(address, int(micros) / 1e6 if ours else None)

    async def tell(self, *lines: str) -> bool:
        """Send these lines as one message; whether the manager took it. Never raises: a manager that is away is no
        reason to stop calls."""
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)
                channel.connect(address)
                async with asyncio.timeout(TELL_WITHIN):
                    await asyncio.get_running_loop().sock_sendall(channel, "\n".join(lines).encode())
        except (OSError, TimeoutError) as error:
            if not self._away:
                log.warning("the service manager at %s is not told: %s", self.address, error or "it is busy")
            self._away = True
            return False
        self._away = False
        return True


async def follow(engine: Engine, manager: Manager) -> None:
    """Tell the manager all that it wants to know of this engine, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_say_started(engine, manager))
        tasks.create_task(_say_stopping(engine, manager))
        tasks.create_task(_say_alive(engine, manager))
        tasks.create_task(_say_status(engine, manager))


async def _say_started(engine: Engine, manager: Manager) -> None:
    try:
        async with asyncio.timeout(START_PATIENCE):
            await engine.ready.wait()
    except TimeoutError:
        log.warning("not ready after %g s, told the service manager that we wait: %s", START_PATIENCE, status(engine))
    while True:  # a manager that never hears this would end us for not having started
        if await manager.tell("READY=1"):
            return
        await asyncio.sleep(STATUS_EVERY)


async def _say_stopping(engine: Engine, manager: Manager) -> None:
    await engine.stopping.wait()
    await manager.tell("STOPPING=1", f"STATUS={status(engine)}")


async def _say_alive(engine: Engine, manager: Manager) -> None:
    patience = manager.watchdog or STUCK_AFTER
    every = min(patience / 4, FEED_EVERY)
    said: list[str] = []
    while True:
        stuck = engine.telemetry.pulse.stuck(patience)
        if not stuck:
            lines = ["WATCHDOG=1"] if manager.watchdog else []
            if engine.stopping.is_set():
                # A drain takes what it takes (response_timeout); only one that stands still is to be cut short.
                lines.append(f"EXTEND_TIMEOUT_USEC={int((patience + every) * 1e6)}")
            if lines:
                await manager.tell(*lines)
        elif stuck != said:
            log.error("stuck, so the watchdog is not fed: %s made no turn for %g s", ", ".join(stuck), patience)
        said = stuck
        await asyncio.sleep(every)


async def _say_status(engine: Engine, manager: Manager) -> None:
    told = ""
    while True:
        says = status(engine)
        if says != told and await manager.tell(f"STATUS={says}"):
            told = says
        await asyncio.sleep(STATUS_EVERY)


def status(engine: Engine) -> str:
    """One line for `systemctl status`: what the engine does, or why it does not."""
    now = engine.snapshot()
    words = [*(["paused"] if now["paused"] else []), *dict.fromkeys(now["trouble"] + now["warnings"])]
    return f"{now['server_ip']}: {'; '.join(words) or 'serving'}".replace("\n", " ")
