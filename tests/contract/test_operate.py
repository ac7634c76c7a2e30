"""What operators and producers do: insert, discard, retry, pause."""

from __future__ import annotations

import datetime as dt

import pytest

from acqs_core.action import NewAction, Outcome, Status
from acqs_core.errors import ActionInvalid, NotFound, Refused
from acqs_core.queue.store import Store
from acqs_core.queue.types import JournalEntry, OutcomeRecord, Transition
from tests.contract.backend import OTHER_IP, SERVER_IP, Backend, hangup, originate, sent


def test_an_inserted_action_is_a_new_row_as_a_producer_writes_it(store: Store) -> None:
    action = NewAction("Originate", "DL40130172253cc100", ("Channel: Local/8600011@demo", "Callerid: DL4"))
    man_id = store.insert(action, actor="ann", origin="console")
    row = store.by_ids([man_id])[0]
    assert (row.status, row.response, row.server_ip, row.channel, row.uniqueid) == (Status.NEW, "N", SERVER_IP, "", "")
    assert (row.action, row.callerid) == ("Originate", "DL40130172253cc100")
    assert row.lines == ("Channel: Local/8600011@demo", "Callerid: DL4", *[""] * 8)
    assert row.entry_date is not None
    assert row.age is not None
    assert -1 <= row.age <= 5
    entry = store.timeline(man_id).journal[0]
    assert (entry.event, entry.detail, entry.actor) == ("inserted", "console", "ann")


def test_many_are_inserted_in_order_and_known_by_their_man_ids(store: Store) -> None:
    man_ids = store.insert_many([hangup(str(number)) for number in range(1100)])
    assert [row.callerid for row in store.by_ids(man_ids)] == [str(number) for number in range(1100)]
    assert man_ids == sorted(set(man_ids))
    assert store.insert_many([]) == []


@pytest.mark.parametrize("value", ["", "josé", 'O\'Brien \\ "%s" :name ?'])
def test_odd_but_good_text_comes_back_as_it_was(store: Store, value: str) -> None:
    man_id = store.insert(NewAction("UserEvent", value[:20], (f"Header: {value}",)))
    row = store.by_ids([man_id])[0]
    assert (row.callerid, row.lines[0]) == (value[:20], f"Header: {value}")


def test_what_a_column_would_cut_or_garble_is_refused_and_nothing_is_inserted(backend: Backend, store: Store) -> None:
    if backend.kind == "sqlite":
        pytest.skip("SQLite holds any text of any length")
    bad = [NewAction("Hangup", "c" * 21, ()), NewAction("A" * 51, "", ())]
    if backend.kind == "myisam":
        bad += [NewAction("Hangup", "", ("Channel: " + "x" * 100,)), NewAction("Hangup", "☎", ())]
    for action in bad:
        with pytest.raises(ActionInvalid, match="does not fit the column"):
            store.insert_many([hangup(), action])
    assert store.page().rows == []


def test_eleven_lines_do_not_fit_a_row(store: Store) -> None:
    with pytest.raises(ActionInvalid, match="11 header lines"):
        store.insert(NewAction("UserEvent", "", ("A: b",) * 11))


@pytest.mark.parametrize("status", [Status.NEW, Status.QUEUE, Status.SENT])
def test_a_row_that_has_not_rung_can_be_discarded(store: Store, token: int, status: Status) -> None:
    man_id = store.insert(hangup())
    if status is not Status.NEW:
        store.claim(token, 1)
    if status is Status.SENT:
        store.mark_sent(man_id, token)
    store.discard(man_id, actor="ann", expect=status)
    shown = store.timeline(man_id)
    assert shown.row.status is Status.DEAD
    assert shown.outcome is not None
    assert (shown.outcome.outcome, shown.outcome.message) == (Outcome.DISCARDED, "discarded by ann")
    assert (shown.journal[-1].event, shown.journal[-1].actor, shown.journal[-1].detail) == (
        "discarded", "ann", f"was {status}",
    )  # fmt: skip
    assert not store.mark_sent(man_id, token)


def test_a_discard_of_a_row_that_went_on_meanwhile_is_refused_and_leaves_no_outcome(store: Store, token: int) -> None:
    man_id = sent(store, token, hangup())
    with pytest.raises(Refused, match="is SENT by now, it was NEW"):
        store.discard(man_id, actor="ann", expect=Status.NEW)
    shown = store.timeline(man_id)
    assert shown.row.status is Status.SENT
    assert shown.outcome is None or shown.outcome.outcome is None


def test_rows_whose_call_is_up_or_over_are_not_discarded(store: Store, token: int) -> None:
    man_id = sent(store, token, originate())
    for status in (Status.UPDATED, Status.DEAD):
        store.apply([Transition(man_id, status)])
        with pytest.raises(Refused, match=f"is {status}"):
            store.discard(man_id, actor="ann")


def test_discarding_keeps_the_outcome_that_is_known(store: Store, token: int) -> None:
    man_id = sent(store, token, hangup())
    store.record([OutcomeRecord(man_id, Outcome.REFUSED, message="No such channel")], [])
    store.discard(man_id, actor="ann")
    known = store.outcomes([man_id])[man_id]
    assert (known.outcome, known.message) == (Outcome.REFUSED, "No such channel")


def test_discarding_settles_an_unknown_outcome(store: Store, token: int) -> None:
    man_id = sent(store, token, hangup())
    store.record([OutcomeRecord(man_id, Outcome.UNKNOWN, message="no answer")], [])
    store.discard(man_id, actor="ann")
    assert store.outcomes([man_id])[man_id].outcome is Outcome.DISCARDED


