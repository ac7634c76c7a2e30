"""What all that is known of a call makes of its row, rule by rule."""

from __future__ import annotations

import dataclasses

import pytest

from acqs_core.action import Outcome, Status
from acqs_core.listener.rules import Call, Leg, Link, judgement


def call(*legs: tuple[str, str, str], reason: int | None = None, succeeded: bool = False, gone: bool = False) -> Call:
    """A call that the Originate of row 1 made as channel "1.1". A leg is (uniqueid, name, what happened to it), as in
    "rang up ended:16"; legs end in the order in which they stand."""
    made = Call(1, True, "V1", "acqs-1-0000", "", 0, "1.1", reason=reason, succeeded=succeeded, gone=gone)
    link = Link("1.1", 1, owner=made)
    for number, (uniqueid, name, history) in enumerate(legs, 1):
        leg = link.legs[uniqueid] = Leg(uniqueid, link, name)
        for word in history.split():
            what, _, cause = word.partition(":")
            leg.rang |= what == "rang"
            leg.up |= what == "up"
            leg.ended |= what == "ended"
            leg.cause = int(cause or leg.cause or 0)
            leg.ended_at = number if leg.ended else 0
    made.links.append(link)
    return made


def status(made: Call) -> Status | None:
    change = judgement(made)
    return change.status if change else None


def shown(made: Call) -> str | None:
    change = judgement(made)
    return change.uniqueid if change else None


NEAR, FAR, PHONE = "Local/600@default-01;1", "Local/600@default-01;2", "PJSIP/ans-01"


@pytest.mark.parametrize(
    ("made", "is_now"),
    [
        (call(), None),
        (call(("1.1", PHONE, "")), None),
        (call(("1.1", PHONE, "rang")), Status.UPDATED),
        (call(("1.1", PHONE, "up")), Status.UPDATED),
        (call(succeeded=True, reason=4), None),
        (call(("1.1", PHONE, "ended")), Status.DEAD),
        (call(("1.1", NEAR, "rang ended"), ("1.2", FAR, "")), Status.UPDATED),
        (call(("1.1", NEAR, "rang ended"), ("1.2", FAR, "ended")), Status.DEAD),
        (call(reason=0), Status.DEAD),
        (call(("1.1", PHONE, ""), reason=0), None),
        (call(("1.1", PHONE, "rang"), reason=3), Status.UPDATED),
        (call(("1.1", PHONE, "up"), gone=True), Status.DEAD),
    ],
    ids=[
        "nothing known", "a silent channel", "it rings", "it is up", "succeeded, no channel heard of", "it ended",
        "one half lives", "both halves ended", "failed without a channel", "failed, but a channel lives",
        "failed, but a channel rings", "told that it is gone",
    ],
)  # fmt: skip
def test_a_row_is_updated_when_its_call_rings_and_dead_when_nothing_of_it_lives(
    made: Call, is_now: Status | None
) -> None:
    assert status(made) is is_now


def test_dead_never_comes_back_but_what_is_known_of_it_grows() -> None:
    made = call(reason=0)
    made.given = judgement(made)
    link = made.links[0]
    link.legs["1.1"] = Leg("1.1", link, PHONE, rang=True, cause=17)
    change = judgement(made)
    assert change is not None
    assert (change.status, change.uniqueid, change.outcome, change.cause) == (Status.DEAD, "1.1", Outcome.BUSY, 17)


