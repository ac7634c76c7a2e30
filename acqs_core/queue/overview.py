"""Every server_ip of the central table at one glance: whose backlog grows, who serves it, who paused it.

One table serves many Asterisk boxes, and at three in the morning the first question is which one is in trouble. All of
it is read by index seeks: as many statements as there are servers, whatever the number of rows.
"""

from __future__ import annotations

from acqs_core.queue import rows
from acqs_core.queue.database import statement
from acqs_core.queue.desk import Desk
from acqs_core.queue.layout import TABLE
from acqs_core.queue.types import Control, ServerView

MOST = 200
"""Servers that are listed at the most."""


class Overview(Desk):
    """Reads across servers."""

    def servers(self, cap: int = 1000) -> list[ServerView]:
        """Every server_ip that has rows, a lease or a pause, blank first; `backlog` is at most `cap` + 1."""
        paused = {
            server_ip: Control(bool(on), actor, reason, rows.utc(at))
            for server_ip, on, actor, reason, at in self._records(
                statement("SELECT server_ip, paused, actor, reason, at FROM acqs_control"), {}
            )
        }
        leases = statement("SELECT DISTINCT server_ip FROM acqs_lease WHERE holder <> ''")
        known = {*self._with_rows(), *paused, *(record[0] for record in self._records(leases, {}))}
        return [
            ServerView(server_ip, *self._waiting(server_ip, cap), paused.get(server_ip, Control(False)))
            for server_ip in sorted(known)
        ]

    def _with_rows(self) -> list[str]:
        """Each server_ip that has a row, by one seek each: DISTINCT would read the index from end to end."""
        first = statement(f"SELECT MIN(server_ip) FROM {TABLE}")
        after = statement(f"SELECT MIN(server_ip) FROM {TABLE} WHERE server_ip > :last")
        found: list[str] = []
        [(server_ip,)] = self._records(first, {})
        while server_ip is not None and len(found) < MOST:
            found.append(server_ip)
            [(server_ip,)] = self._records(after, {"last": server_ip})
        return found

    def _waiting(self, server_ip: str, cap: int) -> tuple[int, float | None]:
        clause = statement(
            f"SELECT COUNT(*), MAX({self._db.words.local_age('few.entry_date')}) FROM (SELECT m.entry_date FROM "
            f"{self._by_status()} WHERE m.server_ip = :lane AND m.status = 'NEW' LIMIT :most) AS few"
        )
        [(count, oldest)] = self._records(clause, {"lane": server_ip, "most": cap + 1})
        return int(count), None if oldest is None else float(oldest)
