"""What every part of the store stands on: one database, one server_ip, and the guards of design §1 as SQL.

The guards are subqueries of the statement they protect. LOCK IN SHARE MODE makes them read what is committed now,
at READ COMMITTED as well, and hold it: a take-over or a pause comes before the statement or after it, never within.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from acqs_core.action import Row
from acqs_core.queue import rows
from acqs_core.queue.database import Database
from acqs_core.queue.layout import TABLE

IN_LIST = 500
"""The most keys one IN list holds."""

CALLERID_WIDTH = 20
"""Characters of the callerid column. A longer name is in no row."""


class Desk:
    """A part of the store. `serve_blank`: rows whose server_ip is '' are this server's to claim as well."""

    def __init__(self, db: Database, server_ip: str, *, serve_blank: bool = False) -> None:
        self._db = db
        self._server_ip = server_ip
        self._serve_blank = serve_blank
        self._columns = rows.columns(db.words)
        share = db.words.share
        self._own_token = (
            f"(SELECT token FROM acqs_lease WHERE server_ip = :server_ip AND role = 'sender'{share}) = :token"
        )
        self._not_paused = f"NOT EXISTS (SELECT 1 FROM acqs_control WHERE server_ip = :server_ip AND paused = 1{share})"

    @property
    def db(self) -> Database:
        """The database in which the rows are."""
        return self._db

    @property
    def server_ip(self) -> str:
        """The server whose rows these are."""
        return self._server_ip

    @property
    def _lanes(self) -> tuple[str, ...]:
        """The values of server_ip that are ours; each is asked for by a statement of its own (design §3)."""
        return (self._server_ip, "") if self._serve_blank and self._server_ip else (self._server_ip,)

    def _change(self, clause: sa.TextClause, values: Mapping[str, Any]) -> int:
        """Run one UPDATE, INSERT or DELETE; the number of rows it matched."""
        given = {"server_ip": self._server_ip, **values}
        return int(self._db.run(lambda connection: connection.execute(clause, given).rowcount))

    def _records(self, clause: sa.TextClause, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self._db.records(clause, {"server_ip": self._server_ip, **values})

    def _rows(self, clause: sa.TextClause, values: Mapping[str, Any]) -> list[Row]:
        return [rows.row(record) for record in self._records(clause, values)]

    def _ids(self, clause: sa.TextClause, values: Mapping[str, Any]) -> list[int]:
        return [int(record[0]) for record in self._records(clause, values)]

    def _returned(self, man_ids: Collection[int]) -> None:
        """Rows of ours came back to NEW; whoever remembers how far it claimed looks again."""

    def _by_status(self) -> str:
        """vicidial_manager as m, read by its (server_ip, status) index."""
        return f"{TABLE} m{self._db.words.force(self._db.layout.by_status)}"

    def _by_key(self) -> str:
        """vicidial_manager as m, read by man_id."""
        return f"{TABLE} m{self._db.words.force('PRIMARY')}"

    def _by_callerid(self) -> str:
        """vicidial_manager as m, read by callerid."""
        return f"{TABLE} m{self._db.words.force(self._db.layout.by_callerid)}"


def askable(callerids: Collection[str]) -> list[str]:
    """The caller ids that may stand in a statement: not blank, ASCII, no wider than the column (design §1)."""
    return sorted({c for c in callerids if c.strip() and c.isascii() and c.isprintable() and len(c) <= CALLERID_WIDTH})


def pieces(ids: Sequence[int]) -> list[Sequence[int]]:
    """Keys in ascending order, in lists short enough for one statement: everybody locks rows in the same order."""
    return list(rows.batches(sorted(ids), IN_LIST))
