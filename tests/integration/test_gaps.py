"""Calls that ring, are answered, transferred, optimised and hung up while nobody listens: found out afterwards.

The sender goes on meanwhile. The gap is a connection that is cut, or a listener that is killed and another that begins
with an empty memory (ACQS_ALL=1).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from acqs_core.action import NewAction, Outcome, Status, call, channel_id, redirect
from acqs_core.queue.types import Timeline
from tests.faults.proxy import Proxy
from tests.gate import only_in_all
from tests.integration.conftest import make_database
from tests.integration.stand import VARIANT, Stand, outcome_of
from tests.lab.asterisk import Asterisk
from tests.lab.database import DatabaseServer

pytestmark = pytest.mark.usefixtures("phones")

RINGS_AND_ANSWERS = call("Local/600@default/n", exten="601")
LASTING = call("Local/601@default/n", exten="601")
BUSY = call("Local/603@default/n", exten="610")
OPTIMISED = call("Local/617@default", exten="618", callerid="M42")
TO_A_PHONE = call("PJSIP/ans", exten="607", callerid="R1")


@pytest.fixture
def one_stand(database_server: DatabaseServer, asterisk: Asterisk) -> Iterator[Stand]:
    """Of one kind of table: what is looked at is what the listener makes of Asterisk's list."""
    yield Stand(database_server, make_database(database_server, VARIANT.kinds[0]), asterisk)
    asterisk.hang_up_all()


@pytest.mark.parametrize("gap", ["cut", pytest.param("killed", marks=only_in_all("waits for another lease"))])
async def test_what_happened_in_a_gap_is_found_out_after_it(one_stand: Stand, gap: str) -> None:
    stand = one_stand

    def produced(new: NewAction) -> int:
        return stand.produce(new)

    async with Proxy(stand.asterisk.ami_port) as way, stand.engine(listen=False), contextlib.AsyncExitStack() as first:
        await first.enter_async_context(stand.engine(send=False, asterisk={"port": way.port, "tls": False}))
        rings, lives, hung_up, moved = map(produced, (RINGS_AND_ANSWERS, LASTING, LASTING, TO_A_PHONE))
        for man_id in (lives, hung_up, moved):
            await stand.until(man_id, _is(Status.UPDATED, Outcome.ANSWERED))
        await stand.until(rings, _is(Status.UPDATED, None))
        if gap == "cut":
            way.refuses = True
            way.cut()
        else:
            await first.aclose()

        began, over, optimised = map(produced, (RINGS_AND_ANSWERS, BUSY, OPTIMISED))
        for man_id in (began, over, optimised):
            await stand.until_answered(man_id)
        transfer = stand.produce(redirect(stand.store.timeline(moved).row.channel, exten="601", callerid="R1"))
        await stand.until_answered(transfer)
        with stand.asterisk.record() as recorder, stand.asterisk.connect() as admin:
            admin.ask("Hangup", Channel=channel_id(hung_up))
            await asyncio.to_thread(recorder.wait_for_event, "Hangup", Uniqueid=channel_id(hung_up))
            await asyncio.to_thread(_until_listed, stand.asterisk, rings, began)
        assert stand.store.timeline(hung_up).row.status is Status.UPDATED, "nobody has told"

        async with _heard_again(stand, way, gap):
            end = await stand.until_dead(hung_up)
            assert outcome_of(end) is Outcome.ANSWERED
            for man_id in (rings, began, lives, moved):
                found = await stand.until(man_id, _is(Status.UPDATED, Outcome.ANSWERED))
                assert found.row.uniqueid == channel_id(man_id)
            found = await stand.until(optimised, lambda t: t.row.channel.startswith("Local/620@"))
            assert (found.row.status, outcome_of(found)) == (Status.UPDATED, Outcome.ANSWERED)
            assert outcome_of(await stand.until_dead(over, 30)) is Outcome.UNKNOWN, "nobody heard what it was"
            for man_id in (rings, began, lives, moved, optimised):
                assert stand.store.timeline(man_id).row.status is Status.UPDATED, "a row whose call lives is never DEAD"
            await asyncio.to_thread(stand.asterisk.hang_up_all)
            for man_id in (rings, began, lives, moved, optimised):
                assert outcome_of(await stand.until_dead(man_id)) is Outcome.ANSWERED


@contextlib.asynccontextmanager
async def _heard_again(stand: Stand, way: Proxy, gap: str) -> AsyncIterator[None]:
    way.refuses = False
    if gap == "cut":
        yield
    else:
        async with stand.engine(send=False):
            yield


def _is(status: Status, outcome: Outcome | None) -> Callable[[Timeline], bool]:
    return lambda t: t.row.status is status and outcome_of(t) is outcome


def _until_listed(asterisk: Asterisk, *man_ids: int) -> None:
    """Until the calls of these rows are up, as Asterisk lists them; it tells nobody of it but a listener."""

    deadline = time.monotonic() + 10
    while True:
        listed = asterisk.cli("core show channels concise").splitlines()
        up = {line.split("!")[-1] for line in listed if "!Up!" in line}
        if {channel_id(man_id) for man_id in man_ids} <= up:
            return
        assert time.monotonic() < deadline, listed
        time.sleep(0.1)
