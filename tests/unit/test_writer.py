"""The writer's promise: while the database is away the latest state of each row waits, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acqs_core.action import NewAction, Outcome, Status
from acqs_core.errors import QueueUnavailable, SchemaMissing
from acqs_core.queue import schema
from acqs_core.queue import writer as writer_module
from acqs_core.queue.database import Database
from acqs_core.queue.lease import Leases
from acqs_core.queue.store import Store
from acqs_core.queue.types import JournalEntry, OutcomeRecord, Transition
from acqs_core.queue.writer import Writer
from acqs_core.telemetry import Telemetry


class Flaky(Store):
    """A store whose database can be taken away, and which counts the batches of outcomes that reached it."""

    away = False
    batches = 0
    tried: asyncio.Event

    def record(self, outcomes: list[OutcomeRecord], journal: list[JournalEntry]) -> None:  # type: ignore[override]
        self.loop.call_soon_threadsafe(self.tried.set)
        if self.away:
            raise QueueUnavailable("taken away by the test")
        self.batches += bool(outcomes)
        super().record(outcomes, journal)

    loop: asyncio.AbstractEventLoop


@pytest.fixture
async def store(tmp_path: Path) -> Flaky:
    database = Database(f"sqlite:///{tmp_path}/queue.sqlite3", pool_size=2)
    schema.init(database)
    store = Flaky(database, "10.1.1.1")
    store.loop, store.tried = asyncio.get_running_loop(), asyncio.Event()
    return store


@pytest.fixture
async def writer(store: Flaky) -> AsyncIterator[Writer]:
    with ThreadPoolExecutor(1) as threads:
        writer = Writer(store, threads, Telemetry())
        running = asyncio.create_task(writer.run())
        yield writer
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def sent_row(store: Flaky, tmp_path: Path) -> int:
    """A row that a sender has just marked SENT."""
    leases = Leases(Database(f"sqlite:///{tmp_path}/queue.sqlite3", pool_size=1))
    grant = leases.acquire(store.server_ip, "sender", "test", 60)
    assert grant is not None
    man_id = store.insert(NewAction("Originate", "T1", ("Channel: Local/1@x",)))
    assert [row.man_id for row in store.claim(grant.token, 10)] == [man_id]
    assert store.mark_sent(man_id, grant.token)
    store.batches = 0
    return man_id


async def test_a_long_detail_is_cut_where_it_waits_and_tells_how_much_it_was(
    store: Flaky, writer: Writer, tmp_path: Path
) -> None:
    man_id = sent_row(store, tmp_path)
    output = "\n".join(f"SIP/{number} is reachable" for number in range(5_000))
    writer.journal(man_id, "answered", output)
    await writer.flush()
    detail = next(entry.detail for entry in store.timeline(man_id).journal if entry.event == "answered")
    kept, _, says = detail.rpartition("\n")
    assert output.startswith(kept)
    assert says == f"… cut, {len(output) - len(kept):,} characters more"


async def test_steps_of_one_row_are_written_as_one(store: Flaky, writer: Writer, tmp_path: Path) -> None:
    man_id = sent_row(store, tmp_path)
    writer.transition(Transition(man_id, Status.UPDATED, "PJSIP/1-0", "acqs-1"))
    writer.transition(Transition(man_id, answered=True))
    writer.transition(Transition(man_id, Status.DEAD))
    writer.outcome(OutcomeRecord(man_id, Outcome.ANSWERED))
    writer.journal(man_id, "dead")
    await writer.flush()
    timeline = store.timeline(man_id)
    row = timeline.row
    assert (row.status, row.channel, row.uniqueid, row.response) == (Status.DEAD, "PJSIP/1-0", "acqs-1", "Y")
    assert timeline.outcome is not None
    assert timeline.outcome.outcome is Outcome.ANSWERED
    assert store.batches == 1
    assert len(writer) == 0


async def test_what_comes_while_the_database_is_away_is_merged_and_written_when_it_is_back(
    store: Flaky, writer: Writer, tmp_path: Path
) -> None:
    man_id = sent_row(store, tmp_path)
    store.away = True
    writer.transition(Transition(man_id, Status.UPDATED, "PJSIP/1-0", "acqs-1"))
    writer.outcome(OutcomeRecord(man_id, Outcome.BUSY, cause=17))
    writer.journal(man_id, "updated")
    async with asyncio.timeout(5):
        await store.tried.wait()
    with pytest.raises(QueueUnavailable):
        await writer.flush()
    writer.transition(Transition(man_id, Status.DEAD))
    writer.transition(Transition(man_id, Status.UPDATED, "PJSIP/1-0", "acqs-1"))  # late, and DEAD never comes back
    assert len(writer) == 3
    store.away = False
    await writer.flush()
    timeline = store.timeline(man_id)
    assert (timeline.row.status, writer.failing) == (Status.DEAD, None)
    assert timeline.outcome is not None
    assert (timeline.outcome.outcome, timeline.outcome.cause) == (Outcome.BUSY, 17)
    assert [entry.event for entry in timeline.journal][-1] == "updated"


async def test_a_value_that_the_database_refuses_takes_no_other_row_with_it(
    store: Flaky, writer: Writer, tmp_path: Path
) -> None:
    man_id = sent_row(store, tmp_path)
    writer.journal(2**70, "impossible")  # no integer column of any database holds this
    writer.transition(Transition(man_id, Status.UPDATED, "PJSIP/1-0", "acqs-1"))
    await writer.flush()
    assert store.timeline(man_id).row.status is Status.UPDATED


async def test_a_table_that_is_missing_for_a_while_loses_nothing(store: Flaky, writer: Writer, tmp_path: Path) -> None:
    man_id = sent_row(store, tmp_path)
    with sqlite3.connect(tmp_path / "queue.sqlite3") as database:
        database.execute("ALTER TABLE vicidial_manager RENAME TO away")
    writer.transition(Transition(man_id, Status.DEAD))
    with pytest.raises(SchemaMissing):
        await writer.flush()
    assert len(writer) == 1
    with sqlite3.connect(tmp_path / "queue.sqlite3") as database:
        database.execute("ALTER TABLE away RENAME TO vicidial_manager")
    await writer.flush()
    assert store.timeline(man_id).row.status is Status.DEAD


async def test_the_journal_is_bounded_and_what_it_drops_is_counted(
    store: Flaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_JOURNAL", 3)
    with ThreadPoolExecutor(1) as threads:
        telemetry = Telemetry()
        writer = Writer(store, threads, telemetry)
        for number in range(5):
            writer.journal(1, f"step {number}")
    assert (len(writer), telemetry.counters.journal_dropped) == (3, 2)


async def test_however_often_it_could_not_be_written_the_journal_stays_bounded(
    store: Flaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_JOURNAL", 3)
    store.away = True
    with ThreadPoolExecutor(1) as threads:
        telemetry = Telemetry()
        writer = Writer(store, threads, telemetry)
        for _ in range(4):
            for number in range(2):
                writer.journal(1, f"step {number}")
            with pytest.raises(QueueUnavailable):
                await writer.flush()
    assert (len(writer), telemetry.counters.journal_dropped) == (3, 5)


async def test_a_journal_without_room_keeps_no_row_from_being_written_and_waits(
    store: Flaky, writer: Writer, tmp_path: Path
) -> None:
    man_id = sent_row(store, tmp_path)
    with sqlite3.connect(tmp_path / "queue.sqlite3") as database:
        database.execute("ALTER TABLE acqs_journal RENAME TO away")
    writer.outcome(OutcomeRecord(man_id, Outcome.BUSY))
    writer.transition(Transition(man_id, Status.DEAD))
    writer.journal(man_id, "dead")
    with pytest.raises(SchemaMissing):
        await writer.flush()
    assert store.by_ids([man_id])[0].status is Status.DEAD
    assert len(writer) == 1, "of what is written nothing waits any longer"
    with sqlite3.connect(tmp_path / "queue.sqlite3") as database:
        database.execute("ALTER TABLE away RENAME TO acqs_journal")
    await writer.flush()
    timeline = store.timeline(man_id)
    assert [entry.event for entry in timeline.journal][-1] == "dead"
    assert timeline.outcome is not None
    assert timeline.outcome.outcome is Outcome.BUSY


async def test_when_too_many_rows_wait_it_says_so_also_while_they_are_being_written(
    store: Flaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MOST_ROWS", 2)
    store.away = True
    with ThreadPoolExecutor(1) as threads:
        writer = Writer(store, threads, Telemetry())
        for man_id in (1, 2):
            assert not writer.is_crowded
            writer.outcome(OutcomeRecord(man_id, Outcome.UNKNOWN))
        flushing = asyncio.create_task(writer.flush())
        await store.tried.wait()
        assert writer.is_crowded
        with pytest.raises(QueueUnavailable):
            await flushing
        assert writer.is_crowded
        store.away = False
        await writer.flush()
        assert not writer.is_crowded


def test_a_less_telling_outcome_never_replaces_a_more_telling_one() -> None:
    merged = writer_module._merged_outcome(
        OutcomeRecord(1, Outcome.BUSY, cause=17), OutcomeRecord(1, Outcome.FAILED, message="Originate failed")
    )
    assert (merged.outcome, merged.cause, merged.message) == (Outcome.BUSY, 17, "Originate failed")
