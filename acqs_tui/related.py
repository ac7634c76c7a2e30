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

_OURS = re.compile(r"acqs-(\d+)(?:-[0-9a-f]{4})?\Z")


def ids_of(row: RowRecord, sent: str) -> frozenset[str]:
    """By which ids events tell of this row; `sent` is the text that was written for it."""
    headers = (line.partition(":") for line in sent.split("\n"))
    ids = {value.strip() for name, _, value in headers if name.lower() in ("actionid", "channelid")}
    return frozenset(ids | {row.view.row.uniqueid}) - NOBODY


def belongs(event: EventRecord, ids: frozenset[str], callerid: str) -> bool:
    """Whether an event tells of the row with these ids and this caller id."""
    raw = event.raw
    if any(one in raw for one in ids) and any(event.field(name) in ids for name in BY_ID):
        return True
    return callerid.lower() not in NOBODY and callerid in raw and any(event.field(n) == callerid for n in BY_NAME)


def man_id_of(event: EventRecord, rows: Iterable[RowRecord]) -> int | None:
    """The row that an event belongs to: told by an id that the engine gave, else found among `rows`, newest first."""
    for name in BY_ID:
        ours = _OURS.match(event.field(name))
        if ours is not None:
            return int(ours[1])
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
