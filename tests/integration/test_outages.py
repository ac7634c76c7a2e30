"""The database and Asterisk go and come back under load: nothing is sent twice, and what waited goes out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acqs_core.action import Outcome, Status, call, hangup
from acqs_core.engine import Engine
from tests.integration.headless import Fleet, burst, calls_made, until_reached, until_settled
from tests.integration.stand import Stand, outcome_of

RESPONSE_TIMEOUT = 2.0

SENDER = {"max_sessions": 20, "max_per_second": 60, "response_timeout": RESPONSE_TIMEOUT}

ACTIONS = 150

FROZEN = 3.0
"""Seconds that a database stands still: longer than our statements wait for it."""


@pytest.mark.parametrize("outage", ["crash", "restart", "standstill"])
async def test_after_an_outage_of_the_database_the_backlog_goes_out_once(
    stand: Stand, tmp_path: Path, outage: str
) -> None:
    server = stand.server
    with stand.asterisk.record() as recorder:
        async with Fleet(stand, tmp_path, sender=SENDER) as fleet:
            engine = await fleet.start()
            await engine.wait_ready()
            reached = asyncio.create_task(until_reached(recorder, 30))
            man_ids = burst(stand, [call("Local/631@default/n", exten="630")] * ACTIONS)
            await reached
            if outage == "standstill":
                server.freeze()
                await asyncio.sleep(FROZEN)
                server.thaw()
            else:
                await asyncio.to_thread(server.kill if outage == "crash" else server.stop)
                await engine.said("no rows can be claimed")
                await asyncio.to_thread(server.start)
            rows, unknown = await until_settled(stand, man_ids, RESPONSE_TIMEOUT)
            assert await engine.terminate() == 0
        await asyncio.to_thread(recorder.settle)
        made = calls_made(recorder)
    assert len(rows) == ACTIONS
    assert max(made.values()) == 1, "an action reached Asterisk twice"
    assert all(made[man_id] == 1 or man_id in unknown for man_id in man_ids), "an action was lost"
    assert len(unknown) <= SENDER["max_sessions"]


async def test_an_engine_that_loses_its_database_still_ends_when_told_to(stand: Stand, tmp_path: Path) -> None:
    async with Fleet(stand, tmp_path) as fleet:
        engine = await fleet.start()
        await engine.wait_ready()
        await asyncio.to_thread(stand.server.kill)
        try:
            await engine.said("no rows can be claimed")
            assert await engine.terminate() == 0
        finally:
            await asyncio.to_thread(stand.server.start)


async def _is_given_up(engine: Engine) -> None:
    """Return once the engine has met that Asterisk is away."""
    assert engine.listener is not None
    for _ in range(300):
        if not engine.listener.booted.is_set():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the engine still takes Asterisk to be there")


async def test_a_check_that_fails_after_the_claim_leaves_no_row_behind_in_queue(stand: Stand, tmp_path: Path) -> None:
    """Whether a Hangup's call is dead is asked once the Hangup is claimed, and the answer needs acqs_outcome."""
    async with Fleet(stand, tmp_path) as fleet:
        engine = await fleet.start()
        await engine.wait_ready()
        stand.server.client("RENAME TABLE acqs_outcome TO away", database=stand.database)
        man_id = stand.produce(hangup("None/1", callerid="V1"))
        await engine.said("no rows can be claimed")
        stand.server.client("RENAME TABLE away TO acqs_outcome", database=stand.database)
        assert outcome_of(await stand.until_dead(man_id)) is Outcome.REFUSED


@pytest.mark.parametrize("ending", ["kill", "stop"])
async def test_when_asterisk_is_restarted_its_calls_are_dead_and_new_ones_are_made(stand: Stand, ending: str) -> None:
    async with stand.engine() as engine:
        living = [stand.produce(call("Local/601@default/n", exten="601")) for _ in range(3)]
        for man_id in living:
            await stand.until(man_id, lambda t: t.row.status is Status.UPDATED and outcome_of(t) is Outcome.ANSWERED)
        await asyncio.to_thread(stand.asterisk.kill if ending == "kill" else stand.asterisk.stop)
        waiting = stand.produce(call("Local/632@default/n", exten="610"))
        await _is_given_up(engine)
        await stand.until(waiting, lambda t: t.row.status is Status.NEW)
        await asyncio.to_thread(stand.asterisk.start)
        ends = await asyncio.gather(*map(stand.until_dead, living))
        assert {outcome_of(end) for end in ends} == {Outcome.ANSWERED}
        # Asterisk takes actions before it has read its dialplan; the one that waited must not have gone out then.
        assert outcome_of(await stand.until_dead(waiting, 30)) is Outcome.ANSWERED


async def test_with_a_wrong_secret_rows_stay_new(stand: Stand, tmp_path: Path) -> None:
    async with Fleet(stand, tmp_path, asterisk={"send_secret": "wrong"}) as fleet:
        engine = await fleet.start()
        man_id = stand.produce(call("Local/632@default/n", exten="610"))
        refused = await engine.said("sender: Asterisk does not take sessions")
        assert "Authentication failed" in refused["message"]
        assert await engine.terminate() == 0
    timeline = stand.store.timeline(man_id)
    assert (timeline.row.status, timeline.journal) == (Status.NEW, [])


async def test_while_asterisk_is_away_rows_stay_new_and_go_out_when_it_comes(stand: Stand, tmp_path: Path) -> None:
    await asyncio.to_thread(stand.asterisk.stop)
    try:
        async with Fleet(stand, tmp_path) as fleet:
            engine = await fleet.start()
            man_ids = burst(stand, [call("Local/630@default/n", exten="630")] * 20)
            await engine.said("sender: Asterisk does not take sessions")
            await engine.said("sender: lease of")
            assert {row.status for row in stand.store.by_ids(man_ids)} == {Status.NEW}
            await asyncio.to_thread(stand.asterisk.start)
            rows, unknown = await until_settled(stand, man_ids, RESPONSE_TIMEOUT)
    finally:
        if not stand.asterisk.server.running:
            await asyncio.to_thread(stand.asterisk.start)
    assert {row.status for row in rows.values()} == {Status.DEAD}
    assert unknown == set()
    assert {outcome_of(timeline) for timeline in stand.store.timelines(man_ids)} == {Outcome.ANSWERED}
