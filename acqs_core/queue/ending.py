"""Ending rows that will not be sent: outcome and DEAD, together.

A producer that sees DEAD finds the outcome, and an outcome never stands beside a row that went on after all: MariaDB
and MySQL change both tables in one statement, SQLite in one local transaction. Only where the server forbids such a
statement (MyISAM on a MySQL that keeps engines apart) does the outcome follow the row in a statement of its own, and a
crash just between them leaves a DEAD row whose outcome is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from acqs_core.action import Outcome, Status
from acqs_core.queue.database import Database, statement
from acqs_core.queue.layout import TABLE
from acqs_core.queue.settle import MESSAGE, Settlements


class Endings(Settlements):
    """What sender and operators share when they end rows."""

    def __init__(self, db: Database, server_ip: str, *, serve_blank: bool = False) -> None:
        super().__init__(db, server_ip, serve_blank=serve_blank)
        self._open_outcomes = statement(
            f"INSERT INTO acqs_outcome (man_id) SELECT m.man_id FROM {TABLE} m WHERE m.man_id IN :ids "
            f"AND m.status = :status {db.words.on_conflict('man_id')} man_id = acqs_outcome.man_id",
            "ids",
        )
        still_open = f"(o.outcome IS NULL OR o.outcome = '{Outcome.UNKNOWN}')"
        self._end_both = (
            f"UPDATE {TABLE} m JOIN acqs_outcome o ON o.man_id = m.man_id SET m.status = 'DEAD', "
            f"o.ended_at = COALESCE(o.ended_at, {db.words.utc_now}), "
            f"o.message = IF({still_open}, :message, o.message), o.outcome = IF({still_open}, :outcome, o.outcome) "
            "WHERE m.man_id IN :ids AND m.status = :status"
        )
        self._still_there = f"SELECT man_id FROM {TABLE} WHERE man_id IN :ids AND status = :status"
        self._end_rows = f"UPDATE {TABLE} SET status = 'DEAD' WHERE man_id IN :ids AND status = :status"
        still_open = still_open.replace("o.", "")
        self._end_outcomes = statement(
            f"UPDATE acqs_outcome SET ended_at = COALESCE(ended_at, {db.words.utc_now}), "
            f"message = CASE WHEN {still_open} THEN :message ELSE message END, "
            f"outcome = CASE WHEN {still_open} THEN :outcome ELSE outcome END WHERE man_id IN :ids",
            "ids",
        )

    def _end(self, man_id: int, status: Status, outcome: Outcome, message: str, *, token: int | None = None) -> bool:
        """DEAD and its outcome, if the row has this status (and, where given, the sender's token is still this one)."""
        return self._end_all([man_id], status, outcome, message, token=token)

    def _end_all(
        self, man_ids: Sequence[int], status: Status, outcome: Outcome, message: str, *, token: int | None = None
    ) -> bool:
        """The same for each of these rows, in one statement; whether any was ended."""
        values = {
            "ids": list(man_ids), "status": status.value, "outcome": outcome.value, "message": MESSAGE.fit(message),
            "server_ip": self._server_ip, "token": token,
        }  # fmt: skip
        guard = f" AND {self._own_token}" if token is not None else ""
        if self._db.dialect == "sqlite":
            return self._db.run(lambda connection: self._end_in_transaction(connection, values, guard))
        self._db.run(lambda connection: connection.execute(self._open_outcomes, values).rowcount)
        if not self._db.layout.joins_sidecars:
            return self._end_apart(values, guard)
        both = statement(self._end_both + guard, "ids")
        return bool(self._db.run(lambda connection: connection.execute(both, values).rowcount))

    def _end_apart(self, values: Mapping[str, Any], guard: str) -> bool:
        # Row by row: without locks only a statement about one row says which one it changed.
        one = statement(self._end_rows + guard, "ids")
        ended = [man_id for man_id in values["ids"] if self._change(one, {**values, "ids": [man_id]})]
        if ended:
            self._change(self._end_outcomes, {**values, "ids": ended})
        return bool(ended)

    def _end_in_transaction(self, connection: Connection, values: Mapping[str, object], guard: str) -> bool:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            still_there = statement(self._still_there + guard, "ids")
            ended = [int(record[0]) for record in connection.execute(still_there, values)]
            if ended:
                ending = {**values, "ids": ended}
                connection.execute(self._open_outcomes, ending)
                connection.execute(self._end_outcomes, ending)
                connection.execute(statement(self._end_rows, "ids"), ending)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
        return bool(ended)
