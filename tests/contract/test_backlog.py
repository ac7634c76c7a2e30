"""What has been waiting: told by age over all rows, held, and discarded before a late call goes out."""

from __future__ import annotations

import pytest

from acqs_core.action import Outcome, Status
from acqs_core.queue import backlog, browse
from acqs_core.queue.store import Store
from acqs_core.queue.types import Waiting
from tests.contract.backend import OTHER_IP, SERVER_IP, Backend, hangup, sent, statuses


@pytest.fixture(autouse=True)
def short_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of rows is walked in many spans, by key where no index is in order, as a million would be."""
    monkeypatch.setattr(backlog, "SPAN", 3)
    monkeypatch.setattr(browse, "FEW", 1)


def make_older(backend: Backend, man_id: int, seconds: int) -> None:
    """As a producer would have entered it so long ago."""
    sql = "entry_date - INTERVAL ? SECOND" if backend.is_mysql else "datetime(entry_date, '-' || ? || ' seconds')"
    backend.sql(f"UPDATE vicidial_manager SET entry_date = {sql} WHERE man_id = ?", seconds, man_id)


def aged(backend: Backend, store: Store, *ages: int) -> list[int]:
    """NEW rows of these ages in seconds."""
    man_ids = store.insert_many([hangup() for _ in ages])
    for man_id, age in zip(man_ids, ages, strict=True):
        make_older(backend, man_id, age)
    return man_ids


def whole(store: Store) -> Waiting:
    *_, last = store.waiting()
    return last


def test_every_new_row_is_counted_by_its_age_and_no_other_row(backend: Backend) -> None:
    store, token = backend.store(serve_blank=True), backend.grant().token
    aged(backend, backend.store(OTHER_IP), 5000, 5000)
    aged(backend, store, *[7200] * 5, *[1200] * 4, *[120] * 3)
    backend.sql("UPDATE vicidial_manager SET server_ip = '' WHERE man_id = ?", store.claim(token, 1)[0].man_id)
    store.release_queue(token)
    store.mark_sent(store.claim(token, 1)[0].man_id, token)
    aged(backend, store, 0, 0)
    shown = whole(store)
    assert shown.by_age() == {
        "under 1 min": 2, "under 10 min": 3, "under 1 h": 4, "older": 3, "of unknown age": 0,
    }  # fmt: skip
    assert shown.total == 12
    assert shown.oldest is not None
    assert 7200 <= shown.oldest <= 7230


def test_an_empty_queue_has_no_backlog(store: Store) -> None:
    assert (whole(store).total, whole(store).oldest, store.unseen(60.0).stale) == (0, None, 0)


def test_a_row_whose_entry_date_says_nothing_is_counted_and_neither_held_nor_discarded(
    backend: Backend, store: Store
) -> None:
    (man_id,) = store.insert_many([hangup()])
    nothing = "'0000-00-00 00:00:00'" if backend.kind == "myisam" else "NULL"
    backend.sql(f"UPDATE vicidial_manager SET entry_date = {nothing} WHERE man_id = ?", man_id)
    assert whole(store).by_age()["of unknown age"] == 1
    assert store.unseen(0.0).stale == 0
    assert sum(store.discard_older(0.0, actor="ann")) == 0


def test_what_is_older_is_discarded_with_outcome_and_journal_and_the_rest_is_left(backend: Backend, token: int) -> None:
    store = backend.store(serve_blank=True)
    gone = sent(store, token, hangup())
    make_older(backend, gone, 9000)
    fresh = aged(backend, store, 0, 10)
    stale = aged(backend, store, *[4000] * 7)
    (foreign,) = aged(backend, backend.store(OTHER_IP), 9000)
    backend.sql("UPDATE vicidial_manager SET server_ip = '' WHERE man_id = ?", stale[3])
    store.pause(actor="ann")
    assert sum(store.discard_older(3623.9005, actor="ann", age=3600.0)) == 7
    found = statuses(backend)
    assert [found[man_id] for man_id in (gone, *fresh, foreign)] == [Status.SENT, *[Status.NEW] * 3]
    for timeline in store.timelines(stale):
        assert timeline.row.status is Status.DEAD
        assert timeline.outcome is not None
        assert timeline.outcome.outcome is Outcome.DISCARDED
        assert timeline.outcome.ended_at is not None
        assert timeline.outcome.message.startswith("discarded by ann: older than 3600 s")
        events = [(entry.event, entry.detail, entry.actor) for entry in timeline.journal if entry.event == "discarded"]
        assert events == [("discarded", "was NEW", "ann")]
    assert store.outcomes([gone, *fresh, foreign]).keys() <= {gone}
    assert sum(store.discard_older(3600.0, actor="ann")) == 0


def test_a_claimed_row_that_is_stale_is_discarded_too_and_can_not_be_sent(
    backend: Backend, store: Store, token: int
) -> None:
    """Its sender would give it back after the discards are through, and it would go out late."""
    (man_id,) = aged(backend, store, 4000)
    store.claim(token, 1)
    store.pause(actor="ann")
    assert sum(store.discard_older(3600.0, actor="ann")) == 1
    store.resume(actor="ann")
    assert backend.status(man_id) == "DEAD"
    assert not store.mark_sent(man_id, token)
    assert store.release_queue(token) == []


def test_a_row_that_went_on_while_others_were_discarded_is_left(backend: Backend, store: Store) -> None:
    stale = aged(backend, store, *[4000] * 6)
    discards = store.discard_older(3600.0, actor="ann")
    assert next(discards) == 3
    backend.sql("UPDATE vicidial_manager SET status = 'SENT' WHERE man_id = ?", stale[4])
    assert sum(discards) == 2
    assert backend.status(stale[4]) == "SENT"
    assert store.outcomes([stale[4]]) == {}


def test_a_hold_pauses_for_everybody_and_says_by_whom_and_why(backend: Backend, store: Store, token: int) -> None:
    (man_id,) = aged(backend, store, 100)
    looked = store.unseen(60.0)
    assert (looked.stale, looked.total) == (1, 1)
    assert looked.oldest_stale is not None
    assert 100 <= looked.oldest_stale <= 130
    assert store.hold(looked, actor="acqs-core on box", reason="1 row waited")
    control = store.control()
    assert (control.paused, control.actor, control.reason) == (True, "acqs-core on box", "1 row waited")
    assert store.claim(token, 10) == []
    store.resume(actor="ann")
    assert [row.man_id for row in store.claim(token, 10)] == [man_id]


def test_what_somebody_has_resumed_is_not_stale_any_more_and_what_came_later_may_be(
    backend: Backend, store: Store
) -> None:
    aged(backend, store, 100, 100)
    store.resume(actor="ann")
    assert store.unseen(60.0).stale == 0
    # The resume, and another row after it, long ago.
    ago = "at - INTERVAL 200 SECOND" if backend.is_mysql else "strftime('%Y-%m-%d %H:%M:%f', at, '-200 seconds')"
    backend.sql(f"UPDATE acqs_control SET at = {ago} WHERE server_ip = ?", SERVER_IP)
    assert store.unseen(60.0).stale == 2
    assert store.unseen(150.0).stale == 0
    assert store.unseen(60.0, under=90.0).stale == 0, "older rows expire, they are not sent"


def test_whoever_waits_to_send_counts_no_further_than_enough(
    backend: Backend, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged(backend, store, *[100] * 9)
    assert (store.unseen(60.0).stale, store.unseen(60.0).whole) == (9, True)
    monkeypatch.setattr(backlog, "ENOUGH", 4)
    assert (store.unseen(60.0).stale, store.unseen(60.0).whole) == (6, False)


@pytest.mark.parametrize("resumed_before", [False, True])
def test_whoever_paused_or_resumed_while_an_engine_looked_has_the_last_word(
    backend: Backend, store: Store, resumed_before: bool
) -> None:
    if resumed_before:
        store.resume(actor="ann")
    aged(backend, store, 100)
    for deed, paused in ((store.resume, False), (store.pause, True)):
        looked = store.unseen(60.0)
        deed(actor="ann")
        assert not store.hold(looked, actor="acqs-core on box", reason="rows waited")
        assert (store.control().paused, store.control().actor) == (paused, "ann")
