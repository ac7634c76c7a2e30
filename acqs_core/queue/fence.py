"""After a lost reply, nothing goes on before the statement that lost it is over.

A server that was stopped or stalled still holds our statement in its socket buffer and carries it out when it wakes,
long after we gave up on it. A late `SENT → NEW` behind the same row's next sending would let the action be written
twice. So before the next statement of the same Database, the old session is ended and seen to be gone; from then on
the row says for good whether the statement took effect.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from acqs_core.errors import QueueUnavailable

PATIENCE = 1.0
"""Seconds that an ended session is given to be gone."""

Session = tuple[int, str]
"""A session's number at the server and the address it came from; the number alone is given again after a restart."""

_NO_SUCH_THREAD = 1094

_UNREADABLE = 3854
"""MySQL makes the processlist with every session's statement in it, whatever is asked of it, and fails while one of
those holds a letter that utf8mb3 has not, such as an emoji."""

_ABOUT_US = sa.text("SELECT id, host FROM information_schema.processlist WHERE id = CONNECTION_ID()")
_ABOUT_IT = sa.text("SELECT COUNT(*) FROM information_schema.processlist WHERE id = :id AND host = :host")


class Fence:
    """The sessions whose last statement nobody saw the end of. Thread-safe. MariaDB and MySQL only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_doubt: set[Session] = set()

    def identify(self, connection: Connection) -> Session:
        """Which session this is; asked once in the life of a connection."""
        if "session" not in connection.info:
            number, host = _ask(connection, _ABOUT_US, {})
            connection.info["session"] = (int(number), str(host))
        known: Session = connection.info["session"]
        return known

    def lost(self, session: Session) -> None:
        """The reply to a statement of this session was lost."""
        with self._lock:
            self._in_doubt.add(session)

    def settle(self, connection: Connection) -> None:
        """End what is in doubt, over another connection. Raises QueueUnavailable while it is not over."""
        if not self._in_doubt:
            return
        with self._lock:
            in_doubt = list(self._in_doubt)
        deadline = time.monotonic() + PATIENCE
        for session in in_doubt:
            while not self._is_gone(connection, session):
                if time.monotonic() > deadline:
                    raise QueueUnavailable(f"session {session[0]}, whose reply was lost, is still at work; wait for it")
                _kill(connection, session[0])
                time.sleep(0.01)
            with self._lock:
                self._in_doubt.discard(session)

    def _is_gone(self, connection: Connection, session: Session) -> bool:
        number, host = session
        return not _ask(connection, _ABOUT_IT, {"id": number, "host": host})[0]


def _ask(connection: Connection, clause: sa.TextClause, values: dict[str, object]) -> tuple[Any, ...]:
    """One row out of the processlist, as soon as it can be read."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return tuple(connection.execute(clause, values).one())
        except exc.DBAPIError as error:
            if error.orig is None or error.orig.args[0] != _UNREADABLE or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _kill(connection: Connection, number: int) -> None:
    try:
        connection.exec_driver_sql(f"KILL CONNECTION {number:d}")
    except exc.DBAPIError as error:
        if error.orig is None or error.orig.args[0] != _NO_SUCH_THREAD:
            raise
