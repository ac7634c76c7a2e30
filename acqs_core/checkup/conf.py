"""The few lines of a manager.conf on this machine that Asterisk tells nobody over AMI.

`manager show settings` and `manager show user` leave out writetimeout and authlimit (run on 16.28 and 22.10), and these
are the ones that hurt. Only these names are kept of what is read; a secret never is.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

KEPT = ("writetimeout", "authlimit")

DEFAULT = Path("/etc/asterisk/manager.conf")


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One setting: its section, its value and where it stands."""

    section: str
    name: str
    value: str
    number: int


def read(path: Path) -> list[Line]:
    """The lines with KEPT names. What it includes (`#include`) is not followed. Raises OSError."""
    found, section = [], ""
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        text = text.partition(";")[0].strip()
        if text.startswith("["):
            section = text[1:].partition("]")[0]
        name, sign, value = text.partition("=")
        if sign and name.strip().lower() in KEPT:
            found.append(Line(section, name.strip().lower(), value.lstrip(">").strip(), number))
    return found
