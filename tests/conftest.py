"""What every test may use: the lab's real parts, a folder for sockets, and an engine on embedded parts."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from acqs_core.engine import Engine
from acqs_core.settings import Settings
from tests.hosted import running

pytest_plugins = ["tests.lab.fixtures"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="acqs-") as made:
        yield Path(made)


@pytest.fixture
async def engine(folder: Path) -> AsyncIterator[Engine]:
    """An engine on SQLite and the simulator, whose control socket is in that folder."""
    async with running(Settings(), folder) as one:
        yield one
