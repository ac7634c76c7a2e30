"""What has become of rows, gathered and written in batches: the one way from the sender and the listener to the table.

While the database is away the latest state of each row is kept and nothing is lost: memory is bounded by the rows in
flight, not by the events that tell of them (design §6). Only the journal, which is a convenience, has a cap.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import logging
import time
from collections import deque
from concurrent.futures import Executor

from acqs_core.action import Outcome, Status
from acqs_core.errors import QueueError, ValueRefused
from acqs_core.queue.store import Store
from acqs_core.queue.types import JournalEntry, OutcomeRecord, Transition, cut, outranks
from acqs_core.telemetry import Telemetry

log = logging.getLogger(__name__)

GATHER = 0.005
"""Seconds that a batch waits for company before it is written."""

MAX_JOURNAL = 50_000
"""Journal entries kept while the database is away; beyond that the oldest are dropped and counted."""

MOST_ROWS = 20_000
"""Rows that may wait to be written before nothing more is sent: days without a database must not fill the memory."""

_BACKOFF_FIRST, _BACKOFF_LONGEST = 0.1, 2.0


@dataclasses.dataclass(slots=True)
class _Batch:
    """What is being written, and how far that went."""

    transitions: dict[int, Transition] = dataclasses.field(default_factory=dict)
    outcomes: dict[int, OutcomeRecord] = dataclasses.field(default_factory=dict)
    journal: list[JournalEntry] = dataclasses.field(default_factory=list)
    transitions_written: bool = False
    outcomes_written: bool = False
    journal_written: bool = False


class Writer:
    """Gathers transitions, outcomes and journal entries and writes them from a thread."""

    def __init__(self, store: Store, threads: Executor, telemetry: Telemetry) -> None:
        self._store = store
        self._threads = threads
        self._counters, self._took = telemetry.counters, telemetry.latencies.change_to_written
        self._touched = telemetry.touched
        self._transitions: dict[int, Transition] = {}
        self._since: dict[int, float] = {}
        """When the first change that waits was learnt, of each row in `_transitions`."""
        self._outcomes: dict[int, OutcomeRecord] = {}
        self._journal: deque[JournalEntry] = deque()
        self._batch = _Batch()
        self._something = asyncio.Event()
        self._writing = asyncio.Lock()
        self.failing: str | None = None
        """Why the last batch could not be written; None while all is well."""

    def __len__(self) -> int:
        """Rows and journal entries that wait to be written."""
        return len(self._transitions) + len(self._outcomes) + len(self._journal)

    @property
    def is_crowded(self) -> bool:
        """Whether so many rows wait that no more should be begun."""
        transitions = len(self._transitions) + len(self._batch.transitions)
        outcomes = len(self._outcomes) + len(self._batch.outcomes)
        return max(transitions, outcomes) >= MOST_ROWS

    def transition(self, new: Transition) -> None:
        """Remember a row's step; steps of one row are merged, and DEAD is never taken back."""
        old = self._transitions.get(new.man_id)
        self._transitions[new.man_id] = new if old is None else _merged(old, new)
        self._since.setdefault(new.man_id, time.monotonic())
        self._something.set()

    def outcome(self, new: OutcomeRecord) -> None:
        """Remember what became of a row; a more telling outcome replaces a less telling one."""
        old = self._outcomes.get(new.man_id)
        self._outcomes[new.man_id] = new if old is None else _merged_outcome(old, new)
        self._something.set()

    def journal(self, man_id: int, event: str, detail: str = "", actor: str = "") -> None:
        """Remember a line of a row's timeline, stamped now, and no more of it than will be kept."""
        if len(self._journal) >= MAX_JOURNAL:
            self._journal.popleft()
            self._counters.journal_dropped += 1
        self._journal.append(JournalEntry(man_id, event, cut(detail), actor, dt.datetime.now(dt.UTC)))
        self._something.set()

    async def run(self) -> None:
        """Write batches until cancelled."""
        wait = _BACKOFF_FIRST
        while True:
            await self._something.wait()
            await asyncio.sleep(GATHER)
            try:
                await self.flush()
                wait = _BACKOFF_FIRST
            except QueueError as error:
                # Away, or in a state that somebody will mend: a table that is missing, a right, a disk that is full.
                if self.failing is None:
                    log.warning("%d changes wait to be written: %s", len(self), error)
                self.failing = str(error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _BACKOFF_LONGEST)

    async def flush(self) -> None:
        """Write all that waits, now. Raises QueueError, and then everything still waits."""
        async with self._writing:
            self._something.clear()
            batch = self._batch = _Batch(self._transitions, self._outcomes, list(self._journal))
            self._transitions, self._outcomes, self._journal = {}, {}, deque()
            since, self._since = self._since, {}
            if not (batch.transitions or batch.outcomes or batch.journal):
                return
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, self._write, batch)
            except BaseException:
                self._take_back(batch, since)
                self._counters.batches_failed += 1
                raise
            finally:
                self._batch = _Batch()
            self._counters.batches += 1
            self._touched.update({**batch.outcomes, **batch.transitions})
            now = time.monotonic()
            for learnt in since.values():
                self._took.observe(now - learnt)
            if self.failing is not None:
                log.info("all that waited is written")
                self.failing = None

    def _take_back(self, batch: _Batch, since: dict[int, float]) -> None:
        """What was not written waits again, and what came meanwhile is newer."""
        if batch.transitions_written:
            self._touched.update(batch.transitions)
        else:
            newer, self._transitions = self._transitions, batch.transitions
            for one in newer.values():
                self.transition(one)
            self._since |= since
        if not batch.outcomes_written:
            newer_outcomes, self._outcomes = self._outcomes, batch.outcomes
            for record in newer_outcomes.values():
                self.outcome(record)
        if not batch.journal_written:
            self._journal.extendleft(reversed(batch.journal))
            while len(self._journal) > MAX_JOURNAL:
                self._journal.popleft()
                self._counters.journal_dropped += 1
        self._something.set()

    def _write(self, batch: _Batch) -> None:
        """Outcomes before rows: whoever sees a row DEAD finds its outcome there. A journal for which there is no room,
        which fills a disk before the rows do, keeps nothing else from being written."""
        transitions, outcomes = list(batch.transitions.values()), list(batch.outcomes.values())
        try:
            self._store.record(outcomes, [])
            batch.outcomes_written = True
            try:
                self._store.record([], batch.journal)
                batch.journal_written = True
            finally:
                self._store.apply(transitions)
                batch.transitions_written = True
        except (ValueRefused, ValueError, ArithmeticError) as error:
            # The last two are what a driver says of a value before it asks the server.
            self._write_singly(transitions, outcomes, batch.journal, error)

    def _write_singly(
        self,
        transitions: list[Transition],
        outcomes: list[OutcomeRecord],
        journal: list[JournalEntry],
        error: Exception,
    ) -> None:
        """One row's values must not take the others down with it: write each alone, and say which one was refused."""
        if len(transitions) + len(outcomes) + len(journal) == 1:
            log.error("the database refused a change and it is lost: %s %s: %s", transitions, outcomes, error)
            return
        for record in outcomes:
            self._write(_Batch(outcomes={record.man_id: record}))
        for entry in journal:
            self._write(_Batch(journal=[entry]))
        for transition in transitions:
            self._write(_Batch({transition.man_id: transition}))


def _merged(old: Transition, new: Transition) -> Transition:
    status = old.status if old.status is Status.DEAD else (new.status or old.status)
    newer = new if new.channel or new.uniqueid else old
    return Transition(new.man_id, status, newer.channel, newer.uniqueid, old.answered or new.answered)


def _merged_outcome(old: OutcomeRecord, new: OutcomeRecord) -> OutcomeRecord:
    values = {
        field.name: getattr(new, field.name) or getattr(old, field.name) for field in dataclasses.fields(OutcomeRecord)
    }
    told, other = (new, old) if outranks(new.outcome, old.outcome) else (old, new)
    values["outcome"] = told.outcome
    values["message"] = told.message or (other.message if _is_of_one_story(old.outcome, new.outcome) else "")
    return OutcomeRecord(**values)


def _is_of_one_story(old: Outcome | None, new: Outcome | None) -> bool:
    """Why an outcome is unknown explains no other."""
    return old is None or new is None or old is new or Outcome.UNKNOWN not in (old, new)
