"""Housekeeping: what is final and old goes, with its sidecars, in small batches; nothing else does."""

from __future__ import annotations

import datetime as dt

from acqs_core.action import Outcome, Status
from acqs_core.queue.store import Store
from acqs_core.queue.types import JournalEntry, OutcomeRecord, Transition
from tests.contract.backend import OTHER_IP, Backend, hangup, originate, sent, statuses

LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def _age(backend: Backend) -> None:
    backend.sql("UPDATE vicidial_manager SET entry_date = '2026-01-01 00:00:00'")
    backend.sql("UPDATE acqs_journal SET at = '2026-01-01 00:00:00'")


def test_only_final_rows_of_that_age_are_deleted_with_their_sidecars(
    backend: Backend, store: Store, token: int
) -> None:
    dead, answered, accepted, waiting, up = (
        sent(store, token, action) for action in (originate(), hangup(), originate(), hangup(), originate())
    )
    new = store.insert(hangup())
    other = store.insert(hangup(), server_ip=OTHER_IP)
    backend.store(OTHER_IP).discard(other, actor="ann")
    store.apply([
        Transition(dead, Status.DEAD), Transition(answered, answered=True), Transition(accepted, answered=True),
        Transition(up, Status.UPDATED),
    ])  # fmt: skip
    everybody = [dead, answered, accepted, waiting, up, new]
    store.record([OutcomeRecord(man_id, Outcome.ANSWERED) for man_id in everybody], [])
    _age(backend)
    young = store.insert(hangup())
    store.discard(young, actor="ann")
    assert sum(store.purge(1.0)) == 2
    assert set(statuses(backend)) == {accepted, waiting, up, new, other, young}
    assert set(store.outcomes([*everybody, young])) == {accepted, waiting, up, new, young}
    journal = {m for (m,) in backend.sql("SELECT DISTINCT man_id FROM acqs_journal")}
    assert journal == {accepted, waiting, up, new, other, young}


def test_it_goes_in_small_batches_and_can_be_stopped_between_them(backend: Backend, store: Store) -> None:
    man_ids = store.insert_many([hangup() for _ in range(25)])
    backend.sql("UPDATE vicidial_manager SET status = 'DEAD'")
    _age(backend)
    purging = store.purge(1.0, batch=10)
    assert next(purging) == 10
    assert sorted(statuses(backend)) == man_ids[10:]
    assert [count for count in purging if count] == [10, 5]
    assert statuses(backend) == {}


def test_it_passes_long_stretches_of_rows_that_stay(backend: Backend, store: Store) -> None:
    stay = store.insert_many([hangup() for _ in range(30)])
    goes = store.insert(hangup())
    backend.sql("UPDATE vicidial_manager SET status = 'DEAD' WHERE man_id = ?", goes)
    _age(backend)
    assert sum(store.purge(1.0, batch=7)) == 1
    assert sorted(statuses(backend)) == stay


def test_sidecars_whose_row_somebody_else_deleted_go_too(backend: Backend, store: Store) -> None:
    gone, young = store.insert_many([hangup(), hangup()])
    now = dt.datetime.now(dt.UTC)
    busy = [OutcomeRecord(gone, Outcome.BUSY, ended_at=LONG_AGO), OutcomeRecord(young, Outcome.BUSY, ended_at=now)]
    store.record(busy, [JournalEntry(None, "paused", at=LONG_AGO), JournalEntry(None, "resumed")])
    backend.sql("UPDATE acqs_journal SET at = '2026-01-01 00:00:00' WHERE man_id = ?", gone)
    backend.sql("DELETE FROM vicidial_manager")
    assert sum(store.purge(1.0)) == 0
    assert set(store.outcomes([gone, young])) == {young}
    assert backend.sql("SELECT man_id, event FROM acqs_journal ORDER BY id") == [(young, "inserted"), (None, "resumed")]


def test_man_ids_are_never_given_again(store: Store, backend: Backend) -> None:
    man_id = store.insert(hangup())
    store.discard(man_id, actor="ann")
    _age(backend)
    backend.sql("UPDATE acqs_outcome SET ended_at = '2004-01-01 00:00:00'")
    assert sum(store.purge(1.0)) == 1
    assert store.insert(hangup()) > man_id


def test_a_row_entered_long_ago_that_ended_just_now_stays(backend: Backend, store: Store) -> None:
    man_id = store.insert(hangup())
    backend.sql("UPDATE vicidial_manager SET entry_date = '2004-01-01 00:00:00' WHERE man_id = ?", man_id)
    store.discard(man_id, actor="ann")
    assert sum(store.purge(1.0)) == 0
    assert store.timeline(man_id).row.status is Status.DEAD
