"""What may be asked of an engine through its socket: looking, which anybody may who may connect, and deeds.

Each request is a method here; its parameters are checked by their types, because what comes over a socket is only
bytes. All of them use database connections of their own, so that a console that leafs through a million rows never
keeps a row from being marked SENT.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError, validate_call

from acqs_core import story
from acqs_core.action import NewAction, Row, Status
from acqs_core.control.wire import Message, RowView
from acqs_core.errors import ControlError, Refused
from acqs_core.queue.backlog import EVER
from acqs_core.queue.browse import outcome_by_now
from acqs_core.queue.database import Database
from acqs_core.queue.lease import Leases
from acqs_core.queue.store import Store
from acqs_core.queue.types import OutcomeRecord
from acqs_core.settings import Settings

T = TypeVar("T")

PAGE = 1000
"""Rows of one answer at the most."""

THREADS = 2
"""Connections of all consoles together."""

PATIENCE = 3.0
"""Seconds after which a long walk over the table answers with what it has."""

ManId = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0, le=EVER)]
Actor = Annotated[str, Field(max_length=100)]


class Desk:
    """Answers requests for one engine.

    `wake` tells it that a row was inserted, `touched` which rows a deed has changed, so that every
    console sees them; `stop` ends it, where a console may; `trouble` says why its sender sends
    nothing now. All are called from a thread.
    """

    def __init__(
        self,
        settings: Settings,
        wake: Callable[[], object],
        stop: Callable[[], object] | None = None,
        trouble: Callable[[], str | None] = lambda: None,
        touched: Callable[[Sequence[int]], object] = lambda man_ids: None,
    ) -> None:
        self._settings, self._wake, self._stop, self._trouble = settings, wake, stop, trouble
        self._touched = touched
        self._db = Database.of(settings.queue, pool_size=THREADS)
        self._store = Store(self._db, settings.server_ip, serve_blank=settings.serve_blank)
        self._leases = Leases(self._db)
        self._threads = ThreadPoolExecutor(THREADS, "acqs-desk")
        looks: tuple[Callable[..., Any], ...] = (
            self.page,
            self.newer,
            self.rows,
            self.counts,
            self.unknown,
            self.timeline,
            self.waiting,
            self.servers,
        )
        deeds: tuple[Callable[..., Any], ...] = (
            self.pause,
            self.resume,
            self.retry,
            self.discard,
            self.discard_stale,
            self.insert,
            self.stop,
        )
        self._looks = {method.__name__: validate_call(method) for method in looks}
        self._deeds = {method.__name__: validate_call(method) for method in deeds}

    async def answer(self, do: str, given: Message, *, actor: str, read_only: bool) -> Any:
        """Do what is asked. Raises AcqsError."""
        work = self._looks.get(do)
        if work is None:
            work = self._deeds.get(do)
            if work is None:
                raise ControlError(f"this engine does not know {do!r}; is it older than the console?")
            if read_only:
                raise Refused(f"this console is read-only, {do} is not done")
            work = functools.partial(work, actor=actor)
        try:
            if "actor" in given:
                raise TypeError("who does it is known from the socket")
            return await self.in_thread(functools.partial(work, **given))
        except (ValidationError, TypeError) as error:
            raise ControlError(f"{do} was asked for in a way that is not understood: {_first_line(error)}") from None

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do something that waits for the database."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Let go of the database."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._db.dispose()

    # Looking.

    def page(
        self,
        *,
        before: ManId | None = None,
        limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE,
        status: Status | None = None,
    ) -> dict[str, Any]:
        """Rows newest first, below man_id `before`; `next` asks for the next older page, None when there is none."""
        page = self._store.page(before=before, limit=limit, status=status)
        return {"rows": self._views(page.rows), "next": page.next_before}

    def newer(self, *, than: Annotated[int, Field(ge=0)], limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE) -> Any:
        """The rows above a man_id, lowest first, and whether there may be more above those."""
        fresh = self._store.newer(than, limit)
        return {"rows": self._views(fresh), "more": len(fresh) == limit}

    def rows(self, *, man_ids: Annotated[list[ManId], Field(max_length=PAGE)]) -> list[RowView]:
        """These rows as they are now; one that was purged is left out."""
        return self._views(self._store.by_ids(man_ids))

    def counts(self, *, cap: Annotated[int, Field(ge=1, le=10_000)] = 1000) -> dict[str, int]:
        """Rows of each status, at most one more than `cap`."""
        return {str(status): count for status, count in self._store.counts(cap=cap).items()}

    def unknown(self, *, limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE) -> list[RowView]:
        """Actions that were or may have been written and whose outcome nobody knows."""
        found = self._store.unknown(self._settings.sender.response_timeout, limit)
        return [self._view(row, record) for row, record in found]

    def unknown_ids(self, cap: int) -> list[int]:
        """The man_ids of those, at most one more than `cap`."""
        return self._store.unknown_ids(self._settings.sender.response_timeout, cap)

    def timeline(self, *, man_id: ManId) -> dict[str, Any]:
        """A row, everything that happened to it, and in one sentence why it is where it is."""
        found = self._store.timeline(man_id)
        why = story.why(found, story.around(self._store, found.row, self._trouble() or ""))
        return {
            "row": self._view(found.row, found.outcome),
            "outcome": found.outcome,
            "journal": found.journal,
            "why": why,
        }

    def waiting(self, *, over: Seconds = 0.0) -> dict[str, Any]:
        """All NEW rows by age, and how many (`stale`) waited at least `over` seconds. They may be a million: after
        PATIENCE it answers what was counted so far, and `whole` is False."""
        until = time.monotonic() + PATIENCE
        walk = self._store.waiting(over=over)
        so_far = next(walk)
        while not so_far.whole and time.monotonic() < until:
            so_far = next(walk)
        return dataclasses.asdict(so_far) | {"total": so_far.total, "by_age": so_far.by_age()}

    def servers(self) -> list[dict[str, Any]]:
        """Every server_ip that has rows, a lease or a pause: its backlog, its leases and its pause."""
        leases = self._leases.view()
        return [
            dataclasses.asdict(one) | {"leases": [lease for lease in leases if lease.server_ip == one.server_ip]}
            for one in self._store.servers()
        ]

    # Deeds. Each is guarded by the table once more when it is done, and says so in the journal.

    def pause(self, *, actor: Actor, reason: str = "") -> None:
        """Stop sending until `resume`."""
        self._store.pause(actor=actor, reason=reason)

    def resume(self, *, actor: Actor) -> None:
        """Send again."""
        self._store.resume(actor=actor)
        self._wake()

    def retry(self, *, actor: Actor, man_id: ManId, may_call_twice: bool = False, expect: Status | None = None) -> int:
        """End an action that is `expect` and insert a copy of it; the copy's man_id."""
        try:
            copy = self._store.retry(man_id, actor=actor, force=may_call_twice, expect=expect)
        finally:
            self._touched([man_id])  # refused, too: then it is not what the console shows
        self._touched([copy])
        self._wake()
        return copy

    def discard(self, *, actor: Actor, man_id: ManId, expect: Status | None = None) -> None:
        """End an action that is `expect`."""
        try:
            self._store.discard(man_id, actor=actor, expect=expect)
        finally:
            self._touched([man_id])

    def discard_stale(self, *, actor: Actor, older_than: Seconds, age: Seconds | None = None) -> dict[str, Any]:
        """Discard what was entered more than so many seconds ago and is not written yet, while the queue is paused:
        how many, and whether to ask again for `more`: nobody waits longer than PATIENCE for an answer. `age` is what
        the operator typed, a moment ago: it is told afterwards."""
        if not self._store.control().paused:
            raise Refused("sending goes on, so nothing stale is discarded: pause first")
        until, discarded = time.monotonic() + PATIENCE, 0
        for batch in self._store.discard_older(older_than, actor=actor, age=age, tell=self._touched):
            discarded += batch
            if time.monotonic() > until:
                return {"discarded": discarded, "more": True}
        return {"discarded": discarded, "more": False}

    def insert(self, *, actor: Actor, action: str, callerid: str = "", lines: tuple[str, ...] = ()) -> int:
        """Insert an action as NEW; its man_id."""
        man_id = self._store.insert(NewAction(action, callerid, lines), actor=actor)
        self._touched([man_id])
        self._wake()
        return man_id

    def stop(self, *, actor: Actor) -> None:
        """Drain and end, if the engine was started by a console."""
        if self._stop is None:
            raise Refused("this engine is a daemon of its own; stop it where it was started (systemctl stop acqs)")
        self._stop()

    def _views(self, found: list[Row]) -> list[RowView]:
        known = self._store.outcomes([row.man_id for row in found])
        return [self._view(row, known.get(row.man_id)) for row in found]

    def _view(self, row: Row, record: OutcomeRecord | None) -> RowView:
        outcome = outcome_by_now(row, record, self._settings.sender.response_timeout)
        if record is None:
            return RowView(row, outcome)
        return RowView(row, outcome, record.cause, record.message)


def _first_line(error: Exception) -> str:
    """What pydantic or a call found wrong, without the values, which may be anything."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return str(error).partition("\n")[0]
