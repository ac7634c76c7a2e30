"""When to look, how fast to go, when to leave Asterisk alone, whose turn it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqs_core.errors import ConnectFailed
from acqs_core.sender.pacing import BUSY_FOR, BUSY_POLL, IDLE_POLL, Breaker, CallerIdOrder, Logins, Poll, Rate


def test_the_table_is_looked_at_often_for_a_while_after_a_row_came() -> None:
    poll = Poll()
    assert poll.delay(100.0) == IDLE_POLL
    poll.found(100.0)
    assert poll.delay(100.0) == BUSY_POLL
    assert poll.delay(100.0 + BUSY_FOR - 0.001) == BUSY_POLL
    assert poll.delay(100.0 + BUSY_FOR) == IDLE_POLL


@given(st.floats(0.1, 1000), st.lists(st.floats(0, 10), min_size=2, max_size=50))
def test_turns_are_never_closer_than_the_rate_allows_and_nobody_waits_for_no_reason(
    per_second: float, gaps: list[float]
) -> None:
    rate, now = Rate(per_second), 0.0
    used: list[float] = []
    for gap in gaps:
        now += gap
        wait = rate.take(now)
        due = used[-1] + 1 / per_second if used else now
        assert wait == pytest.approx(max(due, now) - now, abs=1e-6)
        used.append(now + wait)


def test_no_burst_is_saved_up_over_a_quiet_time() -> None:
    rate = Rate(10)
    rate.take(0.0)
    assert [round(rate.take(60.0), 6) for _ in range(3)] == [0.0, 0.1, 0.2]


def test_a_rate_of_nought_is_no_limit() -> None:
    rate = Rate(0)
    assert [rate.take(1.0) for _ in range(1000)] == [0.0] * 1000


def test_the_breaker_starts_open_and_may_probe_at_once() -> None:
    breaker = Breaker(lambda: 0.0)
    assert breaker.is_open
    assert breaker.reason == "not connected to Asterisk yet"
    assert breaker.probe_in(5.0) == 0.0


def test_a_breaker_waits_longer_with_every_failed_probe_and_begins_anew_after_a_login() -> None:
    breaker, now = Breaker(lambda: 0.0), 0.0
    waits = []
    for _ in range(3):
        breaker.failed(now, ConnectFailed("refused"))
        waits.append(breaker.probe_in(now))
        now += waits[-1]
    assert waits == [0.25, 0.5, 1]
    breaker.worked()
    assert not breaker.is_open
    breaker.failed(now, ConnectFailed("refused"))
    assert breaker.probe_in(now) == 0.25


def test_failures_of_one_outage_that_come_together_count_once() -> None:
    breaker = Breaker(lambda: 0.0)
    breaker.worked()
    for _ in range(20):
        breaker.failed(10.0, ConnectFailed("refused"))
    assert breaker.probe_in(10.0) == 0.25
    breaker.failed(10.25, ConnectFailed("still refused"))
    assert (breaker.probe_in(10.25), breaker.reason) == (0.5, "still refused")


def test_rows_of_one_caller_id_leave_one_after_another() -> None:
    order = CallerIdOrder()
    assert [order.enter("V1", man_id) for man_id in (1, 2, 3)] == [True, False, False]
    assert order.leave("V1", 1) == 2
    assert order.leave("V1", 2) == 3
    assert order.leave("V1", 3) is None
    assert len(order) == 0


def test_nobody_waits_for_another_caller_id_or_for_a_blank_one() -> None:
    order = CallerIdOrder()
    assert order.enter("V1", 1)
    assert order.enter("V2", 2)
    assert all(order.enter(blank, man_id) for man_id, blank in enumerate(("", "", "  ", "  "), 10))
    assert order.leave("", 10) is None
    assert len(order) == 2


def test_a_row_that_steps_out_of_the_middle_gives_nobody_a_turn() -> None:
    order = CallerIdOrder()
    for man_id in (1, 2, 3):
        order.enter("V1", man_id)
    assert order.leave("V1", 2) is None
    assert order.leave("V1", 2) is None
    assert order.leave("V1", 1) == 3


@given(st.lists(st.tuples(st.sampled_from(["", "A", "B"]), st.booleans()), max_size=60))
def test_however_rows_come_and_go_the_lowest_of_each_line_and_nobody_else_has_the_turn(
    steps: list[tuple[str, bool]],
) -> None:
    order = CallerIdOrder()
    standing: dict[str, list[int]] = {"A": [], "B": []}
    for man_id, (callerid, comes) in enumerate(steps):
        line = standing.get(callerid)
        if comes or not line:
            turn = order.enter(callerid, man_id)
            if line is not None:
                line.append(man_id)
            assert turn is (line is None or line == [man_id])
        else:
            leaver = line[man_id % len(line)]
            was_first = leaver == line[0]
            line.remove(leaver)
            assert order.leave(callerid, leaver) == (line[0] if was_first and line else None)
    assert len(order) == sum(1 for line in standing.values() if line)


async def test_a_login_that_is_turned_away_halves_how_many_log_in_at_a_time_and_success_brings_them_back() -> None:
    logins = Logins(8)
    logins.turned_away()
    assert logins.allowed == 4
    for _ in range(5):
        logins.turned_away()
    assert logins.allowed == 1
    async with logins.turn:
        assert logins.turn.locked()
    for _ in range(2 * Logins.RECOVERY):
        logins.worked()
    assert logins.allowed == 3
    async with logins.turn, logins.turn:
        assert not logins.turn.locked()
        async with logins.turn:
            assert logins.turn.locked()
    for _ in range(20 * Logins.RECOVERY):
        logins.worked()
    assert logins.allowed == 8
