"""Directories for one run's servers, swept by the next run when this one was killed before it could clean up."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from tests.lab.processes import Identity

_OWNER = "owner.json"

_JUST_MADE = 60.0
"""Seconds for which a directory without an owner is taken for one that another run is just making."""


def make(parent: Path, prefix: str) -> Path:
    """A new directory below `parent` that belongs to this process; abandoned ones of the same prefix are removed."""
    for directory in parent.glob(f"{prefix}*"):
        if _abandoned(directory):
            shutil.rmtree(directory, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    give_to(made, Identity.of(os.getpid()))
    return made


def give_to(directory: Path, owner: Identity) -> None:
    """Tie the directory to another process: a detached server outlives the one that made it."""
    (directory / _OWNER).write_text(json.dumps(dataclasses.asdict(owner)))


def _abandoned(directory: Path) -> bool:
    try:
        return not Identity(**json.loads((directory / _OWNER).read_text())).alive()
    except (FileNotFoundError, json.JSONDecodeError):
        try:
            return time.time() - directory.stat().st_mtime > _JUST_MADE
        except FileNotFoundError:
            return False
