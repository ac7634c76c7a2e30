"""How long an Asterisk is left alone, by what was wrong with the last try."""

from __future__ import annotations

import pytest

from acqs_core import errors
from acqs_core.ami.backoff import STEPS, Backoff, kind_of
from acqs_core.ami.session import NotWritten
from acqs_core.errors import (
    AlreadyInUse,
    AmiError,
    ConnectFailed,
    LoginRefused,
    NoBanner,
    ResponseTimeout,
    SessionLost,
    ShuttingDown,
    TlsFailed,
)


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (ConnectFailed, [0.25, 0.5, 1, 2, 4, 8, 15, 15]),
        (SessionLost, [0.25, 0.5, 1, 2, 4, 8, 15, 15]),
        (NoBanner, [0.5, 1, 2, 4, 5, 5]),
        (ShuttingDown, [0.25, 0.5, 1, 2, 4, 5, 5]),
        (AlreadyInUse, [0.5, 1, 2, 4, 5, 5]),
        (TlsFailed, [5, 10, 20, 40, 60, 60]),
        (LoginRefused, [30, 60, 120, 240, 300, 300]),
    ],
)
def test_each_kind_of_trouble_has_waits_of_its_own_that_double_up_to_its_longest(
    error: type[AmiError], waits: list[float]
) -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.after(error("")) for _ in waits] == waits


def test_trouble_of_another_kind_begins_with_its_own_first_wait() -> None:
    backoff = Backoff(lambda: 0.0)
    told = [ConnectFailed, ConnectFailed, SessionLost, NoBanner, LoginRefused, ConnectFailed]
    assert [backoff.after(error("")) for error in told] == [0.25, 0.5, 1, 0.5, 30, 0.25]


def test_after_a_login_the_next_failure_is_a_first_one() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.after(NoBanner("")), backoff.after(NoBanner(""))] == [0.5, 1]
    backoff.worked()
    assert backoff.after(NoBanner("")) == 0.5


def test_chance_shortens_a_wait_by_up_to_half() -> None:
    chances = iter([0.0, 0.5, 1.0])
    backoff, waits = Backoff(lambda: next(chances)), []
    for _ in range(3):
        waits.append(backoff.after(ConnectFailed("")))
        backoff.worked()
    assert waits == [0.25, 0.1875, 0.125]


def test_every_error_of_the_wire_has_a_wait() -> None:
    found = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AmiError)}
    assert {kind_of(kind("")) for kind in {*found, NotWritten, ResponseTimeout}} == set(STEPS)
