"""The daemon's log on stderr: a readable line at a terminal, one JSON object a line for everything else."""

from __future__ import annotations

import logging
import sys

from acqs_core.jsonlines import JsonLines


def start(*, verbose: bool = False, quiet: bool = False) -> None:
    """Send the log to stderr; `quiet` leaves warnings and errors."""
    handler = logging.StreamHandler(sys.stderr)
    if sys.stderr.isatty():
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    else:
        handler.setFormatter(JsonLines())
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO, handlers=[handler], force=True
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)
