"""panoramisk's Manager without a will of its own: no reconnect, no resend, no ping, no retried login.

Each of those is right for a program that only listens and wrong for one that places calls (facts: panoramisk hazards
2, 4 and 5).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from panoramisk.manager import Manager

from acqs_core.ami.endpoint import Endpoint
from acqs_core.ami.protocol import QueueProtocol, Stats
from acqs_core.ami.transmission import Transmission
from acqs_core.ami.wire import AmiMessage
from acqs_core.errors import ConnectFailed, LoginRefused, ResponseTimeout

log = logging.getLogger(__name__)

ANY = "*"
"""The name under which a callback hears every event."""


class QueueManager(Manager):  # type: ignore[misc]
    """A panoramisk Manager that connects once, logs in once, and then only does what it is told.

    `wanted` are the event names to decode (None: all), `on_frame` sees every message's bytes.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        loop: asyncio.AbstractEventLoop,
        events: str = "off",
        wanted: frozenset[bytes] | None = None,
        on_frame: Callable[[bytes], None] | None = None,
        new_action_id: Callable[[], str],
    ) -> None:
        self.endpoint = endpoint
        self.wanted = wanted
        self.on_frame = on_frame
        self.new_action_id = new_action_id
        self.stats = Stats()
        self.routes: dict[str, list[Callable[[AmiMessage], object]]] = {}
        super().__init__(loop=loop, host=endpoint.host, port=endpoint.port, events=events, log=log)

    async def connect(self) -> QueueProtocol:
        """Connect, await the banner, log in. Raises ConnectFailed or LoginRefused, with the socket closed."""
        endpoint = self.endpoint
        login = Transmission(self._login_payload(), "acqs-login", endpoint.login_timeout)
        try:
            async with asyncio.timeout(endpoint.connect_timeout):
                _, self.protocol = await self.loop.create_connection(
                    lambda: QueueProtocol(self, self.loop), endpoint.host, endpoint.port
                )
        except TimeoutError:
            raise ConnectFailed(
                f"no connection to Asterisk at {endpoint.place} within {endpoint.connect_timeout:g} s; is it running?"
            ) from None
        except OSError as error:
            raise ConnectFailed(f"no connection to Asterisk at {endpoint.place}: {error}; is it running?") from error
        protocol: QueueProtocol = self.protocol
        try:
            await self._log_in(protocol, login)
        except BaseException:
            protocol.abort()
            raise
        return protocol

    async def _log_in(self, protocol: QueueProtocol, login: Transmission) -> None:
        self.authenticated_future = login.future
        if protocol.version is None:
            protocol.greeting = login
        else:
            protocol.send(login)
        try:
            response: AmiMessage = await login.future
        except ResponseTimeout as timeout:
            raise ConnectFailed(f"{timeout.args[0].partition(';')[0]}; nothing was sent") from None
        protocol.greeting = None
        self.login(response)

    def login(self, response: AmiMessage) -> None:
        """Judge the answer to the Login. A refusal is told, never tried again by us."""
        self.authenticated = response.success
        if self.authenticated:
            return
        if "shutting down" in response.message:
            raise ConnectFailed(f"Asterisk at {self.endpoint.place} is shutting down; nothing was sent")
        raise LoginRefused(
            f"Asterisk at {self.endpoint.place} refused the login of {self.endpoint.username!r}: {response.message}; "
            "look at its secret, and at permit and deny, in manager.conf"
        )

    def _login_payload(self) -> bytes:
        endpoint = self.endpoint
        return (
            f"Action: Login\r\nActionID: acqs-login\r\nUsername: {endpoint.username}\r\nSecret: {endpoint.secret}\r\n"
            f"Events: {self.config['events']}\r\n\r\n"
        ).encode()

    def register_event(self, pattern: str, callback: Callable[..., object] | None = None) -> object:
        """Hear an event by its exact name, or all by `*`; a dict finds the callbacks, not a list of expressions."""
        if callback is None:
            return lambda later: self.register_event(pattern, later)
        self.routes.setdefault(pattern, []).append(callback)
        return callback

    def dispatch(self, event: AmiMessage) -> None:
        """Hand an event to whoever hears it."""
        for callback in (*self.routes.get(event.event, ()), *self.routes.get(ANY, ())):
            self.call(callback, event)

    def call(self, callback: Callable[[Any], object], argument: object) -> None:
        """Call back. An exception costs nothing but this one call of it."""
        try:
            callback(argument)
        except Exception:
            # At 80 events a phone call it must not flood the log either.
            self.stats.callback_errors = count = self.stats.callback_errors + 1
            if count & (count - 1) == 0:
                log.exception("a callback failed on a message from Asterisk (%d times on this session)", count)

    def send_awaiting_actions(self, *_: object) -> None:
        """Nothing awaits a reconnect: an action that may have been written is never written again."""

    def ping(self) -> None:
        """Not here: the owner of a session decides when to ping and what silence means (Session.keepalive)."""

    def connection_made(self, f: object) -> None:
        """Not used: `connect` awaits the connection, and its failure is told to the caller instead of retried."""

    def connection_lost(self, exc: object) -> None:
        """No reconnect."""
