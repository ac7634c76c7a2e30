"""The simulator itself: a listening socket, its sessions, an exchange, and the hooks by which a test breaks things."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping

from acqs_core.simulator import authentication, events, security
from acqs_core.simulator.channel import Channel
from acqs_core.simulator.dialplan import Dialplan, standard
from acqs_core.simulator.exchange import Exchange
from acqs_core.simulator.flood import flood
from acqs_core.simulator.session import Fault, Session
from acqs_core.simulator.table import ACTIONS
from acqs_core.simulator.users import User, as_users
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

    `users` maps names to a secret, for one with all rights, or to a User. `speed` divides every time of the dialplan
    and of the phones, Originate timeouts and the delay of a refused login included. `disorder` is the part of the
    answered calls (0 to 1) whose OriginateResponse comes before their Newstate, chosen by `seed`: 16 to 20 % on a real
    Asterisk. `auth_limit` is how many connections may be open before they log in (the next gets no banner),
    `auth_timeout` how many seconds each has for it. `systemname` stands before every Uniqueid. Without `keep_actions`
    what arrives is told to `on_action` only.

    Hooks, all changeable while it runs: `refuse_logins`, `no_banner` (connections end at once), `mute` (accepts and
    reads, writes nothing), `shutting_down` (answers everything with an error), `max_backlog` (bytes), `fault`,
    `on_action`.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, str | User] | None = None,
        dialplan: Dialplan | None = None,
        version: str = "11.0.0",
        asterisk_version: str = "22.10.1",
        speed: float = 1.0,
        disorder: float = 0.0,
        seed: int = 0,
        auth_limit: int = 50,
        auth_timeout: float = 30.0,
        systemname: str = "",
        keep_actions: bool = True,
    ) -> None:
        self.users = as_users(users if users is not None else {"acqs": "acqs"})
        self.version = version
        self.asterisk_version = asterisk_version
        self.speed = speed
        self.auth_limit = auth_limit
        self.auth_timeout = auth_timeout
        self.actions: list[ReceivedAction] = []
        self.globals: dict[str, str] = {}
        self.refuse_logins = False
        self.no_banner = False
        self.mute = False
        self.shutting_down = False
        self.booted = True
        self.max_backlog = 1 << 20
        self.fault: Callable[[ReceivedAction], Fault | None] | None = None
        self.on_action: Callable[[ReceivedAction], None] = lambda action: None
        self.started_at = self.reloaded_at = time.time()
        self._plan = dialplan if dialplan is not None else standard()
        self.exchange = Exchange(
            self.publish, self._plan, speed=speed, disorder=disorder, seed=seed, systemname=systemname
        )
        self.exchange.on_removed = self._wake_waiters
        self._keep_actions = keep_actions
        self._server: asyncio.Server | None = None
        self._sessions: set[Session] = set()
        self._strangers = 0
        self._audience: list[Session] = []
        self._waiters: list[_Waiter] = []
        self._boot: asyncio.TimerHandle | None = None

    # Life

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None
    ) -> tuple[str, int]:
        """Listen, over TLS with a context; port 0 takes a free one. Returns where. Raises OSError when it cannot."""
        loop = asyncio.get_running_loop()
        self.started_at = self.reloaded_at = time.time()
        self._server = await loop.create_server(lambda: Session(self), host, port, ssl=tls, backlog=1024)
        return self.address

    async def stop(self) -> None:
        """End every call, close every socket, wait until no task is left. Harmless when it does not run.

        Raises an ExceptionGroup when something in the simulator itself had failed, so that no test passes over it.
        """
        if self._server is not None:
            self._server.close()
        self._stop_booting()
        await self.drop_connections()
        await self.exchange.stop()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        self.shutting_down = False
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

    @property
    def since_reload(self) -> int:
        """Whole seconds since the configuration was read."""
        return int(time.time() - self.reloaded_at)

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

    async def shutdown(self, *, restart: bool = False, boot_time: float = 0.0) -> None:
        """End as by `core stop now` on the console: calls are hung up, Shutdown is told, connections are closed.

        With `restart` it goes on listening and counts channels and Uniqueids from 0 again (case `restart_cli`). For
        `boot_time` seconds it then takes actions and knows no extension and no phone; FullyBooted ends that.
        """
        await self._hang_up_all()
        self.publish(events.shutdown(restart))
        sessions = list(self._sessions)
        for session in sessions:
            session.close()
        if sessions:
            await asyncio.wait([session.gone for session in sessions], timeout=CLOSE_TIMEOUT)
        await self.drop_connections()
        if restart:
            self._begin_anew(boot_time)
        else:
            await self.stop()

    async def restart(self, *, boot_time: float = 0.0) -> None:
        """`core restart now` on the console."""
        await self.shutdown(restart=True, boot_time=boot_time)

    async def stop_gracefully(self, *, restart: bool = False, boot_time: float = 0.0) -> None:
        """`core stop gracefully`: refuse every action until the last call has ended, then shut down."""
        self.shutting_down = True
        await self.idle()
        await self.shutdown(restart=restart, boot_time=boot_time)

    async def crash(self, *, boot_time: float = 0.0) -> None:
        """End without a word and come back, as after a kill -9, or `core restart now` over AMI (case `restart`)."""
        await self.drop_connections()
        await self.exchange.stop()
        self._begin_anew(boot_time)

    def reload(self) -> None:
        """`core reload`."""
        self.reloaded_at = time.time()
        self.publish(events.reload())

    async def flood(self, events_per_second: float, seconds: float) -> int:
        """Send made-up events of the kind that a busy box has (Newexten, VarSet, DeviceStateChange); says how many."""
        return await flood(self.publish, events_per_second, seconds)

    async def _hang_up_all(self) -> None:
        self.shutting_down = True
        while self.exchange.channels:  # once more for a call that was being placed meanwhile
            await self._hang_up(self.active_channels)
        await self.exchange.stop()

    async def _hang_up(self, channels: list[Channel]) -> None:
        for ch in channels:
            self.publish(events.soft_hangup_request(ch, events.SHUTTING_DOWN))
        for ch in channels:
            self.exchange.request_hangup(ch)
        await self._wait(lambda: all(ch.gone for ch in channels))

    def _begin_anew(self, boot_time: float) -> None:
        self._stop_booting()
        self.exchange.begin_anew()
        self.globals.clear()
        self.shutting_down = False
        self.started_at = self.reloaded_at = time.time()
        if boot_time:
            self.booted, self.exchange.dialplan = False, Dialplan({})
            self._boot = asyncio.get_running_loop().call_later(boot_time / self.speed, self._booted)

    def _booted(self) -> None:
        self._stop_booting()
        self.publish(events.fully_booted(self.uptime, self.since_reload))

    def _stop_booting(self) -> None:
        if self._boot is not None:
            self._boot.cancel()
        self._boot = None
        self.booted, self.exchange.dialplan = True, self._plan

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

    def logged_in(self, session: Session, name: str, user: User, mask: int) -> None:
        session.enter(name, user)
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
        if not received.name:
            return
        if self._keep_actions:
            self.actions.append(received)
        self.on_action(received)
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
        if self.shutting_down:
            session.error(request, "Asterisk is shutting down")
            return None
        action = ACTIONS.get(name.lower())
        if not session.user:
            return authentication.BEFORE_LOGIN.get(name.lower(), authentication.deny)(self, session, request)
        if action is None:
            known = "Use Action: ListCommands to show available commands."
            self._refuse_format(session, request, f"Invalid/unknown command: {name}. {known}", name)
            return None
        perform = action.perform if action.allowed(session.write_mask) else authentication.deny
        return perform(self, session, request)

    def _refuse_format(self, session: Session, request: Request, text: str, name: str) -> None:
        session.error(request, text)
        self.publish(security.request_bad_format(session.origin, name))


def _received(request: Request) -> ReceivedAction:
    pairs = tuple(pair for pair in request.pairs if pair[0].lower() != "action")
    return ReceivedAction(request.get("Action"), request.get("ActionID"), pairs, time.monotonic())
