"""The listener's memory is bounded by the calls that live, and what it drops is not missed."""

from __future__ import annotations

import dataclasses
import gc
import random
from collections.abc import Callable

import pytest

from acqs_core.action import Outcome, Status
from acqs_core.listener import channels
from acqs_core.listener.calls import Calls
from acqs_core.listener.rules import Change
from tests.unit.hearsay import V1, Box, originate, redirect

REMEMBERED = 50


def held(calls: Calls) -> int:
    """How many objects hang on a memory."""
    seen, edge = {id(calls)}, [calls]
    count = 0
    while edge:
        fresh = [one for one in gc.get_referents(*edge) if gc.is_tracked(one) and not isinstance(one, type)]
        edge = []
        for one in fresh:
            if id(one) not in seen:
                seen.add(id(one))
                edge.append(one)
                count += len(one) if isinstance(one, dict | list | set) else 1
    return count


def a_call_that_is_answered(box: Box, man_id: int) -> None:
    """Under a caller id that every other call has too."""
    action_id, uniqueid = f"acqs-{man_id}-0000", f"acqs-{man_id:010d}"
    box.calls.watch(originate(man_id, V1), action_id=action_id)
    box.channel(uniqueid, "Up", V1)
    box.answer(action_id, uniqueid)
    box.hangup(uniqueid)
    assert box.last.pop(man_id).outcome is Outcome.ANSWERED


def a_local_call_that_nobody_answers(box: Box, man_id: int) -> None:
    action_id, uniqueid = f"acqs-{man_id}-0000", f"acqs-{man_id:010d}"
    box.calls.watch(originate(man_id, f"V{man_id}"), action_id=action_id)
    box.channel(uniqueid, "Ringing", f"V{man_id}")
    box.channel(f"{uniqueid};2", "Ring", f"V{man_id}", linkedid=uniqueid)
    box.answer(action_id, uniqueid, reason=3)
    box.hangup(uniqueid, 19)
    box.hangup(f"{uniqueid};2", 19, linkedid=uniqueid)
    assert box.last.pop(man_id).outcome is Outcome.NO_ANSWER


def a_call_known_by_its_name(box: Box, man_id: int) -> None:
    box.calls.watch(originate(man_id, f"V{man_id}"), action_id=f"a{man_id}", with_channel_id=False)
    box.channel(f"10.{man_id}", "Ringing", f"V{man_id}")
    box.hangup(f"10.{man_id}", 17)
    assert box.last.pop(man_id).outcome is Outcome.BUSY


def a_row_that_asterisk_refused(box: Box, man_id: int) -> None:
    """`Response: Error` is the sender's to hear: nothing ever tells the listener."""
    box.calls.watch(originate(man_id, V1), action_id=f"acqs-{man_id}-0000")


def an_originate_that_failed_without_a_channel(box: Box, man_id: int) -> None:
    box.calls.watch(originate(man_id, V1), action_id=f"a{man_id}", with_channel_id=False)
    box.answer(f"a{man_id}", "<unknown>", reason=0)
    assert box.last.pop(man_id).status is Status.DEAD


def an_originate_that_failed_before_its_channel_was_heard(box: Box, man_id: int) -> None:
    box.calls.watch(originate(man_id, f"V{man_id}"), action_id=f"acqs-{man_id}-0000")
    box.answer(f"acqs-{man_id}-0000", f"acqs-{man_id:010d}", reason=3)
    box.channel(f"acqs-{man_id:010d}", "Ringing", f"V{man_id}")
    box.hangup(f"acqs-{man_id:010d}", 19)
    assert box.last.pop(man_id).outcome is Outcome.NO_ANSWER


def a_redirect_that_names_nobody_who_lives(box: Box, man_id: int) -> None:
    box.calls.watch(redirect(man_id, f"V{man_id}"), action_id=f"acqs-{man_id}-0000")


