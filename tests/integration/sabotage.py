"""Kills and stops the child processes of chosen rows, each at a moment of its life, and remembers which."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from acqs_core.engine import Engine
from acqs_core.sender.child import State

MOMENTS = (State.LOGGING_IN, State.MARKING, State.SENT, State.LINGERING)
"""In the order in which a child comes to them."""

FAULTS = (signal.SIGKILL, signal.SIGSTOP)

EVERY = 0.001
"""Seconds between looks: a child marks its row and writes within a few of these."""


class Fault(NamedTuple):
    """What was done to a child, and in which state it was."""

    signal: signal.Signals
    state: str
    pid: int


class Saboteur:
    """Does so for an engine of this very process, while `at_work`. Each row is hit once at the most: a row that goes
    back to NEW must find its way."""

    def __init__(self, engine: Engine, chosen: Callable[[int], bool]) -> None:
        assert engine.sender is not None
        self._sender, self._chosen = engine.sender, chosen
        self._plans = itertools.cycle(itertools.product(MOMENTS, FAULTS))
        self._planned: dict[int, tuple[State, signal.Signals]] = {}
        self.victims: dict[int, Fault] = {}
        """By man_id."""

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Look at the sessions as long as this lasts."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    async def _look(self) -> None:
        while True:
            for view in self._sender.sessions():
                if view["man_id"] not in self.victims and "pid" in view and self._chosen(int(str(view["man_id"]))):
                    self._approach(view)
            await asyncio.sleep(EVERY)

    def _approach(self, view: dict[str, Any]) -> None:
        man_id, pid, state = view["man_id"], view["pid"], view["state"]
        plan = self._planned.get(man_id)
        if plan is None:
            plan = self._planned[man_id] = next(self._plans)
        moment, fault = plan
        if state in MOMENTS and MOMENTS.index(state) >= MOMENTS.index(moment):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, fault)
                self.victims[man_id] = Fault(fault, state, pid)


def processes_named(name: str, parent: int | None = None) -> list[int]:
    """The pids of the processes of this short name (comm), of all or of one parent's descendants."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
            before, _, after = file.read().rpartition(")")
            if before.partition("(")[2] == name and (parent is None or int(after.split()[1]) == parent):
                found.append(int(pid))
    return found
