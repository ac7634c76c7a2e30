"""The console draws ten times a second; where calls need the processors it draws twice, until they are done.

Nice (priority.py) alone does not do it: where Linux shares out processors by session, as it does by default
(sched_autogroup_enabled), it counts among the programs of one terminal only, and a picture is as important as a call.
So the console looks at how long it stood in the queue for a processor itself, which is where calls stood, too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

CROWDED = 0.1
"""Part of its time that the console waits for a processor, from which on the processors have too much to do."""

SELDOM = 0.45
"""Seconds between two drawings then: one tick of five draws, though no tick comes to the millisecond."""

CALM = 1.0
"""Seconds without such a wait, after which all is drawn again."""


def waited_so_far() -> float:
    """Seconds that the main thread was ready to run and had no processor; 0 where the kernel does not count them
    (Linux does, with CONFIG_SCHED_INFO: Documentation/scheduler/sched-stats.rst)."""
    with suppress(OSError, ValueError, IndexError), open(f"/proc/{os.getpid()}/schedstat", "rb") as file:
        return int(file.read().split()[1]) / 1e9
    return 0.0


class Paced:
    """Draws at each tick, or at one of five. Keys do not wait for it: what they do is drawn as they do it."""

    def __init__(
        self,
        draw: Callable[[], None],
        waited: Callable[[], float] = waited_so_far,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._draw, self._waited, self._clock = draw, waited, clock
        self._looked, self._had_waited = clock(), waited()
        self._drawn = self._crowded = float("-inf")

    def tick(self) -> None:
        """Draw, unless the processors have too much to do and it was drawn a moment ago."""
        now, waited = self._clock(), self._waited()
        if waited - self._had_waited > CROWDED * (now - self._looked):
            self._crowded = now
        self._looked, self._had_waited = now, waited
        if now - self._crowded >= CALM or now - self._drawn >= SELDOM:
            self._drawn = now
            self._draw()
