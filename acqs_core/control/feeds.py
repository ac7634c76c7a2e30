"""What a follower is shown live, gathered once for all of them.

status    the engine's snapshot, twice a second                 (the newest replaces the one before)
sessions  child sessions that live, and those that failed last  (likewise)
rows      rows that the engine has touched, as they are now     (each new one; missed ones are counted)
events    AMI events as the listener reads them                 (likewise)
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from acqs_core.ami.wire import decode as text_of
from acqs_core.control.desk import Desk
from acqs_core.control.wire import Message, RowView
from acqs_core.errors import QueueError
from acqs_core.queue.types import Depth
from acqs_core.ring import Ring
from acqs_core.telemetry import Telemetry

NAMES = ("status", "sessions", "rows", "events")

STATUS_EVERY, DEPTH_EVERY, SESSIONS_EVERY, ROWS_EVERY = 0.5, 1.0, 0.2, 0.2
"""Seconds between looks."""

UNKNOWN_EVERY = 3.0
"""Seconds between counts of the actions of which nobody knows what became."""

PATIENCE = 1.0
"""Seconds that a look waits for the database. What takes longer is told when it is there; the engine's own word is told
meanwhile, so that a console can tell an engine without a database from one that hangs."""

CAP = 1000
"""Where counts of rows stop (design §3)."""

MOST_SESSIONS = 500
"""Child sessions that are shown at the most."""

MOST_EVENTS = 2000
"""Events of one look that are shown at the most: 20,000 a second; a person reads none of them, but a filter does."""

MOST_ROWS = 400
"""Rows that are read again in one look; more wait for the next."""

HISTORY = 500
"""Events and rows of the past that a new follower is shown."""


class Watched(Protocol):
    """What is watched of an engine."""

    telemetry: Telemetry

    def status(self) -> dict[str, Any]:
        """What it is doing, as plain data."""

    def sessions(self) -> list[dict[str, object]]:
        """Its living child sessions."""

    async def depth(self, cap: int) -> Depth:
        """How much stands in the table. Raises QueueError."""


class Feeds:
    """The feeds of one engine."""

    def __init__(self, engine: Watched) -> None:
        self._engine = engine
        self._rows: Ring[RowView] = Ring(5000)
        self._states: dict[str, tuple[int, Message]] = {"status": (0, {}), "sessions": (0, {})}
        self._looked: dict[str, float] = {}
        self._depth: Message | None = None
        self._unknown: frozenset[int] = frozenset()
        self._asking: dict[str, asyncio.Task[None]] = {}

    def close(self) -> None:
        """Ask the database for nothing any more."""
        for task in self._asking.values():
            task.cancel()

    async def look(self, desk: Desk, wanted: set[str]) -> None:
        """Gather what is new for these feeds."""
        if "status" in wanted and self._is_time("status", STATUS_EVERY):
            await self._look_at_the_engine(desk)
        if "sessions" in wanted and self._is_time("sessions", SESSIONS_EVERY):
            self._look_at_sessions()
        if "rows" in wanted:
            await self._ask("rows", ROWS_EVERY, lambda: self._look_at_rows(desk))

    def begins(self, name: str) -> int:
        """Where a new follower of this feed begins."""
        ring = self._ring(name)
        return 0 if ring is None else max(0, ring.total - HISTORY)

    def news(self, name: str, seen: int) -> tuple[Message | None, int]:
        """What a follower who has seen so much has not seen yet, and how much it has seen then."""
        ring = self._ring(name)
        if ring is None:
            version, state = self._states[name]
            return ({"feed": name, "is": state} if version > seen else None), version
        new, missed = ring.since(seen, MOST_EVENTS)
        if not new and not missed:
            return None, seen
        items = [[at, text_of(raw)] for at, raw in new] if name == "events" else new
        return {"feed": name, "items": items, "missed": missed}, ring.total

    def _ring(self, name: str) -> Ring[Any] | None:
        if name == "events":
            return self._engine.telemetry.frames
        return self._rows if name == "rows" else None

    async def _look_at_the_engine(self, desk: Desk) -> None:
        await self._ask("depth", DEPTH_EVERY, self._count)
        await self._ask("unknown", UNKNOWN_EVERY, lambda: self._count_unknown(desk))
        self._state("status", self._engine.status() | {"depth": self._depth, "unknown": len(self._unknown)})

    def _look_at_sessions(self) -> None:
        failed = self._engine.telemetry.failures.since(0)[0]
        self._state("sessions", {"living": self._engine.sessions()[:MOST_SESSIONS], "failed": failed})

    def _state(self, name: str, state: Message) -> None:
        version, before = self._states[name]
        if state != before:
            self._states[name] = (version + 1, state)

    async def _ask(self, name: str, every: float, ask: Callable[[], Awaitable[None]]) -> None:
        """Ask the database for this, unless it is too early or it is still being asked; do not wait for long."""
        asking = self._asking.get(name)
        if (asking is None or asking.done()) and self._is_time(name, every):
            asking = self._asking[name] = asyncio.ensure_future(ask())
            await asyncio.wait((asking,), timeout=PATIENCE)

    async def _count(self) -> None:
        try:
            self._depth = dataclasses.asdict(await self._engine.depth(CAP))
        except QueueError:
            self._depth = None

    async def _count_unknown(self, desk: Desk) -> None:
        with contextlib.suppress(QueueError):  # the status says that the database is away
            unknown = frozenset(await desk.in_thread(lambda: desk.unknown_ids(CAP)))
            self._engine.telemetry.touched.update(unknown - self._unknown)  # by the mere passing of time
            self._unknown = unknown

    async def _look_at_rows(self, desk: Desk) -> None:
        touched = self._engine.telemetry.touched
        man_ids = touched.take(MOST_ROWS)
        if not man_ids:
            return
        try:
            for view in await desk.in_thread(lambda: desk.rows(man_ids=man_ids)):
                self._rows.add(view)
        except QueueError:
            touched.update(man_ids)  # the status says that the database is away

    def _is_time(self, name: str, every: float) -> bool:
        now = time.monotonic()
        if now - self._looked.get(name, 0.0) < every:
            return False
        self._looked[name] = now
        return True
