"""Whether the processors have too much to do. Then what is only looked at stands back for what is sent.

Nice alone does not do it: where Linux shares out processors by session, as it does by default
(sched_autogroup_enabled), it counts among the programs of one terminal only, and a picture is as important as a call.
So a program looks at how long it stood in the queue for a processor itself, which is where calls stood, too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

CROWDED = 0.1
"""Part of its time that a program waits for a processor, from which on the processors have too much to do."""

LEAST = 0.05
"""Seconds between two looks: less says nothing."""

CALM = 1.0
"""Seconds without such a wait, after which there are processors for all again."""


def waited_so_far() -> float:
    """Seconds that the main thread was ready to run and had no processor; 0 where the kernel does not count them
    (Linux does, with CONFIG_SCHED_INFO: Documentation/scheduler/sched-stats.rst)."""
    with suppress(OSError, ValueError, IndexError), open(f"/proc/{os.getpid()}/schedstat", "rb") as file:
        return int(file.read().split()[1]) / 1e9
    return 0.0


class Crowd:
    """Whether there are more programs than processors, as far as this one can tell."""

    def __init__(
        self, waited: Callable[[], float] = waited_so_far, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._waited, self.clock = waited, clock
        self._looked, self._had_waited = clock(), waited()
        self._crowded = float("-inf")

    def is_here(self) -> bool:
        """Whether this program has waited for a processor within the last second."""
        now = self.clock()
        if now - self._looked >= LEAST:
            waited = self._waited()
            if waited - self._had_waited > CROWDED * (now - self._looked):
                self._crowded = now
            self._looked, self._had_waited = now, waited
        return now - self._crowded < CALM


class Pace:
    """When to do what is done again and again and can wait: at each tick, or in a crowd once in `seldom` seconds."""

    def __init__(self, crowd: Crowd, seldom: float) -> None:
        self._crowd, self._seldom = crowd, seldom
        self._done = float("-inf")

    def is_due(self) -> bool:
        """Whether to do it at this tick; the first time always."""
        now = self._crowd.clock()
        if self._crowd.is_here() and now - self._done < self._seldom:
            return False
        self._done = now
        return True
