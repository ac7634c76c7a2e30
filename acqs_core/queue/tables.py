"""The tables as SQLAlchemy knows them: what the SQLite schema is made from. sql/schema.sql says the same for MariaDB
and MySQL, with its reasons; a contract test holds the two equal."""

from __future__ import annotations

import sqlalchemy as sa

from acqs_core.action import LINE_COLUMNS, Status

metadata = sa.MetaData()

_id = sa.Integer().with_variant(sa.BigInteger(), "mysql", "mariadb")

sa.Table(
    "vicidial_manager",
    metadata,
    sa.Column("man_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("uniqueid", sa.String(150)),
    sa.Column("entry_date", sa.DateTime),
    sa.Column("status", sa.Enum(*(status.value for status in Status))),
    sa.Column("response", sa.Enum("Y", "N")),
    sa.Column("server_ip", sa.String(45), nullable=False),
    sa.Column("channel", sa.String(255)),
    sa.Column("action", sa.String(50)),
    sa.Column("callerid", sa.String(20)),
    *(sa.Column(name, sa.Text) for name in LINE_COLUMNS),
    sa.Index("callerid", "callerid"),
    sa.Index("uniqueid", "uniqueid"),
    sa.Index("serverstat", "server_ip", "status"),
    # An identity such as acqs-17 must never be given twice, not even after row 17 was purged.
    sqlite_autoincrement=True,
)

sa.Table(
    "acqs_outcome",
    metadata,
    sa.Column("man_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("outcome", sa.String(20)),
    sa.Column("cause", sa.Integer),
    sa.Column("message", sa.String(255), nullable=False, server_default=""),
    sa.Column("channel", sa.String(255), nullable=False, server_default=""),
    sa.Column("uniqueid", sa.String(150), nullable=False, server_default=""),
    sa.Column("sent_at", sa.DateTime),
    sa.Column("updated_at", sa.DateTime),
    sa.Column("ended_at", sa.DateTime),
    sa.Index("by_outcome", "outcome", "man_id"),
)

sa.Table(
    "acqs_journal",
    metadata,
    sa.Column("id", _id, primary_key=True, autoincrement=True),
    sa.Column("man_id", sa.Integer),
    sa.Column("server_ip", sa.String(45), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("event", sa.String(40), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("actor", sa.String(100), nullable=False, server_default=""),
    sa.Index("by_action", "man_id", "at"),
    sqlite_autoincrement=True,
)

sa.Table(
    "acqs_lease",
    metadata,
    sa.Column("server_ip", sa.String(45), primary_key=True),
    sa.Column("role", sa.String(10), primary_key=True),
    sa.Column("holder", sa.String(150), nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.DateTime, nullable=False),
    sa.Column("state", sa.String(250), nullable=False, server_default=""),
)

sa.Table(
    "acqs_control",
    metadata,
    sa.Column("server_ip", sa.String(45), primary_key=True),
    sa.Column("paused", sa.SmallInteger, nullable=False),
    sa.Column("actor", sa.String(100), nullable=False, server_default=""),
    sa.Column("reason", sa.String(250), nullable=False, server_default=""),
    sa.Column("at", sa.DateTime, nullable=False),
)