def a_strangers_call(box: Box, man_id: int) -> None:
    box.channel(f"10.{man_id}", "Up", f"Stranger {man_id}")
    box.answer(f"strange-{man_id}", f"10.{man_id}")
    box.hangup(f"10.{man_id}")
    box.calls.unknown_callers.clear()  # as the listener does when it has looked them up


def a_row_of_another_process_that_is_never_found(box: Box, man_id: int) -> None:
    box.channel(f"acqs-{man_id:010d}", "Up")
    box.answer(f"acqs-{man_id}-0000", f"acqs-{man_id:010d}")
    box.hangup(f"acqs-{man_id:010d}")
    box.calls.unknown_ids.clear()


def a_short_leg_of_a_long_call(box: Box, man_id: int) -> None:
    """As of an agent who stays on the line all day."""
    agent = "acqs-0000009999"
    if man_id == 1:
        box.calls.watch(originate(9999, V1), action_id="acqs-9999-0000")
        box.channel(agent, "Up", V1)
    box.channel(f"10.{man_id}", "Ringing", f"V{man_id}", linkedid=agent)
    box.hangup(f"10.{man_id}", linkedid=agent)
    assert box.shown(9999) == agent


KINDS = (
    a_call_that_is_answered,
    a_local_call_that_nobody_answers,
    a_call_known_by_its_name,
    a_row_that_asterisk_refused,
    an_originate_that_failed_without_a_channel,
    an_originate_that_failed_before_its_channel_was_heard,
    a_redirect_that_names_nobody_who_lives,
    a_strangers_call,
    a_row_of_another_process_that_is_never_found,
    a_short_leg_of_a_long_call,
)


@pytest.mark.parametrize("happens", KINDS, ids=lambda value: value.__name__)
def test_what_happens_often_leaves_no_more_behind_than_what_happened_a_few_times(
    happens: Callable[[Box, int], None],
) -> None:
    """A single object left behind by each call would more than double what is held."""
    box = Box(Calls(remembered=REMEMBERED))
    for man_id in range(1, 1_500):  # beyond LATE, after which rows that failed give up waiting for a channel
        happens(box, man_id)
    few = held(box.calls)
    for man_id in range(1_500, 3_000):
        happens(box, man_id)
    assert few > REMEMBERED
    assert held(box.calls) <= few * 1.2


AGENT = "acqs-0000000001"


def a_day_of_an_agent(box: Box, chance: random.Random) -> list[list[Change]]:
    """All that is decided of the agent's row, of its customers' and of one that redirects it; customers' legs come and
    go, through Local channels or not."""
    box.calls.watch(originate(1, V1), action_id="acqs-1-0000")
    told = [box.channel(AGENT, chance.choice(["Down", "Ringing", "Up"]), V1)]
    box.calls.watch(redirect(2, V1), action_id="acqs-2-0000")
    talking: list[list[str]] = []
    for number in range(chance.randrange(10, 60)):
        if number == 5:
            told.append(box.hangup(AGENT, chance.choice([0, 16]), AGENT) if chance.random() < 0.5 else [])
        legs = [f"10.{10 * number}", f"10.{10 * number + 1}"][: chance.choice([1, 2])]
        for half, uniqueid in enumerate(legs, 1):
            name = f"Local/{number}@x;{half}" if len(legs) == 2 else f"PJSIP/{number}"
            state = chance.choice(["Down", "Ringing", "Up"])
            headers = {"Channel": name, "ChannelStateDesc": state, "CallerIDName": chance.choice(["", V1])}
            told.append(box.say("Newstate", Uniqueid=uniqueid, Linkedid=AGENT, **headers))
        talking.append(legs)
        while len(talking) > chance.randrange(1, 4):
            cause = chance.choice([0, 16, 17, 19])
            told += [box.hangup(one, cause, AGENT) for one in talking.pop(chance.randrange(len(talking)))]
    told.append(box.answer("acqs-1-0000", AGENT, chance.choice([0, 4])))
    return told + [box.hangup(one, 17, AGENT) for legs in (*talking, [AGENT]) for one in legs]