@pytest.mark.parametrize(
    ("made", "uniqueid"),
    [
        (call(("1.1", PHONE, "ended")), ""),
        (call(("1.1", NEAR, "up"), ("1.3", PHONE, "rang")), "1.3"),
        (call(("1.1", NEAR, "up"), ("1.3", PHONE, "")), "1.1"),
        (call(("1.1", NEAR, "up"), ("1.3", PHONE, "rang ended")), "1.1"),
        (call(("1.1", NEAR, "up ended"), ("1.2", FAR, "ended"), ("1.3", PHONE, "rang ended")), "1.3"),
        (call(("1.3", PHONE, "up"), ("1.1", PHONE, "up")), "1.1"),
        (call(("1.1", NEAR, "rang"), ("1.3", PHONE, "rang"), ("1.4", PHONE, "up")), "1.4"),
        (call(("1.1", NEAR, "rang"), ("1.10", PHONE, "rang"), ("1.9", PHONE, "rang")), "1.9"),
        (call(("1.1", NEAR, "rang"), ("1.2", FAR, "up")), "1.1"),
        (call(("1.1", NEAR, "up ended"), ("1.2", FAR, "up")), "1.1"),
        (call(("1.1", NEAR, "up ended"), ("1.5", "Local/6@x-02;1", "up")), "1.5"),
        (call(("1.1", NEAR, "up ended"), ("1.5", "Local/6@x-02;1", "up ended")), "1.5"),
    ],
    ids=[
        "none that never rang", "a real one that rings before a Local one that is up", "but not before it rings",
        "the Local one again when the real one ended first", "the real one when all ended", "the one that was called",
        "one that answered before one that rings", "the older of two", "the near half of a Local",
        "the near half though the far one lives an instant longer", "what a Local that was optimised away led to",
        "and it is not come back to",
    ],
)  # fmt: skip
def test_a_row_shows_the_best_channel_that_lives_else_the_best_there_was(made: Call, uniqueid: str) -> None:
    assert shown(made) == uniqueid


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (call(("1.1", PHONE, "up ended:16")), Outcome.ANSWERED),
        (call(("1.1", PHONE, "ended:16"), reason=4, succeeded=True), Outcome.ANSWERED),
        (call(("1.1", NEAR, "rang ended:0"), ("1.2", FAR, "up ended:17")), Outcome.BUSY),
        (call(("1.3", PHONE, "up ended:16")), Outcome.ANSWERED),
        (call(("1.1", PHONE, "ended:16"), reason=3), Outcome.NO_ANSWER),
        (call(("1.1", PHONE, "ended:16"), reason=5), Outcome.BUSY),
        (call(("1.1", PHONE, "ended:17"), reason=8), Outcome.CONGESTION),
        (call(("1.1", PHONE, "ended:17"), reason=0), Outcome.BUSY),
        (call(("1.1", PHONE, "ended:19")), Outcome.NO_ANSWER),
        (call(("1.1", PHONE, "ended:34")), Outcome.CONGESTION),
        (call(("1.1", PHONE, "ended:1"), reason=0), Outcome.FAILED),
        (call(("1.1", PHONE, "ended:16")), Outcome.FAILED),
        (call(reason=0), Outcome.FAILED),
        (call(gone=True), Outcome.UNKNOWN),
        (call(("1.1", PHONE, "rang ended:17"), gone=True), Outcome.BUSY),
        (call(gone=True, reason=3), Outcome.NO_ANSWER),
    ],
    ids=[
        "it was up", "OriginateResponse says so", "only the far half was up", "nothing known of the one called",
        "Reason 3", "Reason 5", "Reason before cause", "cause where Reason is 0", "cause 19", "cause 34", "cause 1",
        "hung up before it was up", "no channel, Reason 0", "gone without a trace", "gone, but the cause is known",
        "gone, but the Reason is known",
    ],
)  # fmt: skip
def test_the_outcome_is_told_by_the_answer_then_the_reason_then_the_cause(made: Call, outcome: Outcome) -> None:
    change = judgement(made)
    assert change is not None
    assert change.outcome is outcome


def test_a_call_that_rings_has_no_outcome_and_one_that_is_up_has() -> None:
    ringing, up = judgement(call(("1.1", PHONE, "rang"))), judgement(call(("1.1", PHONE, "up")))
    assert ringing is not None
    assert up is not None
    assert (ringing.outcome, ringing.cause) == (None, None)
    assert (up.outcome, up.cause) == (Outcome.ANSWERED, None)


def test_the_cause_is_that_of_the_best_channel_that_gives_one() -> None:
    change = judgement(call(("1.1", NEAR, "ended:0"), ("1.2", FAR, "ended:34"), ("1.3", PHONE, "ended:17")))
    assert change is not None
    assert change.cause == 17
    assert (change.uniqueid, change.leg_uniqueid, change.leg_channel) == ("", "1.3", PHONE)


def test_uniqueids_with_a_systemname_are_put_in_order_of_birth_too() -> None:
    made = call(("box-1795456359.104", PHONE, "rang"), ("box-1795456359.99", PHONE, "rang"))
    assert shown(made) == "box-1795456359.99"


def test_a_redirect_is_answered_when_any_channel_of_its_call_is_up() -> None:
    made = dataclasses.replace(call(("1.1", NEAR, ""), ("1.3", PHONE, "up")), originates=False, made="")
    change = judgement(made)
    assert change is not None
    assert change.outcome is Outcome.ANSWERED
