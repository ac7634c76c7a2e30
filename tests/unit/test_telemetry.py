"""What the engine counts and times, and that what it times is what happened."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acqs_core.ami.session import Stats
from acqs_core.errors import QueueError
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.store import Store
from acqs_core.queue.types import Transition
from acqs_core.queue.writer import Writer
from acqs_core.telemetry import Histogram, Telemetry


def test_a_duration_falls_below_the_first_bound_that_it_does_not_exceed() -> None:
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.2, 1.0, 7.0):
        histogram.observe(seconds)
    assert histogram.counts == [2, 2, 1]
    assert histogram.sum == pytest.approx(8.35)


def test_a_clock_that_was_set_back_takes_nothing_from_the_sum() -> None:
    histogram = Histogram((0.1,))
    histogram.observe(-3600)
    assert (histogram.counts, histogram.sum) == ([1, 0], 0.0)


def test_plain_data_is_a_copy_that_later_actions_do_not_change() -> None:
    telemetry = Telemetry()
    before = telemetry.plain()
    telemetry.counters.sent += 1
    telemetry.latencies.claim_to_sent.observe(0.2)
    assert before["counters"]["sent"] == sum(before["latencies"]["claim_to_sent"]["counts"]) == 0
    assert telemetry.plain()["counters"]["sent"] == 1


def test_what_two_sessions_read_adds_up() -> None:
    assert Stats(bytes=10, filtered=2) + Stats(bytes=5, oversize=1) == Stats(bytes=15, filtered=2, oversize=1)


async def test_a_change_is_timed_from_when_it_was_first_learnt_though_the_database_was_away(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/queue.sqlite3", pool_size=1)
    telemetry = Telemetry()
    took, counters = telemetry.latencies.change_to_written, telemetry.counters
    with ThreadPoolExecutor(1) as threads:
        writer = Writer(Store(database, "10.1.1.1"), threads, telemetry)
        writer.transition(Transition(1, answered=True))
        with pytest.raises(QueueError):
            await writer.flush()
        assert (counters.batches, counters.batches_failed, sum(took.counts)) == (0, 1, 0)
        schema.init(database)
        again = time.monotonic()
        writer.transition(Transition(1, answered=True))
        await writer.flush()
        assert (counters.batches, sum(took.counts)) == (1, 1)
        assert took.sum > time.monotonic() - again, "it was learnt before the failure"
    database.dispose()
