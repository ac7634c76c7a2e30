"""A peer that vanished without a FIN: whoever talks to it finds out within 20 s, and nothing is lost meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from acqs_core.action import Outcome, Status, call, channel_id, raw
from acqs_core.ami import vanished
from acqs_core.engine import Engine
from acqs_core.listener import listener
from tests.faults.proxy import Proxy
from tests.gate import only_in_all
from tests.integration.conftest import make_database
from tests.integration.headless import calls_made
from tests.integration.stand import VARIANT, Stand, events_of, outcome_of
from tests.lab.asterisk import Asterisk
from tests.lab.database import DatabaseServer

FOUND_WITHIN = 20.0

BLOCKING = (
    "Channel: Local/602@default/n", "Context: default", "Exten: 610", "Priority: 1", "Timeout: 60000", "Async: false",
)  # fmt: skip
"""Asterisk answers it after a minute of ringing."""

LASTING = call("Local/601@default/n", exten="601")


@pytest.fixture
def one_stand(database_server: DatabaseServer, asterisk: Asterisk) -> Iterator[Stand]:
    """Of one kind of table: what is looked at are connections."""
    yield Stand(database_server, make_database(database_server, VARIANT.kinds[0]), asterisk)
    asterisk.hang_up_all()


@contextlib.asynccontextmanager
async def engine_behind(stand: Stand, asterisk: Proxy, database: Proxy) -> AsyncIterator[Engine]:
    """A ready engine, both of whose ways can be lost. A child waits for answers for an hour, if it is let."""
    url = stand.url.replace(f":{stand.server.port}/", f":{database.port}/")
    sections: dict[str, Any] = {
        "asterisk": {"port": asterisk.port, "tls": False},
        "sender": {"response_timeout": 3600.0},
    }
    async with stand.engine(queue={"url": url}, **sections) as engine:
        yield engine


async def test_an_asterisk_that_vanished_is_found_by_listener_and_child(
    one_stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = one_stand
    assert listener.PING_EVERY + listener.PING_TIMEOUT < FOUND_WITHIN, "the promise; a test need not wait as long"
    monkeypatch.setattr(listener, "PING_EVERY", 1.0)
    monkeypatch.setattr(listener, "PING_TIMEOUT", 1.0)
    monkeypatch.setattr(vanished, "AFTER", 3.0)
    async with (
        Proxy(stand.asterisk.ami_port) as asterisk,
        Proxy(stand.server.port) as database,
        engine_behind(stand, asterisk, database),
    ):
        living = stand.produce(LASTING)
        await stand.until(living, lambda t: t.row.status is Status.UPDATED)
        waiting = stand.produce(raw("Originate", BLOCKING))
        await stand.until(waiting, lambda t: t.row.status is Status.UPDATED)
        asterisk.vanish()
        lost = time.monotonic()
        with stand.asterisk.connect() as admin:
            admin.ask("Hangup", Channel=channel_id(living))
        behind = stand.produce(call("Local/632@default/n", exten="610"))
        assert outcome_of(await stand.until_dead(living)) is Outcome.ANSWERED
        await stand.until(waiting, lambda t: "unanswered" in events_of(t))
        await stand.until_dead(behind)
        assert time.monotonic() - lost < FOUND_WITHIN


@only_in_all("the statements' own time limits are short, and tested on every database")
async def test_a_database_that_vanished_is_found_and_what_waited_goes_out_once(one_stand: Stand) -> None:
    stand = one_stand
    with stand.asterisk.record() as recorder:
        async with (
            Proxy(stand.asterisk.ami_port) as asterisk,
            Proxy(stand.server.port) as database,
            engine_behind(stand, asterisk, database),
        ):
            living = stand.produce(LASTING)
            await stand.until(living, lambda t: t.row.status is Status.UPDATED)
            database.vanish()
            lost = time.monotonic()
            with stand.asterisk.connect() as admin:
                admin.ask("Hangup", Channel=channel_id(living))
            behind = [stand.produce(call("Local/632@default/n", exten="610")) for _ in range(5)]
            for man_id in (living, *behind):
                assert outcome_of(await stand.until_dead(man_id)) is Outcome.ANSWERED
            assert time.monotonic() - lost < FOUND_WITHIN
        await asyncio.to_thread(recorder.settle)
        made = calls_made(recorder)
    assert made == dict.fromkeys((living, *behind), 1)
