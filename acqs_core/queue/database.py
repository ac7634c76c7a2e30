"""One pooled way to the database, where every connection keeps the rules that were learnt the hard way (design §3).

Autocommit and no ROLLBACK at check-in; timeouts of at most 2 s, and lock waits shorter than those, so that no
statement of ours takes effect long after we gave up on it; deadlocks retried whole; and the difference between
"refused" and "gone, effect unknown" made once, here, for everybody above.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, make_url

from acqs_core.errors import QueueError, QueueUnavailable, SchemaMissing, SettingsError, ValueRefused
from acqs_core.queue import layout
from acqs_core.queue.connection import Connection as MySQLConnection
from acqs_core.queue.dialect import MYSQL, SQLITE, Dialect
from acqs_core.queue.fence import Fence
from acqs_core.settings import QueueSettings

T = TypeVar("T")

TIMEOUT = 2
"""Seconds a connection, a read or a write may take on MariaDB and MySQL (design §3)."""

LOCK_WAIT = 1
"""Seconds to wait for a row or table lock: less than TIMEOUT, or the server would go on waiting after we left and the
statement could take effect unseen."""

POOL_WAIT = 5.0
"""Seconds to wait for a free connection of the pool."""

DEADLOCK_TRIES = 6
"""How often a statement that met a deadlock is tried before the queue counts as unavailable."""

WAIT_TRIES = 2
"""The same for a lock wait, which has waited its time already."""

RECYCLE = 45
"""Seconds after which a connection is made anew, so that a server's wait_timeout of a minute cuts none of ours."""

_DEADLOCK, _LOCK_WAIT_TIMEOUT = 1213, 1205
_AWAY = frozenset({
    1040, 1042, 1043, 1053, 1077, 1079, 1080, 1129, 1158, 1159, 1160, 1161, 1184, 1203, 1290, 1317, 1836, 1927, 1969,
    2002, 2003, 2006, 2013, 2014, 2026, 2045, 2055, 4031,
})  # fmt: skip
"""MariaDB's and MySQL's numbers for "not now": no connection, too many, shutting down, killed, read only, cut."""
_FULL = frozenset({1021, 1026, 1114})
"""No room left on a disk or in a table. Another statement may still find some."""

_MISSING = frozenset({1054, 1146, 1176})
"""No such column, table or index."""

_VALUES = frozenset({1048, 1264, 1265, 1267, 1292, 1366, 1406, 3988})
"""NULL, out of range, cut, collations, wrong, too long, no conversion: only these are one value's own fault."""

_SESSION = (
    f"SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
    f"innodb_lock_wait_timeout = {LOCK_WAIT}, lock_wait_timeout = {LOCK_WAIT}"
)
"""Our own sessions only: strict, so that nothing of ours is ever cut in silence. The producers' mode is left alone."""


