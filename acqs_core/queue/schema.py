"""Making the tables and looking at them: `db init` creates what is missing and never alters what is there (design §3),
`db check` says what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa

from acqs_core.errors import QueueUnavailable, SchemaMissing
from acqs_core.queue.check import check
from acqs_core.queue.database import Database, statement
from acqs_core.queue.tables import metadata

__all__ = ["check", "creates", "existing", "init"]

_CREATE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")


def init(db: Database) -> list[str]:
    """Create the tables that are missing; their names. Raises QueueError when the rights for that are missing."""
    there = existing(db)
    if db.dialect == "sqlite":
        missing = [table for table in metadata.sorted_tables if table.name not in there]
        db.run(lambda connection: metadata.create_all(connection, tables=missing, checkfirst=True))
        return [table.name for table in missing]
    made = []
    for create in creates():
        name = _CREATE.search(create)
        if name and name[1] not in there:
            _run(db, create)
            made.append(name[1])
    return made


def _run(db: Database, sql: str) -> None:
    db.run(lambda connection: connection.execute(statement(sql)))


def existing(db: Database) -> set[str]:
    """The names of the tables in this database."""
    return set(db.run(lambda connection: sa.inspect(connection).get_table_names()))


def missing(db: Database) -> list[str]:
    """The names of our tables that are not in this database."""
    return sorted(set(metadata.tables) - existing(db))


def demand(db: Database) -> None:
    """Raise SchemaMissing when a table of ours is not there. A database that is away may come back and is waited for;
    tables that are missing will not come by themselves."""
    try:
        lacking = missing(db)
    except QueueUnavailable:
        return
    if lacking:
        raise SchemaMissing(f"the database lacks {', '.join(lacking)}; `acqs-core db init` makes what is missing")


def creates() -> list[str]:
    """The statements of sql/schema.sql, which stands beside the package in a checkout and inside it in a wheel."""
    package = Path(__file__).resolve().parent.parent
    path = next((p for p in (package / "sql", package.parent / "sql") if p.is_dir()), package / "sql") / "schema.sql"
    text = re.sub(r"^\s*--.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [create.strip() for create in text.split(";") if create.strip()]
