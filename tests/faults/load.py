"""A producer that inserts at a steady rate while something breaks, and a count of what was written on a wire."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import time
from collections import Counter
from collections.abc import Sequence
from subprocess import SubprocessError
from types import TracebackType
from typing import Self

from acqs_core.action import NewAction, call
from tests.faults.ground import Place
from tests.faults.proxy import Proxy

QUICK = call("Local/630@default/n", exten="630")
"""A call that is over at once: only that it was made matters."""

TELLS = NewAction("UserEvent", "", ("UserEvent: Acqs",))
"""Whoever listens at Asterisk hears of it, so that it is known to have been carried out, and how often."""

SEEN = (QUICK, QUICK, QUICK, QUICK, TELLS)
"""What a witness at Asterisk can count."""

WRITTEN = (
    QUICK, QUICK, QUICK, QUICK, TELLS, NewAction("Ping"), NewAction("Hangup", "", ("Channel: Local/nobody",)),
    NewAction("Redirect", "", ("Channel: Local/nobody", "Context: default", "Exten: 630", "Priority: 1")),
)  # fmt: skip
"""With those that only a count on the wire can count. There is no such channel: Asterisk refuses, and that is an answer
like any other."""

EVERY = 0.2
"""Seconds between two handfuls."""


class Load:
    """Inserts so many rows a second at a place, in an `async with`; `man_ids` are those so far."""

    def __init__(self, place: Place, per_second: float, news: Sequence[NewAction] = SEEN) -> None:
        self._place, self._handful = place, max(1, round(per_second * EVERY))
        self._news = itertools.cycle(news)
        self.man_ids: list[int] = []
        self._begun: list[tuple[float, int]] = []

    async def __aenter__(self) -> Self:
        self._stop = asyncio.Event()
        self._producing = asyncio.create_task(self._produce())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Insert no more."""
        self._stop.set()
        await self._producing

    def since(self, moment: float) -> list[int]:
        """Rows whose INSERT began after this moment of the day's clock."""
        return [man_id for began, man_id in self._begun if began > moment]

    async def _produce(self) -> None:
        while not self._stop.is_set():
            began = time.time()
            # While the database is away a dialer's INSERT fails, and it was never a row.
            with contextlib.suppress(SubprocessError):
                man_ids = await self._place.insert(list(itertools.islice(self._news, self._handful)))
                self.man_ids += man_ids
                self._begun += [(began, man_id) for man_id in man_ids]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), EVERY)


_OF_A_ROW = re.compile(rb"Action: \w+\r\nActionID: acqs-(\d+)-")
_REFUSED = re.compile(rb"Response: Error\r\nActionID: acqs-(\d+)-\w+\r\nMessage: Asterisk is shutting down\r\n")


class Tap:
    """Counts the actions of rows that went through a proxy to Asterisk, whatever became of that Asterisk; those that it
    refused because it was shutting down are not counted: it never looked at them (facts/ami.md)."""

    def __init__(self, proxy: Proxy) -> None:
        self.written = Counter[int]()
        self._tails: dict[tuple[str, int], bytes] = {}
        proxy.up.on_bytes = lambda number, data: self._take("up", number, data)
        proxy.down.on_bytes = lambda number, data: self._take("down", number, data)

    def _take(self, way: str, number: int, data: bytes) -> None:
        """Whole messages only: what has no end yet is kept until it has."""
        *whole, tail = (self._tails.pop((way, number), b"") + data).split(b"\r\n\r\n")
        if tail:
            self._tails[way, number] = tail
        for message in whole:
            if way == "up" and (found := _OF_A_ROW.search(message)):
                self.written[int(found[1])] += 1
            elif way == "down" and (found := _REFUSED.search(message + b"\r\n")):
                self.written[int(found[1])] -= 1
