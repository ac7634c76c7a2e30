"""The simulator itself: a listening socket, its sessions, an exchange, and the hooks by which a test breaks things."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping

from acqs_core.simulator import actions, events
from acqs_core.simulator.channel import Channel
from acqs_core.simulator.dialplan import Dialplan, standard
from acqs_core.simulator.exchange import Exchange
from acqs_core.simulator.session import Fault, Session
from acqs_core.simulator.wire import Pair, Request


@dataclasses.dataclass(frozen=True, slots=True)
class ReceivedAction:
    """An action that really arrived, whether or not it was answered. `at` is in seconds of the monotonic clock."""

    name: str
    action_id: str
    headers: tuple[Pair, ...]
    at: float

    def get(self, header: str, default: str = "") -> str:
        """The first value of a header, any case."""
        wanted = header.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), default)


CLOSE_TIMEOUT = 1.0
"""Seconds that a shutdown gives clients to read what they were sent."""


@dataclasses.dataclass(slots=True, eq=False)
class _Waiter:
    until: Callable[[], bool]
    future: asyncio.Future[None]


class Simulator:
    """A simulated Asterisk: an AMI server with calls, in the wire form of Asterisk 22.

    `users` maps names to secrets; every user has all rights. `speed` divides every time of the dialplan and of the
    phones, Originate timeouts and the delay of a refused login included. `disorder` is the part of the answered calls
    (0 to 1) whose OriginateResponse comes before their Newstate, chosen by `seed`: 16 to 20 % on a real Asterisk.
    `auth_limit` is how many connections may be open before they log in; the next gets no banner.

    Hooks, all changeable while it runs: `refuse_logins`, `no_banner` (connections end at once), `mute` (accepts and
    reads, writes nothing), `shutting_down` (answers everything with an error), `max_backlog` (bytes), `fault`.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, str] | None = None,
        dialplan: Dialplan | None = None,
        version: str = "11.0.0",
        asterisk_version: str = "22.10.1",
        speed: float = 1.0,
        disorder: float = 0.0,
        seed: int = 0,
        auth_limit: int = 50,
    ) -> None:
        self.users = dict(users if users is not None else {"acqs": "acqs"})
        self.version = version
        self.asterisk_version = asterisk_version
        self.speed = speed
        self.auth_limit = auth_limit
        self.actions: list[ReceivedAction] = []
        self.globals: dict[str, str] = {}
        self.refuse_logins = False
        self.no_banner = False
        self.mute = False
        self.shutting_down = False
        self.max_backlog = 1 << 20
        self.fault: Callable[[ReceivedAction], Fault | None] | None = None
        self.started_at = time.time()
        plan = dialplan if dialplan is not None else standard()
        self.exchange = Exchange(self.publish, plan, speed=speed, disorder=disorder, seed=seed)
        self.exchange.on_idle = self._wake_waiters
        self._server: asyncio.Server | None = None
        self._sessions: set[Session] = set()
        self._strangers = 0
        self._audience: list[Session] = []
        self._waiters: list[_Waiter] = []

    # Life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns where. Raises OSError when it cannot."""
        loop = asyncio.get_running_loop()
        self.started_at = time.time()
        self._server = await loop.create_server(lambda: Session(self), host, port, backlog=1024)
        where = self._server.sockets[0].getsockname()
        return where[0], where[1]

    async def stop(self) -> None:
        """End every call, close every socket, wait until no task is left. Harmless when it does not run.

        Raises an ExceptionGroup when something in the simulator itself had failed, so that no test passes over it.
        """
        if self._server is not None:
            self._server.close()
        await self.drop_connections()
        await self.exchange.stop()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        failures, self.exchange.failures = self.exchange.failures, []
        if failures:
            raise ExceptionGroup("the simulator failed", failures)

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on. Raises RuntimeError when it does not."""
        if self._server is None:
            raise RuntimeError("the simulator does not run; start it first")
        where = self._server.sockets[0].getsockname()
        return where[0], where[1]

    @property
    def uptime(self) -> int:
        """Whole seconds since the start."""
        return int(time.time() - self.started_at)

    # Hooks

    @property
    def active_channels(self) -> list[Channel]:
        """The living channels, oldest first."""
        return list(self.exchange.channels.values())

    @property
    def sessions(self) -> list[Session]:
        """The open connections."""
        return list(self._sessions)

    async def drop_connections(self) -> None:
        """Cut every connection at once, perhaps in the middle of a message; calls go on."""
        sessions = list(self._sessions)
        for session in sessions:
            session.cut()
        await asyncio.gather(*(session.gone for session in sessions))

    async def shutdown(self, *, restart: bool = False) -> None:
        """Stop as `core stop now` does: the Shutdown event, calls gone without a Hangup, connections closed.

        With `restart` it goes on listening, as an Asterisk that came back; else it is stopped.
        """
        self.publish(events.shutdown(restart))
        await self.exchange.stop()
        sessions = list(self._sessions)
        for session in sessions:
            session.close()
        if sessions:
            await asyncio.wait([session.gone for session in sessions], timeout=CLOSE_TIMEOUT)
        await self.drop_connections()
        if restart:
            self.started_at = time.time()
        else:
            await self.stop()

    async def received(self, count: int, name: str = "Originate") -> list[ReceivedAction]:
        """Wait until `count` actions called `name` have arrived, and return them."""

        def of_that_name() -> list[ReceivedAction]:
            return [action for action in self.actions if action.name.lower() == name.lower()]

        await self._wait(lambda: len(of_that_name()) >= count)
        return of_that_name()

    async def idle(self) -> None:
        """Wait until no channel is left."""
        await self._wait(lambda: not self.exchange.channels)

    async def _wait(self, until: Callable[[], bool]) -> None:
        if until():
            return
        waiter = _Waiter(until, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            await waiter.future
        finally:
            self._waiters.remove(waiter)

    def _wake_waiters(self) -> None:
        for waiter in self._waiters:
            if not waiter.future.done() and waiter.until():
                waiter.future.set_result(None)

    # What sessions need

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run `work` until it ends or the simulator stops."""
        self.exchange.spawn(work)

    def admit(self, session: Session) -> bool:
        """Count a new connection; false when it gets no banner."""
        self._sessions.add(session)
        self._strangers += 1
        return not self.no_banner and self._strangers <= self.auth_limit

    def forget(self, session: Session) -> None:
        self._sessions.discard(session)
        if not session.user:
            self._strangers -= 1
        self.set_mask(session, 0)

    def logged_in(self, session: Session, user: str, mask: int) -> None:
        session.user = user
        self._strangers -= 1
        self.set_mask(session, mask)

    def set_mask(self, session: Session, mask: int) -> None:
        session.mask = mask
        if session in self._audience:
            self._audience.remove(session)
        if mask:
            self._audience.append(session)

    def publish(self, event: events.Event) -> None:
        """Send an event to every session that wants it."""
        for session in self._audience:
            session.deliver(event)

    def note(self, request: Request) -> None:
        """Remember an action that arrived."""
        received = _received(request)
        if received.name:
            self.actions.append(received)
            if self._waiters:
                self._wake_waiters()

    def fault_of(self, request: Request) -> Fault | None:
        return None if self.fault is None else self.fault(_received(request))

    def perform(self, session: Session, request: Request) -> Awaitable[None] | None:
        """Carry out one request, in the order of checks that Asterisk has."""
        if request.fault:
            session.error(request, request.fault)
            return None
        name = request.get("Action")
        if not name:
            self._refuse_format(session, request, "Missing action in request", "NONE")
            return None
        if not session.user:
            return actions.BEFORE_LOGIN.get(name.lower(), actions.deny)(self, session, request)
        if self.shutting_down:
            session.error(request, "Asterisk is shutting down")
            return None
        handler = actions.HANDLERS.get(name.lower())
        if handler is None:
            known = "Use Action: ListCommands to show available commands."
            self._refuse_format(session, request, f"Invalid/unknown command: {name}. {known}", name)
            return None
        return handler(self, session, request)

    def _refuse_format(self, session: Session, request: Request, text: str, name: str) -> None:
        session.error(request, text)
        now = time.time()
        self.publish(events.request_bad_format(session.user, session.name, session.addresses, now, session.since, name))


def _received(request: Request) -> ReceivedAction:
    pairs = tuple(pair for pair in request.pairs if pair[0].lower() != "action")
    return ReceivedAction(request.get("Action"), request.get("ActionID"), pairs, time.monotonic())
