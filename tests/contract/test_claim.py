"""NEW → QUEUE and back, and QUEUE → SENT: the steps on which "at most once" rests."""

from __future__ import annotations

import pytest

from acqs_core.action import Outcome, Status
from acqs_core.queue.store import Store
from tests.contract.backend import OTHER_IP, SERVER_IP, Backend, hangup, originate, sent, statuses


def test_rows_are_claimed_lowest_first_and_only_as_many_as_asked_for(
    backend: Backend, store: Store, token: int
) -> None:
    man_ids = store.insert_many([hangup(str(number)) for number in range(5)])
    claimed = store.claim(token, 3)
    assert [row.man_id for row in claimed] == man_ids[:3]
    assert {row.status for row in claimed} == {Status.QUEUE}
    assert claimed[0].lines[0] == "Channel: PJSIP/100-00000001"
    assert [row.man_id for row in store.claim(token, 3)] == man_ids[3:]
    assert store.claim(token, 3) == []
    assert set(statuses(backend).values()) == {Status.QUEUE}


def test_rows_that_come_after_a_claim_saw_the_end_are_claimed_in_order(store: Store, token: int) -> None:
    man_ids = store.insert_many([hangup(str(number)) for number in range(11)])
    for start in (0, 5, 10):
        assert [row.man_id for row in store.claim(token, 5)] == man_ids[start : start + 5]
    later = store.insert_many([hangup(str(number)) for number in range(130)])
    for start in range(0, 130, 5):
        assert [row.man_id for row in store.claim(token, 5)] == later[start : start + 5]


def test_rows_of_other_servers_are_left_alone(backend: Backend, store: Store, token: int) -> None:
    other = store.insert(hangup(), server_ip=OTHER_IP)
    blank = store.insert(hangup(), server_ip="")
    own = store.insert(hangup())
    assert [row.man_id for row in store.claim(token, 10)] == [own]
    assert statuses(backend)[other] == statuses(backend)[blank] == Status.NEW


def test_a_blank_row_is_claimed_in_its_turn_and_gets_our_server_ip(backend: Backend, token: int) -> None:
    serving = backend.store(serve_blank=True)
    man_ids = [serving.insert(hangup(), server_ip=ip) for ip in ("", SERVER_IP, "", SERVER_IP, "")]
    claimed = serving.claim(token, 3)
    assert [row.man_id for row in claimed] == man_ids[:3]
    assert {row.server_ip for row in claimed} == {SERVER_IP}
    assert [row.man_id for row in serving.claim(token, 10)] == man_ids[3:]
    assert {row.server_ip for row in serving.by_ids(man_ids)} == {SERVER_IP}


def test_a_blank_row_that_was_released_is_claimed_again(backend: Backend, token: int) -> None:
    serving = backend.store(serve_blank=True)
    man_id = serving.insert(hangup(), server_ip="")
    serving.claim(token, 1)
    assert serving.release_queue(token) == [man_id]
    assert [row.man_id for row in serving.claim(token, 1)] == [man_id]


def test_an_old_token_claims_marks_unsends_and_rejects_nothing(backend: Backend, store: Store) -> None:
    old = backend.grant(holder="one")
    marked = sent(store, old.token, hangup())
    queued, fresh = store.insert_many([hangup(), hangup()])
    assert [row.man_id for row in store.claim(old.token, 1)] == [queued]
    backend.leases().release(old)
    new = backend.grant(holder="two")
    assert new.token > old.token
    assert store.claim(old.token, 10) == []
    assert not store.mark_sent(queued, old.token)
    assert not store.unsend(marked, old.token)
    assert not store.reject(queued, old.token, Outcome.INVALID, "late")
    assert store.release_queue(old.token) == []
    store.requeue([queued], old.token)
    assert statuses(backend) == {marked: Status.SENT, queued: Status.QUEUE, fresh: Status.NEW}
    assert store.outcomes([queued]).get(queued) is None or store.outcomes([queued])[queued].outcome is None


def test_without_any_lease_nothing_is_claimed(store: Store) -> None:
    store.insert(hangup())
    assert store.claim(1, 10) == []