def test_what_is_forgotten_of_a_long_call_changes_nothing_that_is_said_of_its_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(300):
        monkeypatch.setattr(channels, "LATEST", 1_000)
        whole = a_day_of_an_agent(Box(), random.Random(seed))
        monkeypatch.setattr(channels, "LATEST", 4)
        assert a_day_of_an_agent(Box(), random.Random(seed)) == whole, seed


def test_an_event_that_is_late_about_a_leg_of_a_long_call_does_not_raise_the_dead() -> None:
    box = Box()
    box.calls.watch(originate(1, V1), action_id="acqs-1-0000")
    box.channel(AGENT, "Up", V1)
    for number in range(500):
        box.channel(f"10.{number}", "Ringing", linkedid=AGENT)
        box.hangup(f"10.{number}", linkedid=AGENT)
        late = max(0, number - channels.LATEST + 1)
        box.say("NewCallerid", Uniqueid=f"10.{late}", Linkedid=AGENT, CallerIDName="Late")
    assert len(box.calls) == 1
    box.hangup(AGENT)
    assert box.status(1) is Status.DEAD


def test_rows_whose_calls_live_are_never_dropped_however_many_come_after() -> None:
    box = Box(Calls(remembered=REMEMBERED))
    living = range(1, 4 * REMEMBERED)
    for man_id in living:
        box.calls.watch(originate(man_id), action_id=f"acqs-{man_id}-0000")
        box.channel(f"acqs-{man_id:010d}", "Ringing")
    for man_id in range(1_000, 1_000 + 4 * REMEMBERED):
        a_call_that_is_answered(box, man_id)
    assert len(box.calls) == len(living)
    for man_id in living:
        (change,) = box.hangup(f"acqs-{man_id:010d}", 17)
        assert (change.man_id, change.status, change.outcome) == (man_id, Status.DEAD, Outcome.BUSY)


def test_a_row_that_was_dropped_before_it_was_heard_of_is_asked_for_when_it_is() -> None:
    box = Box(Calls(remembered=REMEMBERED))
    for man_id in range(1, 3 * REMEMBERED):
        a_row_that_asterisk_refused(box, man_id)
    box.answer("acqs-1-0000", "<unknown>", reason=5)
    assert box.last == {}
    assert box.calls.unknown_ids == {1}
    box.take(box.calls.found([originate(1, V1)]))
    assert (box.status(1), box.last[1].outcome) == (Status.DEAD, Outcome.BUSY)


def test_a_late_event_about_an_ended_call_that_is_still_remembered_brings_nothing_back() -> None:
    box = Box(Calls(remembered=REMEMBERED))
    a_call_that_is_answered(box, 1)
    for man_id in range(2, REMEMBERED):
        a_call_that_is_answered(box, man_id)
    assert (
        box.say(
            "NewCallerid",
            Uniqueid="acqs-0000000001",
            Linkedid="acqs-0000000001",
            CallerIDName="Late",
            Channel="PJSIP/acqs-0000000001",
        )
        == []
    )
    assert len(box.calls) == 0


def test_an_end_that_was_given_out_and_lost_is_given_out_again_as_it_was() -> None:
    box = Box()
    row = originate(7, V1)
    box.calls.watch(row, action_id="acqs-7-0000")
    box.channel("acqs-0000000007", "Ringing", V1)
    box.hangup("acqs-0000000007", 17)
    ended = box.last[7]
    assert (ended.status, ended.outcome) == (Status.DEAD, Outcome.BUSY)
    assert box.calls.lost([row]) == [ended]
    assert box.calls.gone(7) == [ended]
    assert box.calls.lost([dataclasses.replace(row, status=Status.DEAD)]) == []
    assert box.calls.lost([originate(7, "V2")]) == [], "another row, after the table was emptied"
