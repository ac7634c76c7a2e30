"""The main job on embedded parts: SQLite, the simulated Asterisk and a real engine, judged by how each action must end.

Nothing is installed and nothing is left behind. What is shown is what the table says, not what the engine believes.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from acqs_core.action import Outcome
from acqs_core.engine import Engine
from acqs_core.errors import AcqsError
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.types import Timeline
from acqs_core.settings import Settings
from acqs_core.simulator import Simulator
from acqs_core.simulator.scenarios import Scenario, demo_actions

_LOOK_EVERY = 0.1

TRICKLE = 20
"""Actions of a round: at least one of every kind."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """One action of the demo: how it should have ended, how it did, and how long it took to reach Asterisk."""

    scenario: Scenario
    timeline: Timeline
    latency_ms: float | None

    @property
    def outcome(self) -> Outcome | None:
        return self.timeline.outcome.outcome if self.timeline.outcome is not None else None

    @property
    def good(self) -> bool:
        """Whether the table says what the simulated dialplan promised."""
        row, expected = self.timeline.row, self.scenario
        return (row.status, row.response, self.outcome) == (expected.status, expected.response, expected.outcome)


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What became of all of them."""

    endings: list[Ending]
    seconds: float

    @property
    def good(self) -> bool:
        """Whether every action ended as the simulated dialplan says."""
        return all(ending.good for ending in self.endings)

    def _latency(self, share: float) -> float | None:
        known = sorted(ending.latency_ms for ending in self.endings if ending.latency_ms is not None)
        if len(known) < 2:
            return round(known[0], 2) if known else None
        return round(statistics.quantiles(known, n=100, method="inclusive")[round(share * 100) - 1], 2)

    def plain(self) -> dict[str, Any]:
        """As one JSON object."""
        statuses = collections.Counter(str(ending.timeline.row.status) for ending in self.endings)
        outcomes = collections.Counter(str(ending.outcome or "done") for ending in self.endings)
        return {
            "actions": len(self.endings),
            "as_expected": sum(ending.good for ending in self.endings),
            "by_status": dict(sorted(statuses.items())),
            "outcomes": dict(sorted(outcomes.items())),
            "latency_ms": {"p50": self._latency(0.50), "p99": self._latency(0.99)},
            "seconds": round(self.seconds, 3),
        }

    def rows(self) -> list[tuple[object, ...]]:
        """A line for each action, for a table."""
        return [
            (
                ending.timeline.row.man_id,
                ending.scenario.title,
                ending.scenario.outcome or "done",
                ending.outcome or "done",
                ending.timeline.row.status,
                ending.timeline.row.channel,
                "ok" if ending.good else "NOT AS EXPECTED",
            )
            for ending in self.endings
        ]

    def summary(self) -> tuple[object, ...]:
        """The last line: how many, how many as expected, latencies in ms, seconds."""
        plain = self.plain()
        latency = plain["latency_ms"]
        return (plain["actions"], plain["as_expected"], latency["p50"], latency["p99"], plain["seconds"])


async def run(actions: int, seconds: float) -> Report:
    """Send `actions` through an engine and wait until each has ended, at most `seconds`."""
    with tempfile.TemporaryDirectory(prefix="acqs-demo-") as folder:
        async with Simulator() as simulator:
            return await _run(simulator, Path(folder), demo_actions(actions), seconds)


@contextlib.asynccontextmanager
async def stage(settings: Settings) -> AsyncIterator[Settings]:
    """A simulated Asterisk and an empty queue in SQLite, and the settings for them; `settings` give all else."""
    with tempfile.TemporaryDirectory(prefix="acqs-demo-") as folder:
        async with Simulator(disorder=0.2) as simulator:
            staged = _settings(Path(folder), simulator)
            schema.init(Database.of(staged.queue, pool_size=1))
            yield settings.model_copy(update={"queue": staged.queue, "asterisk": staged.asterisk})


async def trickle(engine: Engine) -> None:
    """Insert an action of each kind in turn, one every now and then, until cancelled."""
    await engine.ready.wait()
    pause = random.Random(0)
    for turn in itertools.count():
        for scenario in demo_actions(TRICKLE, first=turn * TRICKLE):
            await engine.insert(scenario.action, actor="demo")
            await asyncio.sleep(pause.uniform(0.1, 1.5))


async def _run(simulator: Simulator, folder: Path, scenarios: list[Scenario], seconds: float) -> Report:
    settings = _settings(folder, simulator)
    database = Database.of(settings.queue, pool_size=1)
    schema.init(database)
    database.dispose()
    engine = Engine(settings)
    running = asyncio.create_task(engine.run())
    started = time.monotonic()
    try:
        async with asyncio.timeout(10):
            await engine.ready.wait()
        inserted = {}
        for scenario in scenarios:
            inserted[await engine.insert(scenario.action, actor="demo")] = time.monotonic()
        timelines = await _ended(engine, dict(zip(inserted, scenarios, strict=True)), seconds)
    except TimeoutError:
        raise AcqsError(f"the demo's engine did not start: {'; '.join(engine.snapshot()['trouble'])}") from None
    finally:
        engine.stop()
        await running
    reached = {action.action_id: action.at for action in simulator.actions}
    endings = []
    for scenario, timeline in zip(scenarios, timelines, strict=True):
        at = reached.get(_action_id(timeline))
        man_id = timeline.row.man_id
        endings.append(Ending(scenario, timeline, None if at is None else (at - inserted[man_id]) * 1000))
    return Report(endings, time.monotonic() - started)


async def _ended(engine: Engine, expected: dict[int, Scenario], seconds: float) -> list[Timeline]:
    """The timelines of all rows, once each is where it should end or the time is over."""
    until = time.monotonic() + seconds
    while True:
        found = await asyncio.to_thread(engine.store.timelines, list(expected))
        timelines = sorted(found, key=lambda timeline: timeline.row.man_id)
        waiting = [t for t in timelines if not Ending(expected[t.row.man_id], t, None).good]
        if not waiting or time.monotonic() >= until:
            return timelines
        await asyncio.sleep(_LOOK_EVERY)


def _action_id(timeline: Timeline) -> str:
    """The ActionID that was written, from the journal's own copy of the message."""
    lines = next((entry.detail.split("\n") for entry in timeline.journal if entry.event == "sent"), [])
    return next((line.partition(": ")[2] for line in lines if line.startswith("ActionID: ")), "")


def _settings(folder: Path, simulator: Simulator) -> Settings:
    """Settings of the demo alone: no file and no environment of the machine it runs on."""
    host, port = simulator.address
    tree = {
        "queue": {"url": f"sqlite:///{folder}/queue.sqlite3"},
        "asterisk": {"host": host, "port": port, "username": "acqs", "secret": "acqs"},
        "sender": {"linger": 1.0},
    }
    return Settings.model_validate(tree)
