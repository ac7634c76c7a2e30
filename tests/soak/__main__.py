"""`python -m tests.soak`: see `make soak`. The report goes to stdout, and to docs/soak.md when it is worth keeping."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import sys
import tempfile
from pathlib import Path

from acqs_core import __version__
from tests.lab.mariadb import MariaDB
from tests.soak.report import faults_of, page
from tests.soak.run import soak

WORTH_KEEPING = 600.0
"""Seconds of a run that is written into docs/soak.md."""

PAGE = Path(__file__).parents[2] / "docs" / "soak.md"


def main() -> int:
    """0 when every promise held, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long producers insert (10)")
    parser.add_argument("--rate", type=float, default=100.0, help="actions a second (100)")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2)), help="chooses the faults")
    given = parser.parse_args()
    seconds, begun = given.minutes * 60, dt.datetime.now(dt.UTC)
    with MariaDB() as server, tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        print(f"soaking for {given.minutes:g} minutes, seed {given.seed}", file=sys.stderr)
        report = asyncio.run(
            soak(server, Path(folder), seconds=seconds, rate=given.rate, seed=given.seed, logins=seconds >= 90)
        )
        versions = f"ACQS {__version__}, MariaDB {server.version}, Python {sys.version.split()[0]}"
    told = page(report, versions=versions, seed=given.seed, begun=begun)
    print(told, end="")
    faults = faults_of(report)
    if seconds >= WORTH_KEEPING and not faults:
        PAGE.write_text(told)
        print(f"written to {PAGE}", file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
