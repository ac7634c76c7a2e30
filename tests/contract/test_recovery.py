"""What an engine makes of the rows that one before it left behind, on every database: a start and a take-over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from acqs_core.action import NewAction, Outcome, Row, Status, call, channel_id
from acqs_core.ami.session import Endpoint, Session
from acqs_core.engine import Engine
from acqs_core.queue.lease import Leases
from acqs_core.queue.types import OutcomeRecord
from acqs_core.settings import Settings
from acqs_core.simulator import Simulator
from tests.contract.backend import SERVER_IP, Backend

PING = NewAction("Ping", "", ())
LASTING = call("Local/601@default/n", exten="601")


@contextlib.asynccontextmanager
async def running(backend: Backend, simulator: Simulator) -> AsyncIterator[Engine]:
    host, port = simulator.address
    tree = {
        "server_ip": SERVER_IP, "queue": {"url": backend.url}, "sender": {"linger": 0.1, "response_timeout": 1.0},
        "asterisk": {"host": host, "port": port, "username": "acqs", "secret": "acqs"},
    }  # fmt: skip
    engine = Engine(Settings.model_validate(tree))
    task = asyncio.create_task(engine.run())
    try:
        async with asyncio.timeout(15):
            await engine.ready.wait()
        yield engine
    finally:
        engine.stop()
        await task


async def until(engine: Engine, man_id: int, reached: Callable[[Row], bool]) -> None:
    async with asyncio.timeout(10):
        while not reached((await asyncio.to_thread(engine.store.by_ids, [man_id]))[0]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def shown_as_unknown(engine: Engine, man_ids: set[int]) -> None:
    """Return once these are, and no others: entry_date counts whole seconds."""
    async with asyncio.timeout(5):
        while {row.man_id for row, _ in await asyncio.to_thread(engine.store.unknown, 0.0)} != man_ids:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("left", ["at its end", "by a holder that is stopped"])
async def test_queue_rows_go_out_and_sent_ones_are_settled_by_evidence_or_shown_as_unknown(
    backend: Backend, left: str
) -> None:
    store = backend.store()
    grant = backend.leases().acquire(SERVER_IP, "sender", "one before", 0.2 if left != "at its end" else 60.0)
    assert grant is not None
    queued, living, lost, flagged = store.insert_many([PING, LASTING, LASTING, PING])
    assert len(store.claim(grant.token, 10)) == 4
    for man_id in (living, lost, flagged):
        assert store.mark_sent(man_id, grant.token)
    store.record([OutcomeRecord(flagged, Outcome.UNKNOWN, message="Asterisk did not answer")], [])
    if left == "at its end":
        Leases(backend.db).release(grant)
    async with Simulator() as simulator:
        made = (
            f"Action: Originate\r\nActionID: acqs-{living}-beef\r\nChannelId: {channel_id(living)}\r\nAsync: true\r\n"
        )
        before = await Session.open(Endpoint(*simulator.address, "acqs", "acqs"))
        await before.perform((made + "\r\n".join(LASTING.lines) + "\r\n\r\n").encode(), f"acqs-{living}-beef", 5)
        async with running(backend, simulator) as engine:
            await until(engine, queued, lambda row: row.response == "Y")
            await until(engine, living, lambda row: row.status is Status.UPDATED)
            assert not store.mark_sent(lost, grant.token), "the token of who was before opens nothing any more"
            assert store.claim(grant.token, 10) == []
            await shown_as_unknown(engine, {lost, flagged})
            rows = {row.man_id: row for row in store.by_ids([lost, flagged])}
        before.abort()
        names = [action.name for action in simulator.actions if action.name in ("Ping", "Originate")]
    assert sorted(names) == ["Originate", "Ping"], "what was SENT is never sent again by itself"
    assert {row.status for row in rows.values()} == {Status.SENT}
