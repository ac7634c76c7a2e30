"""One connection that hears what Asterisk says, for as long as the engine lives (seed steps 4 and 5, design §6).

Reading, dropping and deciding happen in memory as the bytes come; the database is only ever touched elsewhere, because
a listener that reads slowly keeps every newcomer from logging in to Asterisk (facts/ami.md §1).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any

from acqs_core.action import Message, Row, Status
from acqs_core.ami.backoff import Backoff
from acqs_core.ami.forms import expression
from acqs_core.ami.session import AmiMessage, Endpoint, Session, Stats
from acqs_core.errors import AmiError, QueueError, RightMissing
from acqs_core.listener.calls import WANTED, Calls
from acqs_core.listener.old_calls import OLD_WANTED, OldCalls
from acqs_core.listener.reconcile import Reconciler
from acqs_core.listener.rules import Change
from acqs_core.queue.store import Store
from acqs_core.queue.types import OutcomeRecord, Transition
from acqs_core.queue.writer import Writer
from acqs_core.settings import ListenerSettings
from acqs_core.telemetry import Telemetry

log = logging.getLogger(__name__)

MASK = "call,system"
"""The event classes asked for at login: calls, and Asterisk's own Shutdown and FullyBooted (facts/ami.md)."""

FILTER = expression(WANTED)
"""The one filter that is asked for. Filters by name would need one Filter action each, and between the first and the
last of them events would be missed."""

ASK_AGAIN = 1.0
"""Seconds after which what Asterisk or the database did not answer is asked again."""

BOOT_PATIENCE = 10.0
"""Seconds after which an Asterisk that never says FullyBooted is taken for one that may not say it to us."""

PING_EVERY, PING_TIMEOUT = 5.0, 5.0
"""Seconds; a peer that died silently is found within their sum."""

SHOWN = 4096
"""Bytes of an event that are kept for those who watch: thousands are, and a caller's name may fill each of them."""

FORGET_NAME_AFTER = 5.0
"""Seconds for which a caller id that is no row's is not looked up again."""


