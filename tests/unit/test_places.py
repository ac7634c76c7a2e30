"""A full house: who lingers makes room, whoever comes first."""

from __future__ import annotations

import asyncio

from acqs_core.action import Row, compose
from acqs_core.sender.child import Child
from acqs_core.sender.places import COMPANY, LOAD, Places


def _child(man_id: int) -> Child:
    row = Row(man_id, "Ping", "", ())
    return Child(row, compose(row, nonce="0000", with_channel_id=True), token=1)


async def test_the_longest_lingering_child_is_asked_to_leave_for_one_that_needs_a_place() -> None:
    places = Places(2)
    first, second = _child(1), _child(2)
    for child in (first, second):
        await places.take()
        places.lingers(child)
    coming = asyncio.create_task(places.take())
    await first.may_leave.wait()
    assert not second.may_leave.is_set()
    places.give()
    await coming


async def test_a_child_that_begins_to_linger_while_others_wait_leaves_at_once() -> None:
    places = Places(1)
    await places.take()
    waiting = asyncio.create_task(places.take())
    await asyncio.sleep(0)  # it has come to a full house in which nobody lingers yet
    busy = _child(1)
    assert not waiting.done()
    places.lingers(busy)
    assert busy.may_leave.is_set()
    places.leaves(busy)
    places.give()
    await waiting


async def test_nobody_is_sent_away_while_there_is_room() -> None:
    places = Places(2)
    await places.take()
    lingering = _child(1)
    places.lingers(lingering)
    await places.take()
    assert not lingering.may_leave.is_set()
    assert places.lingering == 1


async def test_in_a_burst_few_go_on_lingering_and_those_who_came_last_are_they() -> None:
    places = Places(100)
    for _ in range(LOAD + 1):
        await places.take()  # under way, not answered yet
    children = []
    for man_id in range(COMPANY + 3):
        await places.take()
        children.append(_child(man_id))
        places.lingers(children[-1])
    assert [child.may_leave.is_set() for child in children] == [True] * 3 + [False] * COMPANY


async def test_at_a_calm_rate_everybody_lingers() -> None:
    places = Places(100)
    children = [_child(man_id) for man_id in range(COMPANY * 5)]
    for child in children:
        await places.take()
        places.lingers(child)
    assert not any(child.may_leave.is_set() for child in children)
    assert places.lingering == len(children)
