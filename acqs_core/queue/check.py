"""What is wrong with a database, and how to mend it: `db check`.

Nothing is changed, not even for a moment. Rights are found by statements that would touch no row, because that asks the
server itself; reading SHOW GRANTS would mean knowing every way in which a right can be given.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from sqlalchemy import exc

from acqs_core.action import LINE_COLUMNS
from acqs_core.errors import QueueError, SchemaMissing
from acqs_core.queue.database import Database, statement
from acqs_core.queue.layout import TABLE
from acqs_core.queue.tables import metadata
from acqs_core.queue.types import Finding

OLDEST = {"MariaDB": (10, 5), "MySQL": (8, 0)}
"""The oldest versions that ACQS is meant for."""

COLUMNS = (
    "man_id", "uniqueid", "entry_date", "status", "response", "server_ip", "channel", "action", "callerid",
    *LINE_COLUMNS,
)  # fmt: skip
"""VICIdial's columns in their order, on which producers' positional INSERTs rest (facts/acqs-perl.md)."""

_RIGHTS = {
    TABLE: ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "acqs_outcome": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "acqs_journal": ("SELECT", "INSERT", "DELETE"),
    "acqs_lease": ("SELECT", "INSERT", "UPDATE"),
    "acqs_control": ("SELECT", "INSERT", "UPDATE"),
}
_DENIED = frozenset({1044, 1142, 1143})
_VARIABLES = (
    "version", "sql_mode", "innodb_flush_log_at_trx_commit", "log_bin", "sync_binlog", "read_only", "wait_timeout",
    "autocommit", "myisam_recover_options",
)  # fmt: skip


def check(db: Database, server_ip: str) -> list[Finding]:
    """Everything that was looked at, good or bad. A database that cannot be reached or read is a finding as well."""
    findings: list[Finding] = []
    try:
        findings.extend(_sqlite(db) if db.dialect == "sqlite" else _mysql(db, server_ip))
    except QueueError as error:
        findings.append(Finding("error", "connection", str(error), "check queue.url, the server and the user's secret"))
    return findings


def _sqlite(db: Database) -> Iterator[Finding]:
    yield Finding("ok", "server", f"SQLite {sqlite3.sqlite_version}: for the demo and for tests")
    there = {str(record[0]) for record in db.records(statement("SELECT name FROM sqlite_master"), {})}
    yield from _missing(sorted(table for table in metadata.tables if table not in there))


def _mysql(db: Database, server_ip: str) -> Iterator[Finding]:
    variables = _variables(db)
    yield _version(variables["version"])
    columns = _columns(db)
    missing = sorted(table for table in metadata.tables if table not in columns)
    yield from _missing(missing)
    yield from _producers(variables["sql_mode"])
    yield from _server(variables)
    yield from _sidecar_columns(columns)
    if TABLE not in missing:
        yield from _table(db, server_ip, columns[TABLE])
        yield from _durability(db, variables)
    engines = {str(name): str(engine) for name, engine in db.records(statement(
        "SELECT table_name, engine FROM information_schema.tables WHERE table_schema = DATABASE()"
    ), {})}  # fmt: skip
    for sidecar in sorted(set(metadata.tables) - {TABLE} - set(missing)):
        if engines.get(sidecar) != "InnoDB":
            yield Finding("error", sidecar, f"is {engines.get(sidecar)}: the guards' locks do not hold there",
                          f"ALTER TABLE {sidecar} ENGINE=InnoDB")  # fmt: skip
    yield from _rights(db, [table for table in _RIGHTS if table not in missing])


def _variables(db: Database) -> dict[str, str]:
    # Of the server, not of our session, which is strict by our own choice.
    names = ", ".join(f"'{name}'" for name in _VARIABLES)
    found = db.records(statement(f"SHOW GLOBAL VARIABLES WHERE variable_name IN ({names})"), {})
    return dict.fromkeys(_VARIABLES, "") | {str(name): str(value) for name, value in found}


def _columns(db: Database) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, extra in db.records(statement(
        "SELECT table_name, column_name, extra FROM information_schema.columns WHERE table_schema = DATABASE() "
        "ORDER BY table_name, ordinal_position"
    ), {}):  # fmt: skip
        found.setdefault(str(table), []).append((str(column), str(extra).upper()))
    return found


def _version(version: str) -> Finding:
    kind = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:2] if part.isdigit())
    if numbers < OLDEST[kind]:
        oldest = ".".join(str(number) for number in OLDEST[kind])
        return Finding("warning", "server", f"{kind} {version} is older than what is tested", f"use {oldest} or later")
    return Finding("ok", "server", f"{kind} {version}")


def _missing(tables: list[str]) -> Iterator[Finding]:
    for table in tables:
        yield Finding("error", table, "the table is missing (or may not be seen)", "acqs-core db init; sql/grants.sql")
    if not tables:
        yield Finding("ok", "tables", "all are there")


def _producers(sql_mode: str) -> Iterator[Finding]:
    modes = set(sql_mode.split(","))
    if modes & {"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "TRADITIONAL"}:
        yield Finding(
            "warning", "sql_mode",
            "the server is strict: a producer that inserts '' for man_id, as VICIdial's do, fails with error 1366 "
            "and its row never comes to be",
            "give that producer's session SET sql_mode='' or let it name its columns; a VICIdial server has an "
            "empty sql_mode in its configuration",
        )  # fmt: skip
    else:
        yield Finding("ok", "sql_mode", f"is {sql_mode!r}: producers may insert '' for man_id")
    if "NO_AUTO_VALUE_ON_ZERO" in modes:
        yield Finding("error", "sql_mode", "NO_AUTO_VALUE_ON_ZERO makes every man_id of '' a 0, and the second fails",
                      "take it out of the server's sql_mode")  # fmt: skip


def _server(variables: dict[str, str]) -> Iterator[Finding]:
    if variables["read_only"] in ("ON", "1"):
        yield Finding("error", "read_only", "the server takes no writes: is it a replica?", "use the primary's address")
    if variables["autocommit"] in ("OFF", "0"):
        yield Finding("warning", "autocommit", "is off for new sessions: who does not COMMIT inserts nothing",
                      "set autocommit=1 in the server's configuration")  # fmt: skip
    if variables["wait_timeout"].isdigit() and int(variables["wait_timeout"]) < 60:
        yield Finding("warning", "wait_timeout", f"idle connections are cut after {variables['wait_timeout']} s",
                      "set wait_timeout to 60 or more")  # fmt: skip


def _sidecar_columns(columns: dict[str, list[tuple[str, str]]]) -> Iterator[Finding]:
    for name, table in metadata.tables.items():
        there = {column for column, _ in columns.get(name, [])}
        lacking = [column.name for column in table.columns if column.name not in there]
        if there and name != TABLE and lacking:
            yield Finding("error", name, f"lacks {', '.join(lacking)}", "compare it with sql/schema.sql and add them")


def _table(db: Database, server_ip: str, columns: list[tuple[str, str]]) -> Iterator[Finding]:
    seen = tuple(name for name, extra in columns if "INVISIBLE" not in extra)
    if seen != COLUMNS:
        lacking, extra = sorted(set(COLUMNS) - set(seen)), sorted(set(seen) - set(COLUMNS))
        says = "; ".join(filter(None, (
            f"lacks {', '.join(lacking)}" if lacking else "",
            f"has {', '.join(extra)} besides: a positional INSERT fails with error 1136" if extra else "",
        ))) or "has its columns in another order: a positional INSERT puts values into wrong ones"  # fmt: skip
        yield Finding("error", TABLE, says, "bring back VICIdial's 19 columns; make others INVISIBLE")
    else:
        yield Finding("ok", TABLE, f"has VICIdial's 19 columns, {db.layout.engine}")
    if "AUTO_INCREMENT" not in dict(columns).get("man_id", ""):
        yield Finding("error", TABLE, "man_id does not count up by itself", "make it AUTO_INCREMENT PRIMARY KEY")
    if not db.layout.columns["server_ip"].holds(server_ip):
        yield Finding("error", "server_ip", f"{server_ip!r} is wider than the column, no row can have it",
                      "use the server_ip that producers write")  # fmt: skip
    yield from _indexes(db)


def _indexes(db: Database) -> Iterator[Finding]:
    if db.layout.by_status is None:
        yield Finding("error", "index", "there is none on (server_ip, status): every claim reads the whole table",
                      f"ALTER TABLE {TABLE} ADD KEY serverstat (server_ip, status)")  # fmt: skip
    elif not db.layout.in_order:
        yield Finding("warning", "index", "none gives NEW rows in order on this engine: a backlog is searched through",
                      f"ALTER TABLE {TABLE} ADD KEY acqs_claim (server_ip, status, man_id)")  # fmt: skip
    else:
        yield Finding("ok", "index", f"{db.layout.by_status} gives NEW rows in order")
    if db.layout.by_callerid is None:
        yield Finding("error", "index", "there is none on callerid: the listener and the dead-call check read it all",
                      f"ALTER TABLE {TABLE} ADD KEY callerid (callerid)")  # fmt: skip


def _durability(db: Database, variables: dict[str, str]) -> Iterator[Finding]:
    flush = variables["innodb_flush_log_at_trx_commit"]
    risk = "after a power cut a row that was SENT may be QUEUE again, and its action is sent twice"
    if db.is_myisam:
        yield Finding("warning", "durability", f"{TABLE} is {db.layout.engine}: {risk}",
                      f"ALTER TABLE {TABLE} ENGINE=InnoDB, where your other programs allow it")  # fmt: skip
        recovery = variables["myisam_recover_options"]
        if "FORCE" not in recovery:  # MariaDB's own BACKUP,QUICK left one of 25 tables like that, killed under load
            yield Finding("warning", "recovery", f"myisam_recover_options is {recovery}: after a crash of the server "
                          f"the index of {TABLE} may be corrupt, and nothing is sent until REPAIR TABLE {TABLE}",
                          "set it to BACKUP,FORCE in the server's configuration and restart it")  # fmt: skip
    elif flush != "1":
        yield Finding("warning", "durability", f"innodb_flush_log_at_trx_commit is {flush}: {risk}", "set it to 1")
    elif variables["log_bin"] in ("ON", "1") and variables["sync_binlog"] != "1":
        # After a crash InnoDB takes back what it finds prepared and does not find in the binary log.
        yield Finding(
            "warning",
            "durability",
            f"the binary log is on and sync_binlog is {variables['sync_binlog']}: {risk}",
            "set it to 1",
        )
    else:
        yield Finding("ok", "durability", "a committed SENT survives a power cut")


def _rights(db: Database, tables: list[str]) -> Iterator[Finding]:
    lacking = False
    for table in tables:
        column = metadata.tables[table].columns.keys()[0]
        asked = {
            "SELECT": f"SELECT {column} FROM {table} WHERE 1 = 0",
            "INSERT": f"INSERT INTO {table} SELECT * FROM {table} WHERE 1 = 0",
            "UPDATE": f"UPDATE {table} SET {column} = {column} WHERE 1 = 0",
            "DELETE": f"DELETE FROM {table} WHERE 1 = 0",
        }
        for right in _RIGHTS[table]:
            if _denied(db, asked[right]):
                lacking = True
                yield Finding("error", "rights", f"our user has no {right} on {table}", f"GRANT {right} ON {table}; "
                              "see sql/grants.sql")  # fmt: skip
    if not lacking and tables:
        yield Finding("ok", "rights", "our user may do what it must")


def _denied(db: Database, sql: str) -> bool:
    clause = statement(sql)
    try:
        db.run(lambda connection: connection.execute(clause).close())
    except QueueError as error:
        if _number(error) in _DENIED:
            return True
        if not isinstance(error, SchemaMissing):
            raise
    return False


def _number(error: QueueError) -> Any:
    cause = error.__cause__
    return cause.orig.args[0] if isinstance(cause, exc.DBAPIError) and cause.orig and cause.orig.args else None
