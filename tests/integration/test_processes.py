"""With `isolation = "process"`: the same calls, and children and fork server that are killed or stopped meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from acqs_core.action import Outcome, Status, call
from tests.integration.conftest import make_database
from tests.integration.headless import Fleet, burst, calls_made, until_reached, until_settled
from tests.integration.sabotage import Saboteur, processes_named
from tests.integration.stand import VARIANT, Stand, outcome_of
from tests.integration.test_calls_end_to_end import test_each_call_ends_with_its_outcome
from tests.lab.asterisk import Asterisk
from tests.lab.database import DatabaseServer

__all__ = ["test_each_call_ends_with_its_outcome"]

pytestmark = pytest.mark.usefixtures("phones")

RESPONSE_TIMEOUT = 2.0

CALL = call("Local/631@default/n", exten="630")


@pytest.fixture
def stand(database_server: DatabaseServer, asterisk: Asterisk) -> Iterator[Stand]:
    """One kind of table is enough: they differ in nothing that a session knows of."""
    database = make_database(database_server, VARIANT.kinds[0])
    yield Stand(database_server, database, asterisk, isolation="process")
    asterisk.hang_up_all()


async def test_children_that_are_killed_or_stopped_are_settled_or_unknown_and_cost_no_other_row(stand: Stand) -> None:
    sender = {"linger": 0.5, "response_timeout": RESPONSE_TIMEOUT, "max_per_second": 40}
    with stand.asterisk.record() as recorder:
        async with stand.engine(sender=sender) as engine:
            saboteur = Saboteur(engine, lambda man_id: man_id % 3 == 0)
            async with saboteur.at_work():
                man_ids = burst(stand, [CALL] * 120)
                rows, unknown = await until_settled(stand, man_ids, RESPONSE_TIMEOUT)
        await asyncio.to_thread(recorder.settle)
        made = calls_made(recorder)
    assert len(saboteur.victims) > 20
    assert len({fault.state for fault in saboteur.victims.values()}) >= 2, saboteur.victims
    assert max(made.values()) == 1, "an action reached Asterisk twice"
    for man_id, row in rows.items():
        assert made[man_id] == 1 or man_id in unknown, f"lost and not shown: {row}"
        if man_id not in saboteur.victims:
            assert row.status is Status.DEAD
            assert outcome_of(stand.store.timeline(man_id)) is Outcome.ANSWERED
    assert unknown <= saboteur.victims.keys()
    async with asyncio.timeout(5):  # the kernel ends the last of them after their fork server, in its own time
        await asyncio.gather(*(_gone(fault.pid) for fault in saboteur.victims.values()))


async def test_a_fork_server_that_is_killed_in_a_burst_costs_no_more_than_what_was_just_being_sent(
    stand: Stand, tmp_path: Path
) -> None:
    sender = {"linger": 0.2, "response_timeout": RESPONSE_TIMEOUT, "max_per_second": 40}
    with stand.asterisk.record() as recorder:
        async with Fleet(stand, tmp_path, sender=sender) as fleet:
            engine = await fleet.start()
            await engine.wait_ready()
            man_ids: list[int] = []
            for _ in range(2):
                reached = asyncio.create_task(until_reached(recorder, 5))
                man_ids += burst(stand, [CALL] * 30)
                await reached
                (server,) = processes_named("acqs-forkserver", engine.pid)
                os.kill(server, signal.SIGKILL)
            rows, unknown = await until_settled(stand, man_ids, RESPONSE_TIMEOUT)
            assert await engine.terminate() == 0
        await asyncio.to_thread(recorder.settle)
        made = calls_made(recorder)
    assert max(made.values()) == 1, "an action reached Asterisk twice"
    assert all(made[man_id] == 1 or man_id in unknown for man_id in rows)
    assert len(unknown) <= 16, "more rows are in doubt than were being sent"
    assert not processes_named("acqs-forkserver", engine.pid)


async def test_an_engine_that_is_killed_leaves_no_process_and_sigterm_at_all_of_them_drains(
    stand: Stand, tmp_path: Path
) -> None:
    async with Fleet(stand, tmp_path, sender={"linger": 30.0}) as fleet:
        killed = await fleet.start()
        await killed.wait_ready()
        man_ids = burst(stand, [CALL] * 3)
        for man_id in man_ids:
            await stand.until_answered(man_id)
        (server,) = processes_named("acqs-forkserver", killed.pid)
        handles = [os.pidfd_open(pid) for pid in (server, *processes_named("acqs-child", server))]
        assert len(handles) == 4
        await killed.kill()
        async with asyncio.timeout(5):
            await asyncio.gather(*map(_ended, handles))

        drained = await fleet.start()
        await drained.wait_ready()
        (server,) = processes_named("acqs-forkserver", drained.pid)
        man_id = stand.produce(CALL)
        await stand.until_answered(man_id)
        for pid in (server, *processes_named("acqs-child", server)):
            os.kill(pid, signal.SIGTERM)  # as a service manager may, to all of a service's processes
        last = stand.produce(CALL)
        await stand.until_answered(last)
        assert await drained.terminate(5) == 0
        assert Counter(row.response for row in stand.store.by_ids([*man_ids, man_id, last])) == {"Y": 5}
        assert not _is_ours(server)


async def _ended(handle: int) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(handle, over.set)
    await over.wait()
    asyncio.get_running_loop().remove_reader(handle)
    os.close(handle)


async def _gone(pid: int) -> None:
    if _is_ours(pid):
        with contextlib.suppress(ProcessLookupError):
            await _ended(os.pidfd_open(pid))


def _is_ours(pid: int) -> bool:
    return pid in processes_named("acqs-child") + processes_named("acqs-forkserver")
