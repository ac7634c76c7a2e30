"""When to look, how fast to go, when to leave Asterisk alone, whose turn it is. Pure: time and chance are passed in."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable

from acqs_core.ami.backoff import Backoff
from acqs_core.errors import AmiError

log = logging.getLogger(__name__)

BUSY_POLL = 0.010
"""Seconds between looks at the table while rows come (design §5)."""

IDLE_POLL = 0.050
"""Seconds between looks at the table after BUSY_FOR seconds without a row."""

BUSY_FOR = 5.0


@dataclasses.dataclass(slots=True)
class Poll:
    """How long to wait before the next look at the table."""

    last_row: float = float("-inf")

    def found(self, now: float) -> None:
        """A row was claimed at `now`."""
        self.last_row = now

    def delay(self, now: float) -> float:
        """Seconds to wait from `now`."""
        return BUSY_POLL if now - self.last_row < BUSY_FOR else IDLE_POLL


class Rate:
    """At most `per_second` actions a second, evenly, with no burst saved up; 0 is no limit."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second if per_second > 0 else 0.0
        self._next = float("-inf")

    def take(self, now: float) -> float:
        """Take a turn; gives the seconds from `now` until it may be used."""
        turn = max(self._next, now)
        self._next = turn + self._gap
        return turn - now


class Breaker:
    """Leaves Asterisk alone while it takes no sessions, for as long as the kind of its trouble calls for (ami/backoff).
    It starts open: a first probe must succeed."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._backoff = Backoff(chance)
        self._until = float("-inf")
        self.error: AmiError | None = AmiError("not connected to Asterisk yet")

    @property
    def is_open(self) -> bool:
        return self.error is not None

    @property
    def reason(self) -> str | None:
        """Why it is open, in words."""
        return None if self.error is None else str(self.error)

    def failed(self, now: float, error: AmiError) -> None:
        """A connection or login failed at `now`. Failures of one outage that come together count once."""
        if self.is_open and now < self._until:
            return
        self.error = error
        self._until = now + self._backoff.after(error)

    def probe_in(self, now: float) -> float:
        """Seconds until Asterisk may be tried again."""
        return max(0.0, self._until - now)

    def worked(self) -> None:
        """A login succeeded."""
        self.error = None
        self._backoff.worked()


class Logins:
    """Turns to log in: `most` at a time, and fewer for a while when Asterisk turned one away without a banner, because
    its authlimit counts the logins of others too."""

    RECOVERY = 20
    """Logins that must succeed before one more is tried at a time."""

    def __init__(self, most: int) -> None:
        self._most = self.allowed = most
        self._well = 0
        self.turn = asyncio.Semaphore(most)
        """To be held while logging in."""

    def turned_away(self) -> None:
        """Half as many from now on. Who holds or awaits a turn of before is done with it soon: the gate is shut."""
        self.allowed = max(1, self.allowed // 2)
        self._well = 0
        self.turn = asyncio.Semaphore(self.allowed)
        log.warning("sender: no more than %d of %d logins at a time for now", self.allowed, self._most)

    def worked(self) -> None:
        """A login succeeded."""
        if self.allowed == self._most:
            return
        self._well += 1
        if self._well == self.RECOVERY:
            self._well = 0
            self.allowed += 1
            self.turn.release()


class CallerIdOrder:
    """Actions that share a non-blank caller id leave one after another; nobody else waits for them (design §1).

    A row that is not written after all breaks its line: whoever stands behind it, or comes while it is still on its
    way back to NEW, must go back as well, so that all are claimed again in man_id order.
    """

    def __init__(self) -> None:
        self._lines: dict[str, dict[int, None]] = {}
        self._broken: set[str] = set()

    def enter(self, callerid: str, man_id: int) -> bool:
        """Stand in line; True when it is this row's turn at once. Blank caller ids have no line."""
        if not callerid.strip():
            return True
        line = self._lines.setdefault(callerid, {})
        line[man_id] = None
        return next(iter(line)) == man_id and callerid not in self._broken

    def leave(self, callerid: str, man_id: int) -> int | None:
        """Step out, at the head or not; gives the row whose turn it has become, if that changed."""
        line = self._lines.get(callerid)
        if line is None or man_id not in line:
            return None
        was_first = next(iter(line)) == man_id
        del line[man_id]
        if not line:
            del self._lines[callerid]
            self._broken.discard(callerid)
            return None
        return next(iter(line)) if was_first and callerid not in self._broken else None

    def breaks(self, callerid: str) -> list[int]:
        """A row of this line was not written: nobody in it may go. Gives who stands in it."""
        line = self._lines.get(callerid)
        if line is None:
            return []
        self._broken.add(callerid)
        return list(line)

    def is_broken(self, callerid: str) -> bool:
        """Whether all of this line must go back; over once all have."""
        return callerid in self._broken

    def __contains__(self, callerid: str) -> bool:
        """Whether anybody of this caller id stands in line."""
        return callerid in self._lines

    def __len__(self) -> int:
        """How many caller ids have a line."""
        return len(self._lines)
