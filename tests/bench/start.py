"""How long a person waits for `acqs-core --help`."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.bench.figure import Figure, figure, load
from tests.integration.headless import ROOT


def measure(runs: int = 7) -> Figure:
    """Seconds, beside an interpreter that does nothing; one after the other, so that both meet the same load."""
    before = load()
    ours, theirs = [], []
    _seconds("-m", "acqs_core", "--help")  # the first run compiles
    for _ in range(runs):
        theirs.append(_seconds("-c", "pass"))
        ours.append(_seconds("-m", "acqs_core", "--help"))
    return figure("help", "s", ours, theirs, load=before)


def _seconds(*arguments: str) -> float:
    start = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return time.monotonic() - start
