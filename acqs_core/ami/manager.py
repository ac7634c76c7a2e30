"""panoramisk's Manager without a will of its own: no reconnect, no resend, no ping, no retried login.

Each of those is right for a program that only listens and wrong for one that places calls (facts: panoramisk hazards
2, 4 and 5).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from typing import Any

from panoramisk.manager import Manager

from acqs_core.ami.endpoint import Endpoint
from acqs_core.ami.protocol import QueueProtocol, Stats
from acqs_core.ami.refusals import IN_USE, SHUTTING_DOWN
from acqs_core.ami.transmission import Transmission
from acqs_core.ami.wire import AmiMessage
from acqs_core.errors import (
    AlreadyInUse,
    ConnectFailed,
    LoginRefused,
    ResponseTimeout,
    SettingsError,
    ShuttingDown,
    TlsFailed,
)

log = logging.getLogger(__name__)

ANY = "*"
"""The name under which a callback hears every event."""

_CHALLENGE = b"Action: Challenge\r\nActionID: acqs-challenge\r\nAuthType: MD5\r\n\r\n"


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
        if endpoint.tls:
            try:
                endpoint.tls_context()
            except SettingsError as error:  # it could be read when we started, and will be again
                raise TlsFailed(f"no session with Asterisk at {endpoint.place}: {error}; nothing was sent") from None
        try:
            async with asyncio.timeout(endpoint.connect_timeout):
                _, self.protocol = await self.loop.create_connection(
                    lambda: QueueProtocol(self, self.loop), endpoint.host, endpoint.port
                )
        except TimeoutError:
            raise ConnectFailed(
                f"no connection to Asterisk at {endpoint.place} within {endpoint.connect_timeout:g} s; is it running?"
            ) from None
        except (OSError, UnicodeError) as error:  # the latter of a host that can be nobody's name
            raise ConnectFailed(f"no connection to Asterisk at {endpoint.place}: {error}; is it running?") from error
        protocol: QueueProtocol = self.protocol
        try:
            if endpoint.tls:
                await protocol.start_tls()
            await self._log_in(protocol)
        except BaseException:
            protocol.abort()
            raise
        return protocol

    async def _log_in(self, protocol: QueueProtocol) -> None:
        challenge = ""
        if self.endpoint.auth == "md5":
            answer = await self._exchange(
                protocol, Transmission(_CHALLENGE, "acqs-challenge", self.endpoint.login_timeout)
            )
            self._judge(answer)
            challenge = answer.get("Challenge")
        login = Transmission(self._login_payload(challenge), "acqs-login", self.endpoint.login_timeout)
        self.login(await self._exchange(protocol, login))

    def _login_payload(self, challenge: str) -> bytes:
        # Made here, in a frame that never waits, so that no traceback can show the secret.
        endpoint = self.endpoint
        if endpoint.auth == "md5":
            # Asterisk hashes the bytes that stand in manager.conf.
            proof = hashlib.md5((challenge + endpoint.secret).encode()).hexdigest()
            credentials = f"AuthType: MD5\r\nKey: {proof}"
        else:
            credentials = f"Secret: {endpoint.secret}"
        return (
            f"Action: Login\r\nActionID: acqs-login\r\nUsername: {endpoint.username}\r\n{credentials}\r\n"
            f"Events: {self.config['events']}\r\n\r\n"
        ).encode()

    async def _exchange(self, protocol: QueueProtocol, transmission: Transmission) -> AmiMessage:
        """Write once the banner has come, and read the answer."""
        await protocol.must_stand()
        if protocol.version is None:
            protocol.greeting = transmission
        else:
            protocol.send(transmission)
        try:
            response: AmiMessage = await transmission.future
        except ResponseTimeout as timeout:
            raise ConnectFailed(f"{timeout.args[0].partition(';')[0]}; nothing was sent") from None
        protocol.greeting = None
        return response

    def login(self, response: AmiMessage) -> None:
        """Judge the answer to the Login. A refusal is told, never tried again by us."""
        self._judge(response)
        self.authenticated = True

    def _judge(self, response: AmiMessage) -> None:
        if response.success:
            return
        place, username, says = self.endpoint.place, self.endpoint.username, response.message
        if says == SHUTTING_DOWN:
            raise ShuttingDown(f"Asterisk at {place} is shutting down and takes nothing new; nothing was sent")
        if says == IN_USE:
            raise AlreadyInUse(
                f"Asterisk at {place} has {username!r} logged in already and lets it in only once; give sender and "
                "listener users of their own, and set allowmultiplelogin = yes in manager.conf"
            )
        raise LoginRefused(
            f"Asterisk at {place} refused the login of {username!r}: {says}; it says the same of a wrong secret, an "
            "unknown user and an address that deny, permit or acl keeps out: mend which it is in manager.conf (its log "
            "tells), then `asterisk -rx 'manager reload'`"
        )

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
