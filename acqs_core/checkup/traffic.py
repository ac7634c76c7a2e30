"""How many events come as the listener asks for them, and how many without asking for less: two sessions side by side.

Side by side, because calls come and go: one after the other they would have counted different calls.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Callable

from acqs_core.ami.session import Endpoint, Session
from acqs_core.ami.wire import event_name
from acqs_core.errors import AmiError
from acqs_core.listener.listener import FILTER, MASK
from acqs_core.listener.old_calls import OLD_WANTED

READ = frozenset(name.decode() for name in OLD_WANTED)
"""The names of the events that the listener reads, those of Asterisk 1.4 included."""

TICK = 0.5
"""Seconds between two tellings of the progress."""


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """What one session heard within `seconds`."""

    seconds: float
    bytes: int
    names: Counter[str]

    @property
    def events(self) -> int:
        """All events."""
        return self.names.total()

    @property
    def wanted(self) -> int:
        """Those that the listener reads."""
        return self.events - self.unwanted_names.total()

    @property
    def unwanted_names(self) -> Counter[str]:
        """Those that it throws away, by name."""
        return Counter({name: count for name, count in self.names.items() if name not in READ})

    @property
    def per_second(self) -> float:
        return self.events / self.seconds

    @property
    def kilobytes_per_second(self) -> float:
        return self.bytes / 1000 / self.seconds


@dataclasses.dataclass(frozen=True, slots=True)
class Traffic:
    """Both sessions. `everything` is None where the user may not log in twice."""

    asked: Heard
    """With the mask of the listener and, where [listener] filter says so, its Filter."""
    everything: Heard | None
    """With all that the user may read. An eventfilter of manager.conf holds for this one as well."""


class _Ear:
    """One listening session and what it has heard since `start`."""

    def __init__(self) -> None:
        self.session: Session
        self.names: Counter[str] = Counter()
        self._bytes = 0

    @classmethod
    async def open(cls, endpoint: Endpoint, mask: str) -> _Ear:
        ear = cls()
        ear.session = await Session.open(endpoint, events=mask, wanted=frozenset(), on_frame=ear._hear)
        return ear

    def _hear(self, frame: bytes) -> None:
        name = event_name(frame)
        if name is not None:
            self.names[name.decode("latin-1")] += 1

    def start(self) -> None:
        self.names.clear()
        self._bytes = self.session.stats.bytes

    def heard(self, seconds: float) -> Heard:
        return Heard(seconds, self.session.stats.bytes - self._bytes, Counter(self.names))


async def measure(
    endpoint: Endpoint, seconds: float, *, with_filter: bool, twice: bool, on_progress: Callable[[float, int], None]
) -> Traffic:
    """Listen for `seconds`; `on_progress` gets the seconds so far and the events that came as asked.

    Raises AmiError when a session could not be opened or ended before its time.
    """
    ears: list[_Ear] = []
    try:
        asked = await _Ear.open(endpoint, MASK)
        ears.append(asked)
        if with_filter:
            # A user that may not is found by its rights; the listener goes on without as well.
            await asked.session.ask("Filter", "Operation: Add", f"Filter: {FILTER}")
        if twice:
            ears.append(await _Ear.open(endpoint, "on"))
        for ear in ears:
            ear.start()
        took = await _listen(ears, seconds, on_progress)
        heard = [ear.heard(took) for ear in ears]
        return Traffic(heard[0], heard[1] if twice else None)
    finally:
        for ear in ears:
            await ear.session.logoff()


async def _listen(ears: list[_Ear], seconds: float, on_progress: Callable[[float, int], None]) -> float:
    started = time.monotonic()
    ends = [asyncio.ensure_future(ear.session.closed()) for ear in ears]
    try:
        while (so_far := time.monotonic() - started) < seconds:
            on_progress(so_far, ears[0].names.total())
            ended, _ = await asyncio.wait(
                ends, timeout=min(TICK, seconds - so_far), return_when=asyncio.FIRST_COMPLETED
            )
            for end in ended:
                raise end.result() or AmiError("the listening session ended before its time; check again")
        return time.monotonic() - started
    finally:
        for end in ends:
            end.cancel()
