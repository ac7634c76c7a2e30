"""What a pane shows, written to a file: CSV, JSON or raw AMI. Pure but for the file; runs in a thread.

A CSV is opened in a spreadsheet, and a row's text may come from a caller: a field that begins with = + - @, a tab or a
line's end is written with an apostrophe before it, so that no spreadsheet takes it for a formula. JSON has each text as
it is. In raw AMI a line's control characters are written out (\\n), so that no row becomes two messages.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from acqs_core.filter import ROW_FIELDS, of_row
from acqs_tui.events import EventRecord, printable
from acqs_tui.panes.sessions import SessionRecord
from acqs_tui.rows import RowRecord

FORMATS = ("csv", "json", "ami")

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Records = Sequence[RowRecord] | Sequence[EventRecord] | Sequence[SessionRecord]


def default_path(kind: str, form: str, now: dt.datetime) -> Path:
    """Where an export of a pane goes unless somebody says otherwise."""
    return Path(f"~/acqs-{kind}-{now:%Y%m%d-%H%M%S}.{'txt' if form == 'ami' else form}")


def write(path: Path, form: str, records: Records, *, overwrite: bool = False) -> int:
    """Write the records; how many. Only its owner may read the file: it may hold telephone numbers.

    Raises FileExistsError unless it may be overwritten, and OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if overwrite else os.O_EXCL)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", newline="", errors="backslashreplace") as file:
        if form == "ami":
            file.writelines(raw(record) for record in records)
        elif form == "json":
            _json(file, records)
        else:
            _csv(file, [plain(record) for record in records])
    return len(records)


def plain(record: Any) -> dict[str, Any]:
    """A record's fields by name."""
    if isinstance(record, RowRecord):
        row = of_row(record.view.row, record.outcome)
        return {name: row[name] for name in ROW_FIELDS if name in row} | {
            "cause": record.view.cause,
            "message": record.view.message,
        }
    if isinstance(record, EventRecord):
        at = dt.datetime.fromtimestamp(record.at, dt.UTC).isoformat(timespec="milliseconds")
        return {"at": at} | _headers(record.raw)
    return dict(record)


def raw(record: Any) -> str:
    """An event as it was read, or a row as the AMI message of its columns, with its blank line."""
    if isinstance(record, EventRecord):
        lines = record.raw.rstrip("\r\n").split("\r\n")
    else:
        row = record.view.row
        lines = [f"Action: {row.action}", *(line for line in row.lines if line.strip())]
    return "\r\n".join(printable(line) for line in lines) + "\r\n\r\n"


def _headers(text: str) -> dict[str, str]:
    """An event's headers; the values of a repeated one stand below each other."""
    found: dict[str, str] = {}
    for line in text.split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            found[name] = f"{found[name]}\n{value.strip()}" if name in found else value.strip()
    return found


def _json(file: TextIO, records: Iterable[Any]) -> None:
    file.write("[")
    for number, record in enumerate(records):
        file.write(",\n" if number else "\n")
        json.dump(plain(record), file, ensure_ascii=False)
    file.write("\n]\n")


def _csv(file: TextIO, records: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for record in records for name in record))
    out = csv.writer(file)
    out.writerow([_harmless(name) for name in names])
    out.writerows([[_harmless(record.get(name)) for name in names] for record in records])


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
