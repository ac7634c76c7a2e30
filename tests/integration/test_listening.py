"""Sender and listener as two processes, a listener that was away, and names longer than a column."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from acqs_core.action import Outcome, Status, call, channel_id
from acqs_core.queue.types import Timeline
from tests.integration.conftest import make_database
from tests.integration.headless import Fleet
from tests.integration.stand import VARIANT, Stand, outcome_of
from tests.lab.asterisk import Asterisk
from tests.lab.database import DatabaseServer
from tests.lab.sipp import Phones


async def test_two_processes_do_what_one_does(stand: Stand, phones: Phones, tmp_path: Path) -> None:
    async with Fleet(stand, tmp_path) as fleet:
        sending, listening = await fleet.start("send"), await fleet.start("listen")
        await asyncio.gather(sending.wait_ready(), listening.wait_ready())
        answered = stand.produce(call("Local/632@default/n", exten="610", callerid="V1"))
        busy = stand.produce(call("PJSIP/busy", exten="610", callerid="V2"))
        ends = await stand.until_dead(answered), await stand.until_dead(busy)
        assert await sending.terminate() == 0
        assert await listening.terminate() == 0
    rang = next(entry.detail for entry in ends[0].journal if entry.event == "updated")
    assert rang.startswith("Local/632@default-")
    assert [outcome_of(end) for end in ends] == [Outcome.ANSWERED, Outcome.BUSY]
    assert [end.outcome and end.outcome.uniqueid for end in ends] == [channel_id(answered), channel_id(busy)]
    assert {end.row.response for end in ends} == {"Y"}


async def test_what_a_killed_listener_missed_is_found_out_by_the_next(stand: Stand, tmp_path: Path) -> None:
    lasting = call("Local/601@default/n", exten="601")
    async with Fleet(stand, tmp_path) as fleet:
        sending, listening = await fleet.start("send"), await fleet.start("listen")
        await asyncio.gather(sending.wait_ready(), listening.wait_ready())
        hung_up = stand.produce(lasting)
        living = stand.produce(lasting)
        for man_id in (hung_up, living):
            await stand.until(man_id, lambda t: t.row.status is Status.UPDATED)
        await listening.kill()
        began, over = stand.produce(lasting), stand.produce(call("Local/630@default/n", exten="630"))
        for man_id in (began, over):
            await stand.until_answered(man_id)
        with stand.asterisk.record() as recorder, stand.asterisk.connect() as admin:
            admin.ask("Hangup", Channel=channel_id(hung_up))
            await asyncio.to_thread(recorder.wait_for_event, "Hangup", Uniqueid=channel_id(hung_up))
        assert stand.store.timeline(hung_up).row.status is Status.UPDATED, "nobody has told"
        await (await fleet.start("listen")).wait_ready()
        assert outcome_of(await stand.until_dead(hung_up)) is Outcome.ANSWERED
        found = await stand.until(began, lambda t: t.row.status is Status.UPDATED)
        assert (found.row.uniqueid, found.row.channel[:18]) == (channel_id(began), "Local/601@default-")
        await stand.until_dead(over)
        assert stand.store.timeline(living).row.status is Status.UPDATED, "a row whose call lives is never DEAD"


@pytest.fixture(scope="module")
def named_asterisk(asterisk: Asterisk) -> Iterator[Asterisk]:
    """An Asterisk whose Uniqueids have 31 characters; `asterisk` only says that there is one to be had."""
    with Asterisk(suite="bullseye" if VARIANT.asterisk == "16" else "sid", systemname="acqs-lab-node-a") as named:
        yield named


@pytest.mark.parametrize("kind", VARIANT.kinds)
async def test_a_uniqueid_wider_than_its_column_still_matches_its_hangup(
    database_server: DatabaseServer, named_asterisk: Asterisk, kind: str
) -> None:
    """When its Local channel is optimised away, the row follows a channel that Asterisk named itself."""
    stand = Stand(database_server, make_database(database_server, kind), named_asterisk)

    def moved(timeline: Timeline) -> bool:
        return timeline.row.channel.startswith("Local/620@") and timeline.row.status is Status.UPDATED

    async with stand.engine():
        man_id = stand.produce(call("Local/617@default", exten="618", callerid="M42"))
        living = await stand.until(man_id, moved)
        with named_asterisk.connect() as admin:
            admin.ask("Hangup", Channel=living.row.channel)
        end = await stand.until_dead(man_id)
    assert end.outcome is not None
    assert end.outcome.uniqueid.startswith("acqs-lab-node-a-")
    assert len(end.outcome.uniqueid) > 25
    width = 20 if kind == "myisam" else 150
    held = stand.server.client(
        f"SELECT uniqueid FROM vicidial_manager WHERE man_id = {man_id}", database=stand.database
    )
    assert held.split() == [end.outcome.uniqueid[:width]]
    assert end.row.uniqueid == end.outcome.uniqueid
    assert outcome_of(end) is Outcome.ANSWERED
