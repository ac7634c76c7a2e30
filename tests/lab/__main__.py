"""`python -m tests.lab prepare | up | down`: the lab for a person, to try the programs on real parts.

stdout carries the result (addresses and the settings file), stderr what is being done. Exit codes: 0 done, 1 a part is
not to be had or did not start.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.lab import chroot, debian, mariadb, standing
from tests.lab.errors import LabUnavailable
from tests.lab.paths import cache_dir
from tests.lab.processes import ServerFailed
from tests.lab.progress import say


def main() -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Real MariaDB, Asterisk and SIP phones.")
    parser.add_argument(
        "command",
        choices=("prepare", "up", "down"),
        help="prepare: only install and build what is "
        "missing; up: start everything in the background; down: end what `up` started",
    )
    parser.add_argument(
        "--state", type=Path, help="directory of acqs.toml and of what `up` started (default: `up` in the lab's cache)"
    )
    parser.add_argument("--suite", default="sid", help="Debian release whose Asterisk is used (default: sid)")
    asked = parser.parse_args()
    try:
        state = asked.state or cache_dir() / "up"
        if asked.command == "prepare":
            _prepare(asked.suite)
        elif asked.command == "up":
            print(standing.up(state, suite=asked.suite), end="")
        else:
            standing.down(state)
    except (LabUnavailable, ServerFailed) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; what was started is ended")
        return 1
    return 0


def _prepare(suite: str) -> None:
    debian.install([*mariadb.NEEDED, "sipp"])
    built = chroot.prepare(suite=suite)
    say(f"ready: Asterisk {built.version} of Debian {suite} in {built.path}")


if __name__ == "__main__":
    sys.exit(main())
