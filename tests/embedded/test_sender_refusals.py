"""What becomes of rows when Asterisk refuses a session or an action: none is lost, and nobody is hammered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from acqs_core.action import NewAction, Outcome, Status, command
from acqs_core.engine import Engine
from acqs_core.simulator import Simulator, User
from acqs_core.simulator.server import ReceivedAction
from tests.embedded.test_sender import Chosen, outcome_of, running, settings, simulator, until

__all__ = ["settings", "simulator"]


def pings(many: int) -> list[NewAction]:
    return [NewAction("Ping", "", (f"Data: {number}",)) for number in range(many)]


async def trouble(engine: Engine, words: str) -> None:
    async with asyncio.timeout(5):
        while True:
            if any(words in told for told in engine.snapshot()["trouble"]):
                return
            await asyncio.sleep(0.02)


async def all_new(engine: Engine, man_ids: list[int]) -> None:
    for man_id in man_ids:
        await until(engine, man_id, lambda t: t.row.status is Status.NEW)


async def test_a_row_that_a_shutdown_answers_goes_back_and_is_sent_when_asterisk_is_there_again(
    simulator: Simulator, settings: Chosen
) -> None:
    def stop_at_a_ping(action: ReceivedAction) -> None:
        simulator.shutting_down = simulator.shutting_down or action.name == "Ping"

    async with running(settings(simulator.address[1]), listen=False) as engine:
        simulator.on_action = stop_at_a_ping
        man_id = await engine.insert(NewAction("Ping", "S1"))
        back = await until(engine, man_id, lambda t: t.row.status is Status.NEW and t.journal[-1].event == "not taken")
        assert outcome_of(back) is None
        await trouble(engine, "shutting down")
        counters = engine.snapshot()["counters"]
        assert counters["sent"] == counters["unsent"] > 0
        simulator.on_action = lambda action: None
        simulator.shutting_down = False
        answered = await until(engine, man_id, lambda t: t.row.response == "Y")
    assert (answered.row.status, outcome_of(answered)) == (Status.SENT, None)
    tries = [action.action_id for action in simulator.actions if action.name == "Ping"]
    assert len(tries) == len(set(tries)) == 2, "the second try is an action of its own"


async def test_a_secret_that_became_wrong_is_not_tried_once_a_row(simulator: Simulator, settings: Chosen) -> None:
    async with running(settings(simulator.address[1], max_logins=4), listen=False) as engine:
        simulator.refuse_logins = True
        before = len(simulator.actions)
        man_ids = await asyncio.to_thread(engine.store.insert_many, pings(60))
        await trouble(engine, "Authentication failed")
        begun = time.monotonic()
        await all_new(engine, man_ids)
        assert time.monotonic() - begun < 4, "no row waits in QUEUE for as long as Asterisk is left alone"
        assert Counter(action.name for action in simulator.actions[before:])["Login"] <= 4


async def test_a_house_that_is_full_is_asked_for_fewer_logins_at_a_time(simulator: Simulator, settings: Chosen) -> None:
    async with running(settings(simulator.address[1], max_logins=8), listen=False) as engine:
        assert engine.sender is not None
        logins = engine.sender._gate.logins
        simulator.no_banner = True
        man_ids = await asyncio.to_thread(engine.store.insert_many, pings(40))
        await trouble(engine, "authlimit")
        simulator.no_banner = False
        for man_id in man_ids:
            await until(engine, man_id, lambda t: t.row.response == "Y")
        assert logins.allowed in (4, 5, 6), "halved once for all that were turned away together, and on its way back"
    assert Counter(action.get("Data") for action in simulator.actions if action.name == "Ping") == {
        str(number): 1 for number in range(40)
    }


async def test_an_action_that_is_denied_ends_its_row_with_the_class_to_add_and_warns_once(
    simulator: Simulator, settings: Chosen, caplog: pytest.LogCaptureFixture
) -> None:
    simulator.users["acqs"] = User("acqs", write="originate,call")
    async with running(settings(simulator.address[1])) as engine:
        for _ in range(2):
            man_id = await engine.insert(command("core show uptime"))
            ended = await until(engine, man_id, lambda t: t.row.status is Status.DEAD and outcome_of(t) is not None)
            assert outcome_of(ended) is Outcome.REFUSED
            assert ended.outcome is not None
            assert ended.outcome.message.startswith("Permission denied; ")
            assert "write = command" in ended.outcome.message
        snapshot = engine.snapshot()
        assert ["write = command" in warning for warning in snapshot["warnings"]] == [True]
        assert snapshot["ready"], "what some rows lack keeps no other from being sent"
        assert len([record for record in caplog.records if "Asterisk denies" in record.message]) == 1
        simulator.users["acqs"] = User("acqs")
        man_id = await engine.insert(command("core show uptime"))
        await until(engine, man_id, lambda t: t.row.response == "Y")
        assert engine.snapshot()["warnings"] == []


async def test_a_user_who_may_be_in_only_once_sends_row_after_row(simulator: Simulator, settings: Chosen) -> None:
    simulator.users["acqs"] = User("acqs", allow_multiple=False)
    async with running(settings(simulator.address[1], max_logins=4, linger=60), listen=False) as engine:
        man_ids = await asyncio.to_thread(engine.store.insert_many, pings(5))
        for man_id in man_ids:  # who lingers leaves for the next
            await until(engine, man_id, lambda t: t.row.response == "Y", 30)
    assert Counter(action.get("Data") for action in simulator.actions if action.name == "Ping") == {
        str(number): 1 for number in range(5)
    }
