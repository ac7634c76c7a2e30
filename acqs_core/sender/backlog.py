"""After an outage, once: what has been waiting, and whether it may go out (design §5, resuming never surprises).

An outage is whatever kept every row from being sent: no engine, no Asterisk, no database. One that was shorter than
`backlog_after` made no row that old, and is not looked at; a take-over is, because nobody knows how long nobody sent.
"""

from __future__ import annotations

import logging
import math
import socket

from acqs_core.queue.backlog import EVER
from acqs_core.queue.store import Store
from acqs_core.queue.types import Waiting
from acqs_core.settings import SenderSettings

log = logging.getLogger(__name__)


class Backlog:
    """What `on_backlog` says, kept. Times are of the monotonic clock."""

    def __init__(self, store: Store, settings: SenderSettings) -> None:
        self._store = store
        self._hold = settings.on_backlog == "hold"
        self._after = settings.backlog_after
        # What is older is not sent anyway.
        self._until = settings.expire_new_after or EVER
        self._since: float | None = None

    @property
    def is_due(self) -> bool:
        """Whether there was an outage after which nobody has looked."""
        return self._since is not None

    def taken_over(self) -> None:
        """The lease is ours since now; nobody knows for how long nobody had it."""
        self._since = -math.inf

    def interrupted(self, now: float) -> None:
        """Nothing can be sent; told again and again while that is so."""
        if self._since is None:
            self._since = now

    def holds(self, now: float) -> bool:
        """Whether nothing may go out before `look`."""
        return self._hold and self._since is not None and now - self._since >= self._after

    def look(self, now: float) -> bool:
        """The outage is over: whether rows may go out. When not, the queue has been paused, by us or by somebody else.

        Blocks. Raises QueueError, and is due again.
        """
        if self._since is None or now - self._since < self._after:
            self._since = None
            return True
        waiting = self._store.unseen(self._after, self._until)
        if waiting.stale and self._hold:
            if not self._store.hold(
                waiting, actor=f"acqs-core on {socket.gethostname()}", reason=self._reason(waiting)
            ):
                return False  # somebody has paused or resumed at this moment; whoever looks next sees which
        elif waiting.stale:
            log.warning("sender: %s; they are sent now (on_backlog = send)", _told(waiting))
        self._since = None
        return not (waiting.stale and self._hold)

    def _reason(self, waiting: Waiting) -> str:
        oldest = f"the oldest {waiting.oldest_stale or 0:.0f} s"
        return (
            f"{waiting.stale}{_more(waiting)} rows waited over {self._after:g} s, {oldest}: "
            "`acqs-core resume --discard-older-than SECONDS`, or `acqs-core resume` to send all"
        )


def _told(waiting: Waiting) -> str:
    ages = ", ".join(f"{count} {name}" for name, count in waiting.by_age().items() if count)
    return f"{waiting.total}{_more(waiting)} rows have been waiting: {ages}"


def _more(waiting: Waiting) -> str:
    return "" if waiting.whole else "+"
