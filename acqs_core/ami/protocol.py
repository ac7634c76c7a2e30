"""panoramisk's protocol, made safe to place calls with.

panoramisk 1.4 sends an action again after a reconnect, never gives up waiting, reconnects by itself and lets a value
start a second action (facts/panoramisk.md lists fourteen such hazards, and tests/unit/test_ami_hazards.py shows each of
them gone). The subclasses in this package keep its parts and change their duties: an action is written once, every wait
has an end, and a connection that is lost stays lost. Whoever owns the session decides what happens next.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import operator
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from panoramisk.ami_protocol import AMIProtocol

from acqs_core.ami import tls, vanished
from acqs_core.ami.transmission import Transmission
from acqs_core.ami.wire import EOL, AmiMessage, Framer, action_id_of, decode, event_name, parse
from acqs_core.errors import AmiError, ConnectFailed, NoBanner, ResponseTimeout, SessionLost, TlsFailed

if TYPE_CHECKING:
    from acqs_core.ami.manager import QueueManager

log = logging.getLogger(__name__)

GREETING = b"Asterisk Call Manager"
"""How the banner of every Asterisk starts."""

NO_BANNER = "no banner in time"

STUCK = "Asterisk takes no more bytes"

MAX_BANNER = 1024
"""Bytes without a line end after which the other side is taken for something else than Asterisk."""

MAX_ABANDONED = 64
"""Actions given up without an answer that a session remembers, so that a late answer is not taken for another's."""

DEFAULT_TIMEOUT = 10.0
"""Seconds for an action that was handed to panoramisk's own methods without saying how long it may take."""


class NotWritten(SessionLost):
    """The connection had ended before the action was written: none of it was sent, it is safe to send it elsewhere."""


@dataclasses.dataclass(slots=True)
class Stats:
    """What a session has read, in counts since it was opened."""

    bytes: int = 0
    frames: int = 0
    filtered: int = 0
    """Events that were dropped by name, before they were decoded."""
    oversize: int = 0
    """Messages that were longer than may be kept."""
    unmatched: int = 0
    """Responses nobody waits for any more, and messages that are neither response nor event."""
    callback_errors: int = 0

    def __add__(self, other: Stats) -> Stats:
        """What two sessions have read together."""
        return Stats(*map(operator.add, dataclasses.astuple(self), dataclasses.astuple(other)))


