"""Which AMI events belong to which row: by ActionID, channel id and caller id, as the console sees them. Pure.

It is only for looking: what a row becomes is decided by the engine's rules, which know more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from acqs_tui.events import EventRecord
from acqs_tui.rows import RowRecord

BY_ID = ("actionid", "uniqueid", "linkedid", "destuniqueid", "uniqueid1", "uniqueid2", "destlinkedid", "channelid")
BY_NAME = ("calleridnum", "calleridname", "callerid")

NOBODY = frozenset({"", "<unknown>", "unknown"})

SLACK = 1.0
"""Seconds by which an event may seem to be earlier than its row: entry_date has whole seconds."""

_OURS = re.compile(r"acqs-(\d+)(?:-[0-9a-f]{4})?\Z")


def ids_of(row: RowRecord, sent: str) -> frozenset[str]:
    """By which ids events tell of this row; `sent` is the text that was written for it."""
    headers = (line.partition(":") for line in sent.split("\n"))
    ids = {value.strip() for name, _, value in headers if name.lower() in ("actionid", "channelid")}
    return frozenset(ids | {row.view.row.uniqueid}) - NOBODY


def belongs(event: EventRecord, ids: frozenset[str], callerid: str, since: float | None = None) -> bool:
    """Whether an event tells of the row with these ids and this caller id, entered at `since` (time of day, seconds).

    A caller id may be dialled again and again: what came before the row, or carries the id of another row of ours, is
    of another call.
    """
    if since is not None and event.at < since - SLACK:
        return False
    raw = event.raw
    if any(one in raw for one in ids) and any(event.field(name) in ids for name in BY_ID):
        return True
    if _own(event) is not None:
        return False
    return callerid.lower() not in NOBODY and callerid in raw and any(event.field(n) == callerid for n in BY_NAME)


def _own(event: EventRecord) -> int | None:
    """The man_id in an id that the engine gave; None when the event has none."""
    found = (_OURS.match(event.field(name)) for name in BY_ID)
    return next((int(ours[1]) for ours in found if ours is not None), None)


def man_id_of(event: EventRecord, rows: Iterable[RowRecord]) -> int | None:
    """The row that an event belongs to: told by an id that the engine gave, else found among `rows`, newest first."""
    own = _own(event)
    if own is not None:
        return own
    ids = {event.field(name) for name in BY_ID} - NOBODY
    names = {event.field(name) for name in BY_NAME}
    by_name = None
    for record in rows:
        row = record.view.row
        if row.uniqueid in ids:
            return record.id
        if by_name is None and row.callerid.lower() not in NOBODY and row.callerid in names:
            by_name = record.id
    return by_name
