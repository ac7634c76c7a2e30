"""One child session: its states, and what it does with Asterisk once its row may be sent (seed step 3, design §5)."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import time
from typing import Protocol

from acqs_core.action import Message, Row, header
from acqs_core.ami.wire import AmiMessage

DEFAULT_DIAL_TIMEOUT = 30.0
"""Seconds that an Originate without a Timeout header lets a phone ring (Asterisk's own default)."""

LONGEST_DIAL = 600.0
"""Seconds for which an answer is waited at the most, whatever Timeout a row brings: a session is not held for a day."""


class State(enum.StrEnum):
    """What a child session is doing."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    LOGGING_IN = "logging in"
    MARKING = "marking sent"
    SENT = "sent"
    LINGERING = "lingering"
    LEAVING = "leaving"


OPENING = (State.CONNECTING, State.LOGGING_IN)
"""Its session is opened: it waits for its turn, then has it."""


class ChildSession(Protocol):
    """What the sender uses of a logged-in session (ami.session.Session), wherever that session lives."""

    @property
    def banner(self) -> str:
        """Asterisk's first line."""

    @property
    def knows_channel_id(self) -> bool:
        """Whether this Asterisk takes a ChannelId."""

    @property
    def is_open(self) -> bool:
        """Whether an action can still be written, as far as is known here."""

    async def perform(self, payload: bytes, action_id: str, timeout: float) -> AmiMessage:
        """Write these bytes once; the response. Raises NotWritten (nothing was sent) or SessionLost (may have been)."""

    async def closed(self) -> Exception | None:
        """Wait for the end of the session; why it ended."""

    async def logoff(self, timeout: float = 1.0) -> None:
        """Leave in order, in no more than `timeout` seconds."""

    def abort(self) -> None:
        """End it at once, in whatever state it is; it will never write again."""


@dataclasses.dataclass(slots=True, eq=False)
class Child:
    """A row in our hands and the session that is its own."""

    row: Row
    message: Message
    token: int
    """The lease's token that the row was claimed by: no other marks it SENT for this child."""
    state: State = State.WAITING
    since: float = dataclasses.field(default_factory=time.monotonic)
    claimed: float = dataclasses.field(default_factory=time.monotonic)
    """When the row became ours, by the monotonic clock."""
    session: ChildSession | None = None
    pid: int | None = None
    """The process that it has for itself; None in task isolation and before there is one."""
    may_leave: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    def becomes(self, state: State) -> None:
        self.state = state
        self.since = time.monotonic()

    def view(self) -> dict[str, object]:
        """What it is doing and for how many seconds, for a status."""
        seconds = round(time.monotonic() - self.since, 3)
        view = {"man_id": self.row.man_id, "action": self.message.action, "state": str(self.state), "seconds": seconds}
        return view if self.pid is None else view | {"pid": self.pid}

    async def send(self, session: ChildSession, response_timeout: float) -> AmiMessage:
        """Write the action, once, and read its answer. Raises SessionLost (ResponseTimeout) when none comes."""
        self.becomes(State.SENT)
        return await session.perform(
            self.message.encode(), self.message.action_id, response_timeout + blocking_time(self.message)
        )

    async def linger(self, session: ChildSession, seconds: float) -> None:
        """Stay, read and discard for `seconds`, less when asked to leave or when Asterisk hangs up; then log off."""
        self.becomes(State.LINGERING)
        leave = asyncio.ensure_future(self.may_leave.wait())
        gone = asyncio.ensure_future(session.closed())
        try:
            await asyncio.wait((leave, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leave.cancel()
            gone.cancel()
        self.becomes(State.LEAVING)
        await session.logoff()


def blocking_time(message: Message) -> float:
    """Seconds that Asterisk may take before it answers: an Originate that is not Async answers when its call does."""
    if message.action.lower() != "originate":
        return 0.0
    if (header(message.lines, "Async") or "").lower() in ("true", "yes", "on", "1", "y", "t"):
        return 0.0
    given = header(message.lines, "Timeout") or ""
    return min(int(given) / 1000, LONGEST_DIAL) if given.isdecimal() else DEFAULT_DIAL_TIMEOUT
