"""An engine on SQLite and the simulated Asterisk, in the test's own loop, with a control socket to attach to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from acqs_core import demo
from acqs_core.control.serving import served
from acqs_core.engine import Engine
from acqs_core.settings import Settings


@contextlib.asynccontextmanager
async def running(settings: Settings, folder: Path, *, may_stop: bool = False) -> AsyncIterator[Engine]:
    """An engine on SQLite and the simulator, with its control socket."""
    control = settings.control.model_copy(update={"folder": str(folder)})
    async with demo.stage(settings.model_copy(update={"control": control})) as staged:
        engine = Engine(staged)

        async def run() -> None:
            async with served(engine, stop=engine.stop if may_stop else None):
                await engine.run()

        task = asyncio.create_task(run())
        try:
            await asyncio.wait_for(engine.ready.wait(), 10)
            yield engine
        finally:
            engine.stop()
            await task
