"""The few words in which MariaDB/MySQL and SQLite differ, so that every statement is written once.

Only constants are put into statement texts from here; values are always bound.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Dialect:
    """Spellings of one kind of database."""

    name: str
    utc_now: str
    """Now in UTC with sub-second digits: what leases and sidecars are timed with, whatever the session's time zone."""
    local_now: str
    """Now as a producer's NOW() writes it into entry_date."""
    share: str
    """Makes a guard's subquery read what is committed, and hold it to the statement's end, at READ COMMITTED too."""
    mark: str
    """The driver's own placeholder, for batches whose length varies."""

    def utc_in(self, micros: str) -> str:
        """UTC now plus the bound number of microseconds (which may be negative)."""
        if self.name == "mysql":
            return f"(UTC_TIMESTAMP(6) + INTERVAL {micros} MICROSECOND)"
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', ({micros} / 1000000.0) || ' seconds')"

    def local_in(self, micros: str) -> str:
        """The producers' now plus the bound number of microseconds."""
        if self.name == "mysql":
            return f"(NOW() + INTERVAL {micros} MICROSECOND)"
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', 'localtime', ({micros} / 1000000.0) || ' seconds')"

    def local_age(self, column: str) -> str:
        """Seconds since the producers' time in `column`; NULL when it holds none."""
        if self.name == "mysql":
            return f"TIMESTAMPDIFF(SECOND, {column}, NOW())"
        return f"CAST((julianday('now', 'localtime') - julianday({column})) * 86400 AS INTEGER)"

    def utc_age(self, column: str) -> str:
        """Seconds since the UTC time in `column`, with their fraction."""
        if self.name == "mysql":
            return f"(TIMESTAMPDIFF(MICROSECOND, {column}, UTC_TIMESTAMP(6)) / 1000000.0)"
        return f"((julianday('now') - julianday({column})) * 86400.0)"

    @property
    def insert_missing(self) -> str:
        """The head of an INSERT that leaves what is there as it is, and then counts 0 rows."""
        return "INSERT IGNORE" if self.name == "mysql" else "INSERT OR IGNORE"

    def incoming(self, column: str) -> str:
        """In an upsert, the value that was to be inserted."""
        return f"VALUES({column})" if self.name == "mysql" else f"excluded.{column}"

    def on_conflict(self, key: str) -> str:
        """The head of an upsert's second half."""
        return "ON DUPLICATE KEY UPDATE" if self.name == "mysql" else f"ON CONFLICT({key}) DO UPDATE SET"

    def force(self, index: str | None) -> str:
        """A hint to read by this index and no other; nothing on SQLite, whose planner keeps to (server_ip, status)."""
        return f" FORCE INDEX ({index})" if self.name == "mysql" and index else ""


MYSQL = Dialect("mysql", "UTC_TIMESTAMP(6)", "NOW()", " LOCK IN SHARE MODE", "%s")
SQLITE = Dialect("sqlite", "strftime('%Y-%m-%d %H:%M:%f', 'now')", "datetime('now', 'localtime')", "", "?")
