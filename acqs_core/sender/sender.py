"""Claims rows and sees each of them delivered, at most once, without any of them delaying another (design §5).

The rule that everything here keeps: QUEUE means certainly not written, SENT means may have been written. So the row
is marked SENT when its session is logged in, and the write is the very next thing; a row whose marking is in doubt is
not written, and is given back by a child that knows it never wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

from acqs_core.action import Message, Outcome, Row
from acqs_core.ami.session import Endpoint, NotWritten, Session
from acqs_core.errors import AmiError, QueueError
from acqs_core.queue.store import Store
from acqs_core.queue.writer import Writer
from acqs_core.sender import settle
from acqs_core.sender.child import Child, State
from acqs_core.sender.gate import Gate
from acqs_core.sender.pacing import BUSY_POLL, Poll, Rate
from acqs_core.sender.places import Places
from acqs_core.sender.screening import Screening
from acqs_core.sender.turns import Turns
from acqs_core.sender.unwritten import Unwritten
from acqs_core.settings import SenderSettings
from acqs_core.telemetry import Telemetry

log = logging.getLogger(__name__)

T = TypeVar("T")

CLAIM_BATCH = 100
"""Rows claimed by one statement at the most."""

MAX_IN_LINE = 10_000
"""Rows held in QUEUE behind others of their caller id at the most; only beyond that does anybody else wait for them."""

LOOKOUT = 2.0
"""Seconds that a thread looks out for NEW rows before the loop looks after everything else again."""

MARK_DEADLINE = 1.5
"""Seconds after which a marking as SENT has taken too long for its write to follow (design §1)."""


class Sender:
    """Runs for one server_ip while it holds the sender's lease."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        threads: Executor,
        endpoint: Endpoint,
        settings: SenderSettings,
        telemetry: Telemetry,
        *,
        on_sending: Callable[[Row, Message, bool], None] = lambda row, message, with_channel_id: None,
        asterisk_booted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store, self._writer, self._threads = store, writer, threads
        self._settings, self._counters, self._latencies = settings, telemetry.counters, telemetry.latencies
        self._on_sending = on_sending
        self._gate = Gate(endpoint, self._counters, asterisk_booted)
        self._screening = Screening(settings)
        self._token: int | None = None
        self._paused = self._draining = False
        self._wake = asyncio.Event()
        self._lookout: asyncio.Future[bool] | None = None
        self._leave = threading.Event()
        self._halt = asyncio.Event()
        self._halt.set()
        self._drained = asyncio.Event()
        self._poll = Poll()
        self._rate = Rate(settings.max_per_second)
        self._pace_lock = asyncio.Lock()
        self._pacing = 0
        self._turns = Turns()
        self._places = Places(settings.max_sessions)
        self._logins = asyncio.Semaphore(settings.max_logins)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unwritten = Unwritten(time.monotonic)
        self.children: dict[int, Child] = {}
        self._table_trouble: str | None = None

    @property
    def ready(self) -> asyncio.Event:
        """Asterisk has taken a session of ours."""
        return self._gate.answered

    @property
    def trouble(self) -> str | None:
        """Why no rows are sent, in words; None while all is well."""
        return self._table_trouble or self._gate.trouble

    # What the engine tells the sender.

    async def take_over(self, token: int) -> None:
        """The lease is ours: rows that another left in QUEUE were certainly not written and go back to NEW; those it
        sent without an answer keep their caller id's line closed for response_timeout."""
        mine = [man_id for man_id, child in self.children.items() if child.state is not State.LEAVING]
        await self._in_thread(self._store.release_queue, token, mine)
        for row in await self._in_thread(self._store.unanswered_callerids):
            if row.man_id not in self.children and row.man_id not in self._turns:
                self._turns.hold(row, self._settings.response_timeout)
        self._token = token
        self._let_go_on()

    def lose_lease(self) -> None:
        """Another may send now: what is not marked SENT yet will find its guard closed."""
        self._token = None
        self._release_waiting()

    def set_paused(self, paused: bool) -> None:
        """Follow acqs_control: the table's guards hold at once, this saves looking and gives rows back early."""
        self._paused = paused
        if paused:
            self._release_waiting()
        self._let_go_on()

    def doubt_asterisk(self) -> None:
        """The listener has lost Asterisk: it may have been restarted."""
        self._gate.doubt()

    def wake(self) -> None:
        """A row was inserted by ourselves: look now."""
        self._wake.set()

    async def drain(self) -> None:
        """No new claims; what is not SENT goes back to NEW, what is SENT gets its answer, nobody lingers."""
        self._draining = True
        self._leave.set()
        self._release_waiting()
        self._places.clear()
        self._wake.set()
        await self._drained.wait()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.response_timeout)
        self.hurry()
        while self._tasks:
            await asyncio.wait(self._tasks)
        try:
            await self._give_back()
        except QueueError as error:
            log.warning("rows stay QUEUE until the next sender takes over: %s", error)

    def hurry(self) -> None:
        """Wait for no answer any longer: what is SENT without one has an unknown outcome."""
        for child in self.children.values():
            if child.session is not None:
                child.session.abort()

    # The loop.

    async def run(self) -> None:
        """Claim and deliver until drained. Database and Asterisk may come and go."""
        try:
            while not self._draining:
                delay = await self._look()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            self._drained.set()

    async def _look(self) -> float:
        """One look at the table; gives the seconds until the next."""
        now = time.monotonic()
        try:
            await self._give_back()
            if self._gate.is_shut:
                return await self._gate.probe()
            if self._token is None or self._paused:
                return 1.0
            if not self._gate.has_booted:
                return BUSY_POLL * 5
            room = min(self._room(), CLAIM_BATCH)
            if room <= 0:
                return BUSY_POLL
            rows = await self._claim(self._token, room)
        except QueueError as error:
            if self._table_trouble is None:
                log.warning("no rows can be claimed: %s", error)
            self._table_trouble = str(error)
            return 0.5
        if self._table_trouble is not None:
            log.info("rows can be claimed again")
            self._table_trouble = None
        if not rows:
            await self._look_out(self._poll.delay(now))
            return 0.0
        self._poll.found(now)
        return 0.0 if len(rows) == room else self._poll.delay(now)

    async def _look_out(self, every: float) -> None:
        """Wait until a row is NEW, or somebody wakes us, or the look-out is over."""
        if self._lookout is None or self._lookout.done():
            loop = asyncio.get_running_loop()
            self._lookout = loop.run_in_executor(self._threads, self._store.await_new, every, LOOKOUT, self._leave)
            self._lookout.add_done_callback(self._seen)
        await self._wake.wait()

    def _seen(self, lookout: asyncio.Future[bool]) -> None:
        if not lookout.cancelled():
            lookout.exception()  # whatever keeps the look-out from the table, the next claim meets and tells
        self._wake.set()

    def _room(self) -> int:
        """How many more rows there is room to send: no more than a second's worth when a rate is set."""
        if len(self._turns) >= MAX_IN_LINE:
            return 0
        room = self._settings.max_sessions - (len(self._tasks) - self._places.lingering - len(self._turns))
        rate = self._settings.max_per_second
        return min(room, math.ceil(rate) - self._pacing) if rate else room

    async def _claim(self, token: int, room: int) -> list[Row]:
        try:
            rows = await self._in_thread(self._store.claim, token, room)
            good = await self._screened(rows, token)
        except QueueError:
            self._unwritten.doubt_claim()
            raise
        self._counters.claimed += len(rows)
        for row in good:
            if row.man_id in self.children:
                # A child of an earlier lease still has this row in its hands; it must see first that it lost it.
                self._unwritten.keep(row.man_id)
                continue
            message = self._screening.compose(row, secrets.token_hex(2), self._gate.with_channel_id)
            child = self.children[row.man_id] = Child(row, message, token)
            self._begin(self._deliver(child), row)
        return rows

    def _begin(self, work: Coroutine[Any, Any, None], row: Row) -> None:
        task = asyncio.create_task(work, name=f"row {row.man_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _screened(self, rows: list[Row], token: int) -> list[Row]:
        """The rows that may be sent; the others end now, each with its outcome, and delay nothing behind them."""
        asking = {row.callerid for row in rows if self._screening.asks_for_dead_call(row)}
        dead = await self._in_thread(self._store.dead_callerids, asking) if asking else set()
        good = []
        for row in rows:
            refusal = self._screening.refusal(row, dead)
            if refusal is None:
                good.append(row)
                continue
            self._unwritten.ending.add(row.man_id)
            self._begin(self._reject(row.man_id, token, *refusal), row)
        return good

    async def _reject(self, man_id: int, token: int, outcome: Outcome, message: str) -> None:
        self._counters.rejected += 1
        log.info("row %d is not sent: %s: %s", man_id, outcome, message)
        try:
            await self._in_thread(self._store.reject, man_id, token, outcome, message)
        except QueueError as error:
            log.warning("row %d could not be ended as %s yet: %s", man_id, outcome, error)
            self._unwritten.keep(man_id)
        finally:
            self._unwritten.ending.discard(man_id)

    # One row's way.

    async def _deliver(self, child: Child) -> None:
        row = child.row
        try:
            waited = self._turns.must_wait(row)
            if not await self._turns.take(row) or not await self._pace():
                self._keep_unwritten(child)
                return
            if waited and not await self._still_wanted(child):
                return
            await self._places.take()
            try:
                await self._converse(child)
            finally:
                self._places.give()
        finally:
            self._turns.give(row)
            del self.children[row.man_id]

    async def _still_wanted(self, child: Child) -> bool:
        """A Hangup or Redirect that waited for its turn: its call may have died of what it waited for."""
        if not self._screening.asks_for_dead_call(child.row):
            return True
        try:
            await self._writer.flush()
            dead = await self._in_thread(self._store.dead_callerids, {child.row.callerid})
        except QueueError as error:
            log.warning("row %d is not sent yet, whether its call lives is not known: %s", child.row.man_id, error)
            self._keep_unwritten(child)
            return False
        refusal = self._screening.refusal(child.row, dead)
        if refusal is None:
            return True
        await self._reject(child.row.man_id, child.token, *refusal)
        return False

    async def _converse(self, child: Child) -> None:
        child.becomes(State.CONNECTING)
        session = child.session = await self._login()
        if session is None:
            self._keep_unwritten(child)
            return
        try:
            if not await self._mark_sent(child, session):
                self._keep_unwritten(child)
                return
            await self._send(child, session)
            self._turns.give(child.row)
            self._places.lingers(child)
            if self._draining:
                child.may_leave.set()
            await child.linger(session, self._settings.linger)
        finally:
            self._places.leaves(child)
            session.abort()

    async def _login(self) -> Session | None:
        async with self._logins:
            return None if self._stopped else await self._gate.open()

    async def _mark_sent(self, child: Child, session: Session) -> bool:
        """True only when the row is SENT by this very statement, in time, and the session still stands."""
        if self._stopped:
            return False
        child.becomes(State.MARKING)
        asked = time.monotonic()
        try:
            changed = await self._in_thread(self._store.mark_sent, child.row.man_id, child.token)
        except QueueError as error:
            log.warning("row %d is not sent, its marking is in doubt: %s", child.row.man_id, error)
            return False
        return changed and time.monotonic() - asked < MARK_DEADLINE and session.is_open

    async def _send(self, child: Child, session: Session) -> None:
        self._on_sending(child.row, child.message, self._gate.with_channel_id)
        self._counters.sent += 1
        self._took(child)
        settle.sent(self._writer, child)
        try:
            response = await child.send(session, self._settings.response_timeout)
        except NotWritten:
            self._counters.sent -= 1
            self._keep_unwritten(child)
            return
        except AmiError as error:
            self._counters.unknown += 1
            log.warning("row %d: the outcome is unknown: %s", child.row.man_id, error)
            settle.unanswered(self._writer, child, error)
            return
        self._counters.answered += 1
        self._latencies.sent_to_answered.observe(time.monotonic() - child.since)
        if settle.answered(self._writer, child, response):
            self._counters.refused += 1

    def _took(self, child: Child) -> None:
        """How long this row has waited for its write, which comes next."""
        held = time.monotonic() - child.claimed
        self._latencies.claim_to_sent.observe(held)
        if child.row.age is not None:
            self._latencies.insert_to_sent.observe(child.row.age + held)

    # Turns and places.

    def _release_waiting(self) -> None:
        """Nothing more goes out: who waits for a turn or for the rate gives its row back."""
        self._halt.set()
        self._turns.let_go(child.row for child in self.children.values())

    def _let_go_on(self) -> None:
        if not self._stopped:
            self._halt.clear()
        self._wake.set()

    async def _pace(self) -> bool:
        """Wait until max_per_second allows another; False when sending stops first. One at a time takes a turn, so
        that those who go back have used none."""
        self._pacing += 1
        try:
            async with self._pace_lock:
                wait = 0.0 if self._stopped else self._rate.take(time.monotonic())
                if wait > 0:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(wait):
                            await self._halt.wait()
            return not self._stopped
        finally:
            self._pacing -= 1

    @property
    def _stopped(self) -> bool:
        return self._draining or self._paused or self._token is None or not self._gate.has_booted

    # What was never written goes back.

    def _keep_unwritten(self, child: Child) -> None:
        self._turns.goes_back(child.row)
        self._unwritten.keep(child.row.man_id, None if child.state is State.CONNECTING else child.token)

    async def _give_back(self) -> None:
        """Return to NEW every row that we held and certainly did not write."""
        if self._token is None:
            self._unwritten.forget()
            self._turns.returned()
            return
        returned = await self._unwritten.give_back(self._store, self._in_thread, self._token, set(self.children))
        self._turns.returned(returned)
        self._counters.given_back += len(returned)

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def sessions(self) -> list[dict[str, object]]:
        """The living child sessions, for a status."""
        return [child.view() for child in self.children.values()]
