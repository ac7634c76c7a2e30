"""kill -9 at any instruction: no action reaches Asterisk twice, and none is lost without being shown."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from pathlib import Path

from acqs_core.action import Status, call, channel_id
from tests.integration.conftest import one_kind_of_table
from tests.integration.headless import (
    Fleet,
    Headless,
    burst,
    calls_made,
    hung_up,
    until_reached,
    until_settled,
)  # fmt: skip
from tests.integration.stand import Stand
from tests.lab.recorder import Recorder

ACTIONS, KILLS, MORE = 200, 10, 40

TAKE_OVER = 5.0
"""Seconds after which another must hold the lease of one that was killed."""

RESPONSE_TIMEOUT = 2.0
"""Short, so that an unknown outcome is shown as one soon."""


@one_kind_of_table
async def test_ten_kills_in_a_burst_send_nothing_twice_and_lose_nothing(stand: Stand, tmp_path: Path) -> None:
    chance = random.Random(4)
    sender = {"linger": 0.2, "max_sessions": 8, "response_timeout": RESPONSE_TIMEOUT}
    with stand.asterisk.record() as recorder:
        async with Fleet(stand, tmp_path, sender=sender) as fleet:
            holder = await fleet.start()
            await holder.wait_ready()
            others = [await fleet.start() for _ in range(2)]
            for other in others:
                await other.said("sender: another engine")
            reached = asyncio.create_task(until_reached(recorder, 5))
            man_ids = burst(stand, [call("Local/631@default/n", exten="630")] * ACTIONS)
            await reached
            for _ in range(KILLS):
                holder = await _killed(fleet, holder, others)
                # However fast the last one was, there is a burst to be killed in.
                man_ids += burst(stand, [call("Local/631@default/n", exten="630")] * MORE)
                await until_reached(recorder, chance.randint(1, 8))
                await _the_dead_have_ended(stand, man_ids, recorder)
            rows, unknown = await until_settled(stand, man_ids, RESPONSE_TIMEOUT)
            code, listed = await fleet.ask("queue", "list", "--unknown", "--limit", "1000")
            assert (code, {row["man_id"] for row in listed}) == (0, unknown), "an operator is shown others"
            assert await holder.terminate() == 0
        recorder.settle()
        made = calls_made(recorder)
    assert max(made.values()) == 1, "an action reached Asterisk twice"
    for man_id, row in rows.items():
        assert made[man_id] == 1 or man_id in unknown, f"lost and not shown: {row}"
        assert row.status is not Status.DEAD or made[man_id] == 1, f"ended without a call: {row}"
    assert len(unknown) <= KILLS * 8, "more rows are in doubt than were being sent"


async def _killed(fleet: Fleet, holder: Headless, others: list[Headless]) -> Headless:
    """Kill the holder; one of those who stand by sends within 5 s, and another joins them."""
    killed = dt.datetime.now(dt.UTC)
    await holder.kill()
    others.append(await fleet.start())
    waiting = {asyncio.create_task(other.said("sender: lease of", 10)): other for other in others}
    done, late = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in late:
        task.cancel()
    first = done.pop()
    successor = waiting[first]
    others.remove(successor)
    took = (dt.datetime.fromisoformat(first.result()["time"]) - killed).total_seconds()
    assert took < TAKE_OVER, f"nobody sent for {took:.1f} s"
    return successor


async def _the_dead_have_ended(stand: Stand, man_ids: list[int], recorder: Recorder) -> None:
    """Whatever is DEAD by now has no channel that lives: the rows are read first, and a Hangup never comes undone."""
    rows = await asyncio.to_thread(stand.store.by_ids, man_ids)
    await asyncio.to_thread(recorder.settle)
    ended, made = hung_up(recorder), recorder.channels_created()
    for row in rows:
        for uniqueid in (channel_id(row.man_id), f"{channel_id(row.man_id)};2"):
            assert row.status is not Status.DEAD or uniqueid not in made or uniqueid in ended, f"DEAD, yet alive: {row}"