def test_a_pause_stops_claims_and_sent_and_a_resume_lets_them_go_on(backend: Backend, store: Store, token: int) -> None:
    first, second = store.insert_many([hangup(), hangup()])
    store.claim(token, 1)
    store.pause(actor="op", reason="lunch")
    assert store.claim(token, 1) == []
    assert not store.mark_sent(first, token)
    assert statuses(backend) == {first: Status.QUEUE, second: Status.NEW}
    store.requeue([first], token)
    store.resume(actor="op")
    assert [row.man_id for row in store.claim(token, 5)] == [first, second]
    assert store.mark_sent(first, token)


def test_a_pause_of_another_server_changes_nothing_here(backend: Backend, store: Store, token: int) -> None:
    backend.store(OTHER_IP).pause(actor="op", reason="")
    man_id = store.insert(hangup())
    assert [row.man_id for row in store.claim(token, 1)] == [man_id]


def test_sent_is_said_once(store: Store, token: int) -> None:
    man_id = store.insert(hangup())
    assert not store.mark_sent(man_id, token), "a NEW row must be claimed first"
    store.claim(token, 1)
    assert store.mark_sent(man_id, token)
    assert not store.mark_sent(man_id, token)


def test_the_row_of_another_server_cannot_be_marked_sent(backend: Backend, store: Store, token: int) -> None:
    other = backend.store(OTHER_IP)
    grant = backend.grant(OTHER_IP)
    man_id = other.insert(hangup())
    other.claim(grant.token, 1)
    assert not store.mark_sent(man_id, token)
    assert other.mark_sent(man_id, grant.token)


def test_a_row_that_was_never_written_goes_back_and_is_claimed_again(store: Store, token: int) -> None:
    man_id = sent(store, token, hangup())
    later = store.insert(hangup())
    assert store.unsend(man_id, token)
    assert [row.man_id for row in store.claim(token, 5)] == [man_id, later]


def test_a_response_that_a_producer_wrote_is_no_answer(backend: Backend, store: Store, token: int) -> None:
    man_id = store.insert(hangup())
    backend.sql(f"UPDATE vicidial_manager SET response = 'Y' WHERE man_id = {man_id:d}")
    store.claim(token, 1)
    assert store.mark_sent(man_id, token)
    assert store.by_ids([man_id])[0].response == "N"
    assert store.unsend(man_id, token)
    assert backend.status(man_id) == "NEW"


def test_an_answered_row_is_never_unsent(backend: Backend, store: Store, token: int) -> None:
    from acqs_core.queue.types import Transition

    man_id = sent(store, token, hangup())
    store.apply([Transition(man_id, answered=True)])
    assert not store.unsend(man_id, token)
    assert backend.status(man_id) == "SENT"


def test_release_puts_back_every_queue_row_but_those_in_hand(backend: Backend, store: Store, token: int) -> None:
    man_ids = store.insert_many([hangup() for _ in range(4)])
    store.claim(token, 4)
    store.mark_sent(man_ids[0], token)
    assert store.release_queue(token, keep=[man_ids[1]]) == man_ids[2:]
    assert list(statuses(backend).values()) == [Status.SENT, Status.QUEUE, Status.NEW, Status.NEW]


def test_requeued_rows_are_claimed_before_later_ones(store: Store, token: int) -> None:
    man_ids = store.insert_many([hangup() for _ in range(6)])
    store.claim(token, 4)
    store.requeue(man_ids[1:3], token)
    assert [row.man_id for row in store.claim(token, 3)] == [man_ids[1], man_ids[2], man_ids[4]]


def test_a_discarded_row_is_not_claimed(store: Store, token: int) -> None:
    first, second = store.insert_many([hangup(), hangup()])
    store.discard(first, actor="op")
    assert [row.man_id for row in store.claim(token, 5)] == [second]


def test_a_large_claim_takes_every_row_once(store: Store, token: int) -> None:
    man_ids = store.insert_many([hangup() for _ in range(1203)])
    claimed = [row.man_id for row in store.claim(token, 1100)] + [row.man_id for row in store.claim(token, 1100)]
    assert claimed == man_ids
    assert store.release_queue(token) == man_ids


