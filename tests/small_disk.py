"""A disk that is small enough to be filled by a test, and freed again."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest


class SmallDisk:
    """A file system of its own at this empty folder, while the `with` lasts. Skips where none can be mounted."""

    def __init__(self, at: Path, megabytes: int) -> None:
        self._at, self._size = at, megabytes

    def fill(self) -> None:
        """Leave not a byte."""
        with open(self._at / "filler", "ab", buffering=0) as file:
            for piece in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * piece)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Give back what `fill` took."""
        (self._at / "filler").unlink()

    def __enter__(self) -> Self:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self._size}m,mode=0700", "acqs-small-disk", self._at],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if mounted.returncode:
            pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "--lazy", self._at], check=True)
