"""How vicidial_manager is made on this server, which is not for us to decide: on a VICIdial server it is MyISAM, latin1
and VARCHAR(20), in our own schema InnoDB, utf8mb4 and wide (design §3).

Knowing it once, here, is what lets a long uniqueid be cut on purpose rather than fail a batch, and a claim read the
index that gives rows in order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from acqs_core.errors import SchemaMissing
from acqs_core.queue.dialect import Dialect

TABLE = "vicidial_manager"

_CODECS = {"latin1": "cp1252", "utf8": "utf-8", "utf8mb3": "utf-8", "utf8mb4": "utf-8", "ascii": "ascii"}
"""MySQL's latin1 is Windows-1252."""


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """What a text column can hold: `width` in characters (None: no limit) of `charset` (blank: all of Unicode)."""

    width: int | None = None
    charset: str = ""

    def fit(self, value: str) -> str:
        """As much of `value` as fits, with a ? for every character that the column's character set lacks."""
        return self._encodable(value)[: self.width]

    def holds(self, value: str) -> bool:
        """Whether `value` can be stored unchanged."""
        return self.fit(value) == value

    def _encodable(self, value: str) -> str:
        if self.charset in ("utf8", "utf8mb3"):
            value = "".join(c if ord(c) < 0x10000 else "?" for c in value)
        codec = _CODECS.get(self.charset, "ascii") if self.charset else "utf-8"
        return value.encode(codec, "replace").decode(codec)


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """vicidial_manager as it is here. Index names are None where no such index exists."""

    engine: str
    columns: dict[str, Column]
    by_status: str | None
    """An index that begins (server_ip, status)."""
    in_order: bool
    """Whether `by_status` gives rows in man_id order (InnoDB appends the key; elsewhere man_id is its third part)."""
    by_callerid: str | None
    by_uniqueid: str | None
    joins_sidecars: bool
    """Whether one statement may change this table and our InnoDB sidecars. MySQL with enforce_gtid_consistency (on by
    default in 9.7) refuses that, error 1785, for a table that has no transactions."""

    def fit(self, column: str, value: str) -> str:
        """As much of `value` as this column holds."""
        return self.columns[column].fit(value)


def read(connection: Connection, words: Dialect) -> Layout:
    """Read the layout. Raises SchemaMissing when the table is not there."""
    if words.name == "sqlite":
        columns = {name: Column() for name in _sqlite_columns(connection)}
        _require(columns)
        return Layout("SQLite", columns, "serverstat", True, "callerid", "uniqueid", True)
    engine = connection.execute(sa.text(
        "SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = :t"
    ), {"t": TABLE}).scalar()  # fmt: skip
    columns = {
        str(name): Column(int(width) if width is not None else None, str(charset or ""))
        for name, width, charset in connection.execute(sa.text(
            "SELECT column_name, character_maximum_length, character_set_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name = :t ORDER BY ordinal_position"
        ), {"t": TABLE})
    }  # fmt: skip
    _require(columns)
    indexes = _mysql_indexes(connection)
    ordered = _beginning(indexes, ("server_ip", "status", "man_id"))
    plain = _beginning(indexes, ("server_ip", "status"))
    in_order = ordered is not None or (plain is not None and engine == "InnoDB" and len(indexes[plain]) == 2)
    return Layout(
        str(engine), columns, ordered or plain, in_order,
        _beginning(indexes, ("callerid",)), _beginning(indexes, ("uniqueid",)),
        engine == "InnoDB" or not _keeps_engines_apart(connection),
    )  # fmt: skip


def _keeps_engines_apart(connection: Connection) -> bool:
    enforced = connection.execute(sa.text("SHOW GLOBAL VARIABLES LIKE 'enforce_gtid_consistency'")).all()
    return any(value == "ON" for _, value in enforced)  # MariaDB has no such variable


def _sqlite_columns(connection: Connection) -> list[str]:
    return [str(row[1]) for row in connection.execute(sa.text(f"PRAGMA table_info({TABLE})"))]


def _mysql_indexes(connection: Connection) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, column in connection.execute(sa.text(
        "SELECT index_name, column_name FROM information_schema.statistics "
        "WHERE table_schema = DATABASE() AND table_name = :t ORDER BY index_name, seq_in_index"
    ), {"t": TABLE}):  # fmt: skip
        found[str(name)] = (*found.get(str(name), ()), str(column))
    return found


def _beginning(indexes: dict[str, tuple[str, ...]], columns: tuple[str, ...]) -> str | None:
    """The narrowest index that begins with these columns."""
    fitting = [name for name, of in indexes.items() if of[: len(columns)] == columns]
    return min(fitting, key=lambda name: (len(indexes[name]), name), default=None)


def _require(columns: Iterable[str]) -> None:
    if "man_id" not in columns:
        raise SchemaMissing(f"there is no table {TABLE}; `acqs-core db init` makes it")
