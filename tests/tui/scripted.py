"""An engine that only tells: the real control socket over a script in place of a queue, a sender and a listener.

What it tells depends on nothing but the script and a clock that stands still, so that a picture of the console is the
same on every machine. What a console does to a real engine is tested on one (tests/hosted.py).
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from acqs_core import story
from acqs_core.action import Status
from acqs_core.control import places
from acqs_core.control.desk import Desk
from acqs_core.control.feeds import Feeds
from acqs_core.control.server import ControlServer
from acqs_core.control.wire import Message, RowView
from acqs_core.crowd import Crowd
from acqs_core.errors import ControlError, NotFound, Refused
from acqs_core.queue.types import Depth
from acqs_core.telemetry import Telemetry
from tests.tui import scene

T = TypeVar("T")


class Clock:
    """Seconds, as many as it is told."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """What time it is."""
        return self.now


class Script:
    """What the engine tells. `told` replaces what `status` says."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.telemetry = Telemetry()
        self.rows: dict[int, RowView] = {}
        self._man_ids: list[int] = []
        self.told: dict[str, Any] = {}
        self.living: list[dict[str, object]] = []
        self.answers: dict[str, Callable[..., Any]] = {}
        """What is asked beyond rows."""

    def man_ids(self) -> list[int]:
        """Of its rows, lowest first."""
        if len(self._man_ids) != len(self.rows):
            self._man_ids = sorted(self.rows)
        return self._man_ids

    def at(self, seconds: float) -> dict[str, Any]:
        """The status at this time of the clock."""
        telemetry = self.telemetry.plain()
        # The pause is older than any rate that is shown, and no call is up.
        sends = 0 if self.told.get("paused") else int(seconds * 3)
        telemetry["counters"] |= {"sent": 4 * sends + sends % 7, "events": 60 * sends + sends * sends % 41}
        counts = [0] * len(telemetry["latencies"]["claim_to_sent"]["counts"])
        counts[2:6] = 3 * sends, 40 * sends, 5 * sends, sends // 20
        telemetry["latencies"]["claim_to_sent"]["counts"] = counts
        return {
            "server_ip": scene.SERVER,
            "state": "RUNNING",
            "holder": "dialer-4:2417:9b01aa",
            "leases": {"sender": 7, "listener": 7},
            "holders": {"sender": "dialer-4:2417:9b01aa", "listener": "dialer-4:2417:9b01aa"},
            "standing_by": [],
            "paused": False,
            "pause": None,
            "ready": True,
            "uptime": 93_600.0,
            "up": {"database": True, "asterisk": True},
            "database": "10.0.4.2:3306/asterisk",
            "asterisk": {
                "version": "22.10.1",
                "banner": "Asterisk Call Manager/11.0.0",
                "since": (scene.BEGAN - dt.timedelta(hours=26)).timestamp(),
            },
            **telemetry,
            "read": None,
            "children": {},
            "waiting_to_be_written": 0,
            "trouble": [],
            "channel_ids": True,
            "warnings": [],
            **self.told,
        }

    def status(self) -> dict[str, Any]:
        """What the engine is doing."""
        return self.at(self.clock())

    def sessions(self) -> list[dict[str, object]]:
        """Its living child sessions."""
        return self.living

    async def depth(self, cap: int) -> Depth:
        """Rows by status, and the oldest NEW row's age."""
        counts = dict.fromkeys(Status, 0)
        oldest = 0.0
        for view in self.rows.values():
            counts[view.row.status] += 1
            if view.row.status is Status.NEW:
                oldest = max(oldest, view.row.age or 0.0)
        return Depth(counts, oldest)


def night(clock: Callable[[], float], *, paused: bool = False) -> Script:
    """The call centre of scene.py; `paused`, with a backlog and a trouble."""
    script = Script(clock)
    views = scene.rows(scene.STOPPED if paused else scene.KINDS)
    script.rows = {view.row.man_id: view for view in views}
    if paused:
        script.told = {"state": "PAUSED", "paused": True, "pause": scene.pause()}
    told = scene.sessions()
    script.living = [] if paused else told["living"]
    for failed in told["failed"]:
        script.telemetry.failures.add(failed)
    for event in scene.events(views):
        script.telemetry.frames.add(event)
    script.answers = {"servers": lambda: scene.servers(paused), "waiting": scene.waiting}
    return script


class ScriptedDesk(Desk):
    """Answers from the script."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def answer(self, do: str, given: Message, *, actor: str, read_only: bool) -> Any:
        """Look something up. Raises Refused for every deed."""
        if do in self._script.answers:
            return self._script.answers[do](**given)
        if do not in ("page", "newer", "rows", "timeline", "servers"):
            raise Refused(f"a script cannot {do}")
        return getattr(self, do)(**given)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do it at once."""
        return work()

    def close(self) -> None:
        """There is nothing to let go of."""

    def page(self, *, before: int | None = None, limit: int = 1000, status: Status | None = None) -> dict[str, Any]:
        """Rows newest first."""
        ids = self._script.man_ids()
        end = len(ids) if before is None else bisect.bisect_left(ids, before)
        start = max(0, end - limit)
        return {"rows": self._views(ids[start:end][::-1]), "next": ids[start] if start else None}

    def newer(self, *, than: int, limit: int = 1000) -> Any:
        """Rows above."""
        ids = self._script.man_ids()
        start = bisect.bisect_right(ids, than)
        return {"rows": self._views(ids[start : start + limit]), "more": len(ids) > start + limit}

    def rows(self, *, man_ids: list[int]) -> list[RowView]:
        """These rows."""
        return self._views([man_id for man_id in man_ids if man_id in self._script.rows])

    def timeline(self, *, man_id: int) -> dict[str, Any]:
        """A row and its journal."""
        if man_id not in self._script.rows:
            raise NotFound(f"no row {man_id}")
        view = self._script.rows[man_id]
        told = scene.timeline(view)
        why = story.why(told, story.Around())
        return {"row": self._views([man_id])[0], "outcome": told.outcome, "journal": told.journal, "why": why}

    def unknown_ids(self, cap: int) -> list[int]:
        """Rows of which nobody knows what became."""
        return [man_id for man_id, view in self._script.rows.items() if view.outcome == "unknown"][: cap + 1]

    def _views(self, man_ids: list[int]) -> list[RowView]:  # type: ignore[override]
        return [self._script.rows[man_id] for man_id in man_ids]


def nobody_else() -> Crowd:
    """No crowd, whatever else the machine that tests has to do."""
    return Crowd(lambda: 0.0)


@contextlib.asynccontextmanager
async def telling(
    script: Script, folder: Path, server_ip: str = scene.SERVER, crowd: Crowd | None = None
) -> AsyncIterator[ControlServer]:
    """Let consoles attach that look for an engine in this folder."""

    def greeting() -> Message:
        return {
            "server_ip": server_ip, "profile": "acqs", "holder": "dialer-4:2417:9b01aa",
            "leases": ["sender", "listener"], "pid": 2417, "host": "dialer-4", "may_stop": False,
        }  # fmt: skip

    server = ControlServer(ScriptedDesk(script), Feeds(script), greeting, crowd)
    try:
        await server.listen(places.own(folder, server_ip))
    except ControlError as error:
        raise RuntimeError(str(error)) from error
    feeding = asyncio.create_task(server.run())
    try:
        yield server
    finally:
        feeding.cancel()
        await server.close()
