"""When a program sees that the processors have too much to do, and when what can wait is due then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from acqs_core.crowd import LEAST, Crowd, Pace

TICK, SELDOM = 0.1, 0.45


def due(waits: list[float]) -> list[int]:
    """The ticks at which something is due, of a program that has waited so long for a processor at each of them."""
    now = waited = 0.0
    pace = Pace(Crowd(waited=lambda: waited, clock=lambda: now), SELDOM)
    ticks = []
    for number, wait in enumerate(waits):
        now, waited = now + TICK, waited + wait
        if pace.is_due():
            ticks.append(number)
    return ticks


def test_each_tick_is_due_while_there_are_processors_for_all() -> None:
    assert due([0.0, 0.001, 0.009, 0.0, 0.002]) == [0, 1, 2, 3, 4]


def test_one_tick_of_five_is_due_while_processors_are_waited_for() -> None:
    assert due([0.0, *[0.05] * 12]) == [0, 5, 10]


def test_the_first_tick_is_always_due() -> None:
    assert due([0.09]) == [0]


def test_each_tick_is_due_again_a_second_after_the_last_wait() -> None:
    ticks = due([0.0, 0.05, *[0.0] * 14])
    assert ticks[:3] == [0, 5, 10]
    assert ticks[-4:] == [12, 13, 14, 15]


def test_who_looks_too_soon_is_told_what_the_look_before_told() -> None:
    now = waited = 0.0
    crowd = Crowd(waited=lambda: waited, clock=lambda: now)
    now, waited = LEAST / 10, LEAST / 20
    assert not crowd.is_here(), "half of five milliseconds says nothing"
    now, waited = LEAST, LEAST / 2
    assert crowd.is_here()


CODE = """
import os, subprocess, sys, time
from acqs_core.crowd import waited_so_far
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
