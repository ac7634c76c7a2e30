"""What a refusal by a real Asterisk does to rows: none is lost, none is sent twice, and each says what to mend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from acqs_core.action import NewAction, Outcome, Status, call, command
from acqs_core.engine import Engine
from acqs_core.sender import settle
from tests.integration.conftest import make_database
from tests.integration.stand import VARIANT, Stand, events_of, outcome_of
from tests.lab.asterisk import Asterisk
from tests.lab.database import DatabaseServer
from tests.lab.fixtures import obtain


@pytest.fixture(scope="module")
def small_house() -> Iterator[Asterisk]:
    """An Asterisk of this module's own, which takes no more than two who have not logged in yet."""
    suite = "bullseye" if VARIANT.asterisk == "16" else "sid"
    with obtain("asterisk", lambda: Asterisk(suite=suite, general={"authlimit": "2"})) as asterisk:
        yield asterisk


@pytest.fixture
def own_stand(database_server: DatabaseServer, small_house: Asterisk) -> Stand:
    if not small_house.server.running:
        small_house.start()
    return Stand(database_server, make_database(database_server, VARIANT.kinds[0]), small_house)


def as_user(asterisk: Asterisk, name: str) -> dict[str, str]:
    return {"send_username": name, "send_secret": asterisk.secret(name)}


@asynccontextmanager
async def unready(stand: Stand, **asterisk: str) -> AsyncIterator[Engine]:
    """An engine that only sends and is not waited for: Asterisk will not take it."""
    engine = Engine(stand.settings(asterisk=asterisk), listen=False)
    running = asyncio.create_task(engine.run())
    try:
        yield engine
    finally:
        engine.stop()
        await asyncio.wait_for(running, 30)


async def trouble(engine: Engine, words: str) -> None:
    async with asyncio.timeout(15):
        while True:
            if any(words in told for told in engine.snapshot()["trouble"]):
                return
            await asyncio.sleep(0.03)


async def test_a_row_caught_by_a_graceful_stop_is_sent_by_the_asterisk_that_comes_after(
    own_stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that is up keeps Asterisk from ending, and it refuses all that is asked of it meanwhile."""
    stand, asterisk = own_stand, own_stand.asterisk
    mark = settle.sent
    async with stand.engine() as engine:
        living = stand.produce(call("Local/601@default/n", exten="601"))
        await stand.until(living, lambda t: t.row.status is Status.UPDATED)

        def stop_right_before_the_write(*args: object) -> None:
            monkeypatch.undo()
            asterisk.stop_gracefully()
            mark(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(settle, "sent", stop_right_before_the_write)
        caught = stand.produce(call("Local/632@default/n", exten="610"))
        back = await stand.until(caught, lambda t: "not taken" in events_of(t) and t.row.status is Status.NEW)
        assert (back.row.response, outcome_of(back)) == ("N", None)
        await trouble(engine, "shutting down")
        waiting = stand.produce(NewAction("Ping", ""))
        assert asterisk.server.running, "it waits for the call"
        assert stand.store.timeline(waiting).row.status is Status.NEW
        await asyncio.to_thread(asterisk.restart)  # its operator waits no longer
        end = await stand.until_dead(caught, 40)
        await stand.until_answered(waiting)
    assert outcome_of(end) is Outcome.ANSWERED
    sent = [entry.detail for entry in end.journal if entry.event == "sent"]
    assert len(sent) == 2
    assert sent[0] != sent[1], "each with an ActionID of its own"


async def test_a_wrong_secret_leaves_rows_new_and_is_hardly_ever_tried(own_stand: Stand) -> None:
    refused_before = own_stand.asterisk.log.read_text().count("failed to authenticate")
    man_ids = [own_stand.produce(NewAction("Ping", "")) for _ in range(20)]
    async with unready(own_stand, send_secret="not-this-one") as engine:
        await trouble(engine, "refused the login of 'acqs_send'")
        await asyncio.sleep(2.0)  # in which a breaker that knows no wrong secret tries thrice
    assert {own_stand.store.timeline(man_id).row.status for man_id in man_ids} == {Status.NEW}
    refused = own_stand.asterisk.log.read_text().count("failed to authenticate") - refused_before
    assert refused == 1


async def test_a_house_too_small_for_our_logins_takes_every_row_once(own_stand: Stand) -> None:
    with own_stand.asterisk.record() as recorder:
        async with own_stand.engine(sender={"max_logins": 8}, listen=False):
            rows = [own_stand.produce(call("Local/630@default/n", exten="630")) for _ in range(40)]
            for man_id in rows:
                await own_stand.until(man_id, lambda t: t.row.response == "Y", 40)
        recorder.settle()
    placed = recorder.originates()
    assert len(placed) == len(rows)
    assert set(placed.values()) == {1}
    own_stand.asterisk.hang_up_all()


async def test_a_user_who_may_be_in_only_once_sends_one_row_after_the_other(own_stand: Stand) -> None:
    once = as_user(own_stand.asterisk, "acqs_once")
    async with own_stand.engine(listen=False, asterisk=once):
        rows = [own_stand.produce(NewAction("Ping", "")) for _ in range(4)]
        answered = [await own_stand.until_answered(man_id, 40) for man_id in rows]
    assert [events_of(timeline).count("sent") for timeline in answered] == [1] * 4


async def test_an_action_that_the_user_may_not_do_names_the_class_to_add(
    own_stand: Stand,
) -> None:
    async with own_stand.engine(listen=False, asterisk=as_user(own_stand.asterisk, "call_only")) as engine:
        ended = await own_stand.until_dead(own_stand.produce(command("core show uptime")))
        assert outcome_of(ended) is Outcome.REFUSED
        assert ended.outcome is not None
        assert "write = command" in ended.outcome.message
        assert "write = command" in engine.snapshot()["warnings"][0]
        originate = await own_stand.until_dead(own_stand.produce(call("Local/630@default", exten="630")))
        assert originate.outcome is not None
        assert "write = originate" in originate.outcome.message
        await own_stand.until_answered(own_stand.produce(NewAction("Ping", "")))
