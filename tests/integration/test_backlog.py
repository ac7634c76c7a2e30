"""What waited while nobody could send is held until somebody has looked, and what is stale never reaches Asterisk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acqs_core.action import Outcome, Status, call
from tests.integration.headless import Fleet, burst, calls_made, until_rows
from tests.integration.stand import Stand, outcome_of

NEWS = [call("Local/630@default/n", exten="630")]


def entered_ago(stand: Stand, man_ids: list[int], seconds: int) -> None:
    """As if producers had inserted these rows so long ago."""
    stand.server.client(
        f"UPDATE vicidial_manager SET entry_date = entry_date - INTERVAL {seconds} SECOND "
        f"WHERE man_id IN ({', '.join(map(str, man_ids))})",
        database=stand.database,
    )


async def test_of_what_waited_for_an_engine_only_the_fresh_goes_out_once_the_stale_is_discarded(
    stand: Stand, tmp_path: Path
) -> None:
    stale, fresh = burst(stand, NEWS * 30), burst(stand, NEWS * 2)
    entered_ago(stand, stale, 7200)
    with stand.asterisk.record() as recorder:
        async with Fleet(stand, tmp_path, sender={"on_backlog": "hold"}) as fleet:
            engine = await fleet.start()
            paused = await engine.said("sender: paused by acqs-core on ")
            assert "30 rows waited over 60 s, the oldest 72" in paused["message"]
            rows = await until_rows(stand, stale + fresh, lambda row: row.status is Status.NEW)
            assert len(rows) == 32
            code, said = await fleet.ask("resume", "--discard-older-than", "3600")
            assert (code, said["backlog"], said["discarded"], said["paused"]) == (0, 32, 30, False)
            await until_rows(stand, stale + fresh, lambda row: row.status is Status.DEAD)
        await asyncio.to_thread(recorder.settle)
        assert calls_made(recorder) == dict.fromkeys(fresh, 1)
    for timeline in stand.store.timelines(stale):
        assert outcome_of(timeline) is Outcome.DISCARDED
        assert [entry.event for entry in timeline.journal] == ["discarded"]


@pytest.mark.timeout(180)
async def test_what_waited_for_asterisk_is_held_when_it_is_back_and_not_again_once_resumed(
    stand: Stand, tmp_path: Path
) -> None:
    async with Fleet(stand, tmp_path, sender={"on_backlog": "hold", "backlog_after": 1}) as fleet:
        engine = await fleet.start()
        await engine.wait_ready()
        await asyncio.to_thread(stand.asterisk.kill)
        try:
            man_ids = burst(stand, NEWS * 5)
            entered_ago(stand, man_ids, 5)
            await engine.said("sender: Asterisk does not take sessions", 60)
            await asyncio.sleep(3.5)  # an outage has to last to be one
        finally:
            await asyncio.to_thread(stand.asterisk.start)
        with stand.asterisk.record() as recorder:
            await engine.said("sender: paused by acqs-core on ", 60)
            await until_rows(stand, man_ids, lambda row: row.status is Status.NEW)
            code, said = await fleet.ask("resume")
            assert (code, said["backlog"], said["discarded"]) == (0, 5, 0)
            await until_rows(stand, man_ids, lambda row: row.status is Status.DEAD)
            await asyncio.to_thread(recorder.settle)
            assert calls_made(recorder) == dict.fromkeys(man_ids, 1)
        assert not stand.store.control().paused
