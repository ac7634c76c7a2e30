"""A console that is attached to an engine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from textual.pilot import Pilot

from acqs_core.engine import Engine
from acqs_core.settings import ControlSettings, Settings
from acqs_tui.app import Console
from tests.tui.driving import until


@pytest.fixture
async def pilot(engine: Engine) -> AsyncIterator[Pilot[int]]:
    """A console that is attached to the engine."""
    console = Console(Settings(control=ControlSettings(folder=engine.settings.control.folder)))
    async with console.run_test(size=(160, 48), notifications=True) as one:
        await until(one, lambda: bool(console.feed.status))
        yield one
        await console.feed.close()
