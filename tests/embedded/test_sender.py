"""The sender's promises where a session or a wait fails, on SQLite and the simulated Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from acqs_core.action import NewAction, Outcome, Row, Status, call, hangup, raw
from acqs_core.ami.wire import AmiMessage
from acqs_core.engine import Engine
from acqs_core.errors import QueueError
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.types import Timeline
from acqs_core.sender.child import Child, ChildSession
from acqs_core.sender.screening import Screening
from acqs_core.settings import Settings
from acqs_core.simulator import Fault, Simulator


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(speed=10.0) as simulator:
        yield simulator


class Door:
    """A way to the simulator that shuts out the connections of the given numbers, before any banner."""

    def __init__(self, simulator: Simulator, shut: set[int]) -> None:
        self._simulator, self._shut, self._count = simulator, shut, 0
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Its port."""
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        if self._count in self._shut:
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_connection(*self._simulator.address)
        await asyncio.gather(_carry(reader, there_writer), _carry(there_reader, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


Chosen = Callable[..., Settings]


@pytest.fixture(params=["task", "process"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Chosen:
    """Settings for an engine on a fresh table and the Asterisk at a port, with each kind of child session; what else is
    given is the sender's."""
    url = f"sqlite:///{tmp_path}/queue.sqlite3"
    schema.init(Database(url, pool_size=1))

    def chosen(port: int, **sender: object) -> Settings:
        tree = {
            "queue": {"url": url},
            "asterisk": {"host": "127.0.0.1", "port": port, "username": "acqs", "secret": "acqs"},
            "sender": {"linger": 0.1, "isolation": request.param} | sender,
        }
        return Settings.model_validate(tree)

    return chosen


@contextlib.asynccontextmanager
async def running(chosen: Settings, *, listen: bool = True) -> AsyncIterator[Engine]:
    engine = Engine(chosen, listen=listen)
    task = asyncio.create_task(engine.run())
    try:
        async with asyncio.timeout(10):
            await engine.ready.wait()
        yield engine
    finally:
        engine.stop()
        await task


async def until(engine: Engine, man_id: int, reached: Callable[[Timeline], bool], seconds: float = 10.0) -> Timeline:
    async with asyncio.timeout(seconds):
        while True:
            timeline = await asyncio.to_thread(engine.store.timeline, man_id)
            if reached(timeline):
                return timeline
            await asyncio.sleep(0.02)


def outcome_of(timeline: Timeline) -> Outcome | None:
    return timeline.outcome.outcome if timeline.outcome is not None else None


@pytest.mark.parametrize("shut", [{3}, {2, 4}], ids=str)
async def test_rows_of_one_caller_id_keep_their_order_when_a_session_is_cut(
    simulator: Simulator, settings: Chosen, shut: set[int]
) -> None:
    """The first connection is the sender's probe; the others are those of rows."""
    door = Door(simulator, shut)
    chosen = settings(await door.open())
    engine = Engine(chosen, listen=False)
    pings = [NewAction("Ping", "SAME", (f"Data: {number}",)) for number in range(1, 6)]
    man_ids = engine.store.insert_many(pings)
    task = asyncio.create_task(engine.run())
    for man_id in man_ids:
        await until(engine, man_id, lambda t: t.row.response == "Y")
    engine.stop()
    await task
    door.close()
    assert [action.get("Data") for action in simulator.actions if action.name == "Ping"] == ["1", "2", "3", "4", "5"]


async def test_after_a_session_lost_without_an_answer_its_caller_id_waits_for_response_timeout(
    simulator: Simulator, settings: Chosen
) -> None:
    simulator.fault = lambda action: Fault.CARRY_OUT_AND_CUT if action.get("Data") == "1" else None
    pings = [NewAction("Ping", callerid, (f"Data: {number}",)) for number, callerid in enumerate(("S", "S", "O"), 1)]
    async with running(settings(simulator.address[1], response_timeout=1.5)) as engine:
        engine.store.insert_many(pings)
        await until(engine, 2, lambda t: t.row.response == "Y")
    at = {action.get("Data"): action.at for action in simulator.actions if action.name == "Ping"}
    assert at["2"] - at["1"] >= 1.4
    assert at["3"] - at["1"] < 1.0, "nobody else waits"


async def test_a_hangup_that_waited_for_a_call_which_failed_is_never_sent(
    simulator: Simulator, settings: Chosen
) -> None:
    ringing = ("Channel: PJSIP/ring", "Context: default", "Exten: 610", "Priority: 1", "Timeout: 5000", "Async: false")
    async with running(settings(simulator.address[1])) as engine:
        engine.store.insert_many([raw("Originate", ringing, callerid="H1"), hangup("none", callerid="H1")])
        ended = await until(engine, 2, lambda t: t.row.status is Status.DEAD and t.outcome is not None)
    assert outcome_of(ended) is Outcome.DEAD_CALL
    assert [action.name for action in simulator.actions if action.name == "Hangup"] == []


async def test_a_row_that_grew_too_old_while_it_waited_for_its_turn_is_never_sent(
    simulator: Simulator, settings: Chosen
) -> None:
    simulator.fault = lambda action: Fault.IGNORE if action.get("Data") == "1" else None
    async with running(settings(simulator.address[1], response_timeout=3.0, expire_new_after=2.0)) as engine:
        engine.store.insert_many([NewAction("Ping", "S", (f"Data: {number}",)) for number in (1, 2)])
        ended = await until(engine, 2, lambda t: t.row.status is Status.DEAD)
    assert outcome_of(ended) is Outcome.EXPIRED
    assert [action.get("Data") for action in simulator.actions if action.name == "Ping"] == ["1"]


async def test_what_broke_off_after_its_write_is_unknown_and_its_caller_id_waits(
    simulator: Simulator, settings: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, failures = Child.send, [MemoryError()]

    async def failing(self: Child, session: ChildSession, response_timeout: float) -> AmiMessage:
        answer = await send(self, session, response_timeout)
        if failures:
            raise failures.pop()
        return answer

    monkeypatch.setattr(Child, "send", failing)
    async with running(settings(simulator.address[1], response_timeout=1.5)) as engine:
        engine.store.insert_many([NewAction("Ping", "S", (f"Data: {number}",)) for number in (1, 2)])
        await until(engine, 2, lambda t: t.row.response == "Y")
        broken = await until(engine, 1, lambda t: t.outcome is not None and t.outcome.outcome is not None)
    assert (broken.row.status, outcome_of(broken)) == (Status.SENT, Outcome.UNKNOWN)
    at = {action.get("Data"): action.at for action in simulator.actions if action.name == "Ping"}
    assert at["2"] - at["1"] >= 1.4


async def test_a_row_that_could_not_be_ended_for_no_known_reason_is_ended_at_the_next_try(
    simulator: Simulator, settings: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings(simulator.address[1], allow_actions=["Ping"]), listen=False) as engine:
        reject, failures = engine.store.reject, [MemoryError()]

        def failing(*given: Any) -> bool:
            if failures:
                raise failures.pop()
            return reject(*given)

        monkeypatch.setattr(engine.store, "reject", failing)
        man_id = await engine.insert(hangup("PJSIP/1"))
        ended = await until(engine, man_id, lambda t: t.row.status is Status.DEAD)
    assert not failures
    assert outcome_of(ended) is Outcome.NOT_ALLOWED


async def test_a_trouble_with_the_table_that_becomes_another_is_told_anew(
    simulator: Simulator, settings: Chosen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(settings(simulator.address[1]), listen=False) as engine:
        claim, troubles = engine.store.claim, ["its index is corrupt", "it is away", "it is away"]

        def failing(token: int, limit: int) -> list[Row]:
            if troubles:
                raise QueueError(troubles.pop())
            return claim(token, limit)

        monkeypatch.setattr(engine.store, "claim", failing)
        man_id = await engine.insert(NewAction("Ping", "", ()))
        await until(engine, man_id, lambda t: t.row.response == "Y")
    told = [record.getMessage() for record in caplog.records if "no rows can be claimed" in record.getMessage()]
    assert told == ["no rows can be claimed: it is away", "no rows can be claimed: its index is corrupt"]


async def test_children_that_asterisk_never_answers_delay_nobody(simulator: Simulator, settings: Chosen) -> None:
    def ping(data: str) -> NewAction:
        return NewAction("Ping", "", (f"Data: {data}",))

    async with running(settings(simulator.address[1], response_timeout=60.0, max_sessions=4), listen=False) as engine:
        simulator.fault = lambda action: Fault.IGNORE if action.get("Data") == "never" else None
        stalled = engine.store.insert_many([ping("never")] * 3)
        engine.wake()
        await simulator.received(3, "Ping")
        begun = time.monotonic()
        for man_id in engine.store.insert_many([ping("soon")] * 10):
            await until(engine, man_id, lambda t: t.row.response == "Y")
        assert time.monotonic() - begun < 5.0
        assert {row.status for row in engine.store.by_ids(stalled)} == {Status.SENT}
        engine.stop()  # and told again it waits for no answer


async def test_a_drain_waits_no_longer_than_response_timeout_and_flags_what_is_unknown(
    simulator: Simulator, settings: Chosen
) -> None:
    blocking = ("Channel: PJSIP/ring", "Context: default", "Exten: 610", "Priority: 1", "Timeout: 500000", "Async: no")
    async with running(settings(simulator.address[1], response_timeout=0.5)) as engine:
        man_id = await engine.insert(raw("Originate", blocking))
        await until(engine, man_id, lambda t: t.row.status is Status.UPDATED)
        begun = time.monotonic()
    assert time.monotonic() - begun < 4.0
    timeline = engine.store.timeline(man_id)
    assert (timeline.row.response, outcome_of(timeline)) == ("N", Outcome.UNKNOWN)


async def test_a_pause_uses_up_no_turns_of_the_rate(simulator: Simulator, settings: Chosen) -> None:
    async with running(settings(simulator.address[1], max_per_second=5.0)) as engine:
        engine.store.insert_many([NewAction("Ping", "", (f"Data: {number}",)) for number in range(100)])
        await simulator.received(2, "Ping")
        sender = engine.sender
        assert sender is not None
        assert len(sender.sessions()) <= 6, "no more than a second's worth is claimed"
        sender.set_paused(True)
        seen = len(await simulator.received(0, "Ping"))
        sender.set_paused(False)
        begun = time.monotonic()
        await simulator.received(seen + 5, "Ping")
        assert time.monotonic() - begun < 4.0


async def test_a_listener_that_cannot_log_in_keeps_nobody_for_ever(
    simulator: Simulator, settings: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acqs_core.sender.gate.BOOT_PATIENCE", 0.5)
    chosen = settings(simulator.address[1])
    wrong = {**chosen.asterisk.model_dump(), "listen_username": "nobody", "listen_secret": "wrong"}
    engine = Engine(chosen.model_copy(update={"asterisk": type(chosen.asterisk).model_validate(wrong)}))
    task = asyncio.create_task(engine.run())
    man_id = await asyncio.to_thread(engine.store.insert, call("PJSIP/busy", exten="610"))
    await until(engine, man_id, lambda t: t.row.response == "Y")
    engine.stop()
    await task


async def test_between_two_rows_of_a_claim_everybody_else_gets_a_turn(
    simulator: Simulator, settings: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim is a hundred rows, and each may be as long as a row can be."""
    happened: list[str] = []
    judge = Screening.refusal

    def judged(self: Screening, row: Row, dead: set[str]) -> tuple[Outcome, str] | None:
        happened.append("row")
        asyncio.get_running_loop().call_soon(happened.append, "turn")
        return judge(self, row, dead)

    monkeypatch.setattr(Screening, "refusal", judged)
    monkeypatch.setattr("acqs_core.sender.sender.TURN", -1.0)  # each takes longer
    async with running(settings(simulator.address[1])) as engine:
        man_ids = engine.store.insert_many([NewAction("Ping", "", ())] * 20)
        for man_id in man_ids:
            await until(engine, man_id, lambda t: t.row.response == "Y")
    assert happened == ["row", "turn"] * 20
