"""Keeps the console connected: says in words that the engine is gone, looks for another, and starts one only when told.

Taking over is a person's decision: an engine that a console starts sends what waits in the table.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from acqs_core.errors import AcqsError

if TYPE_CHECKING:
    from acqs_tui.app import Console

LOOK_EVERY = 3.0
"""Seconds between looks for an engine."""


def missing(why: str, *, read_only: bool = False) -> str:
    """That there is no engine: what can be done about it first, since a narrow terminal shows only so much of `why`."""
    offer = "" if read_only else ", press a to start one"
    return f"looking for an engine{offer}: {why}; what is shown is what was last known"


class Connection:
    """The life of the console's feed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._wanted = asyncio.Event()
        self.leaving = False
        """The console is being left: that its engine ends is no news."""

    async def keep(self, *, start: bool = True) -> None:
        """Connect, and again whenever the engine is gone; runs until cancelled. `start` one where there is none."""
        feed, lost, told = self._console.feed, "", False
        while True:
            try:
                await feed.connect(embed=start, anyway=told)
            except AcqsError as error:
                if start or not lost:
                    lost = str(error)
            else:
                if lost:
                    self._say_back()
                lost = await feed.gone()
                if self.leaving:
                    return
            feed.problem = missing(lost, read_only=self._console.read_only)
            self._wanted.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), LOOK_EVERY)
            start = told = self._wanted.is_set()

    def take_over(self) -> None:
        """Attach to an engine, or start one."""
        self._wanted.set()

    def _say_back(self) -> None:
        greeting, feed = self._console.feed.greeting, self._console.feed
        how = "started" if feed.embedded else "attached to"
        self._console.notify(f"{how} the engine {greeting.get('host', '')}:{greeting.get('pid', '')}", markup=False)
