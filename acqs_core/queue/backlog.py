"""What has been waiting, by age, and how it is held or discarded before it goes out late.

A backlog may be a million rows, and a connection of ours gives up after two seconds: so it is walked in spans of keys,
each a statement of its own that is quick on every engine, and whoever waits for it sees how far it is.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from acqs_core.action import Outcome, Status
from acqs_core.queue.database import Database, statement
from acqs_core.queue.desk import pieces
from acqs_core.queue.operate import Operations
from acqs_core.queue.settle import ACTOR, MESSAGE
from acqs_core.queue.types import AGES, JournalEntry, Waiting

SPAN = 10_000
"""Rows that one statement of a walk looks at; a fraction of a second on a busy server."""

ENOUGH = 10_000
"""Stale rows after which nobody who waits to send counts on."""

EVER = 3.2e9
"""Seconds, a hundred years: what an age has to be below when it has no bound."""


class Backlogs(Operations):
    """Looking at all NEW rows, and what an operator or an engine decides about them."""

    def __init__(self, db: Database, server_ip: str, *, serve_blank: bool = False) -> None:
        super().__init__(db, server_ip, serve_blank=serve_blank)
        self._age = db.words.local_age("m.entry_date")
        bounds = zip((None, *AGES), (*AGES, None), strict=True)
        counts = ["w.age IS NULL", *(_between(low, high) for low, high in bounds), "w.age >= :over AND w.age < :under"]
        self._sums = ", ".join(f"SUM(CASE WHEN {count} THEN 1 ELSE 0 END)" for count in counts)
        self._since_resumed = statement(
            f"SELECT at, paused, {db.words.utc_age('at')} FROM acqs_control WHERE server_ip = :server_ip"
        )
        self._first_hold = statement(
            f"{db.words.insert_missing} INTO acqs_control (server_ip, paused, actor, reason, at) "
            f"VALUES (:server_ip, 1, :actor, :reason, {db.words.utc_now})"
        )
        self._hold = statement(
            f"UPDATE acqs_control SET paused = 1, actor = :actor, reason = :reason, at = {db.words.utc_now} "
            "WHERE server_ip = :server_ip AND paused = 0 AND at = :seen"
        )
        self._journal_discarded = statement(
            "INSERT INTO acqs_journal (man_id, server_ip, at, event, detail, actor) "
            f"SELECT man_id, :server_ip, {db.words.utc_now}, 'discarded', :detail, :actor FROM acqs_outcome "
            "WHERE man_id IN :ids AND message = :message",
            "ids",
        )

    def waiting(self, *, over: float = 0.0, under: float = EVER) -> Iterator[Waiting]:
        """All NEW rows by age, what was counted so far after each span; the last one given is the whole.

        `stale` counts those whose age in seconds is at least `over` and below `under`.
        """
        so_far = Waiting()
        yield so_far
        for lane in self._lanes:
            for source, bounds in self._spans(lane, Status.NEW):
                clause = statement(
                    f"SELECT {self._sums}, MAX(w.age), MAX(CASE WHEN w.age < :under THEN w.age END) "
                    f"FROM (SELECT {self._age} AS age FROM {source}) AS w"
                )
                record = self._records(clause, bounds | {"over": over, "under": under})[0]
                so_far = so_far.and_also(record)
                yield so_far
        yield dataclasses.replace(so_far, whole=True)

    def unseen(self, over: float, under: float = EVER) -> Waiting:
        """NEW rows by age. `stale` are those that waited at least `over` and less than `under` seconds and were entered
        after the last resume: what was there when somebody resumed, that person has seen. Looks no further once it has
        found ENOUGH of them."""
        found = self._records(self._since_resumed, {})
        seen, paused, since = found[0] if found else (None, 0, None)
        if since is not None and not paused:
            under = min(under, float(since) - 1.0)  # entry_date has whole seconds: in doubt it was seen
        for so_far in self.waiting(over=over, under=under):
            if so_far.whole or so_far.stale >= ENOUGH:
                return dataclasses.replace(so_far, seen=seen)
        raise AssertionError("unreachable: a walk ends with the whole")

    def hold(self, looked: Waiting, *, actor: str, reason: str) -> bool:
        """Pause because of what `unseen` saw. False, and nothing is changed, when somebody has paused or resumed
        since: what a person said last is what holds."""
        values = {"actor": ACTOR.fit(actor), "reason": reason[:250], "seen": looked.seen}
        changed = self._change(self._first_hold if looked.seen is None else self._hold, values)
        if changed:
            self.record([], [JournalEntry(None, "paused", reason, actor)])
        return bool(changed)

    def discard_older(
        self,
        seconds: float,
        *,
        actor: str,
        age: float | None = None,
        tell: Callable[[Sequence[int]], object] = lambda man_ids: None,
    ) -> Iterator[int]:
        """Discard the rows that were entered more than so many seconds ago and are not written yet: how many, after
        each small batch, whose man_ids `tell` is given. Stop iterating to stop. `age` is what the operator asked for
        (seconds), where that was a moment ago.

        Pause first, or a row may be claimed meanwhile. QUEUE rows come first: while paused they can only become NEW.
        Of a batch whose reply is lost (QueueUnavailable), rows may be DEAD and discarded without a journal line.
        """
        asked = seconds if age is None else age
        mark = f"discarded by {ACTOR.fit(actor)}: older than {asked:.10g} s (resume {secrets.token_hex(3)})"
        for status in (Status.QUEUE, Status.NEW):
            for lane in self._lanes:
                for source, bounds in self._spans(lane, status):
                    clause = statement(f"SELECT m.man_id FROM {source} AND {self._age} > :seconds")
                    for piece in pieces(self._ids(clause, bounds | {"seconds": seconds})):
                        self._end_all(piece, status, Outcome.DISCARDED, mark)
                        values = {"ids": piece, "message": MESSAGE.fit(mark), "actor": ACTOR.fit(actor)}
                        discarded = self._change(self._journal_discarded, values | {"detail": f"was {status}"})
                        tell(piece)
                        yield discarded

    def _spans(self, lane: str, status: Status) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows of a lane and status in spans of keys: what stands after FROM, and its values."""
        source = self._source(lane, status)
        of_lane = "m.server_ip = :lane AND m.status = :status"
        in_order = self._db.layout.in_order
        if not in_order and source == self._by_status():
            yield f"{source} WHERE {of_lane}", {"lane": lane, "status": status.value}
            return
        walked = f"{of_lane} AND " if in_order else ""  # by key the others are walked over as well
        last = statement(
            f"SELECT m.man_id FROM {source} WHERE {walked}m.man_id > :after ORDER BY m.man_id LIMIT 1 OFFSET :skip"
        )
        within = f"{source} WHERE {of_lane} AND m.man_id > :after AND m.man_id <= :end"
        after = 0
        while True:
            here: dict[str, Any] = {"lane": lane, "status": status.value, "after": after}
            end = next(iter(self._ids(last, here | {"skip": SPAN - 1})), 2**63 - 1)
            yield within, here | {"end": end}
            if end == 2**63 - 1:
                return
            after = end


def _between(low: float | None, high: float | None) -> str:
    bounds = [f"w.age >= {low:g}"] if low is not None else []
    return " AND ".join([*bounds, *([f"w.age < {high:g}"] if high is not None else [])])
