"""`acqs-tui` that notes what it painted and when, what it took of the processor and what it holds in memory.

`python -m tests.bench.probe NOTES SERVER_IP FOLDER`; the notes are JSON lines, written when it ends.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import acqs_tui
from acqs_core.settings import ControlSettings, Settings
from acqs_tui.app import Console

if TYPE_CHECKING:
    from textual.screen import Screen  # acqs_tui first: it tells Textual how often to paint


class Probed(Console):
    """The console, with a note of each painting."""

    CSS_PATH = str(Path(acqs_tui.__file__).with_name("acqs.tcss"))
    notes: list[dict[str, float]]

    def _display(self, screen: Screen[object], renderable: object) -> None:
        super()._display(screen, renderable)  # type: ignore[arg-type]
        lines = self.queue_pane.lines
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.notes.append(
            {
                "at": time.monotonic(), "selected": lines.selected or 0, "visible": len(lines.window),
                "rows": len(lines.window.records), "used": used.ru_utime + used.ru_stime, "memory": _memory(),
                "missed": self.events_pane.missed,
            }
        )  # fmt: skip


def _memory() -> int:
    """Bytes that are resident."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def main(notes: str, server_ip: str, folder: str) -> int:
    """Run it; its exit code."""
    console = Probed(Settings(server_ip=server_ip, control=ControlSettings(folder=folder)))
    console.notes = []
    code = console.run() or 0
    Path(notes).write_text("\n".join(map(json.dumps, console.notes)))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
