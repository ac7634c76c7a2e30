"""`acqs-tui`: what is said on its command line, and what it refuses before it touches the terminal."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from acqs_core.errors import AcqsError
from acqs_core.settings import load

NO_TERMINAL = 8
"""Exit code without a terminal."""

EPILOG = """exit codes: 0 left; 1 failed; 2 wrong settings or flags; 7 no engine to attach to; 8 no terminal.
Without a terminal use acqs-core status [--watch] [--json] and acqs-core events --follow [--filter F] [--json]."""


def main(arguments: list[str] | None = None) -> int:
    """Run the console; its exit code."""
    given = _parser().parse_args(arguments)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(
            "acqs-tui: this is no terminal; use acqs-core status --watch or acqs-core events --follow (--json)",
            file=sys.stderr,
        )
        return NO_TERMINAL
    try:
        flags: dict[str, object] = {}
        if given.server_ip:
            flags["server_ip"] = given.server_ip
        if given.low_bandwidth:
            flags["console"] = {"low_bandwidth": True}
        settings = load(given.config, flags=flags, **({"environ": {}} if given.demo else {}))
    except AcqsError as error:
        print(f"acqs-tui: {error}", file=sys.stderr)
        return error.exit_code

    from acqs_tui.app import Console

    os.environ.setdefault("ESCDELAY", "25")
    return Console(settings, read_only=given.read_only, demo=given.demo).run() or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="acqs-tui",
        description="Watch and steer the queue: attaches to the engine that serves this box, or starts one.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="settings file; else as acqs-core")
    parser.add_argument("--server-ip", help="another server_ip than the settings'")
    parser.add_argument("--read-only", action="store_true", help="look, and change nothing")
    parser.add_argument(
        "--demo", action="store_true", help="on SQLite and a simulated Asterisk with calls of every kind"
    )
    parser.add_argument("--low-bandwidth", action="store_true", help="draw twice a second, for slow links")
    return parser
