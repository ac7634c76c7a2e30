"""What goes over a control socket: one JSON object a line, versioned by its greeting.

    engine: {"acqs": 1, …}                          the greeting: who it is
    console: {"acqs": 1, "read_only": false}        the answer to it
    console: {"id": 7, "do": "page", "with": {"limit": 500}}
    engine: {"id": 7, "is": …}                      or {"id": 7, "refused": "NotFound", "says": "…"}
    console: {"id": 8, "do": "follow", "with": {"feeds": ["status", "events"]}}
    engine: {"feed": "events", "items": […], "missed": 0}

JSON by the line because a person with `socat` can read it at three in the morning.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import operator
from typing import Any

from acqs_core import errors
from acqs_core.action import Outcome, Row, Status
from acqs_core.errors import AcqsError, ControlError

VERSION = 1
"""Raised when an older console or engine would misunderstand."""

MAX_LINE = 16 << 20
"""Bytes of one message at the most; a page of 1,000 rows is about half a megabyte."""

Message = dict[str, Any]

_ROW_FIELDS = tuple(field.name for field in dataclasses.fields(Row))
_STATUS = {str(status): status for status in Status}
_row_values = operator.attrgetter(*_ROW_FIELDS)


@dataclasses.dataclass(frozen=True, slots=True)
class RowView:
    """A row as a console sees it: with its outcome, and with its age at the moment it was read."""

    row: Row
    outcome: Outcome | None = None
    cause: int | None = None
    message: str = ""

    def pack(self) -> list[Any]:
        """As a JSON array: half the bytes and a tenth of the time of an object."""
        return [*_row_values(self.row), self.outcome, self.cause, self.message]

    @classmethod
    def unpack(cls, values: list[Any]) -> RowView:
        """From a JSON array. Raises ControlError."""
        try:
            (man_id, action, callerid, lines, status, response, server_ip, channel, uniqueid, entered, age,
             outcome, cause, message) = values  # fmt: skip
            when = dt.datetime.fromisoformat(entered) if entered else None
            where = response, server_ip, channel, uniqueid
            row = Row(man_id, action, callerid, tuple(lines), _STATUS[status], *where, when, age)
            return cls(row, Outcome(outcome) if outcome else None, cause, message)
        except (TypeError, ValueError, KeyError) as error:
            raise ControlError(
                f"the engine sent a row that cannot be read: {error}; are both of one version?"
            ) from None


def encode(message: Message) -> bytes:
    """A message as its line."""
    return (
        json.dumps(message, separators=(",", ":"), default=_plain, ensure_ascii=False).encode(errors="surrogatepass")
        + b"\n"
    )


def decode(line: bytes) -> Message:
    """A line as its message. Raises ControlError."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise ControlError("the other side of the control socket does not speak ACQS")
    return message


def refusal(error: AcqsError) -> Message:
    """What a request is answered with that could not be done."""
    return {"refused": type(error).__name__, "says": str(error)}


def error_of(answer: Message) -> AcqsError:
    """The error that the engine raised, as the same class here, so that an exit code stays what it is."""
    found = getattr(errors, str(answer.get("refused")), None)
    kind = found if isinstance(found, type) and issubclass(found, AcqsError) else ControlError
    return kind(str(answer.get("says")))


def _plain(value: Any) -> Any:
    if isinstance(value, RowView):
        return value.pack()
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)
