"""`acqs-tui`: what is said on its command line, and what it refuses before it touches the terminal."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import metadata
from pathlib import Path

from acqs_core.errors import AcqsError
from acqs_core.settings import Settings, load

NO_TERMINAL = 8
"""Exit code without a terminal."""

EPILOG = """exit codes: 0 left; 1 failed; 2 wrong settings or flags; 8 no terminal; 129, 143 ended by SIGHUP, SIGTERM.
Without a terminal use acqs-core status [--watch] [--json] and acqs-core events --follow [--filter F] [--json]."""


def main(arguments: list[str] | None = None) -> int:
    """Run the console; its exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = _settings(given)
    except AcqsError as error:
        print(f"acqs-tui: {error}", file=sys.stderr)
        return error.exit_code
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(
            "acqs-tui: this is no terminal; use acqs-core status --watch or acqs-core events --follow (--json)",
            file=sys.stderr,
        )
        return NO_TERMINAL

    from acqs_tui import priority
    from acqs_tui.app import Console

    priority.step_back()
    os.environ.setdefault("ESCDELAY", "25")
    console = Console(settings, read_only=given.read_only, demo=given.demo)
    code = console.run()
    return (console.return_code or 0) if code is None else code


def _settings(given: argparse.Namespace) -> Settings:
    """All that can be wrong with them is said before the terminal is touched. Raises SettingsError."""
    from acqs_tui import commands, themes

    flags: dict[str, object] = {}
    if given.server_ip:
        flags["server_ip"] = given.server_ip
    if given.low_bandwidth:
        flags["console"] = {"low_bandwidth": True}
    settings = load(given.config, flags=flags, **({"environ": {}} if given.demo else {}))
    commands.demand(settings.console.keymap)
    themes.demand(settings.console.theme)
    return settings


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
    parser.add_argument("--version", action="version", version=f"acqs-tui {metadata.version('acqs')}")
    return parser
