"""`python -m tests.lab prepare | up | down`: the lab for a person, to try the programs on real parts.

stdout carries the result (addresses and the settings file), stderr what is being done. Exit codes: 0 done, 1 a part is
not to be had or did not start.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tests.lab import chroot, debian, mariadb, mysql, standing
from tests.lab.errors import LabUnavailable
from tests.lab.paths import cache_dir
from tests.lab.processes import ServerFailed
from tests.lab.progress import say

_MORE: dict[str, Callable[[], chroot.Chroot]] = {
    "asterisk16": lambda: chroot.prepare(suite="bullseye"),
    "mysql": mysql.prepare,
}
"""Parts that the quick tests do without, by their names in ACQS_REQUIRE."""


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
    parser.add_argument(
        "--with", dest="more", choices=sorted(_MORE), action="append", default=[],
        help="prepare this as well; `make test-all` uses all of them",
    )  # fmt: skip
    asked = parser.parse_args()
    try:
        state = asked.state or cache_dir() / "up"
        if asked.command == "prepare":
            _prepare(asked.suite, asked.more)
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


def _prepare(suite: str, more: list[str]) -> None:
    debian.install([*mariadb.NEEDED, "sipp"])
    built = chroot.prepare(suite=suite)
    say(f"ready: Asterisk {built.version} of Debian {suite} in {built.path}")
    for name in more:
        other = _MORE[name]()
        say(f"ready: {name} {other.version} of Debian {other.suite} in {other.path}")


if __name__ == "__main__":
    sys.exit(main())
