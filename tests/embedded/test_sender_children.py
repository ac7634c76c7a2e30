"""What becomes of a row whose child process is killed or stopped, on SQLite and the simulated Asterisk."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import subprocess
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from acqs_core.action import NewAction, Outcome, Status
from acqs_core.engine import Engine
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.settings import Settings
from acqs_core.simulator import Fault, Simulator
from tests.embedded.test_sender import outcome_of, running, until
from tests.embedded.test_sender_refusals import trouble

FAULTS = (signal.SIGKILL, signal.SIGSTOP)

PING = NewAction("Ping", "", ())


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
def chosen(simulator: Simulator, tmp_path: Path) -> Settings:
    url = f"sqlite:///{tmp_path}/queue.sqlite3"
    schema.init(Database(url, pool_size=1))
    asterisk = {"host": "127.0.0.1", "port": simulator.address[1], "username": "acqs", "secret": "acqs"}
    sender = {"isolation": "process", "linger": 30.0, "response_timeout": 2.0}
    return Settings.model_validate({"queue": {"url": url}, "asterisk": asterisk, "sender": sender})


async def lose(engine: Engine, man_id: int, state: str, fault: signal.Signals) -> None:
    """Do that to the row's child once it is in this state."""
    async with asyncio.timeout(10):
        while True:
            for view in engine.snapshot()["sessions"]:
                if (view["man_id"], view["state"]) == (man_id, state) and "pid" in view:
                    os.kill(view["pid"], fault)
                    return
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("fault", FAULTS)
async def test_lost_while_it_logs_in_the_row_is_sent_by_another(
    simulator: Simulator, chosen: Settings, fault: signal.Signals
) -> None:
    async with running(chosen, listen=False) as engine:
        simulator.mute = True
        man_id = await engine.insert(PING)
        await lose(engine, man_id, "logging in", fault)
        simulator.mute = False
        await until(engine, man_id, lambda timeline: timeline.row.response == "Y")
    assert len([action for action in simulator.actions if action.name == "Ping"]) == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_lost_between_its_marking_and_its_write_the_row_is_sent_by_another(
    simulator: Simulator, chosen: Settings, fault: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(chosen, listen=False) as engine:
        marked, go_on = engine.store.mark_sent, threading.Event()

        def mark_sent(man_id: int, token: int) -> bool:
            done = marked(man_id, token)
            go_on.wait(10)
            return done

        monkeypatch.setattr(engine.store, "mark_sent", mark_sent)
        man_id = await engine.insert(PING)
        await until(engine, man_id, lambda timeline: timeline.row.status is Status.SENT)
        await lose(engine, man_id, "marking sent", fault)
        go_on.set()
        timeline = await until(engine, man_id, lambda timeline: timeline.row.response == "Y")
    assert len([action for action in simulator.actions if action.name == "Ping"]) == 1
    assert outcome_of(timeline) is None


@pytest.mark.parametrize("fault", FAULTS)
async def test_lost_after_its_write_the_outcome_is_unknown_and_others_go_on(
    simulator: Simulator, chosen: Settings, fault: signal.Signals
) -> None:
    async with running(chosen, listen=False) as engine:
        simulator.fault = lambda action: Fault.IGNORE if action.name == "Ping" else None
        man_id = await engine.insert(PING)
        await simulator.received(1, "Ping")
        simulator.fault = None
        await lose(engine, man_id, "sent", fault)
        other = await engine.insert(PING)
        await until(engine, other, lambda timeline: timeline.row.response == "Y")
        lost = await until(engine, man_id, lambda timeline: outcome_of(timeline) is not None)
    assert (lost.row.status, lost.row.response, outcome_of(lost)) == (Status.SENT, "N", Outcome.UNKNOWN)
    assert len([action for action in simulator.actions if action.name == "Ping"]) == 2


@pytest.mark.parametrize("call", ["socketpair", "Popen"])
async def test_a_machine_that_has_no_process_or_socket_left_loses_no_row_and_ends_no_engine(
    simulator: Simulator, chosen: Settings, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = socket if call == "socketpair" else subprocess
    real, refused = getattr(module, call), list[str]()

    def exhausted(*given: Any, **named: Any) -> Any:
        refused.append(call)
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(module, call, exhausted)
        engine = Engine(chosen, listen=False)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(engine.run())
            await trouble(engine, "LimitNOFILE")
            assert refused
            patch.setattr(module, call, real)
            await engine.ready.wait()
            if call == "socketpair":
                patch.setattr(module, call, exhausted)
                man_id = await engine.insert(PING)
                await trouble(engine, "LimitNOFILE")
                patch.setattr(module, call, real)
            else:
                man_id = await engine.insert(PING)
            await until(engine, man_id, lambda timeline: timeline.row.response == "Y")
            engine.stop()
    assert len([action for action in simulator.actions if action.name == "Ping"]) == 1


async def test_a_row_whose_delivery_fails_for_no_known_reason_goes_back_and_is_sent(
    simulator: Simulator, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(chosen, listen=False) as engine:
        marked, failures = engine.store.mark_sent, [MemoryError()]

        def mark_sent(man_id: int, token: int) -> bool:
            done = marked(man_id, token)
            if failures:
                raise failures.pop()
            return done

        monkeypatch.setattr(engine.store, "mark_sent", mark_sent)
        man_id = await engine.insert(PING)
        await until(engine, man_id, lambda timeline: timeline.row.response == "Y")
    assert not failures
    assert len([action for action in simulator.actions if action.name == "Ping"]) == 1
