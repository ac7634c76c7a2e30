"""Who goes first where there is not enough processor time for both."""

from __future__ import annotations

import subprocess
import sys

from acqs_tui.priority import BEHIND

LAST = 19
"""There is nothing behind it."""

CODE = """
import asyncio, os, subprocess
from acqs_tui import priority
before = os.getpriority(os.PRIO_PROCESS, 0)
priority.step_back()
started = asyncio.run(priority.ahead(subprocess.check_output, ["nice"]))
print(before, os.getpriority(os.PRIO_PROCESS, 0), int(started))
"""


def test_a_console_stands_back_and_the_engine_that_it_starts_does_not() -> None:
    told = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True)
    before, now, started = map(int, told.stdout.split())
    assert now == min(before + BEHIND, LAST)
    assert started == before
