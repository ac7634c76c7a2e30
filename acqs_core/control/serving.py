"""An engine together with its control socket, for as long as both run."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence

from acqs_core.control import places
from acqs_core.control.desk import Desk
from acqs_core.control.feeds import Feeds
from acqs_core.control.server import ControlServer
from acqs_core.control.wire import Message
from acqs_core.engine import Engine
from acqs_core.errors import ControlError

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def served(engine: Engine, *, stop: Callable[[], None] | None = None) -> AsyncIterator[ControlServer]:
    """Let consoles attach to this engine. An engine that cannot have a socket still serves its queue.

    `stop` ends it, where whoever attaches may.
    """
    settings = engine.settings
    tell = asyncio.get_running_loop().call_soon_threadsafe
    ended_by_console = None if stop is None else functools.partial(tell, stop)

    def trouble() -> str | None:
        return None if engine.sender is None else engine.sender.trouble

    def touched(man_ids: Sequence[int]) -> None:
        tell(engine.telemetry.touched.update, man_ids)

    desk = Desk(settings, functools.partial(tell, engine.wake), ended_by_console, trouble, touched)

    def greeting() -> Message:
        return {
            "server_ip": settings.server_ip,
            "profile": settings.profile,
            "holder": engine.holder,
            "leases": [role for role, token in engine.status()["leases"].items() if token is not None],
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "may_stop": stop is not None,
        }

    server = ControlServer(desk, Feeds(engine), greeting)
    place = places.folder(settings.control.folder)
    try:
        await asyncio.to_thread(places.found, place, settings.server_ip)  # removes those of engines that were killed
        await server.listen(places.own(place, settings.server_ip))
    except ControlError as error:
        log.warning("%s", error)
    feeding = asyncio.create_task(server.run(), name="control")
    try:
        yield server
    finally:
        feeding.cancel()
        await server.close()
