"""Rows and times as they come from and go to the database, where NULLs, zero dates and odd bytes are made harmless."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from acqs_core.action import LINE_COLUMNS, Outcome, Row, Status
from acqs_core.queue.dialect import Dialect
from acqs_core.queue.types import JournalEntry, OutcomeRecord

_PLAIN = ["man_id", "action", "callerid", "status", "response", "server_ip", "channel", "uniqueid", "entry_date"]

OUTCOME = "man_id, outcome, cause, message, channel, uniqueid, sent_at, updated_at, ended_at"
"""The columns of an `OutcomeRecord`."""

JOURNAL = "man_id, event, detail, actor, at"
"""The columns of a `JournalEntry`."""

Record = Sequence[Any]

_STATUSES = {status.value: status for status in Status}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def columns(words: Dialect) -> str:
    """The columns of a `Row`, of a table that is called m, with its age by the database's own clock."""
    return ", ".join([*(f"m.{name}" for name in (*_PLAIN, *LINE_COLUMNS)), words.local_age("m.entry_date")])


def row(record: Record) -> Row:
    """A `Row` from its `columns`. A response that is NULL means that nobody answered."""
    return Row(
        man_id=int(record[0]),
        action=_text(record[1]),
        callerid=_text(record[2]),
        # A status outside the five (NULL, or '' after a bad INSERT) is one that no program acts on.
        status=_STATUSES.get(_text(record[3]), Status.DEAD),
        response="Y" if record[4] == "Y" else "N",
        server_ip=_text(record[5]),
        channel=_text(record[6]),
        uniqueid=_text(record[7]),
        entry_date=local(record[8]),
        lines=tuple(_text(value) for value in record[9:19]),
        age=None if record[19] is None else float(record[19]),
    )


def outcome(record: Record) -> OutcomeRecord:
    """An `OutcomeRecord` from the columns of OUTCOME."""
    return OutcomeRecord(
        man_id=int(record[0]),
        outcome=_OUTCOMES.get(_text(record[1])),
        cause=None if record[2] is None else int(record[2]),
        message=_text(record[3]),
        channel=_text(record[4]),
        uniqueid=_text(record[5]),
        sent_at=utc(record[6]),
        updated_at=utc(record[7]),
        ended_at=utc(record[8]),
    )


def journal_entry(record: Record) -> JournalEntry:
    """A `JournalEntry` from the columns of JOURNAL."""
    man_id = None if record[0] is None else int(record[0])
    return JournalEntry(man_id, _text(record[1]), _text(record[2]), _text(record[3]), utc(record[4]))


def stamp(moment: dt.datetime | None) -> str | None:
    """A UTC time as both databases store it; a naive one counts as UTC already."""
    if moment is None:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return moment.isoformat(" ", "microseconds")


def utc(value: object) -> dt.datetime | None:
    """A stored UTC time, made aware."""
    moment = local(value)
    return None if moment is None else moment.replace(tzinfo=dt.UTC)


def micros(seconds: float) -> int:
    """Seconds as the whole microseconds that SQL intervals take exactly."""
    return round(seconds * 1_000_000)


def batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """`items` in pieces of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def local(value: object) -> dt.datetime | None:
    # The driver hands '0000-00-00 00:00:00' over as text, and SQLite has nothing but text.
    if isinstance(value, dt.datetime):
        return value
    try:
        return dt.datetime.fromisoformat(_text(value))
    except ValueError:
        return None
