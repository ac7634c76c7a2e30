"""Whether Asterisk takes actions now, and the way in: what keeps rows NEW while it is away or has not booted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from acqs_core.errors import AlreadyInUse, AmiError, ChildLost, NoBanner, SessionLost
from acqs_core.sender.child import ChildSession
from acqs_core.sender.pacing import Breaker, Logins
from acqs_core.telemetry import Counters

log = logging.getLogger(__name__)

BOOT_PATIENCE = 20.0
"""Seconds after which an Asterisk that came back is taken for booted though the listener has not heard it say so."""

MAX_LOST = 3
"""Child processes lost one after the other, with no session opened in between, beyond which it is no accident."""

Turn = Callable[[int | None], AbstractAsyncContextManager[None]]
"""A turn to log in, of which there are few at a time: asked for by whoever is otherwise ready to, with the process that
it has for itself. Raises NotWanted on the way in."""


class NotWanted(Exception):
    """No row may go out any more: the session is not opened."""


class Opener(Protocol):
    """Where the sender's sessions come from, and in which place they live."""

    async def open(self, turn: Turn) -> ChildSession:
        """A logged-in session, without events. Raises ConnectFailed, LoginRefused, ChildLost, or what `turn` does."""

    async def close(self) -> None:
        """The last session has ended."""


class Gate:
    """One Asterisk as the sender sees it. `booted` says whether it has told that it is fully booted."""

    def __init__(self, opener: Opener, counters: Counters, booted: Callable[[], bool], max_logins: int) -> None:
        self._opener, self._counters, self._booted = opener, counters, booted
        self._breaker = Breaker(random.random)
        self._back_since = float("-inf")
        self._lost_children = 0
        self.logins = Logins(max_logins)
        self.with_channel_id = True
        """Whether this Asterisk knows ChannelId."""
        self.answered = asyncio.Event()
        """Set once it has taken a session."""

    @property
    def is_shut(self) -> bool:
        """Whether it must answer a `probe` before a row is risked."""
        return self._breaker.is_open

    @property
    def user_is_in_use(self) -> bool:
        """Whether it is shut because our user may be logged in only once: a session of our own may be that one."""
        return isinstance(self._breaker.error, AlreadyInUse)

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
        self._leave_alone(SessionLost("the listener's connection to Asterisk ended"))

    async def probe(self) -> float:
        """Try with a session of nobody's whether it is back, when it is time; the seconds until the next try."""
        wait = self._breaker.probe_in(time.monotonic())
        if wait > 0:
            return wait
        session = await self.open(lambda pid: contextlib.nullcontext())
        if session is None:
            return self._breaker.probe_in(time.monotonic())
        self.with_channel_id = session.knows_channel_id
        await session.logoff()
        log.info("sender: Asterisk answers (%s)", session.banner)
        self._breaker.worked()
        self._back_since = time.monotonic()
        self.answered.set()
        return 0.0

    async def open(self, turn: Turn) -> ChildSession | None:
        """A logged-in session, or None: nothing was sent, and unless it was an accident of one process's the gate is
        shut until a probe is answered."""
        try:
            session = await self._opener.open(turn)
        except ChildLost as error:
            log.warning("sender: a session is lost, its row goes back to NEW: %s", error)
            self._lost_children += 1
            if self._lost_children >= MAX_LOST:
                self.shut(error)
        except AmiError as error:
            self._counters.logins_failed += 1
            if isinstance(error, NoBanner) and not self.is_shut:
                self.logins.turned_away()
            self.shut(error)
        else:
            self._lost_children = 0
            self.logins.worked()
            return session
        return None

    def shut(self, error: AmiError) -> None:
        """Asterisk does not take sessions, or actions: leave it alone for as long as this error calls for."""
        is_news = self._breaker.reason != str(error)
        self._leave_alone(error)
        if is_news:
            wait = self._breaker.probe_in(time.monotonic())
            log.warning("sender: Asterisk does not take sessions, rows stay NEW: %s; next try in %.0f s", error, wait)

    def _leave_alone(self, error: AmiError) -> None:
        self._counters.breaker_opens += not self._breaker.is_open
        self._breaker.failed(time.monotonic(), error)
