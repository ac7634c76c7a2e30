"""The lease: one holder for a role of a server, and a token that is never given twice."""

from __future__ import annotations

import threading

import pytest

from acqs_core.queue.lease import LATE
from acqs_core.queue.types import Grant
from tests.contract.backend import OTHER_IP, SERVER_IP, Backend


def test_a_free_lease_is_given_and_another_holder_gets_none(backend: Backend) -> None:
    leases = backend.leases()
    assert leases.acquire(SERVER_IP, "sender", "one", 60.0) is not None
    assert leases.acquire(SERVER_IP, "sender", "two", 60.0) is None


def test_roles_and_servers_have_leases_of_their_own(backend: Backend) -> None:
    leases = backend.leases()
    wanted = [(SERVER_IP, "sender", "a"), (SERVER_IP, "listener", "b"), (OTHER_IP, "sender", "c")]
    assert all(leases.acquire(ip, role, holder, 60.0) for ip, role, holder in wanted)  # type: ignore[arg-type]
    assert [(v.server_ip, v.role, v.holder) for v in leases.view()] == sorted(wanted)
    assert [v.holder for v in leases.view(OTHER_IP)] == ["c"]


def test_every_grant_has_a_higher_token_even_for_the_same_holder(backend: Backend) -> None:
    leases = backend.leases()
    tokens = []
    for holder in ("one", "one", "one"):
        grant = leases.acquire(SERVER_IP, "sender", holder, 60.0)
        assert grant is not None
        tokens.append(grant.token)
    assert tokens == sorted(set(tokens))


def test_an_expired_lease_may_be_taken_over_and_the_old_holder_is_told(backend: Backend) -> None:
    leases = backend.leases()
    old = leases.acquire(SERVER_IP, "sender", "one", -1.0)
    assert old is not None
    new = leases.acquire(SERVER_IP, "sender", "two", 60.0)
    assert new is not None
    assert new.token > old.token
    assert not leases.renew(old, 60.0)
    assert leases.renew(new, 60.0, "sending")
    assert leases.view()[0].state == "sending"


def test_a_lease_that_a_clock_set_back_would_keep_for_hours_may_be_taken_over(backend: Backend) -> None:
    leases = backend.leases()
    dead = leases.acquire(SERVER_IP, "sender", "one", 3600.0)
    assert dead is not None
    new = leases.acquire(SERVER_IP, "sender", "two", 4.0)
    assert new is not None
    assert new.token > dead.token
    assert not leases.renew(dead, 4.0)
    assert leases.acquire(SERVER_IP, "sender", "one", 4.0) is None


@pytest.mark.parametrize("ttl", [0.5, 4.0, 60.0])
def test_a_lease_that_is_renewed_is_not_taken_over_by_who_would_hold_it_for_less(backend: Backend, ttl: float) -> None:
    leases = backend.leases()
    held = leases.acquire(SERVER_IP, "sender", "one", 60.0)
    assert held is not None
    for _ in range(3):
        assert leases.acquire(SERVER_IP, "sender", "two", ttl) is None
        assert leases.renew(held, 60.0)


def test_an_expired_lease_that_nobody_took_can_still_be_renewed(backend: Backend) -> None:
    leases = backend.leases()
    grant = leases.acquire(SERVER_IP, "sender", "one", -1.0)
    assert grant is not None
    assert leases.renew(grant, 60.0)
    assert leases.acquire(SERVER_IP, "sender", "two", 60.0) is None


def test_a_released_lease_is_free_at_once_and_its_token_is_not_given_again(backend: Backend) -> None:
    leases = backend.leases()
    old = leases.acquire(SERVER_IP, "sender", "one", 60.0)
    assert old is not None
    leases.release(old)
    assert leases.view()[0].holder == ""
    new = leases.acquire(SERVER_IP, "sender", "two", 60.0)
    assert new is not None
    assert new.token > old.token
    assert not leases.renew(old, 60.0)


def test_releasing_a_lost_lease_does_not_take_it_from_its_new_holder(backend: Backend) -> None:
    leases = backend.leases()
    old = leases.acquire(SERVER_IP, "sender", "one", -1.0)
    new = leases.acquire(SERVER_IP, "sender", "two", 60.0)
    assert old is not None
    assert new is not None
    leases.release(old)
    assert leases.renew(new, 60.0)


def test_the_lease_shows_when_it_expires_in_utc(backend: Backend) -> None:
    import datetime as dt

    backend.leases().acquire(SERVER_IP, "sender", "one", 3600.0)
    expires_at = backend.leases().view()[0].expires_at
    assert expires_at is not None
    left = expires_at - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=59) < left < dt.timedelta(minutes=61)


@pytest.mark.parametrize(("ttl", "live"), [(60.0, True), (-1.0, True), (1 - LATE, True), (-1 - LATE, False)])
def test_a_holder_that_is_a_little_late_is_shown_as_alive(backend: Backend, ttl: float, live: bool) -> None:
    leases = backend.leases()
    grant = leases.acquire(SERVER_IP, "sender", "one", ttl)
    assert grant is not None
    assert [view.live for view in leases.view()] == [live]
    leases.release(grant)
    assert [view.live for view in leases.view()] == [False]


def test_of_many_that_ask_at_the_same_instant_exactly_one_gets_the_lease(backend: Backend) -> None:
    everybody = [backend.leases(apart=True) for _ in range(6)]
    start, granted = threading.Barrier(len(everybody)), []

    def ask(number: int) -> None:
        start.wait()
        grant = everybody[number].acquire(SERVER_IP, "sender", f"holder {number}", 60.0)
        granted.append(grant)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(everybody))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == len(everybody)
    holders: list[Grant] = [grant for grant in granted if grant is not None]
    assert len(holders) == 1
    assert backend.leases().view()[0].holder == holders[0].holder