class Listener:
    """Runs for one server_ip while it holds the listener's lease."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        threads: Executor,
        endpoint: Endpoint,
        settings: ListenerSettings,
        telemetry: Telemetry,
    ) -> None:
        self._store, self._writer, self._threads = store, writer, threads
        self._endpoint, self._settings, self._counters = endpoint, settings, telemetry.counters
        self._frames = telemetry.frames
        self.on_lost: Callable[[], None] = lambda: None
        """Called when a connection has ended: Asterisk may have been restarted."""
        self.lost = asyncio.Event()
        """Set at the same moment; whoever has told of it clears it."""
        self._calls = Calls()
        self._lookup = asyncio.Event()
        self._no_row: dict[str, float] = {}
        self._with_channel_id = True
        self.booted = asyncio.Event()
        """Asterisk has said that it is fully booted. Before that it takes actions and knows no extension yet, and a
        call that it refuses then is lost."""
        self.ready = asyncio.Event()
        self._past = Stats()
        self._session: Session | None = None
        self._since = 0.0
        self.trouble: str | None = "not connected to Asterisk yet"
        """Why nothing is heard, in words; None while all is well."""

    @property
    def connected_to(self) -> dict[str, Any] | None:
        """The Asterisk that it hears: `version` (empty while unknown), `banner`, `since` (time of day, seconds)."""
        session = self._session
        if session is None:
            return None
        return {"version": session.form.asterisk, "banner": session.banner, "since": self._since}

    def expect(self, row: Row, message: Message, with_channel_id: bool) -> None:
        """A row of our own sender is about to be written."""
        self._calls.watch(row, action_id=message.action_id, with_channel_id=with_channel_id)

    @property
    def stats(self) -> Stats:
        """What all its connections together have read."""
        return self._past if self._session is None else self._past + self._session.stats

    async def run(self) -> None:
        """Listen until cancelled; Asterisk and the database may come and go."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_up())
            backoff = Backoff(random.random)
            while True:
                try:
                    session = await self._connect()
                except AmiError as error:
                    wait = backoff.after(error)
                    if self.trouble != str(error):
                        log.warning(
                            "listener: Asterisk does not take the listener: %s; next try in %.0f s", error, wait
                        )
                    self.trouble = str(error)
                    await asyncio.sleep(wait)
                    continue
                backoff.worked()
                self._session, self._since = session, time.time()
                try:
                    await self._listen(session)
                finally:
                    session.abort()
                    self._past, self._session = self.stats, None
                    self.ready.clear()
                    self.booted.clear()
                    self.lost.set()
                    self.on_lost()

    async def _connect(self) -> Session:
        session = await Session.open(self._endpoint, events=MASK, wanted=OLD_WANTED, on_event=self._hear)
        self._counters.listener_connects += 1
        self._with_channel_id = session.knows_channel_id
        memory = OldCalls if session.form.is_old else Calls
        if type(self._calls) is not memory:
            self._calls = memory()  # another Asterisk than before: no call that we knew lives on it
        return session

    async def _listen(self, session: Session) -> None:
        async with asyncio.TaskGroup() as tasks:
            ping = tasks.create_task(session.keepalive(PING_EVERY, PING_TIMEOUT))
            settle = tasks.create_task(self._settle(session))
            why = await session.closed()
            ping.cancel()
            settle.cancel()
        self.trouble = f"the connection ended: {why or 'Asterisk closed it'}"
        log.warning("listener: %s", self.trouble)

    async def _settle(self, session: Session) -> None:
        """Ask for less, then find out what happened while nobody listened: for as long as the connection lives, however
        late an answer comes."""
        await self._asked(session, self._ask_for_less)
        if session.form.says_booted:
            await self._wait_for_boot()
        self.booted.set()
        self.trouble = None
        self.ready.set()
        await self._asked(session, self._find_out)

    async def _asked(self, session: Session, ask: Callable[[Session], Awaitable[None]]) -> None:
        """Ask until it is done. An Asterisk that is late, or that refuses everything while it means to stop, answers
        later; one that has died is found by its pings."""
        said = ""
        while session.is_open:
            try:
                await ask(session)
                return
            except RightMissing as error:
                right = "call" if session.form.is_old else "reporting"
                log.warning("listener: what was missed cannot be found out, give the user write = %s: %s", right, error)
                return
            except (AmiError, QueueError) as error:
                if str(error) != said:
                    log.warning("listener: not answered yet, asked again until it is: %s", error)
                said = str(error)
            await asyncio.sleep(ASK_AGAIN)

    async def _ask_for_less(self, session: Session) -> None:
        form = await session.learn_form()
        log.info("listener: connected to %s, Asterisk %s", session.banner, form.asterisk or "of unknown version")
        if self._settings.filter and form.filters:
            answer = await session.ask("Filter", "Operation: Add", f"Filter: {FILTER}")
            if answer.response != "Success":
                log.info(
                    "listener: Asterisk did not take a filter (%s); put eventfilter in manager.conf, "
                    "or set [listener] filter = false",
                    answer.get("Message"),
                )

    async def _find_out(self, session: Session) -> None:
        await Reconciler(session, self._store, self._threads, self._calls, self._with_channel_id).run(self._decide)

    async def _wait_for_boot(self) -> None:
        """FullyBooted comes with the login, or when Asterisk has booted, to users who may read system."""
        try:
            async with asyncio.timeout(BOOT_PATIENCE):
                await self.booted.wait()
        except TimeoutError:
            log.warning("listener: no FullyBooted in %g s, taken as booted; give the user read = system", BOOT_PATIENCE)

    def _hear(self, event: AmiMessage) -> None:
        self._counters.events += 1
        self._frames.add((time.time(), event.raw[:SHOWN]))
        name = event.event
        if name == "FullyBooted":
            self.booted.set()
            return
        if name == "Shutdown":
            log.warning("listener: Asterisk shuts down (%s)", event.get("Shutdown"))
            return
        self._decide(self._calls.event(name, event.get))
        if self._calls.unknown_ids or self._calls.unknown_callers:
            self._lookup.set()

    def _decide(self, changes: list[Change]) -> None:
        for change in changes:
            self._counters.changes += 1
            now = dt.datetime.now(dt.UTC)
            dead = change.status is Status.DEAD
            self._writer.outcome(
                OutcomeRecord(
                    change.man_id,
                    change.outcome,
                    cause=change.cause,
                    channel=change.channel or change.leg_channel,
                    uniqueid=change.uniqueid or change.leg_uniqueid,
                    updated_at=None if dead else now,
                    ended_at=now if dead else None,
                )
            )
            self._writer.transition(Transition(change.man_id, change.status, change.channel, change.uniqueid))
            detail = " ".join(filter(None, (change.channel, change.uniqueid, change.outcome)))
            self._writer.journal(change.man_id, "dead" if dead else "updated", detail)

    async def _look_up(self) -> None:
        """Rows that another process sent: found by id or by caller id, in batches, and remembered."""
        while True:
            await self._lookup.wait()
            self._lookup.clear()
            ids, names = set(self._calls.unknown_ids), self._unasked(set(self._calls.unknown_callers))
            self._calls.unknown_ids.clear()
            self._calls.unknown_callers.clear()
            if not ids and not names:
                continue
            loop = asyncio.get_running_loop()
            try:
                rows = await loop.run_in_executor(self._threads, self._find, ids, names)
            except QueueError:
                self._calls.put_back(ids, names)
                self._no_row.clear()
                await asyncio.sleep(0.5)
                self._lookup.set()
                continue
            self._decide(self._calls.found(rows, with_channel_id=self._with_channel_id))

    def _find(self, ids: set[int], names: set[str]) -> list[Row]:
        rows = self._store.by_ids(sorted(ids)) if ids else []
        if names:
            rows += [row for row in self._store.candidates(sorted(names)) if row.callerid in names]
        return [row for row in rows if row.status not in (Status.NEW, Status.QUEUE)]

    def _unasked(self, names: set[str]) -> set[str]:
        now = time.monotonic()
        for name in [name for name, at in self._no_row.items() if now - at > FORGET_NAME_AFTER]:
            del self._no_row[name]
        fresh = {name for name in names if name not in self._no_row and name.isascii() and len(name) <= 20}
        self._no_row.update(dict.fromkeys(fresh, now))
        return fresh
