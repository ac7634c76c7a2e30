"""The figures that the project promises, held as ratios and differences of one run so that any machine can judge.

A machine that others use too can spoil a run and cannot make one better: the best of up to three counts, and NOISE of
what is promised must be reached. Whether the promise itself is kept is for `make bench` on a quiet machine.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import burst, idle, latency, listening, processes, start
from tests.bench.figure import Figure
from tests.bench.scene import Scene
from tests.lab.asterisk import Asterisk
from tests.lab.mariadb import MariaDB
from tests.lab.session import Lab

TRIES = 3

NOISE = 0.6
"""The part of a promised figure that must be reached on a machine that may be busy with other things."""

SHARE_OF_BARE = 0.25
FOUR_TIMES_THE_ORIGINAL = 148.0
"""Actions a second where bare sockets reach REACHED: the Perl original made 37."""
REACHED = 1000.0

BEHIND = 30.0
"""Milliseconds after an Originate on an open session."""

WITH_FAULTS = 1.5
"""Times the 99th percentile without."""


@pytest.fixture
def scene(lab: Lab, mariadb_server: MariaDB, quiet_asterisk: Asterisk) -> Scene:
    """The run's shared parts, without a call."""
    return Scene(lab)


@pytest.mark.timeout(180)
async def test_a_burst_of_200_goes_out_once_each_and_fast_beside_bare_sockets(scene: Scene) -> None:
    tried: list[Figure] = []
    while len(tried) < TRIES:
        tried.append(await burst.measure(scene, bursts=1))
        if _is_fast(tried[-1]):
            return
    pytest.fail(f"too slow, best of {TRIES}: {[figure.line() for figure in tried]}", pytrace=False)


async def test_a_lone_row_is_hardly_behind_an_originate_on_an_open_session(scene: Scene) -> None:
    tried: list[Figure] = []
    while len(tried) < TRIES:
        tried.append(await latency.measure(scene, rows=14))
        if latency.behind(tried[-1]) <= BEHIND / NOISE:
            return
    pytest.fail(f"too slow, best of {TRIES}: {[figure.line() for figure in tried]}", pytrace=False)


async def test_an_idle_engine_takes_next_to_nothing_of_a_core_and_under_80_mb(scene: Scene) -> None:
    for _ in range(TRIES):
        processor, memory = await idle.measure(scene, seconds=5.0)
        assert memory.value < 80, memory.line()
        if processor.value < 2 / NOISE:
            return
    pytest.fail(f"too busy, best of {TRIES}: {processor.line()}", pytrace=False)


@pytest.mark.timeout(180)
async def test_children_that_are_killed_or_stopped_hardly_delay_the_other_rows(scene: Scene) -> None:
    tried: list[Figure] = []
    while len(tried) < TRIES:
        tried.append(await processes.faults(scene, rows=40))
        if tried[-1].ratio <= WITH_FAULTS / NOISE:
            return
    pytest.fail(f"too slow, best of {TRIES}: {[figure.line() for figure in tried]}", pytrace=False)


async def test_a_flood_while_the_database_stands_still_loses_no_change_and_stays_small(
    scene: Scene, tmp_path: Path
) -> None:
    """Longer than our statements wait for it; `make bench BENCH=listening` has the whole of it."""
    stall, seconds, living = 2.5, 4.0, 50
    calls = int(seconds * listening.RATE / listening.EVENTS_A_CALL)
    async with (
        listening.Flood.of(scene.stand, calls, living) as flood,
        listening.started(scene.stand, flood, tmp_path) as listener,
    ):
        told = await listening.replay_with_stall(scene.stand, flood, stall)
        await listening.until_right(scene.stand, flood, living)
        await listener.said("all that waited is written")
        most = listening.megabytes(listener.pid, "VmHWM")
        assert await listener.terminate() == 0
    assert most < 200
    assert told["events"] / told["seconds"] >= listening.RATE * NOISE, told


def test_help_comes_at_once() -> None:
    best = min(start.measure(runs=3).value for _ in range(TRIES))
    assert best < 0.4 / NOISE


def _is_fast(figure: Figure) -> bool:
    enough = figure.yardstick < REACHED or figure.value >= FOUR_TIMES_THE_ORIGINAL * NOISE
    return figure.ratio >= SHARE_OF_BARE * NOISE and enough
