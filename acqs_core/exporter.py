"""/metrics, /healthz and /readyz: the engine as Prometheus, a supervisor or a load balancer asks for it.

The engine's loop leaves its status on a board every second and the server's thread reads the board, so that neither
waits for the other: a scrape asks neither the loop nor the database, and a loop that hangs can still be told.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ipaddress
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from acqs_core.engine import Engine
from acqs_core.errors import QueueError
from acqs_core.httpd import place, serving
from acqs_core.metrics import COUNTED_TO, metrics
from acqs_core.notify import STUCK_AFTER
from acqs_core.queue.types import Depth
from acqs_core.settings import MetricsSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

STATUS_EVERY = 1.0
"""Seconds between two looks at the engine."""

COUNT_EVERY = 5.0
"""Seconds between two looks at the table."""

HANGS_AFTER = 5.0
"""Seconds without a status after which the engine's loop is said to hang."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What the loop has left on the board; `at` by the monotonic clock."""

    at: float
    status: dict[str, Any]
    stuck: list[str]
    """Loops of the engine that wait for something that does not come back."""
    depth: Depth | None = None


class Board(Collector):
    """The latest of an engine: written by its loop, read by any thread, and only ever replaced as a whole."""

    def __init__(self, seen: Seen, clock: Callable[[], float] = time.monotonic) -> None:
        self.seen = seen
        self._clock = clock

    @property
    def lag(self) -> float:
        """Seconds since the loop was last heard of."""
        return max(self._clock() - self.seen.at, 0.0)

    def collect(self) -> Iterator[Metric]:
        """Every metric, for prometheus_client."""
        seen = self.seen
        depth = seen.depth if seen.status["up"]["database"] else None
        return metrics(seen.status, depth, self.lag)

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether the process lives and its loop turns: what a supervisor would restart it for."""
        lag = self.lag
        reasons = [f"{name}: made no turn for {STUCK_AFTER:g} s" for name in self.seen.stuck]
        if lag > HANGS_AFTER:
            reasons.append(f"the event loop has not turned for {lag:.0f} s")
        return not reasons, {"healthy": not reasons, "reasons": reasons}

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether this engine does its work now. To stand by speaks against it, a pause is only told."""
        healthy, health = self.health()
        status = self.seen.status
        ready = healthy and status["ready"]
        state = "ready" if ready else "standby" if status["standing_by"] else "not ready"
        told = {name: status[name] for name in ("server_ip", "leases", "paused", "up")}
        return ready, {"state": state, "reasons": health["reasons"] + status["trouble"], **told}


@contextlib.asynccontextmanager
async def exported(engine: Engine, settings: MetricsSettings) -> AsyncIterator[str]:
    """Serve while the body runs; gives the URL. Raises SettingsError when the address cannot be had."""
    board = Board(_seen(engine))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving("metrics", settings.host, settings.port, application(board)))
        url = f"http://{place(*server.place)}"
        if not ipaddress.ip_address(server.place[0]).is_loopback:
            log.warning("metrics: whoever can reach %s reads them without a password", url)
        log.info("metrics: %s/metrics", url)
        for work in (_look(board, engine), _count(board, engine)):
            task = asyncio.create_task(work, name="metrics")
            task.add_done_callback(_tell)
            stack.callback(task.cancel)
        yield url


def _seen(engine: Engine, depth: Depth | None = None) -> Seen:
    return Seen(time.monotonic(), engine.status(), engine.telemetry.pulse.stuck(STUCK_AFTER), depth)


async def _look(board: Board, engine: Engine) -> None:
    while True:
        board.seen = _seen(engine, board.seen.depth)
        await asyncio.sleep(STATUS_EVERY)


async def _count(board: Board, engine: Engine) -> None:
    while True:
        depth = None
        with contextlib.suppress(QueueError):  # which the engine meets too, and tells
            depth = await engine.depth(COUNTED_TO)
        board.seen = dataclasses.replace(board.seen, depth=depth)
        await asyncio.sleep(COUNT_EVERY)


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("metrics: they are not kept up to date any longer", exc_info=error)


def application(board: Board) -> WSGIApplication:
    """The three answers, and the process's own metrics beside ours."""
    registry = CollectorRegistry()
    registry.register(board)
    ProcessCollector(registry=registry)
    scrape: WSGIApplication = make_wsgi_app(registry)
    answers = {"/healthz": board.health, "/readyz": board.readiness}

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return scrape(environ, start)
        if path not in answers:
            return _json(start, "404 Not Found", {"error": "there are /metrics, /healthz and /readyz"})
        good, told = answers[path]()
        return _json(start, "200 OK" if good else "503 Service Unavailable", told)

    return answer


def _json(start: StartResponse, line: str, value: dict[str, Any]) -> list[bytes]:
    start(line, [("Content-Type", "application/json")])
    return [json.dumps(value).encode() + b"\n"]
