"""Many at once, on real connections: claimers, a stale claimer, pauses and discards, at full speed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from acqs_core.action import Status
from acqs_core.errors import QueueError, Refused
from acqs_core.queue.store import Store
from tests.contract.backend import SERVER_IP, Backend, hangup, statuses

ROWS = 60


def together(*works: Callable[[], None]) -> None:
    """Run all of them at the same instant; the first failure is raised here."""
    start, failures = threading.Barrier(len(works)), []

    def guarded(work: Callable[[], None]) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Sender:
    """Claims and marks until nothing is NEW, remembering what it was allowed to write."""

    def __init__(self, store: Store, token: int, batch: int = 7) -> None:
        self.store, self.token, self.batch = store, token, batch
        self.claimed: list[int] = []
        self.wrote: list[int] = []
        self.under_way = threading.Event()

    def run(self) -> None:
        while rows := self.store.claim(self.token, self.batch):
            for row in rows:
                self.claimed.append(row.man_id)
                if self.store.mark_sent(row.man_id, self.token):
                    self.wrote.append(row.man_id)
                if len(self.wrote) >= 10:
                    self.under_way.set()


def test_two_claimers_with_one_token_never_overlap(backend: Backend) -> None:
    store, token = backend.store(), backend.grant().token
    man_ids = store.insert_many([hangup() for _ in range(ROWS)])
    senders = [Sender(store, token), Sender(store, token)]
    together(*(sender.run for sender in senders))
    everything = [man_id for sender in senders for man_id in sender.claimed]
    assert sorted(everything) == man_ids
    assert sorted(man_id for sender in senders for man_id in sender.wrote) == man_ids


def test_claimers_in_programs_of_their_own_never_write_a_row_twice(backend: Backend) -> None:
    """Two programs that believe in the same token, which must not be: still no row is written twice."""
    token = backend.grant().token
    man_ids = backend.store().insert_many([hangup() for _ in range(ROWS)])
    senders = [Sender(backend.store(apart=True), token) for _ in range(2)]

    def insist(sender: Sender) -> Callable[[], None]:
        def work() -> None:
            while True:
                try:
                    return sender.run()
                except QueueError:
                    sender.store.release_queue(token)

        return work

    together(*(insist(sender) for sender in senders))
    wrote = Counter(man_id for sender in senders for man_id in sender.wrote)
    assert max(wrote.values()) == 1
    assert set(wrote) == {man_id for man_id, status in statuses(backend).items() if status is Status.SENT}
    assert set(statuses(backend)) == set(man_ids)


def test_a_take_over_under_load_loses_nothing_and_sends_nothing_twice(backend: Backend) -> None:
    leases = backend.leases(apart=True)
    man_ids = backend.store().insert_many([hangup() for _ in range(3 * ROWS)])
    holders: list[Sender] = []
    threads: list[threading.Thread] = []
    for number in range(5):
        # Expired at once: the next one takes over while this one is still at work and believes in its token.
        grant = leases.acquire(SERVER_IP, "sender", f"holder {number}", -1.0)
        assert grant is not None
        holder = Sender(backend.store(apart=True), grant.token, batch=3)
        holder.store.release_queue(grant.token)
        threads.append(threading.Thread(target=holder.run))
        threads[-1].start()
        assert holder.under_way.wait(30.0)
        holders.append(holder)
    for thread in threads:
        thread.join()
    last = holders[-1]
    last.store.release_queue(last.token)
    last.run()
    wrote = [man_id for holder in holders for man_id in holder.wrote]
    assert Counter(wrote) == Counter(man_ids)
    assert set(statuses(backend).values()) == {Status.SENT}


def test_a_pause_in_mid_flight_stops_everything_at_once(backend: Backend) -> None:
    store, token = backend.store(), backend.grant().token
    many = 2000  # more than can be sent before the pause comes
    store.insert_many([hangup() for _ in range(many)])
    sender, operator = Sender(backend.store(apart=True), token, batch=3), backend.store(apart=True)
    written_after: list[int] = []

    def pause() -> None:
        sender.under_way.wait()
        operator.pause(actor="ann", reason="")
        # From the instant that pause has returned, no row may become SENT.
        already = {man_id for man_id, status in statuses(backend).items() if status is Status.SENT}
        running.join()
        now = {man_id for man_id, status in statuses(backend).items() if status is Status.SENT}
        written_after.extend(now - already)

    running = threading.Thread(target=sender.run)
    running.start()
    together(pause)
    assert written_after == []
    assert 10 <= len(sender.wrote) < many
    left = statuses(backend)
    assert Status.NEW in left.values()
    assert {man_id for man_id, status in left.items() if status is Status.SENT} == set(sender.wrote)


def test_a_discard_and_a_claim_never_both_have_a_row(backend: Backend) -> None:
    store, token = backend.store(), backend.grant().token
    man_ids = store.insert_many([hangup() for _ in range(3 * ROWS)])
    sender, operator = Sender(backend.store(apart=True), token), backend.store(apart=True)
    discarded: list[int] = []

    def discard() -> None:
        sender.under_way.wait()
        for man_id in reversed(man_ids):
            try:
                operator.discard(man_id, actor="ann", expect=Status.NEW)
            except Refused:
                continue
            discarded.append(man_id)

    together(sender.run, discard)
    assert Counter(sender.wrote + discarded) == Counter(man_ids)
    assert discarded
    assert sender.wrote
    dead = {man_id for man_id, status in statuses(backend).items() if status is Status.DEAD}
    assert dead == set(discarded)
    outcomes = store.outcomes(man_ids)
    assert {man_id for man_id, known in outcomes.items() if known.outcome} == dead


def test_producers_inserting_under_load_lose_no_row(backend: Backend) -> None:
    store, token = backend.store(serve_blank=True), backend.grant().token
    inserted: list[int] = []
    sender = Sender(store, token, batch=5)

    def produce(server_ip: str) -> Callable[[], None]:
        producer = backend.store(apart=True)

        def work() -> None:
            for _ in range(40):
                inserted.append(producer.insert(hangup(), server_ip=server_ip))

        return work

    def send() -> None:
        while len(sender.wrote) < 80:
            sender.run()

    together(produce(SERVER_IP), produce(""), send)
    assert sorted(sender.wrote) == sorted(inserted)
