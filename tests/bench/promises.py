"""What each figure is, and what was promised of it: the one place where the limits stand.

They are those of the issues, unrelaxed, and hold on a machine that has nothing else to do; whoever judges on another
says how much `noise` he allows for.
"""

from __future__ import annotations

import dataclasses
import operator
from typing import Literal

Sign = Literal["<", "<=", ">", ">="]

_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclasses.dataclass(frozen=True, slots=True)
class Promise:
    """A limit of a figure's value, of its ratio to the yardstick, or of how much it is more than the yardstick."""

    sign: Sign
    limit: float
    of: Literal["value", "ratio", "difference"] = "value"
    where: float = 0.0
    """It holds where the yardstick reaches this, and is nothing elsewhere."""

    def is_kept(self, value: float, yardstick: float, noise: float = 1.0) -> bool:
        """Whether it holds; with `noise` below 1 it is enough to reach this part of it."""
        if yardstick < self.where:
            return True
        measured = {"value": value, "ratio": value / yardstick if yardstick else 0.0, "difference": value - yardstick}
        limit = self.limit / noise if self.sign.startswith("<") else self.limit * noise
        return bool(_HOLDS[self.sign](measured[self.of], limit))

    def __str__(self) -> str:
        """`<= 30`, and of what when it is not of the value."""
        of = {"value": "", "ratio": " x yardstick", "difference": " over yardstick"}[self.of]
        where = f" where yardstick >= {self.where:g}" if self.where else ""
        return f"{self.sign} {self.limit:g}{of}{where}"


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What a figure is of, and of what its yardstick; `promises` may be none."""

    what: str
    yardstick: str
    promises: tuple[Promise, ...] = ()


_BARE = "bare sockets, a session each"
_SILENT = "before a silent engine"

FIGURES = {
    "help": Told("`acqs-core --help`", "an interpreter that does nothing", (Promise("<", 0.4),)),
    "burst": Told(
        "200 actions at once, from INSERT to Asterisk", _BARE,
        (Promise(">=", 0.25, "ratio"), Promise(">=", 148, where=1000)),  # four times the Perl original's 37
    ),
    "latency": Told(
        "two rows a second, from INSERT to Asterisk", "an Originate on an open session",
        (Promise("<=", 30, "difference"),),
    ),
    "burst_process": Told("the same burst, each session in a process of its own", _BARE),
    "child_pss": Told("memory of such a process (PSS)", "their fork server's"),
    "faults_p99": Told(
        "p99 of rows while other rows' processes are killed and stopped", "while none are",
        (Promise("<=", 1.5, "ratio"),),
    ),
    "listening": Told("events that a listener takes", "a bare reader"),
    "listening_stalled_rate": Told(
        "events that it takes when told 20,000/s and the database stands still for 5 s", "events told",
        (Promise(">=", 0.99, "ratio"),),  # the last handful is told up to 10 ms late
    ),
    "listening_stalled_lost": Told("rows that are not as they must be after that", "rows in all", (Promise("<=", 0),)),
    "listening_stalled": Told("memory that it holds at the most meanwhile", "before", (Promise("<", 200),)),
    "console_key_p99": Told(
        "key to paint before 10,000 events/s and 200 changes/s, p99", _SILENT, (Promise("<", 50),)
    ),
    "console_key_p50": Told("the same, median", _SILENT),
    "console_core": Told("share of a core of that console", _SILENT, (Promise("<", 50),)),
    "console_memory_growth": Told(
        "its memory's growth from the middle of that to the end: flat", _SILENT, (Promise("<", 2),)
    ),
    "console_jump": Told("jump to the end of 100,000 rows", _SILENT, (Promise("<", 300),)),
    "console_filter": Told("filter 100,000 rows", _SILENT, (Promise("<", 300),)),
    "console_first_paint": Told(
        "from the start of `acqs-tui` to its first picture", "importing Textual", (Promise("<", 1),)
    ),
    "burst_attached": Told(
        "a burst while a console watches", "while none does", (Promise(">=", 0.8, "ratio"),)
    ),
    "idle_cpu": Told("an engine without work", "an interpreter that sleeps", (Promise("<", 2),)),
    "idle_memory": Told("memory of that engine", "an interpreter with the same libraries", (Promise("<", 80),)),
}  # fmt: skip
"""By the name of the bench. Where an issue says "flat" of memory, 2 MB in five seconds are taken for it: 40 bytes of
each event."""
