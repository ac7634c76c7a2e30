"""Rates and latencies out of the engine's counters, which only ever rise: what happened lately, not since the start."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

POINTS = 60
"""Seconds that a sparkline shows."""

GROWING = 10.0
"""Seconds for which an age must have risen without a fall."""

BARS = "▁▂▃▄▅▆▇█"


class Rate:
    """How much a counter rises a second, over the last minute."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None
        self.points: deque[float] = deque(maxlen=POINTS)

    def tell(self, at: float, total: float) -> None:
        """The counter stood at `total` at this time (seconds). A counter that fell is another engine's."""
        if self._last is None or total < self._last[1]:
            self._last = (at, total)
            return
        then, before = self._last
        if at - then >= 1.0:
            self.points.append((total - before) / (at - then))
            self._last = (at, total)

    @property
    def now(self) -> float:
        """The mean of the last five seconds."""
        last = list(self.points)[-5:]
        return sum(last) / len(last) if last else 0.0


class Growth:
    """Whether an age rises and rises: whatever it is the age of is not dealt with."""

    def __init__(self) -> None:
        self._since: tuple[float, float] | None = None
        self._last = 0.0
        self.grows = False

    def tell(self, at: float, age: float) -> None:
        """The age at this time (both in seconds)."""
        if self._since is None or age < self._last or age == 0:
            self._since = (at, age)
        begun, first = self._since
        self.grows = at - begun >= GROWING and age - first >= GROWING / 2
        self._last = age


class Quantiles:
    """Quantiles of a histogram's last half minute."""

    def __init__(self) -> None:
        self._told: deque[tuple[float, list[int]]] = deque()

    def tell(self, at: float, counts: Sequence[int]) -> None:
        """The histogram's counts at this time (seconds)."""
        if self._told and sum(counts) < sum(self._told[-1][1]):
            self._told.clear()
        self._told.append((at, list(counts)))
        while len(self._told) > 2 and at - self._told[1][0] > 30:
            self._told.popleft()

    def quantile(self, share: float, bounds: Sequence[float]) -> float | None:
        """The bound (seconds) below which this share of the durations fell; None when there were none."""
        if not self._told:
            return None
        first, last = self._told[0][1], self._told[-1][1]
        counts = [after - before for before, after in zip(first, last, strict=True)]
        total = sum(counts)
        if total == 0:
            return None
        seen = 0
        for bound, count in zip((*bounds, float("inf")), counts, strict=True):
            seen += count
            if seen >= share * total:
                return bound
        return None


def sparkline(points: Sequence[float], width: int) -> str:
    """The last points as bars."""
    shown = list(points)[-width:]
    top = max(shown, default=0.0)
    bars = "".join(BARS[round(point / top * (len(BARS) - 1))] if top else BARS[0] for point in shown)
    return bars.rjust(width)
