"""Whether Asterisk takes actions now, and the way in: what keeps rows NEW while it is away or has not booted."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from acqs_core.errors import AmiError, SessionLost
from acqs_core.sender.child import ChildSession
from acqs_core.sender.pacing import Breaker
from acqs_core.telemetry import Counters

log = logging.getLogger(__name__)

BOOT_PATIENCE = 20.0
"""Seconds after which an Asterisk that came back is taken for booted though the listener has not heard it say so."""

Opener = Callable[[], Awaitable[ChildSession]]
"""Opens a session of the sender's, logged in, without events. Raises ConnectFailed or LoginRefused."""


class Gate:
    """One Asterisk as the sender sees it. `booted` says whether it has told that it is fully booted."""

    def __init__(self, opener: Opener, counters: Counters, booted: Callable[[], bool]) -> None:
        self._opener, self._counters, self._booted = opener, counters, booted
        self._breaker = Breaker(random.random)
        self._back_since = float("-inf")
        self.with_channel_id = True
        """Whether this Asterisk knows ChannelId."""
        self.answered = asyncio.Event()
        """Set once it has taken a session."""

    @property
    def is_shut(self) -> bool:
        """Whether it must answer a `probe` before a row is risked."""
        return self._breaker.is_open

    @property
    def trouble(self) -> str | None:
        """Why no row may pass, in words; None when it may."""
        if self._breaker.reason is not None:
            return self._breaker.reason
        return None if self.has_booted else "waiting for Asterisk to say that it is fully booted"

    @property
    def has_booted(self) -> bool:
        """Whether it has booted, as far as anybody can tell: one that never says so is not waited for."""
        return self._booted() or time.monotonic() - self._back_since > BOOT_PATIENCE

    def doubt(self) -> None:
        """The listener has lost it: it may have been restarted, and must answer a probe before another row goes out."""
        self._back_since = time.monotonic()
        self._shut(SessionLost("the listener's connection to Asterisk ended"))

    async def probe(self) -> float:
        """Try with a session of nobody's whether it is back, when it is time; the seconds until the next try."""
        wait = self._breaker.probe_in(time.monotonic())
        if wait > 0:
            return wait
        session = await self.open()
        if session is None:
            return self._breaker.probe_in(time.monotonic())
        self.with_channel_id = session.knows_channel_id
        await session.logoff()
        log.info("sender: Asterisk answers (%s)", session.banner)
        self._breaker.worked()
        self._back_since = time.monotonic()
        self.answered.set()
        return 0.0

    async def open(self) -> ChildSession | None:
        """A logged-in session, or None: nothing was sent, and the gate is shut until a probe is answered."""
        try:
            return await self._opener()
        except AmiError as error:
            self._counters.logins_failed += 1
            if self._breaker.reason != str(error):
                log.warning("sender: Asterisk does not take sessions, rows stay NEW: %s", error)
            self._shut(error)
            return None

    def _shut(self, error: AmiError) -> None:
        self._counters.breaker_opens += not self._breaker.is_open
        self._breaker.failed(time.monotonic(), error)
