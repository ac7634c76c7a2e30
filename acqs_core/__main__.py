"""`acqs-core` and `python -m acqs_core`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; ends the process with a documented exit code."""
    from acqs_core.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
