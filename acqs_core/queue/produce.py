"""Inserting NEW rows, as producers do, for those that do it through us: inject, the demo, the benchmarks.

A value that a column would cut or turn into question marks is refused here with the column's name; only what stands in
the table as it was given may become a call.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from acqs_core.action import LINE_COLUMNS, NewAction
from acqs_core.errors import ActionInvalid, QueueError
from acqs_core.queue import rows
from acqs_core.queue.layout import TABLE
from acqs_core.queue.settle import Settlements
from acqs_core.queue.types import JournalEntry

BATCH = 500
"""Rows of one INSERT."""

_COLUMNS = ("status", "response", "uniqueid", "channel", "server_ip", "action", "callerid", *LINE_COLUMNS)

log = logging.getLogger(__name__)


class Production(Settlements):
    """NEW rows."""

    def insert(
        self, action: NewAction, *, server_ip: str | None = None, actor: str = "", origin: str = "inject"
    ) -> int:
        """Insert one action for this server (or another `server_ip`); its man_id. Its journal says who did it.

        Raises ActionInvalid for a value that the table cannot hold as it is. After QueueUnavailable the row may be
        there: look before doing it again.
        """
        return self.insert_many([action], server_ip=server_ip, actor=actor, origin=origin)[0]

    def insert_many(
        self, actions: Sequence[NewAction], *, server_ip: str | None = None, actor: str = "", origin: str = "inject"
    ) -> list[int]:
        """Insert actions in order, many rows a statement; their man_ids in the same order."""
        owner = self._server_ip if server_ip is None else server_ip
        values = [self._values(action, owner) for action in actions]
        man_ids = [man_id for batch in rows.batches(values, BATCH) for man_id in self._insert(batch)]
        try:
            self.record([], [JournalEntry(man_id, "inserted", origin, actor) for man_id in man_ids])
        except QueueError as error:
            # The rows stand and will be sent. Failing now would invite somebody to insert them again.
            log.warning("actions %s were inserted, their journal was not written: %s", man_ids[:10], error)
        return man_ids

    def _values(self, action: NewAction, server_ip: str) -> list[Any]:
        if len(action.lines) > len(LINE_COLUMNS):
            raise ActionInvalid(f"{len(action.lines)} header lines do not fit a row, which has {len(LINE_COLUMNS)}")
        lines = [*action.lines, *[""] * (len(LINE_COLUMNS) - len(action.lines))]
        values = ["NEW", "N", "", "", server_ip, action.action, action.callerid, *lines]
        for name, value in zip(_COLUMNS, values, strict=True):
            column = self._db.layout.columns[name]
            if not column.holds(value):
                raise ActionInvalid(
                    f"{value[:40]!r} does not fit the column {name} of this table "
                    f"({column.width} characters of {column.charset}); shorten it or leave out what it lacks"
                )
        return values

    def _insert(self, batch: Sequence[list[Any]]) -> list[int]:
        words = self._db.words
        row = f"({', '.join([words.mark] * len(_COLUMNS))}, {words.local_now})"
        sql = f"INSERT INTO {TABLE} ({', '.join(_COLUMNS)}, entry_date) VALUES {', '.join([row] * len(batch))}"
        values = tuple(value for one in batch for value in one)
        if self._db.dialect == "sqlite":
            returning = f"{sql} RETURNING man_id"
            made = self._db.run(lambda connection: connection.exec_driver_sql(returning, values).scalars().all())
            return sorted(made)
        # One INSERT of known length gets man_ids in a row from the first, in steps of auto_increment_increment.
        first, step = self._db.run(lambda connection: (
            connection.exec_driver_sql(sql, values).lastrowid,
            connection.exec_driver_sql("SELECT @@SESSION.auto_increment_increment").scalar(),
        ))  # fmt: skip
        return list(range(int(first), int(first) + len(batch) * int(step or 1), int(step or 1)))
