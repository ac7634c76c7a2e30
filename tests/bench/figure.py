"""One measured figure and how it is told: a JSON line whose ratio means something on any machine."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence

import acqs_core
from tests.bench.promises import FIGURES


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """A median, the yardstick's median from the same run, and what is needed to judge both."""

    bench: str
    value: float
    unit: str
    yardstick: float
    """What the same run measured without the queue, in the same unit."""
    ratio: float
    """value / yardstick."""
    n: int
    """Samples behind `value`."""
    spread: str
    """min..max of the samples, the yardstick's behind the stroke."""
    versions: dict[str, str]
    load: float
    """The machine's load average over a minute, before."""
    promised: str = ""
    """What was promised of it; empty when nothing was."""
    kept: bool | None = None
    """Whether that is so here and now; None when nothing was promised."""

    def is_kept(self, noise: float = 1.0) -> bool:
        """Whether `noise` of what was promised is reached: all of it by default."""
        promises = FIGURES[self.bench].promises
        return all(one.is_kept(self.value, self.yardstick, noise) for one in promises)

    def line(self) -> str:
        """The JSON line."""
        return json.dumps(dataclasses.asdict(self))


def figure(
    bench: str, unit: str, samples: Sequence[float], yardsticks: Sequence[float], *, load: float, **versions: str
) -> Figure:
    """Make one of samples and the yardstick's samples. `versions` are those of the real parts. What was promised of it
    stands in promises.py under the name of the bench."""
    value, yardstick = statistics.median(samples), statistics.median(yardsticks)
    promises = FIGURES[bench].promises
    measured = Figure(
        bench, _round(value), unit, _round(yardstick), _round(value / yardstick), len(samples),
        f"{_span(samples)} / {_span(yardsticks)}",
        {**versions, "python": platform.python_version(), "acqs": acqs_core.__version__}, load,
        " and ".join(map(str, promises)),
    )  # fmt: skip
    return dataclasses.replace(measured, kept=measured.is_kept() if promises else None)


def load() -> float:
    """The load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def say(text: str) -> None:
    """Tell a person, on stderr, what is going on."""
    print(text, file=sys.stderr, flush=True)


def _span(samples: Sequence[float]) -> str:
    return f"{_round(min(samples)):g}..{_round(max(samples)):g}"


def _round(value: float) -> float:
    return float(f"{value:.4g}")
