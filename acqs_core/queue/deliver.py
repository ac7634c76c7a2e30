"""QUEUE → SENT, the step on which "at most once" rests, and the other ways out of QUEUE and SENT that a sender knows.

SENT is committed before the first byte is written, for one row by one statement, and only the statement that changed
the row allows the write (design §1). It is also the statement that runs most often, so it is prepared once.
"""

from __future__ import annotations

from collections.abc import Collection

from acqs_core.action import Outcome, Status
from acqs_core.queue import rows
from acqs_core.queue.database import Database, statement
from acqs_core.queue.desk import IN_LIST, askable
from acqs_core.queue.ending import Endings
from acqs_core.queue.layout import TABLE
from acqs_core.queue.types import JournalEntry

_NOT_A_CALL = (Outcome.DISCARDED, Outcome.INVALID, Outcome.NOT_ALLOWED, Outcome.EXPIRED, Outcome.REFUSED)


class Deliveries(Endings):
    """The sender's steps for one row, each guarded by its token."""

    def __init__(self, db: Database, server_ip: str, *, serve_blank: bool = False) -> None:
        super().__init__(db, server_ip, serve_blank=serve_blank)
        self._mark_sent = statement(
            f"UPDATE {TABLE} SET status = 'SENT', response = 'N' WHERE man_id = :man_id AND status = 'QUEUE' "
            f"AND server_ip = :server_ip AND {self._own_token} AND {self._not_paused}"
        )
        self._unsend = statement(
            f"UPDATE {TABLE} SET status = 'NEW' WHERE man_id = :man_id AND status = 'SENT' "
            f"AND (response IS NULL OR response <> 'Y') AND server_ip = :server_ip AND {self._own_token}"
        )
        not_a_call = ", ".join(f"'{outcome}'" for outcome in _NOT_A_CALL)
        # A Redirect or Hangup that we ended ourselves says nothing about the call it was for; its retry may be sent.
        self._dead = (
            "SELECT DISTINCT m.callerid FROM {source} LEFT JOIN acqs_outcome o ON o.man_id = m.man_id "
            "WHERE m.server_ip = :server_ip AND m.status = 'DEAD' AND m.callerid IN :callerids "
            f"AND (LOWER(m.action) = 'originate' OR o.outcome IS NULL OR o.outcome NOT IN ({not_a_call}))"
        )

    def mark_sent(self, man_id: int, token: int) -> bool:
        """QUEUE → SENT. True only when this statement changed this row: then, and only then, write the action.

        What a producer put into `response` is no answer and is overwritten. Raises QueueUnavailable when the reply is
        lost: do not write, and `unsend`.
        """
        return self._change(self._mark_sent, {"man_id": man_id, "token": token}) == 1

    def unsend(self, man_id: int, token: int) -> bool:
        """SENT → NEW for a row of which the caller knows that not a byte was written, and nobody answered."""
        changed = self._change(self._unsend, {"man_id": man_id, "token": token}) == 1
        if changed:
            self._returned([man_id])
        return changed

    def reject(self, man_id: int, token: int, outcome: Outcome, message: str) -> bool:
        """QUEUE → DEAD with its outcome (dead_call, invalid, not_allowed, expired), and a line in the journal.
        False: the row is not ours any more."""
        rejected = self._end(man_id, Status.QUEUE, outcome, message, token=token)
        if rejected:
            self.record([], [JournalEntry(man_id, "rejected", f"{outcome}: {message}")])
        return rejected

    def dead_callerids(self, callerids: Collection[str]) -> set[str]:
        """Which of these caller ids belong to a call of this server that is over (facts/acqs-perl.md, dead-call check).

        Only ASCII names of at most 20 characters can be asked for; others are never found dead.
        """
        names = askable(callerids)
        clause = statement(self._dead.format(source=self._by_callerid()), "callerids")
        found: set[str] = set()
        for batch in rows.batches(names, IN_LIST):
            found.update(record[0] for record in self._records(clause, {"callerids": list(batch)}))
        return found & set(names)