def test_a_backlog_interleaved_with_other_servers_rows_is_claimed_in_order(store: Store, token: int) -> None:
    ours = []
    for number in range(120):
        store.insert_many([hangup() for _ in range(7)], server_ip=OTHER_IP)
        ours += store.insert_many([hangup() for _ in range(1 + number % 3)])
    claimed: list[int] = []
    while rows := store.claim(token, 5):
        claimed += [row.man_id for row in rows]
    assert claimed == ours


def test_rows_that_appear_below_a_backlogs_mark_are_found(backend: Backend, store: Store, token: int) -> None:
    man_ids = store.insert_many([hangup() for _ in range(60)])
    assert [row.man_id for row in store.claim(token, 10)] == man_ids[:10]
    # Somebody else, an operator with a client say, makes an early row NEW again.
    backend.sql("UPDATE vicidial_manager SET status = 'NEW' WHERE man_id = ?", man_ids[3])
    claimed: list[int] = []
    while rows := store.claim(token, 10):
        claimed += [row.man_id for row in rows]
    assert sorted(claimed) == [man_ids[3], *man_ids[10:]]


def test_reject_ends_a_queue_row_with_its_outcome_and_a_line_in_the_journal(store: Store, token: int) -> None:
    man_id = store.insert(hangup())
    store.claim(token, 1)
    assert store.reject(man_id, token, Outcome.NOT_ALLOWED, "Hangup is not allowed here")
    shown = store.timeline(man_id)
    assert shown.row.status is Status.DEAD
    assert shown.outcome is not None
    assert (shown.outcome.outcome, shown.outcome.message) == (Outcome.NOT_ALLOWED, "Hangup is not allowed here")
    assert shown.outcome.ended_at is not None
    assert [entry.event for entry in shown.journal] == ["inserted", "rejected"]
    assert not store.reject(man_id, token, Outcome.INVALID, "again")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_claim_of_nothing_touches_nothing(store: Store, token: int, limit: int) -> None:
    store.insert(hangup())
    assert store.claim(token, limit) == []


def test_the_dead_call_check_finds_exact_caller_ids_of_this_server_only(
    backend: Backend, store: Store, token: int
) -> None:
    for callerid in ("V1", "v2 ", "M3"):
        man_id = sent(store, token, originate(callerid))
        backend.sql("UPDATE vicidial_manager SET status = 'DEAD' WHERE man_id = ?", man_id)
    store.insert(originate("LIVE"))
    store.insert(originate("OTHER"), server_ip=OTHER_IP)
    backend.sql("UPDATE vicidial_manager SET status = 'DEAD' WHERE callerid = 'OTHER'")
    asked = ["V1", "v1", "V2", "v2", "v2 ", "M3", "LIVE", "OTHER", "", "   ", "josé", "x" * 21, "☎"]
    assert store.dead_callerids(asked) == {"V1", "v2 ", "M3"}
    assert store.dead_callerids([]) == set()


def test_a_discarded_hangup_does_not_make_its_retry_a_dead_call(store: Store, token: int) -> None:
    man_id = sent(store, token, hangup("V7"))
    store.retry(man_id, actor="op", force=True)
    assert store.dead_callerids(["V7"]) == set()
    call = sent_originate = store.insert(originate("V8"))
    store.discard(call, actor="op")
    assert store.dead_callerids(["V8"]) == {"V8"}, f"the call {sent_originate} itself is over"


def test_unanswered_rows_with_a_caller_id_are_remembered_in_order(store: Store, token: int) -> None:
    from acqs_core.queue.types import Transition

    first = sent(store, token, hangup("V1"))
    answered = sent(store, token, hangup("V1"))
    sent(store, token, hangup(""))
    last = sent(store, token, originate("V1"))
    store.insert(hangup("V1"))
    store.apply([Transition(answered, answered=True)])
    assert [row.man_id for row in store.unanswered_callerids()] == [first, last]
