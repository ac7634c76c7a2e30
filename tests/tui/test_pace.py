"""How often the console draws."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from acqs_tui.pace import Paced

FRAME = 0.1


def drawn(waits: list[float]) -> list[int]:
    """The ticks that draw, of a console that has waited so long for a processor at each of its ticks."""
    now = waited = 0.0
    ticks: list[int] = []
    number = 0
    paced = Paced(lambda: ticks.append(number), waited=lambda: waited, clock=lambda: now)
    for number, wait in enumerate(waits):  # noqa: B007
        now, waited = now + FRAME, waited + wait
        paced.tick()
    return ticks


def test_each_tick_draws_while_there_are_processors_for_all() -> None:
    assert drawn([0.0, 0.001, 0.009, 0.0, 0.002]) == [0, 1, 2, 3, 4]


def test_one_tick_of_five_draws_while_processors_are_waited_for() -> None:
    assert drawn([0.0, *[0.05] * 12]) == [0, 5, 10]


def test_the_first_picture_does_not_wait() -> None:
    assert drawn([0.09]) == [0]


def test_each_tick_draws_again_a_second_after_the_last_wait() -> None:
    ticks = drawn([0.0, 0.05, *[0.0] * 14])
    assert ticks[:3] == [0, 5, 10]
    assert ticks[-4:] == [12, 13, 14, 15]


CODE = """
import os, subprocess, sys, time
from acqs_tui.pace import waited_so_far
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
rival = subprocess.Popen([sys.executable, "-c", "print(flush=True)\\nwhile True: pass"], stdout=subprocess.PIPE)
rival.stdout.readline()
alone, until = waited_so_far(), time.monotonic() + 0.5
while time.monotonic() < until: pass
after = waited_so_far()
rival.kill()
rival.wait()
print(after - alone)
"""


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel does not count it")
def test_what_a_rival_on_the_same_processor_takes_is_a_wait() -> None:
    told = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True)
    assert 0.1 < float(told.stdout) < 0.6
