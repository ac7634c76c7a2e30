"""Where the lab keeps what is slow to make, and the lock under which it is made.

Two test runs on one machine must share one cache and never build into the same place at once; both rules stand here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tests.lab.errors import LabUnavailable

DEFAULT_CACHE = Path("/var/cache/acqs-lab")
"""Used when the environment variable `ACQS_LAB_CACHE` is not set."""


def cache_dir() -> Path:
    """The cache, made when missing. Raises LabUnavailable when this user may not write there."""
    path = Path(os.environ.get("ACQS_LAB_CACHE") or DEFAULT_CACHE)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabUnavailable(f"no cache at {path} ({error.strerror}); be root or set ACQS_LAB_CACHE") from error
    if not os.access(path, os.W_OK):
        raise LabUnavailable(f"no right to write to {path}; be root or set ACQS_LAB_CACHE")
    return path


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the named lock of the cache. The kernel drops it with its holder, so a killed run blocks nobody."""
    with (cache_dir() / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
