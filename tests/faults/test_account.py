"""The judge of the fault harness finds what is wrong: one that never does proves nothing."""

from __future__ import annotations

import pytest

from acqs_core.action import Row, Status
from tests.faults.account import account
from tests.faults.catalogue import Fault
from tests.faults.kills import Injection
from tests.faults.load import Tap
from tests.faults.proxy import Proxy
from tests.faults.report import Outcome
from tests.faults.stopping import STATEMENTS, WRITES, Stop


def rows(**of: Status) -> dict[int, Row]:
    return {int(name[1:]): Row(int(name[1:]), "Originate", "", (), status=status) for name, status in of.items()}


def test_rows_that_ended_after_one_call_or_are_shown_as_unknown_are_in_order() -> None:
    told = account(rows(r1=Status.DEAD, r2=Status.SENT, r3=Status.SENT), {2, 3}, {1: 1, 2: 1})
    assert (told.rows, told.settled, told.unknown, told.lost, told.twice) == (3, 1, 2, (), ())


def test_a_row_that_ended_without_a_call_is_lost_unless_it_was_never_to_be_sent() -> None:
    ended = rows(r1=Status.DEAD)
    assert len(account(ended, set(), {}).lost) == 1
    assert account(ended, set(), {}, never={1}).settled == 1
    assert len(account(ended, set(), {1: 1}, never={1}).lost) == 1


@pytest.mark.parametrize("status", [Status.NEW, Status.QUEUE, Status.SENT, Status.UPDATED])
def test_a_row_that_stays_on_its_way_and_is_not_shown_is_lost(status: Status) -> None:
    assert len(account(rows(r1=status), set(), {1: 1}).lost) == 1


@pytest.mark.parametrize("status", [Status.NEW, Status.QUEUE, Status.UPDATED])
def test_a_row_that_is_shown_as_unknown_and_was_not_marked_as_sent_is_lost(status: Status) -> None:
    assert len(account(rows(r1=status), {1}, {}).lost) == 1


def test_more_rows_in_doubt_than_the_fault_explains_are_told_as_wrong() -> None:
    told = account(rows(r1=Status.SENT, r2=Status.SENT), {1, 2}, {1: 1})
    fault = Fault("", "", "")
    assert not Outcome(fault, [Injection("innodb", told, doubtful=2)]).wrong
    assert Outcome(fault, [Injection("innodb", told, doubtful=1)]).wrong == [
        "innodb: 2 rows are in doubt, 1 at the most may be"
    ]


def test_an_action_that_is_no_call_is_over_when_it_is_answered_and_was_carried_out_once() -> None:
    answered = {1: Row(1, "UserEvent", "", (), status=Status.SENT, response="Y")}
    assert account(answered, set(), {1: 1}).settled == 1
    assert len(account(answered, set(), {}).lost) == 1
    assert account(answered, set(), {1: 2}).twice == (1,)
    assert len(account({1: Row(1, "UserEvent", "", (), status=Status.SENT)}, set(), {1: 1}).lost) == 1
    assert len(account({1: Row(1, "Originate", "", (), status=Status.SENT, response="Y")}, set(), {1: 1}).lost) == 1


def test_a_row_that_was_carried_out_again_was_sent_twice_whatever_became_of_it() -> None:
    told = account(rows(r1=Status.DEAD, r2=Status.SENT), {2}, {1: 2, 2: 2})
    assert (told.twice, told.settled, told.unknown, told.lost) == ((1, 2), 1, 1, ())


def test_what_goes_to_asterisk_is_counted_in_pieces_too_and_not_what_it_refused_unseen() -> None:
    proxy = Proxy(1)
    tap = Tap(proxy)
    written = b"Action: Originate\r\nActionID: acqs-7-beef\r\nChannel: Local/1\r\n\r\n"
    for piece in (written[:9], written[9:30], written[30:] + written[:5], written[5:]):
        proxy.up.on_bytes(1, piece)
    proxy.up.on_bytes(2, b"Action: Login\r\nActionID: acqs-login\r\n\r\n" + written.replace(b"-7-", b"-8-"))
    proxy.up.on_bytes(3, b"Action: Ping\r\nActionID: acqs-9-cafe\r\n\r\nAction: Ping\r\nActionID: acqs-a1-2\r\n\r\n")
    assert tap.written == {7: 2, 8: 1, 9: 1}
    proxy.down.on_bytes(
        1,
        b"Response: Error\r\nActionID: acqs-7-beef\r\nMessage: Asterisk is shutting down\r\n\r\nEvent: Hangup\r\n\r\n",
    )
    assert tap.written == {7: 1, 8: 1, 9: 1}


def test_a_stop_is_a_step_that_there_is() -> None:
    for step in (*STATEMENTS, *WRITES):
        assert str(Stop.parse(f"{step}:within:3")) == f"{step}:within:3:KILL"
    for unknown in ("dance:before:1", "claim:later:1", "claim:before:1:TERM"):
        with pytest.raises(ValueError, match="is no step"):
            Stop.parse(unknown)
