"""The console's side of the engine: finds or starts one, keeps what it tells until the next frame is drawn.

Nothing here draws and nothing waits for drawing: what comes over the socket lands in bounded places, a timer of the app
takes it from there ten times a second (facts/textual.md: a message for each would cost a hundred times as much).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from acqs_core.control import host, places
from acqs_core.control.client import Client
from acqs_core.crowd import LEAST, Crowd, Pace
from acqs_core.errors import AcqsError, ControlError, NoEngine
from acqs_core.settings import Settings
from acqs_tui import memory, priority
from acqs_tui.events import LINES, EventRecord
from acqs_tui.rows import RowRecord, unpack

LOOKING = "looking for an engine"
"""What a console says before it has found or started one."""

FEEDS = ("status", "sessions", "rows", "events")

PAGE = 500
"""Rows of one page of the window: taken in some milliseconds, so that no key waits for it."""

LOOK_BACK = 100
"""man_ids below the newest that are asked for again: a slow producer's row may come after one with a higher id."""

NEWER_EVERY, STALE_EVERY = 0.5, 1.0
"""Seconds between looks for rows that producers inserted, and at rows that others may have changed."""

PAGE_SELDOM, NEWER_SELDOM, STALE_SELDOM = 0.5, 2.0, 5.0
"""Seconds between two pages, and between those looks, where calls need the processors: the engine tells of each row
that it works on itself."""

MOST_EVENTS = 20_000
"""Events that wait for the next frame at the most."""

STARTING = 20.0
"""Seconds in which an engine of our own must greet."""


