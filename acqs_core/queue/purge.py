"""Deleting what is final and old, a few rows at a time, so that no claim ever waits for housekeeping.

The sidecars of a row go before the row: interrupted, it leaves a row that the next purge finds, never an orphan. On a
VICIdial server a cron job deletes rows behind our back, so sidecars without a row are looked for as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from acqs_core.queue import rows
from acqs_core.queue.database import Database, statement
from acqs_core.queue.desk import Desk
from acqs_core.queue.layout import TABLE

_FINAL = "(status = 'DEAD' OR status = 'SENT' AND response = 'Y' AND LOWER(action) <> 'originate')"


class Purging(Desk):
    """Housekeeping for this server's rows (and the blank ones it serves)."""

    def __init__(self, db: Database, server_ip: str, *, serve_blank: bool = False) -> None:
        super().__init__(db, server_ip, serve_blank=serve_blank)
        old_row = f"entry_date < {db.words.local_in(':ago')}"
        old = db.words.utc_in(":ago")
        # The row's own age is no proof: one that was entered years ago may have ended just now.
        ended = f"SELECT 1 FROM acqs_outcome e WHERE e.man_id = {TABLE}.man_id AND e.ended_at >= {old}"
        final = f"{_FINAL} AND {old_row} AND server_ip IN :lanes AND NOT EXISTS ({ended})"
        self._purge_window = statement(
            f"SELECT man_id, CASE WHEN {final} THEN 1 ELSE 0 END, CASE WHEN {old_row} THEN 1 ELSE 0 END "
            f"FROM {TABLE}{db.words.force('PRIMARY')} WHERE man_id > :after ORDER BY man_id LIMIT :batch",
            "lanes",
        )
        self._delete_rows = statement(f"DELETE FROM {TABLE} WHERE man_id IN :ids AND {final}", "ids", "lanes")
        self._delete_outcomes = statement("DELETE FROM acqs_outcome WHERE man_id IN :ids", "ids")
        self._delete_journal = statement("DELETE FROM acqs_journal WHERE man_id IN :ids", "ids")
        self._outcomes = statement(
            "SELECT o.man_id, CASE WHEN m.man_id IS NULL "
            f"AND COALESCE(o.ended_at, o.updated_at, o.sent_at, '1970-01-01') < {old} THEN 1 ELSE 0 END "
            f"FROM acqs_outcome o LEFT JOIN {TABLE} m ON m.man_id = o.man_id "
            "WHERE o.man_id > :after ORDER BY o.man_id LIMIT :batch"
        )
        self._journal = statement(
            f"SELECT j.id, CASE WHEN m.man_id IS NULL AND j.at < {old} THEN 1 ELSE 0 END, "
            f"CASE WHEN j.at < {old} THEN 1 ELSE 0 END "
            f"FROM acqs_journal j LEFT JOIN {TABLE} m ON m.man_id = j.man_id "
            "WHERE j.id > :after ORDER BY j.id LIMIT :batch"
        )
        self._delete_entries = statement("DELETE FROM acqs_journal WHERE id IN :ids", "ids")

    def purge(self, older_than_days: float, *, batch: int = 500) -> Iterator[int]:
        """Delete DEAD rows and answered actions other than Originates, entered more than so many days ago, with their
        outcome and journal; then sidecars of that age whose row is gone. Yields the number of rows deleted after each
        small batch; stop iterating to stop."""
        ago = -rows.micros(older_than_days * 86_400)
        given = {"ago": ago, "batch": batch, "lanes": list(self._lanes)}
        after = 0
        while window := self._read(self._purge_window, given | {"after": after}):
            after = window[-1][0]
            final = [man_id for man_id, is_final, _ in window if is_final]
            if final:
                yield self._delete(final, given)
            elif not any(is_old for _, _, is_old in window):
                break  # man_ids and entry_dates rise together
        yield from self._purge_orphans(given)

    def _delete(self, man_ids: Sequence[int], given: dict[str, object]) -> int:
        ids = {"ids": list(man_ids)}
        self._change(self._delete_outcomes, ids)
        self._change(self._delete_journal, ids)
        return self._change(self._delete_rows, given | ids)

    def _purge_orphans(self, given: dict[str, object]) -> Iterator[int]:
        after = 0
        while window := self._read(self._outcomes, given | {"after": after}):
            after = window[-1][0]
            if orphans := [man_id for man_id, is_orphan in window if is_orphan]:
                self._change(self._delete_outcomes, {"ids": orphans})
                yield 0
        after = 0
        while window := self._read(self._journal, given | {"after": after}):
            after = window[-1][0]
            if orphans := [entry for entry, is_orphan, _ in window if is_orphan]:
                self._change(self._delete_entries, {"ids": orphans})
                yield 0
            elif not any(is_old for _, _, is_old in window):
                break

    def _read(self, clause: sa.TextClause, values: dict[str, object]) -> list[tuple[int, ...]]:
        return [tuple(int(value) for value in record) for record in self._records(clause, values)]