class QueueProtocol(AMIProtocol):  # type: ignore[misc]
    """One connection: reads without ever waiting, writes an action once, ends every wait.

    One timer serves all its time limits; it is armed for the earliest and looks again when it fires.
    """

    transport: Any

    def __init__(self, factory: QueueManager, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._owner = factory
        self.stats = factory.stats
        self.banner = ""
        self.error: AmiError | None = None
        """Why the connection ended; None while it is up and after an end that we asked for."""
        self.ended: asyncio.Future[AmiError | None] = loop.create_future()
        self.greeting: Transmission | None = None
        """The first action, Login or Challenge, written when the banner has come."""
        self._framer = Framer()
        self._outstanding: deque[Transmission] = deque()
        self._lists: dict[bytes, Transmission] = {}
        self._limits: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._leaving = False
        self._below: asyncio.WriteTransport | None = None
        """The connection that carries the TLS, if there is any."""

    # Life of the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.factory = self._owner  # panoramisk sets it later, after the first bytes may have come
        self.log = log
        # Every write that the kernel does not take at once is to be noticed.
        self.transport.set_write_buffer_limits(high=0)
        vanished.notice(transport.get_extra_info("socket"))
        self.limit(NO_BANNER, self._owner.endpoint.banner_timeout)

    async def start_tls(self) -> None:
        """Speak TLS from here on, before anything is written. Raises TlsFailed, or ConnectFailed."""
        endpoint = self._owner.endpoint
        await self.must_stand()
        if self.version is not None:
            raise self._explain(tls.NOT_SPOKEN, TlsFailed)
        self._limits.pop(NO_BANNER, None)
        below = self.transport
        try:
            async with asyncio.timeout(endpoint.banner_timeout):
                self.transport = await self.loop.start_tls(
                    below,
                    self,
                    endpoint.tls_context(),
                    server_hostname=endpoint.server_name,
                    ssl_shutdown_timeout=endpoint.write_timeout,
                )
        except TimeoutError:
            raise self._explain("no TLS handshake in time: it is stuck, or speaks no TLS on that port") from None
        except OSError as error:
            raise self._explain(tls.explain(error, endpoint.server_name), TlsFailed) from error
        self._below = below
        if self.version is None:
            self.limit(NO_BANNER, endpoint.banner_timeout)

    def pause_writing(self) -> None:
        self.limit(STUCK, self._owner.endpoint.write_timeout)

    def resume_writing(self) -> None:
        self._limits.pop(STUCK, None)

    def eof_received(self) -> None:
        if self.version is None:
            self.fail(
                "no banner: it closed the connection, which it does when its authlimit is reached; "
                "raise that in manager.conf, or lower [sender] max_logins"
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whatever still waits, once. Nothing is sent again and nobody connects anew."""
        if self.ended.done():
            return
        if self.error is None and not self._leaving:
            self.error = self._explain(f"the connection was lost ({exc})" if exc else "it closed the connection")
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        waiting = [*self._outstanding, *self._lists.values()]
        if self.greeting is not None:
            waiting.append(self.greeting)
        for transmission in waiting:
            transmission.fail(self._error_again())
        self._outstanding.clear()
        self._lists.clear()
        self.ended.set_result(self.error)

    def close(self) -> None:
        """End the connection in order: what was written still goes out."""
        self._leaving = True
        self.transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self._leaving = True
        self.transport.abort()

    def fail(self, reason: str, kind: type[ConnectFailed] | None = None) -> None:
        """End the connection at once and say why to everyone who waits; `kind` is what it is before the login."""
        if self.error is None and not self._leaving:
            self.error = self._explain(reason, kind)
        self.transport.abort()

    def _explain(self, reason: str, kind: type[ConnectFailed] | None = None) -> AmiError:
        place = self._owner.endpoint.place
        if not self._owner.authenticated:
            if reason is NO_BANNER:
                reason += ": it is stuck"
                reason += "" if self._owner.endpoint.tls else ", or speaks TLS on that port ([asterisk] tls = true)"
            kind = kind or (NoBanner if self.version is None else ConnectFailed)
            return kind(f"no session with Asterisk at {place}: {reason}; nothing was sent")
        return SessionLost(f"the session with Asterisk at {place} ended: {reason}")

    def _error_again(self) -> AmiError:
        """A fresh error for every waiter: one exception raised in two tasks would mix their tracebacks."""
        if self.error is None:
            return SessionLost(f"the session with Asterisk at {self._owner.endpoint.place} was closed by us")
        return type(self.error)(str(self.error))

    # Time limits

    def limit(self, reason: str, seconds: float) -> None:
        """End the connection for this reason unless the limit is lifted (popped) within so many seconds."""
        self._limits[reason] = at = self.loop.time() + seconds
        self._arm(at)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            if at >= self._timer_at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self.loop.call_at(at, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        self._timer = None
        # The loop may call a timer by its resolution too early.
        now = max(self.loop.time(), self._timer_at)
        if self._below is not None and not self._below.get_write_buffer_size():
            self._limits.pop(STUCK, None)
        for reason, at in self._limits.items():
            if at <= now:
                self.fail(reason)
                return
        for transmission in [*self._outstanding, *self._lists.values()]:
            if transmission.deadline <= now:
                self._expire(transmission)
        waiting = [t.deadline for t in (*self._outstanding, *self._lists.values()) if not t.future.done()]
        if waiting or self._limits:
            self._arm(min([*waiting, *self._limits.values()]))

    def _expire(self, transmission: Transmission) -> None:
        # It stays among the outstanding: its late response must not be taken for that of a later one with its ActionID.
        self._lists.pop(transmission.key.encode(), None)
        transmission.fail(
            ResponseTimeout(
                f"Asterisk at {self._owner.endpoint.place} did not answer {transmission.name} ({transmission.key}) "
                f"within {transmission.timeout:g} s; whether it was carried out is unknown"
            )
        )

    # Writing

    async def must_stand(self) -> None:
        """Raises ConnectFailed when the connection has ended before anybody waited for what it says."""
        if not self.writable:
            await asyncio.shield(self.ended)
            raise self._error_again()

    @property
    def writable(self) -> bool:
        """Whether an action may still be written; it does not promise that the other side is alive."""
        return not (self.closed or self._leaving or self.transport.is_closing())

    def send(self, data: Transmission | Mapping[str, Any], as_list: bool | None = False) -> asyncio.Future[Any]:
        """Write an action, once. The future ends with its response, ResponseTimeout or SessionLost.

        Raises NotWritten when the connection has ended, ActionInvalid before anything is written.
        """
        transmission = data if isinstance(data, Transmission) else self._from_mapping(data, bool(as_list))
        if not self.writable:
            raise NotWritten(f"{self.error or self._error_again()}; the action was not written")
        if len(self._outstanding) > MAX_ABANDONED and self._outstanding[0].future.done():
            self._outstanding.popleft()
        transmission.deadline = self.loop.time() + transmission.timeout
        self._outstanding.append(transmission)
        self._arm(transmission.deadline)
        self._write(transmission.payload)
        return transmission.future

    def leave(self, payload: bytes, timeout: float) -> None:
        """Write the Logoff and wait, no longer than `timeout` seconds, for Asterisk to close the connection."""
        if self.writable:
            self._leaving = True
            self._write(payload)
            self.limit("Asterisk did not close the connection in time", timeout)

    def _write(self, payload: bytes) -> None:
        if self._below is None:
            self.transport.write(payload)
            return
        for record in tls.records(payload):
            self.transport.write(record)  # each write is a record of its own
        # TLS tells of a full connection only when half a megabyte waits.
        self.limit(STUCK, self._owner.endpoint.write_timeout)

    def _from_mapping(self, headers: Mapping[str, Any], many: bool) -> Transmission:
        """For panoramisk's own methods, which hand over a dict: its order is kept, so are repeated values."""
        name, action_id, lines = "", self._owner.new_action_id(), []
        for key, value in headers.items():
            if key.lower() == "action":
                name = str(value)
            elif key.lower() == "actionid":
                action_id = str(value)
            else:
                lines += [f"{key}: {one}" for one in (value if isinstance(value, list | tuple) else [value])]
        return Transmission.of(name, action_id, tuple(lines), DEFAULT_TIMEOUT, many=many)

    # Reading

    def data_received(self, data: bytes) -> None:
        stats = self.stats
        stats.bytes += len(data)
        if self.version is None:
            data = self._take_banner(data)
        frames = self._framer.feed(data)
        stats.frames += len(frames)
        stats.oversize = self._framer.dropped
        owner = self._owner
        wanted, on_frame = owner.wanted, owner.on_frame
        for frame in frames:
            if on_frame is not None:
                owner.call(on_frame, frame)
            name = event_name(frame)
            if name is None:
                self._take_response(frame)
            elif self._lists and self._take_list_item(name, frame):
                continue
            elif wanted is None or name in wanted:
                self.handle_message(parse(frame))
            else:
                stats.filtered += 1

    def handle_message(self, message: AmiMessage) -> None:
        """Hand an event to whoever hears it."""
        self._owner.dispatch(message)

    def _take_banner(self, data: bytes) -> bytes:
        held: bytes = (self.queue.popleft() if self.queue else b"") + data
        line, end, rest = held.partition(EOL)
        if not held.startswith(GREETING[: len(held)]) or len(line) > MAX_BANNER:
            self.fail(f"it greets with {line[:60]!r}, which no Asterisk manager does", ConnectFailed)
            return b""
        if not end:
            self.queue.append(held)
            return b""
        self.banner = decode(line)
        self.version = self.banner.partition("/")[2].strip()
        self._limits.pop(NO_BANNER, None)
        if self.greeting is not None:
            self.send(self.greeting)
        return rest

    def _take_response(self, frame: bytes) -> None:
        message = parse(frame)
        key = message.action_id.strip()
        found = next((t for t in self._outstanding if t.key == key), None)
        if found is None or "response" not in message:
            if not self._leaving:
                self.stats.unmatched += 1
            return
        # Responses come in request order: what was given up before this one will not be answered any more.
        while self._outstanding[0] is not found and self._outstanding[0].future.done():
            self._outstanding.popleft()
        self._outstanding.remove(found)
        if not found.add_message(message) and not found.future.done():
            self._lists[found.key.encode()] = found

    def _take_list_item(self, name: bytes, frame: bytes) -> bool:
        # Anybody can raise a UserEvent with any ActionID, and an OriginateResponse carries its Originate's.
        if name in (b"UserEvent", b"OriginateResponse"):
            return False
        key = action_id_of(frame)
        listed = self._lists.get(key)
        if listed is None:
            return False
        if listed.add_message(parse(frame)):
            del self._lists[key]
        return True
