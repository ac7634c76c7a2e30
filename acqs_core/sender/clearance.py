"""Whether rows may go out at this moment, and how fast: what stops all of them at once."""

from __future__ import annotations

import asyncio
import contextlib
import time

from acqs_core.sender.gate import Gate
from acqs_core.sender.pacing import Rate


class Clearance:
    """Told by the sender what its engine tells it; asked by every row on its way."""

    def __init__(self, gate: Gate, max_per_second: float) -> None:
        self._gate = gate
        self._rate = Rate(max_per_second)
        self._lock = asyncio.Lock()
        self._halt = asyncio.Event()
        self._halt.set()
        self.token: int | None = None
        """The lease's token; None while the lease is not ours."""
        self.paused = False
        self.draining = False
        self.held = False
        """What waited through an outage is to be looked at before anything goes out."""

    @property
    def stopped(self) -> bool:
        """Whether no row may be marked SENT now."""
        return self.draining or self.paused or self.held or self.token is None or not self._gate.has_booted

    def halt(self) -> None:
        """Who waits for the rate waits no longer."""
        self._halt.set()

    def go_on(self) -> None:
        """Rows wait for the rate again, unless something else stops them."""
        if not self.stopped:
            self._halt.clear()

    async def pace(self) -> bool:
        """Wait until max_per_second allows another; False when sending stops first. One at a time takes a turn, so
        that those who go back have used none."""
        async with self._lock:
            wait = 0.0 if self.stopped else self._rate.take(time.monotonic())
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._halt.wait()
        return not self.stopped
