"""Claims rows while there is room to send them, and follows what the engine says: lease, pause, drain (design §5).

What becomes of a claimed row is delivery.py's; whether Asterisk takes any, gate.py's.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from acqs_core.action import Message, Row
from acqs_core.errors import QueueError
from acqs_core.queue.store import Store
from acqs_core.queue.writer import MOST_ROWS, Writer
from acqs_core.sender.backlog import Backlog
from acqs_core.sender.child import State
from acqs_core.sender.clearance import Clearance
from acqs_core.sender.delivery import Deliveries
from acqs_core.sender.gate import Gate, Opener
from acqs_core.sender.pacing import BUSY_POLL, Poll
from acqs_core.sender.screening import Screening
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

TURN = 0.005
"""Seconds after which a claim's worth of long rows lets others have a turn: nobody's answer or lease waits for it, and
rows of a common size, some microseconds each, are screened in one go."""

MOST_AWAY = 1.0
"""Seconds after which rows that could not be sent are looked after, however long Asterisk is left alone."""


class Sender:
    """Runs for one server_ip while it holds the sender's lease."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        threads: Executor,
        opener: Opener,
        settings: SenderSettings,
        telemetry: Telemetry,
        *,
        on_sending: Callable[[Row, Message, bool], None] = lambda row, message, with_channel_id: None,
        asterisk_booted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store, self._writer, self._threads = store, writer, threads
        self._settings, self._counters, self._pulse = settings, telemetry.counters, telemetry.pulse
        self._opener = opener
        self._gate = Gate(opener, self._counters, asterisk_booted, settings.max_logins)
        self._screening = Screening(settings)
        self._backlog = Backlog(store, settings)
        self._clearance = Clearance(self._gate, settings.max_per_second)
        self._deliveries = Deliveries(
            store, writer, threads, self._gate, self._clearance, self._screening, settings, telemetry, on_sending
        )
        self._wake = asyncio.Event()
        self._lookout: asyncio.Future[bool] | None = None
        self._leave = threading.Event()
        self._drained = asyncio.Event()
        self._poll = Poll()
        self._table_trouble: str | None = None

    @property
    def ready(self) -> asyncio.Event:
        """Asterisk has taken a session of ours."""
        return self._gate.answered

    @property
    def asterisk_answers(self) -> bool:
        """Whether Asterisk took the last session that it was asked for."""
        return self.ready.is_set() and not self._gate.is_shut

    @property
    def gives_channel_ids(self) -> bool:
        """Whether the Asterisk it logged in to last takes a ChannelId of ours."""
        return self._gate.with_channel_id

    @property
    def trouble(self) -> str | None:
        """Why no rows are sent, in words; None while all is well."""
        return self._table_trouble or self._gate.trouble

    @property
    def warnings(self) -> list[str]:
        """What some rows fail of, in words."""
        return self._deliveries.denials.told

    # What the engine tells the sender.

    async def take_over(self, token: int) -> None:
        """The lease is ours: rows that another left in QUEUE were certainly not written and go back to NEW; those it
        sent without an answer keep their caller id's line closed for response_timeout."""
        children = self._deliveries.children
        mine = [man_id for man_id, child in children.items() if child.state is not State.LEAVING]
        await self._in_thread(self._store.release_queue, token, mine)
        unanswered = await self._in_thread(self._store.unanswered_callerids)
        self._deliveries.hold(unanswered, self._settings.response_timeout)
        self._backlog.taken_over()
        self._clearance.token = token
        # A child of the lease before may have failed its marking meanwhile, and nobody was there to take its row back.
        self._deliveries.doubt_claim()
        self._let_go_on()

    def lose_lease(self) -> None:
        """Another may send now: what is not marked SENT yet will find its guard closed."""
        self._clearance.token = None
        self._deliveries.release_waiting()

    def set_paused(self, paused: bool) -> None:
        """Follow acqs_control: the table's guards hold at once, this saves looking and gives rows back early."""
        self._clearance.paused = paused
        if paused:
            self._deliveries.release_waiting()
        self._let_go_on()

    def doubt_asterisk(self) -> None:
        """The listener has lost Asterisk: it may have been restarted."""
        self._gate.doubt()

    def wake(self) -> None:
        """A row was inserted by ourselves: look now."""
        self._wake.set()

    async def drain(self) -> None:
        """No new claims; what is not SENT goes back to NEW, what is SENT gets its answer, nobody lingers."""
        self._clearance.draining = True
        self._leave.set()
        self._deliveries.release_waiting()
        self._deliveries.leave()
        self._wake.set()
        await self._drained.wait()
        await self._deliveries.end()
        try:
            await self._deliveries.give_back()
        except QueueError as error:
            log.warning("rows stay QUEUE until the next sender takes over: %s", error)
        await self._opener.close()

    def hurry(self) -> None:
        """Wait for no answer any longer: what is SENT without one has an unknown outcome."""
        self._deliveries.hurry()

    def sessions(self) -> list[dict[str, object]]:
        """The living child sessions, for a status."""
        return [child.view() for child in self._deliveries.children.values()]

    def by_state(self) -> dict[str, int]:
        """How many child sessions do what."""
        living = collections.Counter(child.state for child in self._deliveries.children.values())
        return {str(state): living[state] for state in State}

    def _let_go_on(self) -> None:
        self._clearance.go_on()
        self._wake.set()

    # The loop.

    async def run(self) -> None:
        """Claim and deliver until drained. Database and Asterisk may come and go."""
        try:
            while not self._clearance.draining:
                self._pulse.beat("sender")
                delay = await self._look()
                self._pulse.beat("sender", delay)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            self._pulse.ended("sender")
            self._drained.set()

    async def _look(self) -> float:
        """One look at the table; gives the seconds until the next."""
        now = time.monotonic()
        try:
            await self._deliveries.give_back()
            if self._gate.is_shut:
                self._interrupted(now)
                return min(await self._gate.probe(), MOST_AWAY)
            if self._clearance.token is None or self._clearance.paused:
                return 1.0
            if not self._gate.has_booted:
                self._interrupted(now)
                return BUSY_POLL * 5
            if self._writer.is_crowded:
                raise QueueError(f"{MOST_ROWS} rows wait to be written; until they are, nothing more is sent")
            if self._backlog.is_due and not await self._cleared(now):
                return 1.0
            room = min(self._room(), CLAIM_BATCH)
            if room <= 0:
                return BUSY_POLL
            rows = await self._claim(self._clearance.token, room)
        except QueueError as error:
            if self._table_trouble != str(error):
                log.warning("no rows can be claimed: %s", error)
            self._table_trouble = str(error)
            self._interrupted(now)
            return 0.5
        if self._table_trouble is not None:
            log.info("rows can be claimed again")
            self._table_trouble = None
        if not rows:
            await self._look_out(self._poll.delay(now))
            return 0.0
        self._poll.found(now)
        return 0.0 if len(rows) == room else self._poll.delay(now)

    def _interrupted(self, now: float) -> None:
        """Nothing can be sent at this moment."""
        self._backlog.interrupted(now)
        if self._backlog.holds(now) and not self._clearance.held:
            # Who waits in line has waited through all of it: it goes back, to be looked at with the others.
            self._clearance.held = True
            self._deliveries.release_waiting()

    async def _cleared(self, now: float) -> bool:
        """Whether rows may go out after an outage; else the queue is paused now. Raises QueueError: then nothing goes
        out until it could be looked at, and the pause be written."""
        self._clearance.held = self._backlog.holds(now)
        cleared = await self._in_thread(self._backlog.look, now)
        self._clearance.held = False
        if cleared:
            self._let_go_on()
        else:
            self.set_paused(True)  # the engine will tell us so within a second; until then this saves looking
        return cleared

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
        if self._deliveries.in_line >= MAX_IN_LINE:
            return 0
        room, rate = self._deliveries.room, self._settings.max_per_second
        return min(room, math.ceil(rate) - self._deliveries.waiting) if rate else room

    async def _claim(self, token: int, room: int) -> list[Row]:
        try:
            rows = await self._in_thread(self._store.claim, token, room)
            good = await self._screened(rows, token)
        except QueueError:
            self._deliveries.doubt_claim()
            raise
        self._counters.claimed += len(rows)
        for row in good:
            message = self._screening.compose(row, secrets.token_hex(2), self._gate.with_channel_id)
            self._deliveries.begin(row, message, token)
        return rows

    async def _screened(self, rows: list[Row], token: int) -> list[Row]:
        """The rows that may be sent; the others end now, each with its outcome, and delay nothing behind them."""
        asking = {row.callerid for row in rows if self._screening.asks_for_dead_call(row)}
        dead = await self._in_thread(self._store.dead_callerids, asking) if asking else set()
        good = []
        turn = time.monotonic()
        for row in rows:
            if time.monotonic() - turn > TURN:
                await asyncio.sleep(0)
                turn = time.monotonic()
            refusal = self._screening.refusal(row, dead)
            if refusal is None:
                good.append(row)
            else:
                self._deliveries.refuse(row, token, *refusal)
        return good

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