def test_a_retry_ends_the_old_row_and_links_its_copy(store: Store, token: int) -> None:
    action = NewAction("Originate", "V1", ("Channel: SIP/josé", "Exten: 1"))
    old = store.insert(action)
    new = store.retry(old, actor="ann")
    before, after = store.timeline(old), store.timeline(new)
    assert before.row.status is Status.DEAD
    assert (after.row.status, after.row.action, after.row.callerid) == (Status.NEW, "Originate", "V1")
    assert after.row.lines == before.row.lines
    assert (after.row.server_ip, after.row.channel, after.row.uniqueid, after.row.response) == (SERVER_IP, "", "", "N")
    assert (before.journal[-1].event, before.journal[-1].detail) == ("retried", f"as action {new}")
    assert (after.journal[-1].detail, after.journal[-1].actor) == (f"retry of action {old}", "ann")
    assert [row.man_id for row in store.claim(token, 5)] == [new]


def test_a_retry_of_what_may_have_been_carried_out_must_be_forced(store: Store, token: int) -> None:
    man_id = sent(store, token, hangup())
    with pytest.raises(Refused, match="may call twice"):
        store.retry(man_id, actor="ann")
    assert store.by_ids([man_id])[0].status is Status.SENT
    assert store.retry(man_id, actor="ann", force=True) > man_id
    assert store.by_ids([man_id])[0].status is Status.DEAD


def test_an_originate_that_was_accepted_must_be_forced_but_an_answered_hangup_need_not(
    store: Store, token: int
) -> None:
    called, hung = sent(store, token, originate()), sent(store, token, hangup())
    store.apply([Transition(called, answered=True), Transition(hung, answered=True)])
    with pytest.raises(Refused, match="may call twice"):
        store.retry(called, actor="ann")
    assert store.retry(hung, actor="ann")


def test_a_second_retry_must_be_forced(store: Store, token: int) -> None:
    man_id = sent(store, token, originate())
    store.apply([Transition(man_id, Status.DEAD)])
    store.record([OutcomeRecord(man_id, Outcome.BUSY)], [])
    first = store.retry(man_id, actor="ann")
    with pytest.raises(Refused, match=f"as action {first}"):
        store.retry(man_id, actor="bob")
    assert store.retry(man_id, actor="bob", force=True) > first


@pytest.mark.parametrize("ended", ["discarded", "gone"])
def test_a_written_row_that_ended_without_a_known_outcome_must_be_forced(store: Store, token: int, ended: str) -> None:
    man_id = sent(store, token, originate())
    if ended == "discarded":
        store.discard(man_id, actor="ann")
    else:
        store.apply([Transition(man_id, Status.DEAD)])
        store.record([OutcomeRecord(man_id, Outcome.UNKNOWN)], [])
    with pytest.raises(Refused, match="may call twice"):
        store.retry(man_id, actor="ann")
    assert store.retry(man_id, actor="ann", force=True) > man_id


def test_of_two_retries_at_one_time_the_second_sees_the_first(
    backend: Backend, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    man_id = store.insert(hangup())
    store.discard(man_id, actor="ann")
    shown = store.timeline(man_id)
    other = backend.store()
    assert other.retry(man_id, actor="bob") > man_id
    seen = iter([shown])
    monkeypatch.setattr(store, "timeline", lambda wanted: next(seen, None) or other.timeline(wanted))
    with pytest.raises(Refused, match="somebody else"):
        store.retry(man_id, actor="ann", force=True)


def test_a_retry_that_was_cut_short_is_seen(store: Store) -> None:
    man_id = store.insert(hangup())
    store.record([], [JournalEntry(man_id, "retrying", "intent 00", "ann")])
    with pytest.raises(Refused, match="was begun"):
        store.retry(man_id, actor="bob")


def test_another_servers_row_is_neither_discarded_nor_retried(backend: Backend, store: Store) -> None:
    theirs, blank = store.insert(hangup(), server_ip=OTHER_IP), store.insert(hangup(), server_ip="")
    for deed in (store.discard, store.retry):
        with pytest.raises(Refused, match=OTHER_IP):
            deed(theirs, actor="ann")
    with pytest.raises(Refused, match="blank"):
        store.discard(blank, actor="ann")
    backend.store(serve_blank=True).discard(blank, actor="ann")


def test_a_living_call_is_not_retried_even_by_force(store: Store, token: int) -> None:
    man_id = sent(store, token, originate())
    store.apply([Transition(man_id, Status.UPDATED, "SIP/1", "1.1")])
    with pytest.raises(Refused, match="its call is up"):
        store.retry(man_id, actor="ann", force=True)


def test_what_is_not_there_cannot_be_shown_retried_or_discarded(store: Store) -> None:
    for deed in (store.timeline, lambda m: store.retry(m, actor="a"), lambda m: store.discard(m, actor="a")):
        with pytest.raises(NotFound, match="no action 4711"):
            deed(4711)


def test_a_pause_is_seen_by_everybody_with_who_why_and_when(backend: Backend, store: Store) -> None:
    assert not store.control().paused
    store.pause(actor="ann", reason="carrier down")
    seen = backend.store(apart=True).control()
    assert (seen.paused, seen.actor, seen.reason) == (True, "ann", "carrier down")
    assert seen.at is not None
    assert abs(dt.datetime.now(dt.UTC) - seen.at) < dt.timedelta(seconds=10)
    assert not backend.store(OTHER_IP).control().paused
    store.resume(actor="bob")
    seen = store.control()
    assert (seen.paused, seen.actor, seen.reason) == (False, "bob", "")
    assert backend.sql("SELECT event, actor FROM acqs_journal ORDER BY id") == [("paused", "ann"), ("resumed", "bob")]
