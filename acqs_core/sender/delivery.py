"""The rows in our hands, and the way of each: its turn, its session, its marking, its write, its answer (design §5).

The rule that everything here keeps: QUEUE means certainly not written, SENT means may have been written. So the row
is marked SENT when its session is logged in, and the write is the very next thing; a row whose marking is in doubt is
not written, and is given back by a child that knows it never wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

from acqs_core.action import Message, Outcome, Row
from acqs_core.ami.refusals import SHUTTING_DOWN
from acqs_core.ami.session import AmiMessage, NotWritten
from acqs_core.errors import AmiError, QueueError, ShuttingDown
from acqs_core.queue.store import Store
from acqs_core.queue.writer import Writer
from acqs_core.sender import settle
from acqs_core.sender.child import OPENING, Child, ChildSession, State
from acqs_core.sender.clearance import Clearance
from acqs_core.sender.denials import Denials
from acqs_core.sender.gate import Gate, NotWanted
from acqs_core.sender.places import Places
from acqs_core.sender.screening import Screening
from acqs_core.sender.turns import Turns
from acqs_core.sender.unwritten import Unwritten
from acqs_core.settings import SenderSettings
from acqs_core.telemetry import Telemetry

log = logging.getLogger(__name__)

T = TypeVar("T")

MARK_DEADLINE = 1.5
"""Seconds after which a marking as SENT has taken too long for its write to follow (design §1)."""

END_AGAIN = 1.0
"""Seconds for which a row that could not be ended is left alone, in QUEUE: what keeps it, such as a disk that is full,
would keep it again at once."""


class Deliveries:
    """Every row that was claimed and is not settled yet; each is a task, and none delays another."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        threads: Executor,
        gate: Gate,
        clearance: Clearance,
        screening: Screening,
        settings: SenderSettings,
        telemetry: Telemetry,
        on_sending: Callable[[Row, Message, bool], None],
    ) -> None:
        self._store, self._writer, self._threads = store, writer, threads
        self._gate, self._clearance, self._screening = gate, clearance, screening
        self._settings, self._counters, self._latencies = settings, telemetry.counters, telemetry.latencies
        self._touched, self._failures = telemetry.touched, telemetry.failures
        self._on_sending = on_sending
        self._turns = Turns()
        self._places = Places(settings.max_sessions)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unwritten = Unwritten(time.monotonic)
        self.children: dict[int, Child] = {}
        self.denials = Denials()

    # What the sender asks and tells.

    @property
    def room(self) -> int:
        """For how many more rows there is a place; less than nothing when more wait than have one."""
        return self._settings.max_sessions - (len(self._tasks) - self._places.lingering - len(self._turns))

    @property
    def in_line(self) -> int:
        """How many wait in QUEUE behind others of their caller id."""
        return len(self._turns)

    @property
    def waiting(self) -> int:
        """How many wait for the rate or a place: counted from their claim on, whether their tasks have begun or not."""
        return sum(child.state is State.WAITING for child in self.children.values()) - self.in_line

    def begin(self, row: Row, message: Message, token: int) -> None:
        """A row was claimed by this token: deliver it."""
        if row.man_id in self.children:
            # A child of an earlier lease still has this row in its hands; it must see first that it lost it.
            self._unwritten.keep(row.man_id)
            return
        self._touched.add(row.man_id)
        child = self.children[row.man_id] = Child(row, message, token)
        self._start(self._deliver(child), row)

    def refuse(self, row: Row, token: int, outcome: Outcome, message: str) -> None:
        """A row was claimed that may not be sent: end it."""
        self._unwritten.ending.add(row.man_id)
        self._start(self._reject(row.man_id, token, outcome, message), row)

    def hold(self, rows: Collection[Row], seconds: float) -> None:
        """Rows of an earlier engine may still be answered: whoever shares their caller id waits for that long."""
        for row in rows:
            if row.man_id not in self.children and row.man_id not in self._turns:
                self._turns.hold(row, seconds)

    def doubt_claim(self) -> None:
        """A claim's reply never came: rows may be in QUEUE that nobody holds."""
        self._unwritten.doubt_claim()

    def release_waiting(self) -> None:
        """Nothing more goes out: who waits for a turn or for the rate gives its row back."""
        self._clearance.halt()
        self._turns.let_go(child.row for child in self.children.values())

    def leave(self) -> None:
        """Nobody lingers any longer."""
        self._places.clear()

    async def end(self) -> None:
        """Return once none is left: what is SENT gets response_timeout for its answer."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.response_timeout)
        self.hurry()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def hurry(self) -> None:
        """Wait for no answer any longer: what is SENT without one has an unknown outcome."""
        for child in self.children.values():
            if child.session is not None:
                child.session.abort()

    async def give_back(self) -> None:
        """Return to NEW every row that we held and certainly did not write. Raises QueueError."""
        token = self._clearance.token
        if token is None:
            self._unwritten.forget()
            self._turns.returned()
            return
        returned = await self._unwritten.give_back(self._store, self._in_thread, token, set(self.children))
        self._turns.returned(returned)
        self._counters.given_back += len(returned)
        self._touched.update(returned)

    def _start(self, work: Coroutine[Any, Any, None], row: Row) -> None:
        task = asyncio.create_task(work, name=f"row {row.man_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # One row's way.

    async def _deliver(self, child: Child) -> None:
        row = child.row
        try:
            waited = self._turns.must_wait(row)
            if not await self._turns.take(row) or not await self._clearance.pace():
                self._keep_unwritten(child)
                return
            if not await self._still_wanted(child, waited):
                return
            await self._places.take()
            try:
                await self._converse(child)
            finally:
                self._places.give()
        except Exception as error:
            log.exception("row %d: its delivery failed", row.man_id)
            self._broke_off(child, error)
        finally:
            self._turns.give(row)
            del self.children[row.man_id]

    def _broke_off(self, child: Child, error: Exception) -> None:
        """For a reason that nobody foresaw: what was certainly not written goes back, but not at once."""
        why = f"the delivery of row {child.row.man_id} failed: {type(error).__name__}; look at the log"
        self._failed(child, why)
        if child.state in (State.WAITING, *OPENING, State.MARKING):
            self._keep_unwritten(child)
            self._gate.shut(AmiError(why))
        elif child.state is State.SENT:
            self._unanswered(child, AmiError(why))

    async def _still_wanted(self, child: Child, waited: bool) -> bool:
        """Waiting for the rate or for its turn (`waited`) a row may have grown too old, and the call that a Hangup or
        Redirect is for may have died of what it waited for."""
        row = child.row
        refusal = self._screening.expired(row, time.monotonic() - child.claimed)
        if refusal is None and waited and self._screening.asks_for_dead_call(row):
            try:
                await self._writer.flush()
                dead = await self._in_thread(self._store.dead_callerids, {row.callerid})
            except QueueError as error:
                log.warning("row %d is not sent yet, whether its call lives is not known: %s", row.man_id, error)
                self._keep_unwritten(child)
                return False
            refusal = self._screening.refusal(row, dead)
        if refusal is None:
            return True
        await self._reject(row.man_id, child.token, *refusal)
        return False

    async def _converse(self, child: Child) -> None:
        child.becomes(State.CONNECTING)
        session = child.session = await self._login(child)
        if session is None:
            self._failed(child, self._gate.trouble or "sending was stopped")
            self._keep_unwritten(child)
            return
        try:
            if not await self._mark_sent(child, session):
                self._keep_unwritten(child)
                return
            if not await self._send(child, session):
                return
            self._turns.give(child.row)
            self._places.lingers(child)
            if self._clearance.draining:
                child.may_leave.set()
            await child.linger(session, self._settings.linger)
        finally:
            self._places.leaves(child)
            session.abort()

    async def _login(self, child: Child) -> ChildSession | None:
        @contextlib.asynccontextmanager
        async def turn(pid: int | None) -> AsyncIterator[None]:
            child.pid = pid
            async with self._gate.logins.turn:
                if self._clearance.stopped or self._gate.is_shut:
                    raise NotWanted
                child.becomes(State.LOGGING_IN)
                yield

        try:
            session = await self._gate.open(turn)
        except NotWanted:
            return None
        if session is None and self._gate.user_is_in_use:
            self._places.clear()
        return session

    async def _mark_sent(self, child: Child, session: ChildSession) -> bool:
        """True only when the row is SENT by this very statement, in time, and the session still stands."""
        if self._clearance.stopped:
            return False
        child.becomes(State.MARKING)
        asked = time.monotonic()
        try:
            changed = await self._in_thread(self._store.mark_sent, child.row.man_id, child.token)
        except QueueError as error:
            log.warning("row %d is not sent, its marking is in doubt: %s", child.row.man_id, error)
            self._failed(child, f"not sent, its marking is in doubt: {error}")
            return False
        self._touched.add(child.row.man_id)
        return changed and time.monotonic() - asked < MARK_DEADLINE and session.is_open

    async def _send(self, child: Child, session: ChildSession) -> bool:
        """False when the action was certainly not carried out."""
        self._on_sending(child.row, child.message, self._gate.with_channel_id)
        self._counters.sent += 1
        self._took(child)
        settle.sent(self._writer, child)
        try:
            response = await child.send(session, self._settings.response_timeout)
        except NotWritten as error:
            self._counters.unsent += 1
            self._failed(child, str(error))
            self._keep_unwritten(child)
            return False
        except AmiError as error:
            log.warning("row %d: the outcome is unknown: %s", child.row.man_id, error)
            self._failed(child, str(error))
            self._unanswered(child, error)
            return True
        if response.message == SHUTTING_DOWN and not response.success:
            self._not_taken(child, response.message)
            return False
        self._answered(child, session, response)
        return True

    def _unanswered(self, child: Child, error: AmiError) -> None:
        """It may have been carried out, and nobody will say so."""
        self._counters.unknown += 1
        settle.unanswered(self._writer, child, error)
        # A session that was lost says nothing of when its action is carried out: its caller id waits all the same.
        self._turns.hold(child.row, max(0.0, child.since + self._settings.response_timeout - time.monotonic()))

    def _not_taken(self, child: Child, says: str) -> None:
        """Asterisk answered without having looked at the action."""
        self._counters.unsent += 1
        self._failed(child, f"not taken: {says}")
        self._writer.journal(child.row.man_id, "not taken", says)
        self._keep_unwritten(child)
        self._gate.shut(ShuttingDown(f"{says} and takes nothing new"))

    def _answered(self, child: Child, session: ChildSession, response: AmiMessage) -> None:
        self._counters.answered += 1
        self._latencies.sent_to_answered.observe(time.monotonic() - child.since)
        mend = self.denials.mend_for(child.message.action, response, session.banner)
        if settle.answered(self._writer, child, response, mend):
            self._counters.refused += 1
            self._failed(child, f"refused: {response.message}{mend}")

    def _took(self, child: Child) -> None:
        """How long this row has waited for its write, which comes next."""
        held = time.monotonic() - child.claimed
        self._latencies.claim_to_sent.observe(held)
        if child.row.age is not None:
            self._latencies.insert_to_sent.observe(child.row.age + held)

    async def _reject(self, man_id: int, token: int, outcome: Outcome, message: str) -> None:
        self._counters.rejected += 1
        log.info("row %d is not sent: %s: %s", man_id, outcome, message)
        try:
            await self._in_thread(self._store.reject, man_id, token, outcome, message)
        except Exception as error:
            foreseen = isinstance(error, QueueError)
            log.warning("row %d could not be ended as %s yet: %s", man_id, outcome, error, exc_info=not foreseen)
            await asyncio.sleep(END_AGAIN)
            self._unwritten.keep(man_id)
        else:
            self._touched.add(man_id)
        finally:
            self._unwritten.ending.discard(man_id)

    def _failed(self, child: Child, why: str) -> None:
        """Keep it visible for a while; of what became of its row the table tells."""
        self._failures.add({**child.view(), "why": why, "at": time.time()})

    def _keep_unwritten(self, child: Child) -> None:
        self._turns.goes_back(child.row)
        self._unwritten.keep(child.row.man_id, None if child.state in OPENING else child.token)

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
