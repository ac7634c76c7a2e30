"""What every test may use: the lab's real parts."""

from __future__ import annotations

pytest_plugins = ["tests.lab.fixtures"]
