"""What the engine has done since it started, how long it took, and whether its loops still turn: for its log, its
status, the service manager, metrics and a console.

Plain numbers that only the engine's own event loop raises: no lock, no label, no library on the way of an action.
Whoever shows them, in whatever form, copies them.
"""

from __future__ import annotations

import dataclasses
import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from acqs_core.ring import Ring, Touched

FRAMES, FAILURES, TOUCHED = 5000, 50, 20_000
"""How much of what went by is kept for those who watch: a few megabytes."""

LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds for what takes milliseconds when all is well."""

AGE = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
"""Upper bounds in seconds for what is known by entry_date, which counts whole seconds."""


class Histogram:
    """How many durations fell below each of a few fixed bounds. Its size never grows."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...] = LATENCY) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many of each: up to and with its bound, above the one before; the last is what exceeds all bounds."""
        self.sum = 0.0
        """Of all durations, in seconds."""

    def observe(self, seconds: float) -> None:
        """Count one duration; a clock that was set back makes it 0."""
        seconds = max(seconds, 0.0)
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return {"bounds": list(self.bounds), "counts": list(self.counts), "sum": self.sum}


@dataclasses.dataclass(slots=True)
class Counters:
    """Only ever raised; each by the one part that does what it counts."""

    claimed: int = 0
    """Rows taken from NEW to QUEUE."""
    sent: int = 0
    """Actions written to Asterisk, or just about to be."""
    unsent: int = 0
    """Actions of `sent` of which it turned out that they were not written, or not taken; their rows are given back."""
    answered: int = 0
    """Actions that Asterisk answered, refusals included."""
    refused: int = 0
    """Actions answered with an Error."""
    rejected: int = 0
    """Rows ended without being sent: invalid, not allowed, expired, dead call."""
    given_back: int = 0
    """Rows returned to NEW because they were certainly not written."""
    unknown: int = 0
    """Actions written whose answer did not come."""
    logins_failed: int = 0
    """Connections and logins that Asterisk did not take."""
    breaker_opens: int = 0
    """Times that the sender began to leave Asterisk alone."""
    events: int = 0
    """Events that the listener decoded and looked at."""
    changes: int = 0
    """Row changes that the listener decided."""
    listener_connects: int = 0
    """Times that the listener has connected."""
    batches: int = 0
    """Batches of changes that were written to the table."""
    batches_failed: int = 0
    """Batches that could not be written and wait."""
    journal_dropped: int = 0
    """Journal entries given up because too many waited."""


@dataclasses.dataclass(slots=True, frozen=True)
class Latencies:
    """How long the steps of an action take, in seconds."""

    claim_to_sent: Histogram = dataclasses.field(default_factory=Histogram)
    """From NEW → QUEUE until the action is written: turn, rate, login and marking included."""
    insert_to_sent: Histogram = dataclasses.field(default_factory=lambda: Histogram(AGE))
    """From entry_date, by the database's clock, until the action is written. Rows without a date are left out."""
    sent_to_answered: Histogram = dataclasses.field(default_factory=Histogram)
    """From the write until Asterisk's answer; an Originate that is not Async is answered when its call is."""
    change_to_written: Histogram = dataclasses.field(default_factory=Histogram)
    """From an event or an answer that changes a row until the change is in the table."""


class Pulse:
    """By when each loop of the engine will be back at its top: one that is long overdue is stuck.

    That an event loop turns proves little: a job that never comes back from its thread stops the queue as well, and
    everything around it goes on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}

    def beat(self, name: str, rest: float = 0.0) -> None:
        """The loop of this name lives, and will be back after `rest` seconds and what its work takes."""
        self._due[name] = self._clock() + rest

    def ended(self, name: str) -> None:
        """The loop has ended as it should."""
        self._due.pop(name, None)

    def clear(self) -> None:
        """Every loop has ended as it should."""
        self._due.clear()

    def stuck(self, seconds: float) -> list[str]:
        """The loops that are overdue by more than this."""
        latest = self._clock() - seconds
        return sorted(name for name, due in self._due.items() if due < latest)


@dataclasses.dataclass(slots=True, frozen=True)
class Telemetry:
    """All of it, for one engine."""

    counters: Counters = dataclasses.field(default_factory=Counters)
    latencies: Latencies = dataclasses.field(default_factory=Latencies)
    pulse: Pulse = dataclasses.field(default_factory=Pulse)
    frames: Ring[tuple[float, bytes]] = dataclasses.field(default_factory=lambda: Ring(FRAMES))
    """Events as the listener has read them, each with the time of day in seconds."""
    failures: Ring[dict[str, Any]] = dataclasses.field(default_factory=lambda: Ring(FAILURES))
    """Child sessions that did not end as they should, and why."""
    touched: Touched = dataclasses.field(default_factory=lambda: Touched(TOUCHED))
    """Rows of which the engine has changed something."""

    def plain(self) -> dict[str, Any]:
        """A copy as plain data."""
        latencies = {field.name: getattr(self.latencies, field.name) for field in dataclasses.fields(Latencies)}
        return {
            "counters": {name: getattr(self.counters, name) for name in Counters.__slots__},
            "latencies": {name: histogram.plain() for name, histogram in latencies.items()},
        }
