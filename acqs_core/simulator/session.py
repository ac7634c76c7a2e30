"""One AMI connection: bytes in, requests to their handlers in order, responses and events out.

Work per connection is small and nothing here waits for a client: output is gathered and written once a turn of the
loop, and a client that does not read is cut when its backlog is full, as Asterisk does (facts/ami.md).
"""

from __future__ import annotations

import asyncio
import collections
import enum
import time
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, cast

from acqs_core.simulator import filters
from acqs_core.simulator.events import Event
from acqs_core.simulator.security import Origin
from acqs_core.simulator.users import User
from acqs_core.simulator.wire import Pair, Reader, Request, message

if TYPE_CHECKING:
    from acqs_core.simulator.server import Simulator

MAX_PENDING = 100
"""Requests of one client that wait behind a slow one before its socket is read no further."""


class Fault(enum.Enum):
    """What a test can have happen to one request instead of the usual."""

    IGNORE = "ignore"
    """It is neither carried out nor answered; the connection stays."""
    CUT = "cut"
    """The connection is cut; the action is not carried out."""
    CARRY_OUT_AND_CUT = "carry out and cut"
    """The action is carried out and the connection is cut before the answer."""


class Session(asyncio.Protocol):
    """One client. `mask` is 0 until it is logged in and asks for events."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.mask = 0
        self.read_mask = self.write_mask = 0
        self.filters: list[filters.EventFilter] = []
        self.challenge = ""
        self.origin = Origin(f"{id(self):#x}", ("", ""))
        self.gone = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._reader = Reader()
        self._pending: collections.deque[Request] = collections.deque()
        self._busy = False
        self._silent = False
        self._paused = False
        self._out: list[bytes] = []
        self._hurry: asyncio.TimerHandle | None = None

    @property
    def user(self) -> str:
        """Who is logged in; empty until somebody is."""
        return self.origin.account

    def enter(self, name: str, user: User) -> None:
        """Somebody has logged in."""
        self.origin.account, self.origin.since = name, time.time()
        self.read_mask, self.write_mask = user.read_mask, user.write_mask
        self.filters = user.filters()
        self._stop_hurrying()

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        local, remote = map(transport.get_extra_info, ("sockname", "peername"))
        self.origin.addresses = f"{local[0]}/{local[1]}", f"{remote[0]}/{remote[1]}"
        if self.simulator.admit(self):
            loop = asyncio.get_running_loop()
            self._hurry = loop.call_later(self.simulator.auth_timeout, self.close)
            self.write(f"Asterisk Call Manager/{self.simulator.version}\r\n".encode())
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._out.clear()
        self._stop_hurrying()
        self.simulator.forget(self)
        if not self.gone.done():
            self.gone.set_result(None)

    def _stop_hurrying(self) -> None:
        if self._hurry is not None:
            self._hurry.cancel()

    def data_received(self, data: bytes) -> None:
        for request in self._reader.feed(data):
            self.simulator.note(request)
            self._pending.append(request)
        self._pump()
        if len(self._pending) > MAX_PENDING and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    # Requests, one after the other

    def _pump(self) -> None:
        while self._pending and not self._busy and self._transport is not None:
            request = self._pending.popleft()
            work = self._handle(request)
            if work is not None:
                self._busy = True
                self.simulator.spawn(self._finish(work))
        if self._paused and len(self._pending) <= MAX_PENDING and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _handle(self, request: Request) -> Awaitable[None] | None:
        fault = self.simulator.fault_of(request)
        if fault is Fault.CUT:
            self.cut()
        if fault is Fault.IGNORE or fault is Fault.CUT or self.simulator.mute:
            return None
        if fault is Fault.CARRY_OUT_AND_CUT:
            self._silent = True
        work = self.simulator.perform(self, request)
        if fault is Fault.CARRY_OUT_AND_CUT:
            self.cut()
        return work

    async def _finish(self, work: Awaitable[None]) -> None:
        try:
            await work
        finally:
            self._busy = False
        self._pump()

    # Out

    def respond(self, request: Request, outcome: str, *pairs: Pair) -> None:
        self.write(message(("Response", outcome), request.get("ActionID"), pairs))

    def error(self, request: Request, text: str) -> None:
        self.respond(request, "Error", ("Message", text))

    def success(self, request: Request, text: str) -> None:
        self.respond(request, "Success", ("Message", text))

    def list_of(self, request: Request, announced: str, items: Iterable[bytes], complete: str, *rest: Pair) -> None:
        """A list: the response that announces it, the items, the event that ends it with their number."""
        self.respond(request, "Success", ("EventList", "start"), ("Message", announced))
        found = list(items)
        for item in found:
            self.write(item)
        end = (("EventList", "Complete"), ("ListItems", str(len(found))), *rest)
        self.write(message(("Event", complete), request.get("ActionID"), end))

    def deliver(self, event: Event, *, filtered: bool = True) -> None:
        """Send an event if the user's rights, the mask and the filters let it through.

        The FullyBooted that a login brings passes every filter (seen on 22.10.1).
        """
        if not event.bit & self.mask & self.read_mask:
            return
        if not filtered or not self.filters or filters.passes(self.filters, event.name, event.text):
            self.write(event.wire)

    def write(self, data: bytes) -> None:
        if self._transport is None or self._silent or self.simulator.mute:
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        if self._transport is None or not self._out:
            return
        self._transport.write(b"".join(self._out))
        self._out.clear()
        if self._transport.get_write_buffer_size() > self.simulator.max_backlog:
            self.cut()

    def close(self) -> None:
        """End the connection after what was written has gone out; nothing more is read."""
        self._pending.clear()
        if self._transport is not None:
            self._flush()
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """End the connection now, perhaps in the middle of a message."""
        self._out.clear()
        self._pending.clear()
        if self._transport is not None:
            self._transport.abort()
