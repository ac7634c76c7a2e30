"""What a process holds, by the kernel's word, and how it grows."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

ENOUGH = 40
"""Samples that make a slope."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """A process at one moment."""

    actions: int
    """How many had been queued for it."""
    rss: float
    """MB of memory that is its own or shared."""
    fds: int
    sockets: int

    @classmethod
    def of(cls, pid: int, actions: int) -> Sample:
        """Raises OSError when it is no more."""
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        targets = []
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed since
                targets.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        sockets = sum(target.startswith("socket:") for target in targets)
        return cls(actions, resident * _PAGE / 1e6, len(targets), sockets)


@dataclasses.dataclass(slots=True)
class Watched:
    """What an engine held, whichever of its lives it was in."""

    samples: list[Sample] = dataclasses.field(default_factory=list)
    before: Sample | None = None
    """Before the first action."""
    after: Sample | None = None
    """When all was over and every session had had its time to leave."""

    @property
    def more_sockets(self) -> int | None:
        """How many it holds in the end that it did not hold in the beginning; None where that is not known."""
        if self.before is None or self.after is None:
            return None
        return self.after.sockets - self.before.sockets


def growth(samples: Sequence[Sample], *, warm: int = 0, per: int = 10_000) -> float | None:
    """MB by which memory grows with so many actions, by least squares over the second half, or what is left of it after
    the first `warm` actions. None when that is too little to tell a slope."""
    half = [sample for sample in samples[len(samples) // 2 :] if sample.actions >= warm]
    if len(half) < ENOUGH or len({sample.actions for sample in half}) < 2:
        return None
    x = sum(sample.actions for sample in half) / len(half)
    y = sum(sample.rss for sample in half) / len(half)
    above = sum((sample.actions - x) * (sample.rss - y) for sample in half)
    return above / sum((sample.actions - x) ** 2 for sample in half) * per
