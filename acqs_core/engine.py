"""Sender and listener together: started, paused, drained and stopped as one. What a daemon runs and a console embeds.

The engine owns what the two share (the store, the writer, the leases) and is the only place where one is told of the
other: the sender says which row it is about to write, the listener expects it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from acqs_core.action import NewAction
from acqs_core.ami.session import Endpoint
from acqs_core.errors import QueueError
from acqs_core.listener.listener import Listener
from acqs_core.queue.database import Database
from acqs_core.queue.store import Store
from acqs_core.queue.types import Control, Depth, Grant, Role
from acqs_core.queue.writer import Writer
from acqs_core.sender import opening
from acqs_core.sender.sender import Sender
from acqs_core.settings import Settings
from acqs_core.telemetry import Telemetry
from acqs_core.tenure import LEASE_EVERY, STANDBY_EVERY, Tenure

log = logging.getLogger(__name__)

T = TypeVar("T")

BOOTS = "waits for Asterisk to boot"
"""A listener's word in its lease while it is not connected, or Asterisk has not said that it is fully booted."""

LAST_WRITES = 5.0
"""Seconds for which a stopping engine tries to write what it learnt last."""

THREADS = 8
"""Database connections side by side: markings as SENT share their commits (design §5)."""


class Engine:
    """One server_ip's sender, listener or both."""

    def __init__(self, settings: Settings, *, send: bool = True, listen: bool = True) -> None:
        self._settings = settings
        self._db = Database.of(settings.queue, pool_size=THREADS)
        self.store = Store(self._db, settings.server_ip, serve_blank=settings.serve_blank)
        self._threads = ThreadPoolExecutor(THREADS, "acqs-db")
        self.telemetry = Telemetry()
        self._tenure = Tenure(settings, self.telemetry.pulse)
        self._writer = Writer(self.store, self._threads, self.telemetry)
        self._granted = {"sender": asyncio.Event(), "listener": asyncio.Event()}
        """The lease is held and what its last holder left has been put right."""
        self._boots = False
        """Another engine listens and says in its lease that it waits for Asterisk to boot."""
        self._control = Control(False)
        """The pause, as who sends saw it last."""
        self.stopping = asyncio.Event()
        """It was asked to stop."""
        self.ready = asyncio.Event()
        """Every engine asked for holds its lease and is connected to Asterisk."""
        self.listener = self._make_listener() if listen else None
        self.sender = self._make_sender() if send else None
        self._started = time.monotonic()

    def _endpoint(self, role: Literal["listen", "send"]) -> Endpoint:
        return Endpoint.of(self._settings.asterisk, role)

    def _make_listener(self) -> Listener:
        parts = self.store, self._writer, self._threads
        return Listener(*parts, self._endpoint("listen"), self._settings.listener, self.telemetry)

    def _make_sender(self) -> Sender:
        settings = self._settings.sender
        opener = opening.opener(settings.isolation, self._endpoint("send"))
        parts = self.store, self._writer, self._threads, opener, settings, self.telemetry
        listener = self.listener
        if listener is None:
            return Sender(*parts, asterisk_booted=lambda: not self._boots)
        sender = Sender(
            *parts,
            on_sending=listener.expect,
            asterisk_booted=lambda: not self._boots if self._listener_elsewhere else listener.booted.is_set(),
        )
        listener.on_lost = sender.doubt_asterisk
        return sender

    async def run(self) -> None:
        """Run until `stop` is called, then drain and give the leases up."""
        loops: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._writer.run(), name="writer")
            loops.append(tasks.create_task(self._watch_ready(), name="ready"))
            if self.listener is not None:
                loops.append(tasks.create_task(self._tenure.hold("listener", self._listen), name="listener"))
            if self.sender is not None:
                sending = tasks.create_task(self.sender.run(), name="sender")
                keeping = tasks.create_task(self._tenure.hold("sender", self._send), name="sender lease")
            await self.stopping.wait()
            log.info("draining")
            if self.sender is not None:
                self.telemetry.pulse.beat("drain", self._settings.sender.response_timeout)
                await self.sender.drain()
                await sending
                keeping.cancel()
            for loop in loops:
                loop.cancel()
            self.telemetry.pulse.clear()
            self.telemetry.pulse.beat("last writes", LAST_WRITES)
            await self._write_the_last()
            writing.cancel()
        await self._tenure.release()
        self._db.dispose()
        self._threads.shutdown(wait=False)
        counters = self.telemetry.counters
        log.info("stopped: %d sent, %d answered", counters.sent - counters.unsent, counters.answered)

    async def _write_the_last(self) -> None:
        """What was learnt last is written before the end; a database that is away is waited for, but not for ever."""
        until = time.monotonic() + LAST_WRITES
        while True:
            try:
                return await self._writer.flush()
            except QueueError as error:
                if time.monotonic() >= until:
                    log.error("%d changes are lost, the database did not come back: %s", len(self._writer), error)
                    return None
            await asyncio.sleep(STANDBY_EVERY)

    def stop(self) -> None:
        """Ask the engine to drain and end; `run` returns when it has. Asked twice it waits for no answer any longer."""
        if self.stopping.is_set() and self.sender is not None:
            self.sender.hurry()
        self.stopping.set()

    # Leases: one sender and one listener per server_ip (design §3).

    @property
    def holder(self) -> str:
        """Who this engine is in its leases."""
        return self._tenure.holder

    @property
    def _listener_elsewhere(self) -> bool:
        """Whether another engine listens, if any: what it says in its lease is all that is known here of Asterisk's
        boot."""
        return self.listener is None or "listener" in self._tenure.elsewhere

    async def _renewed(self, grant: Grant) -> bool:
        return await self._tenure.renew(grant, self._lease_state(grant.role))

    def _lease_state(self, role: Role) -> str:
        """What whoever looks at the leases is told: a sender in another process must know when Asterisk boots."""
        return BOOTS if role == "listener" and self.listener is not None and not self.listener.booted.is_set() else ""

    async def _look_at_the_listener(self) -> None:
        """Whether another engine's listener waits for Asterisk to boot; one that is gone keeps nobody."""
        assert self.sender is not None
        if self._listener_elsewhere:
            with contextlib.suppress(QueueError):  # the renewal tells of it
                leases = await self._tenure.view()
                before = self._boots
                self._boots = any(one.live and one.role == "listener" and one.state == BOOTS for one in leases)
                if self._boots and not before:
                    self.sender.doubt_asterisk()

    async def _send(self, grant: Grant) -> None:
        assert self.sender is not None
        while True:
            self.telemetry.pulse.beat("sender lease", LEASE_EVERY)
            try:
                await self.sender.take_over(grant.token)
                break
            except QueueError as error:
                log.warning("sender: cannot take over yet: %s", error)
                await asyncio.sleep(STANDBY_EVERY)
        self._granted["sender"].set()
        try:
            async with asyncio.TaskGroup() as tasks:
                # Beside the renewals: a look at the pause waits with all other statements, and a renewal never does.
                following = tasks.create_task(self._follow_pause(), name="pause")
                while await self._renewed(grant):
                    await self._look_at_the_listener()
                    await asyncio.wait((following,), timeout=LEASE_EVERY)
                following.cancel()
        finally:
            if not self.stopping.is_set():
                self.sender.lose_lease()
        self._granted["sender"].clear()

    async def _follow_pause(self) -> None:
        # All connections at once, so that they are open before the first burst needs them, with a statement that one
        # thread has run before.
        await self._look_at_pause()
        await asyncio.gather(*(self._in_thread(self.store.control) for _ in range(THREADS)), return_exceptions=True)
        while True:
            await asyncio.sleep(LEASE_EVERY)
            await self._look_at_pause()

    async def _look_at_pause(self) -> None:
        assert self.sender is not None
        with contextlib.suppress(QueueError):
            control = await self._in_thread(self.store.control)
            if control.paused != self._control.paused:
                log.warning(
                    "sender: %s by %s%s",
                    "paused" if control.paused else "resumed",
                    control.actor or "nobody",
                    f" ({control.reason})" if control.reason else "",
                )
            self._control = control
            self.sender.set_paused(control.paused)

    async def _listen(self, grant: Grant) -> None:
        assert self.listener is not None
        listening = asyncio.create_task(self.listener.run(), name="listening")
        self._granted["listener"].set()
        try:
            while await self._renewed(grant) and not listening.done():
                lost = asyncio.create_task(self.listener.lost.wait())
                await asyncio.wait((listening, lost), timeout=LEASE_EVERY, return_when=asyncio.FIRST_COMPLETED)
                lost.cancel()
                self.listener.lost.clear()
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
        self._granted["listener"].clear()

    async def _watch_ready(self) -> None:
        for role, part in (("listener", self.listener), ("sender", self.sender)):
            if part is not None:
                await self._granted[role].wait()
                await part.ready.wait()
        self.ready.set()
        log.info("ready")

    # What others may ask.

    @property
    def settings(self) -> Settings:
        """What it was started with."""
        return self._settings

    @property
    def state(self) -> str:
        """What an operator must know first: DRAINING, PAUSED, RUNNING, STANDBY (another engine serves), STARTING."""
        if self.stopping.is_set():
            return "DRAINING"
        if not self._tenure.grants:
            return "STANDBY" if any(self._tenure.standing_by.values()) else "STARTING"
        if self._control.paused:
            return "PAUSED"
        return "RUNNING" if self.ready.is_set() else "STARTING"

    def wake(self) -> None:
        """A row was inserted or the pause ended: look at the table now."""
        if self.sender is not None:
            self.sender.wake()

    async def insert(self, new: NewAction, *, actor: str = "") -> int:
        """Insert an action for this server and look at the table at once. Gives its man_id."""
        man_id: int = await self._in_thread(lambda: self.store.insert(new, actor=actor))
        self.wake()
        return man_id

    async def depth(self, cap: int) -> Depth:
        """How much stands in the table, each status counted to `cap` rows. Raises QueueError."""
        return await self._in_thread(self.store.depth, cap)

    def snapshot(self) -> dict[str, Any]:
        """What the engine is doing, each child session included, as plain data."""
        return {**self.status(), "sessions": self.sessions()}

    def sessions(self) -> list[dict[str, object]]:
        """The living child sessions."""
        return self.sender.sessions() if self.sender is not None else []

    def status(self) -> dict[str, Any]:
        """What the engine is doing, as plain data that is small enough to be taken every second.

        `ready`: actions are sent and heard of now, or would be but for a pause; `trouble` says why they are not.
        `paused` is None for who does not hold the sender's lease, and does not look. `holders` are who has which lease.
        """
        trouble = list(dict.fromkeys(text for text in self._troubles() if text))
        tenure = self._tenure
        tokens = {role: grant.token for role, grant in tenure.grants.items()}
        return {
            "server_ip": self._settings.server_ip,
            "state": self.state,
            "holder": self.holder,
            "leases": {role: tokens.get(role) for role in self._roles},
            "standing_by": [role for role in self._roles if tenure.standing_by.get(role)],
            "holders": {
                role: self.holder if role in tokens else tenure.elsewhere.get(role, "") for role in self._roles
            },
            "paused": self._control.paused if "sender" in tokens else None,
            "pause": self._pause(),
            "ready": not trouble,
            "uptime": round(time.monotonic() - self._started, 3),
            "up": {"database": tenure.trouble is None} | self._asterisk(),
            "database": self._db.place,
            "asterisk": self.listener.connected_to if self.listener is not None else None,
            **self.telemetry.plain(),
            "read": dataclasses.asdict(self.listener.stats) if self.listener is not None else None,
            "children": self.sender.by_state() if self.sender is not None else {},
            "waiting_to_be_written": len(self._writer),
            "trouble": trouble,
            "channel_ids": self.sender is not None and self.sender.gives_channel_ids,
            "warnings": self.sender.warnings if self.sender is not None else [],
        }

    def _pause(self) -> dict[str, Any] | None:
        """By whom, why and since when (UTC) sending is paused, where it is known that it is."""
        control = self._control
        if "sender" not in self._tenure.grants or not control.paused:
            return None
        at = control.at.isoformat() if control.at is not None else None
        return {"actor": control.actor, "reason": control.reason, "at": at}

    @property
    def _roles(self) -> list[str]:
        parts = (("sender", self.sender), ("listener", self.listener))
        return [role for role, part in parts if part is not None]

    def _asterisk(self) -> dict[str, bool]:
        """Whether it answers, as far as those know who should be connected to it now."""
        told = [] if self.sender is None else [self.sender.asterisk_answers]
        if self.listener is not None and "listener" in self._tenure.grants:
            told.append(self.listener.ready.is_set())
        return {"asterisk": all(told)} if told else {}

    def _troubles(self) -> list[str | None]:
        out = ["draining" if self.stopping.is_set() else None, self._tenure.trouble, self._writer.failing]
        for role in self._roles:
            if not self._granted[role].is_set():
                out.append(self._tenure.standing_by.get(role) or f"{role}: has not taken over yet")
        if self.sender is not None:
            out.append(self.sender.trouble)
        if self.listener is not None and "listener" in self._tenure.grants:
            out.append(self.listener.trouble)
        return out

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
