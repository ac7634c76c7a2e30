"""An engine on SQLite and the simulator, and a console that is attached to it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from acqs_core.engine import Engine
from acqs_core.settings import ControlSettings, Settings
from acqs_tui.app import Console
from tests.hosted import running
from tests.tui.driving import until


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        async with running(Settings(), Path(folder)) as one:
            yield one


@pytest.fixture
async def pilot(engine: Engine) -> AsyncIterator[Pilot[int]]:
    """A console that is attached to it."""
    console = Console(Settings(control=ControlSettings(folder=engine.settings.control.folder)))
    async with console.run_test(size=(160, 48), notifications=True) as one:
        await until(one, lambda: bool(console.feed.status))
        yield one
        await console.feed.close()
