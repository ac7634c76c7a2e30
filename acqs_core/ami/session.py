"""One connection to Asterisk as the sender and the listener use it: opened, used, left; never revived.

A session ends when its connection ends. Whether to open another, and what became of an action that was under way, is
the business of whoever opened it, because only they know which row it was (design: SENT is never sent again by itself).
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import os
from collections.abc import Callable
from typing import cast

from acqs_core.ami.endpoint import Endpoint
from acqs_core.ami.forms import Form
from acqs_core.ami.manager import ANY, QueueManager
from acqs_core.ami.protocol import NotWritten, QueueProtocol, Stats
from acqs_core.ami.refusals import DENIED
from acqs_core.ami.transmission import Transmission
from acqs_core.ami.wire import AmiMessage
from acqs_core.errors import AmiError, ResponseTimeout, RightMissing, SessionLost

__all__ = ["AmiMessage", "Endpoint", "Form", "NotWritten", "Session", "Stats"]

_LOGOFF = b"Action: Logoff\r\nActionID: acqs-logoff\r\n\r\n"


class Session:
    """A logged-in manager session; make one with `open`."""

    def __init__(self, manager: QueueManager, protocol: QueueProtocol) -> None:
        self._manager = manager
        self._protocol = protocol
        self._form = Form.of_banner(protocol.banner)

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        *,
        events: str = "off",
        wanted: frozenset[bytes] | None = None,
        on_event: Callable[[AmiMessage], None] | None = None,
        on_frame: Callable[[bytes], None] | None = None,
    ) -> Session:
        """Connect, over TLS if the endpoint says so, await the banner and log in with the event mask `events`.

        `wanted` names the events to decode (None: every one); others are dropped by name and counted. `on_event` gets
        each event that is left, `on_frame` the bytes of every message; both are called from the read itself, so they
        must return at once, and an exception of theirs is logged and costs nothing else.

        Raises ConnectFailed (refused, a deadline passed, no banner, closed before the login was answered: nothing was
        sent, trying again is safe) or LoginRefused. Time limits are the endpoint's.
        """
        if on_event is None and wanted is None:
            wanted = frozenset()
        # Numbered under a name of its own, so that no row's ActionID can be one of ours.
        name, numbers = os.urandom(4).hex(), itertools.count(1)
        manager = QueueManager(
            endpoint,
            loop=asyncio.get_running_loop(),
            events=events,
            wanted=wanted,
            on_frame=on_frame,
            new_action_id=lambda: f"acqs-{name}-{next(numbers)}",
        )
        if on_event is not None:
            manager.register_event(ANY, on_event)
        return cls(manager, await manager.connect())

    @property
    def banner(self) -> str:
        """Asterisk's first line: `Asterisk Call Manager/11.0.0`."""
        return self._protocol.banner

    @property
    def form(self) -> Form:
        """The words that this Asterisk speaks, as far as its banner and, once asked, its CoreSettings tell them."""
        return self._form

    @property
    def knows_channel_id(self) -> bool:
        """Whether this Asterisk takes a ChannelId."""
        return self._form.knows_channel_id

    async def learn_form(self) -> Form:
        """Ask Asterisk for its own version, too; where it does not know CoreSettings or may not tell us, the banner
        decides alone. Raises SessionLost and ResponseTimeout."""
        if not self._form.is_old:
            answer = await self.ask("CoreSettings")
            self._form = dataclasses.replace(self._form, asterisk=answer.get("AsteriskVersion"))
        return self._form

    @property
    def stats(self) -> Stats:
        """Live counters of what was read."""
        return self._protocol.stats

    @property
    def is_open(self) -> bool:
        """Whether an action can still be written. True does not promise that the other side is alive."""
        return self._protocol.writable

    async def perform(self, payload: bytes, action_id: str, timeout: float) -> AmiMessage:
        """Write exactly these bytes, once, and return the response that carries this ActionID.

        `timeout` is in seconds from the write. Raises NotWritten (nothing was sent), ResponseTimeout or SessionLost
        (it may have been carried out), ActionInvalid when the bytes are not one action. An Error is returned.
        """
        response = await self._protocol.send(Transmission(payload, action_id, timeout))
        return cast(AmiMessage, response)

    async def ask(self, action: str, *lines: str, timeout: float = 5.0) -> AmiMessage:
        """Perform an action given as text, with an ActionID of our own. Raises as `perform` does."""
        transmission = Transmission.of(action, self._manager.new_action_id(), lines, timeout)
        return cast(AmiMessage, await self._protocol.send(transmission))

    async def ask_list(self, action: str, *lines: str, timeout: float = 5.0) -> list[AmiMessage]:
        """The events of a list action such as CoreShowChannels, without its response and its `…Complete`.

        Raises as `perform` does, RightMissing when the user may not ask for it, and AmiError when Asterisk answers any
        other Error. `timeout` is for the whole list, in seconds.
        """
        transmission = Transmission.of(action, self._manager.new_action_id(), lines, timeout, many=True)
        messages: list[AmiMessage] = await self._protocol.send(transmission)
        if len(messages) == 1:
            says = messages[0].message
            raise (RightMissing if says == DENIED else AmiError)(f"Asterisk refused {action}: {says}")
        return messages[1:-1]

    async def keepalive(self, interval: float, timeout: float) -> None:
        """Ping every `interval` seconds until the session ends, and abort it when an answer takes over `timeout`.

        Returns when the session has ended. Run it in a task beside the work: without it a peer that died silently,
        a pulled cable, is noticed by nobody.
        """
        while self.is_open:
            try:
                async with asyncio.timeout(interval):
                    await self.closed()
            except TimeoutError:
                await self._ping(timeout)
        await self.closed()

    async def _ping(self, timeout: float) -> None:
        try:
            await self.ask("Ping", timeout=timeout)
        except ResponseTimeout:
            self._protocol.fail(f"it did not answer a Ping within {timeout:g} s")
        except SessionLost:
            pass  # `keepalive` looks at the session itself

    async def logoff(self, timeout: float = 1.0) -> None:
        """Leave: Logoff, then wait up to `timeout` seconds for Asterisk to close, else close the connection.

        Asterisk closing first keeps the used-up port (TIME_WAIT) on its side, which matters at hundreds of sessions a
        second. Raises nothing; a session that has ended stays ended.
        """
        self._protocol.leave(_LOGOFF, timeout)
        try:
            await self.closed()
        finally:
            self._protocol.transport.abort()

    def abort(self) -> None:
        """End the connection at once, in whatever state it is."""
        self._protocol.abort()

    async def closed(self) -> Exception | None:
        """Wait for the end of the connection: why it ended, or None when we ended it."""
        return await asyncio.shield(self._protocol.ended)
