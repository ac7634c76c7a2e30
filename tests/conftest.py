"""What every test may use: the lab's real parts, and a folder for sockets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["tests.lab.fixtures"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="acqs-") as made:
        yield Path(made)
