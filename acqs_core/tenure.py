"""The leases of one engine: taken when they are free, renewed while they are held, given up at the end (design §3)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from acqs_core.errors import QueueError
from acqs_core.queue.database import Database
from acqs_core.queue.lease import Leases
from acqs_core.queue.types import Grant, LeaseView, Role
from acqs_core.settings import Settings
from acqs_core.telemetry import Pulse

log = logging.getLogger(__name__)

T = TypeVar("T")

LEASE_TTL = 3.0
"""Seconds after which a lease that is not renewed may be taken over: two renewals may fail, and whoever stands by has
sent its first action within 5 s of the holder's death."""

LEASE_EVERY = 1.0
"""Seconds between renewals, and between looks at the pause."""

STANDBY_EVERY = 0.5
"""Seconds between looks at a lease that another holds, and at a database that is away."""


class Tenure:
    """What one engine holds of its server_ip, through a database connection and a thread that serve nothing else."""

    def __init__(self, settings: Settings, pulse: Pulse) -> None:
        self._server_ip = settings.server_ip
        self._db = Database.of(settings.queue, pool_size=1)
        self._leases = Leases(self._db)
        self._thread = ThreadPoolExecutor(1, "acqs-lease")
        self._pulse = pulse
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        """Who we are in a lease."""
        self.grants: dict[str, Grant] = {}
        """The leases that are ours, by role."""
        self.elsewhere: dict[str, str] = {}
        """Who had a role's lease when it was last asked for, of each role that another engine has; empty where it is
        not known who."""
        self.standing_by: dict[str, str] = {}
        """Why a role's lease is not ours, in words."""
        self.trouble: str | None = "the database has not been asked yet"
        """What the last statement about a lease met, and there is one every second; None while all is well."""

    async def hold(self, role: Role, while_held: Callable[[Grant], Awaitable[None]]) -> None:
        """Take the lease whenever it is free, and do the role's work, which returns when the lease is lost. Cancelled
        meanwhile, it keeps the lease until `release`."""
        said = ""
        while True:
            self._pulse.beat(f"{role} lease", LEASE_EVERY)
            try:
                grant = await self._ask(self._leases.acquire, self._server_ip, role, self.holder, LEASE_TTL)
                says = await self._who_else(role) if grant is None else ""
            except QueueError as error:
                grant, says = None, f"{role}: the database is not to be had: {error}"
            if says and says != said:
                log.warning("%s", says)
            said = self.standing_by[role] = says
            if grant is None:
                await asyncio.sleep(STANDBY_EVERY)
                continue
            self.grants[role] = grant
            self.elsewhere.pop(role, None)
            log.info("%s: lease of %s held, token %d", role, grant.server_ip, grant.token)
            await while_held(grant)
            del self.grants[role]
            log.warning("%s: the lease was lost", role)

    async def _who_else(self, role: Role) -> str:
        """Who has the lease that we did not get, in words."""
        self.elsewhere.setdefault(role, "")
        holder = next((lease.holder for lease in await self.view() if lease.role == role), "")
        self.elsewhere[role] = holder
        who = f"another engine ({_place(holder)})" if holder else "another engine"
        return f"{role}: {who} serves {self._server_ip}; standing by"

    async def renew(self, grant: Grant, state: str) -> bool:
        """Hold on, and show `state` to whoever looks at the leases; False: it is lost. A database that is away is no
        loss: the token still guards every statement."""
        self._pulse.beat(f"{grant.role} lease", LEASE_EVERY)
        try:
            return await self._ask(self._leases.renew, grant, LEASE_TTL, state)
        except QueueError:
            return True

    async def view(self) -> list[LeaseView]:
        """The leases of our server_ip, whoever has them. Raises QueueError."""
        return await self._ask(self._leases.view, self._server_ip)

    async def release(self) -> None:
        """Let others in at once, and ask for nothing any more."""
        for grant in self.grants.values():
            with contextlib.suppress(QueueError):
                await self._ask(self._leases.release, grant)
        self._db.dispose()
        self._thread.shutdown(wait=False)

    async def _ask(self, work: Callable[..., T], *args: object) -> T:
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
        except QueueError as error:
            self.trouble = str(error)
            raise
        self.trouble = None
        return result


def _place(holder: str) -> str:
    """Host and process of who holds a lease."""
    return holder.rpartition(":")[0]