class Database:
    """A pooled engine for one url; thread-safe.

    `url` is mysql://user:secret@host:port/database or sqlite:////absolute/path; `tls` are further arguments of
    pymysql.connect. Raises SettingsError for any other url. Nothing is connected until the first `run`.
    """

    def __init__(self, url: str, *, pool_size: int = 8, tls: Mapping[str, Any] = MappingProxyType({})) -> None:
        parsed = _parse(url)
        self.words: Dialect = SQLITE if parsed.get_backend_name() == "sqlite" else MYSQL
        self.dialect: str = self.words.name
        self.shown: str = parsed.render_as_string(hide_password=True).replace("+pymysql", "").replace("+pysqlite", "")
        self.place: str = _place(parsed)
        self._engine = _engine(parsed, pool_size, tls)
        self._layout: layout.Layout | None = None
        self._fence = Fence()

    @classmethod
    def of(cls, settings: QueueSettings, *, pool_size: int = 8) -> Self:
        """The database of `[queue]`. Raises SettingsError, for a tls_ca that cannot be read too."""
        return cls(settings.url.get_secret_value(), pool_size=pool_size, tls=_tls(settings))

    def __repr__(self) -> str:
        return f"Database({self.shown!r})"

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work` on a connection; on a deadlock or lock wait do it again from its start, a bounded number of times.

        `work` is therefore one statement, or statements that may be repeated. Raises QueueUnavailable when the
        database cannot be reached, went away (effect unknown) or stayed locked; SchemaMissing; QueueError.
        """
        for attempt in itertools.count(1):
            try:
                with self._engine.connect() as connection:
                    return self._fenced(connection, work)
            except exc.DBAPIError as error:
                if attempt >= _tries(error):
                    raise self._explained(error) from error
                time.sleep(random.uniform(0.001, 0.005) * 2**attempt)  # jitter, so that two that met part
            except exc.TimeoutError as error:
                raise QueueUnavailable(f"{self.shown}: no connection became free within {POOL_WAIT:g} s") from error
            except exc.InvalidRequestError as error:
                # A server that begins or ends answers oddly, such as with no record where there is always one.
                raise QueueUnavailable(f"{self.shown}: the database did not answer as it must: {error}") from error
        raise AssertionError("unreachable: counting never ends")

    def _fenced(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        if self.dialect != "mysql":
            return work(connection)
        session = self._fence.identify(connection)
        self._fence.settle(connection)
        try:
            return work(connection)
        except exc.DBAPIError as error:
            if error.connection_invalidated:
                self._fence.lost(session)
            raise

    def records(self, clause: sa.TextClause, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """`run` one SELECT; its records."""
        return self.run(lambda connection: [tuple(record) for record in connection.execute(clause, values)])

    @property
    def layout(self) -> layout.Layout:
        """How vicidial_manager is made here (engine, widths, indexes); read once, again after SchemaMissing."""
        if self._layout is None:
            self._layout = self.run(lambda connection: layout.read(connection, self.words))
        return self._layout

    @property
    def is_myisam(self) -> bool:
        """Whether vicidial_manager is without row locks and transactions, as VICIdial makes it."""
        return self.layout.engine in ("MyISAM", "Aria")

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()

    def _explained(self, error: exc.DBAPIError) -> QueueError:
        code, text = _code(error), _text(error)
        if _tries(error) > 1:
            return QueueUnavailable(f"{self.shown}: still locked by others after {_tries(error)} tries: {text}")
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return QueueUnavailable(
                f"{self.shown}: the server's certificate is not trusted: {text}; look at [queue] tls_ca, and at "
                "tls_verify_name when the certificate names no host, as those that MySQL makes for itself"
            )
        if error.connection_invalidated or code in _AWAY:
            return QueueUnavailable(f"{self.shown}: the database is away, the statement's effect is not known: {text}")
        if code in _FULL or "disk is full" in text or "o space left on device" in text:
            return QueueUnavailable(f"{self.shown}: no room is left: {text}; free space on the database's disk")
        if code in _MISSING or "no such table" in text or "no such column" in text:
            self._layout = None
            return SchemaMissing(f"{self.shown}: {text}; `acqs-core db init` makes what is missing")
        if code in _VALUES or isinstance(error, exc.DataError | exc.IntegrityError):
            return ValueRefused(f"{self.shown}: a value was refused: {text}")
        if self.dialect == "sqlite" and isinstance(error, exc.OperationalError):
            return QueueUnavailable(f"{self.shown}: {text}")
        return QueueError(f"{self.shown}: the database refused a statement: {text}; `acqs-core db check` may say why")


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise SettingsError("queue.url is not a database url; write mysql://user:secret@host:3306/database") from None
    if parsed.drivername in ("mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql"):
        if not parsed.database:
            raise SettingsError("queue.url names no database; end it with /database")
        return parsed.set(drivername="mysql+pymysql")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.database in (None, "", ":memory:"):
            raise SettingsError("queue.url needs a file that all our connections share; write sqlite:////path/to/file")
        return parsed.set(drivername="sqlite+pysqlite")
    raise SettingsError(f"queue.url starts with {parsed.drivername!r}; it must be mysql:// or sqlite:///")


def _tls(settings: QueueSettings) -> dict[str, Any]:
    if settings.tls_ca is None:
        return {}
    try:
        ssl.create_default_context(cafile=settings.tls_ca)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"queue.tls_ca: {settings.tls_ca} cannot be read as PEM certificates: {error}") from None
    name = settings.tls_verify_name
    return {"ssl_ca": str(settings.tls_ca), "ssl_verify_cert": True, "ssl_verify_identity": name}


def _place(url: URL) -> str:
    """Which database, as short as an operator knows it: host:port/database, or the file."""
    if not url.host:
        return PurePath(url.database or "memory").name
    return f"{url.host}{f':{url.port}' if url.port else ''}/{url.database}"


def _engine(url: URL, pool_size: int, tls: Mapping[str, Any]) -> sa.Engine:
    common: dict[str, Any] = {
        "isolation_level": "AUTOCOMMIT",
        "skip_autocommit_rollback": True,
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": POOL_WAIT,
        "hide_parameters": True,
    }
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, poolclass=sa.pool.QueuePool, connect_args={"timeout": TIMEOUT}, **common)
        sa.event.listen(engine, "connect", _prepare_sqlite)
        return engine
    arguments = {
        "charset": "utf8mb4",
        "connect_timeout": TIMEOUT,
        "read_timeout": TIMEOUT,
        "write_timeout": TIMEOUT,
        "init_command": _SESSION,
        **tls,
    }
    if url.password is not None:
        arguments["password"] = str(
            url.password
        ).encode()  # PyMySQL would write it in latin1, whatever the server reads
    try:
        engine = sa.create_engine(url, connect_args=arguments, pool_recycle=RECYCLE, **common)
    except (exc.ArgumentError, TypeError, ValueError) as error:
        raise SettingsError(f"queue.url {url.render_as_string(hide_password=True)} is not usable: {error}") from None
    sa.event.listen(engine, "do_connect", lambda dialect, record, given, named: MySQLConnection(*given, **named))
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # WAL lets readers of other threads and processes go on beside the one writer.
    connection.execute(f"PRAGMA busy_timeout = {TIMEOUT * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _code(error: exc.DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _text(error: exc.DBAPIError) -> str:
    arguments = getattr(error.orig, "args", ())
    return str(arguments[-1]) if arguments else str(error.orig)


def _tries(error: exc.DBAPIError) -> int:
    if isinstance(error.orig, sqlite3.OperationalError):
        return WAIT_TRIES if "locked" in _text(error) else 1
    return {_DEADLOCK: DEADLOCK_TRIES, _LOCK_WAIT_TIMEOUT: WAIT_TRIES}.get(_code(error) or 0, 1)


def statement(text: str, *lists: str) -> sa.TextClause:
    """A statement made once and run many times; the parameters named in `lists` are IN lists.

    Compiled here once, by one thread. Several threads that were the first to run a statement, all at once, have ended
    the process: CPython 3.11.7 crashed where it read an attribute of a parameter that they were adding others to
    (SQLAlchemy 2.1.9; one of some 3,000 engines, and only in a crowd). Asked for here, its attributes are a dict by
    then, which threads may share.
    """
    clause = sa.text(text).bindparams(*(sa.bindparam(name, expanding=True) for name in lists))
    for part in (clause, *clause.compile().binds.values()):
        vars(part)
    return clause