class Feed:
    """One console's connection to an engine. `status` and `sessions` are the engine's latest word."""

    def __init__(
        self,
        settings: Settings,
        *,
        read_only: bool = False,
        demo: bool = False,
        clock: Callable[[], float] = time.monotonic,
        crowd: Crowd | None = None,
    ) -> None:
        self.settings, self.read_only, self.demo = settings, read_only, demo
        self._clock = clock
        self._crowd = crowd or Crowd()
        self.status: dict[str, Any] = {}
        self.sessions: dict[str, Any] = {"living": [], "failed": []}
        self.greeting: dict[str, Any] = {}
        self.problem = LOOKING
        """Why nothing is shown, in words; empty while an engine is connected."""
        self.loaded, self.loading = 0, False
        """Rows of the window that were read so far, and whether more are being read."""
        self.stale: Callable[[], list[int]] = list
        """Gives the man_ids of the rows that are to be read again next: those on the screen first."""
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None
        self._rows: dict[int, RowRecord] = {}
        self._events: deque[EventRecord] = deque(maxlen=MOST_EVENTS)
        self._numbers = itertools.count(LINES, LINES)
        self._missed = 0
        self._gone: list[int] = []
        self._newest = 0
        self._work: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        """Whether an engine answers."""
        return self._client is not None

    @property
    def embedded(self) -> bool:
        """Whether the engine is one that this console started."""
        return self._process is not None

    @property
    def may_stop(self) -> bool:
        """Whether the engine may be stopped from here."""
        return bool(self.greeting.get("may_stop"))

    async def connect(self, *, embed: bool = True, anyway: bool = False) -> None:
        """Attach to the engine that serves our server_ip here; start one where there is none (`embed`), or where none
        can be attached to (`anyway`): it stands by while another holds the lease. Raises AcqsError."""
        settings = self.settings
        try:
            if self.demo:
                raise NoEngine("a demo has an engine of its own")
            self._process = None
            client = await Client.attach(settings.server_ip, settings.control.folder, read_only=self.read_only)
        except ControlError as error:
            if not embed or (self.read_only and not self.demo) or not (anyway or isinstance(error, NoEngine)):
                raise  # an engine that is started sends what waits: nobody who may only look starts one
            self._process, ours = await priority.ahead(host.start, settings, demo=self.demo)
            client = await Client.connect(ours, read_only=self.read_only, patience=STARTING)
        self._client, self.greeting, self.problem = client, client.greeting, ""
        client.on_feed = self._take
        await client.follow(*FEEDS)
        self._work = [
            asyncio.create_task(self._load(client), name="window"),
            asyncio.create_task(self._keep_up(client), name="newer rows"),
            asyncio.create_task(self._freshen(client), name="stale rows"),
        ]

    async def reachable(self) -> bool:
        """Whether an engine that could be attached to is here."""
        folder = places.folder(self.settings.control.folder)
        return bool(await asyncio.to_thread(places.found, folder, self.settings.server_ip))

    async def gone(self) -> str:
        """Wait until the engine is gone; why."""
        if self._client is None:
            return self.problem
        why = await self._client.gone()
        await self._let_go()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):  # its socket is closed: it is about to end
                await asyncio.to_thread(self._process.wait, 5)
            self._process = None
        self.problem = why or "the engine has ended"
        return self.problem

    async def ask(self, do: str, **given: Any) -> Any:
        """Ask the engine, or have it do something. Raises AcqsError."""
        if self._client is None:
            raise ControlError(f"not done: {self.problem}")
        return await self._client.ask(do, **given)

    async def close(self, *, stop: bool = False) -> None:
        """Leave; `stop` ends an engine that a console may end, and waits until it has drained."""
        client = self._client
        if client is not None and stop and self.may_stop:
            with contextlib.suppress(AcqsError, TimeoutError):
                await client.ask("stop")
                await asyncio.wait_for(client.gone(), self.settings.sender.response_timeout + 5)
        await self._let_go()
        process = self._process
        if process is not None and (stop or self.demo):
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, 10)

    def take_rows(self) -> tuple[list[RowRecord], list[int]]:
        """Rows that came since they were last taken, and man_ids of those that are no longer in the table."""
        rows, self._rows = list(self._rows.values()), {}
        gone, self._gone = self._gone, []
        return rows, gone

    def take_events(self) -> tuple[list[EventRecord], int]:
        """Events that came since they were last taken, and how many more did."""
        events = list(self._events)
        self._events.clear()
        missed, self._missed = self._missed, 0
        return events, missed

    def _take(self, message: dict[str, Any]) -> None:
        name = message["feed"]
        if name in ("status", "sessions"):
            setattr(self, name, message["is"])
        elif name == "rows":
            self._keep(unpack(message["items"], self._clock()))
        else:
            self._missed += message["missed"] + max(0, len(self._events) + len(message["items"]) - MOST_EVENTS)
            self._events.extend(EventRecord(next(self._numbers), at, text) for at, text in message["items"])

    def _keep(self, rows: list[RowRecord]) -> None:
        self._rows.update((row.id, row) for row in rows)
        self._newest = max([self._newest, *(row.id for row in rows)])

    async def _load(self, client: Client) -> None:
        """Fill the window, newest first, one page after another."""
        before: int | None = None
        self.loaded, self.loading = 0, True
        pace = Pace(self._crowd, PAGE_SELDOM)
        while self.loaded < self.settings.console.window:
            if not pace.is_due():
                await asyncio.sleep(LEAST)
                continue
            try:
                page = await client.ask("page", before=before, limit=PAGE)
            except AcqsError:
                await asyncio.sleep(STALE_EVERY)
                continue
            self._keep(unpack(page["rows"], self._clock()))
            self.loaded += len(page["rows"])
            memory.keep()
            before = page["next"]
            if before is None:
                break
            await asyncio.sleep(0.01)  # keys and frames come first
        self.loading = False

    async def _keep_up(self, client: Client) -> None:
        """Rows that producers insert: the engine is told of them by nobody."""
        pace = Pace(self._crowd, NEWER_SELDOM)
        while True:
            await asyncio.sleep(NEWER_EVERY)
            if not pace.is_due():
                continue
            with contextlib.suppress(AcqsError):
                more = True
                while more:
                    newer = await client.ask("newer", than=max(0, self._newest - LOOK_BACK), limit=PAGE)
                    rows = unpack(newer["rows"], self._clock())
                    more = newer["more"] and bool(rows) and rows[-1].id > self._newest
                    self._keep(rows)

    async def _freshen(self, client: Client) -> None:
        """Rows that others changed: another engine, another operator, a purge."""
        pace = Pace(self._crowd, STALE_SELDOM)
        while True:
            await asyncio.sleep(STALE_EVERY)
            if not pace.is_due():
                continue
            man_ids = list(dict.fromkeys(self.stale()))[:PAGE]
            if man_ids:
                with contextlib.suppress(AcqsError):
                    rows = unpack(await client.ask("rows", man_ids=man_ids), self._clock())
                    self._keep(rows)
                    self._gone += set(man_ids) - {row.id for row in rows}

    async def _let_go(self) -> None:
        for task in self._work:
            task.cancel()
        for task in self._work:
            with contextlib.suppress(asyncio.CancelledError, ControlError):
                await task
        self._work = []
        client, self._client = self._client, None
        if client is not None:
            await client.close()
