"""An action: as a row of the central table, as AMI lines, and as a template to inject.

Everything that decides *what is written to Asterisk* stands here and is pure: no I/O, no clock, no randomness of its
own. It prevents the worst mistake a queue can make, letting one row's text become two actions on the wire
(facts/ami.md, wire rules: a bare LF ends a line on Asterisk 13 and later).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import re
from collections.abc import Iterable, Iterator

from acqs_core.errors import ActionInvalid

MAX_LINE_BYTES = 1022
"""Bytes of one AMI line without its CRLF; Asterisk drops or cuts what is longer (facts/ami.md)."""

MAX_HEADERS = 128
"""Headers of one AMI message, `Action` included (facts/ami.md)."""

MAX_ACTION_ID = 64
"""ASCII characters of an ActionID that every Asterisk echoes unchanged (facts/ami.md)."""

MAX_CALLERID = 20
"""Characters of a row's caller id, on a VICIdial server and in our own schema (sql/schema.sql). A database that is not
strict cuts what is longer, and then no event of the call matches its row."""

LINE_COLUMNS = tuple(f"cmd_line_{letter}" for letter in "bcdefghijk")
"""The columns that hold header lines, in the order in which they are written (seed step 1)."""

OUR_IDS = "acqs-"
"""How the ActionIDs and ChannelIds that we give begin, by which the listener knows whose an event is."""

_FORBIDDEN = re.compile(r"[\r\n\0]")
_TIGHT_COLON = re.compile(r"\A([^:]*):(?=[^ ])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Status(enum.StrEnum):
    """The five statuses of a row (design: the life of an action)."""

    NEW = "NEW"
    QUEUE = "QUEUE"
    SENT = "SENT"
    UPDATED = "UPDATED"
    DEAD = "DEAD"


class Outcome(enum.StrEnum):
    """What became of an action, as producers read it in `acqs_outcome`."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CONGESTION = "congestion"
    FAILED = "failed"
    REFUSED = "refused"
    DEAD_CALL = "dead_call"
    EXPIRED = "expired"
    INVALID = "invalid"
    NOT_ALLOWED = "not_allowed"
    DISCARDED = "discarded"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One row of `vicidial_manager`. NULL reads as empty text; `lines` are cmd_line_b … cmd_line_k as they stand."""

    man_id: int
    action: str
    callerid: str
    lines: tuple[str, ...]
    status: Status = Status.NEW
    response: str = "N"
    server_ip: str = ""
    channel: str = ""
    uniqueid: str = ""
    entry_date: dt.datetime | None = None
    age: float | None = None
    """Seconds since entry_date by the database's own clock; None when it has no date."""

    @property
    def originates(self) -> bool:
        """Whether it makes a call of its own, which rings and ends after the answer."""
        return self.action.strip().lower() == "originate"

    @property
    def is_done(self) -> bool:
        """Whether Asterisk has answered it and nothing more comes: it is no call."""
        return self.status is Status.SENT and self.response == "Y" and not self.originates

    @property
    def is_final(self) -> bool:
        """Whether it stays as it is, but for a discard or a purge."""
        return self.status is Status.DEAD or self.is_done

    @property
    def matches_by_callerid(self) -> bool:
        """Whether the listener may match this row by its caller id: only Originate and Redirect (design §1)."""
        return self.action.strip().lower() in ("originate", "redirect")


@dataclasses.dataclass(frozen=True, slots=True)
class NewAction:
    """An action to insert as a NEW row."""

    action: str
    callerid: str = ""
    lines: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """An AMI message ready to be written once: its bytes and the ActionID by which its response is known."""

    action: str
    action_id: str
    lines: tuple[str, ...]

    def encode(self) -> bytes:
        """The bytes on the wire: UTF-8, CRLF after every line, a blank line at the end."""
        return ("\r\n".join(self.lines) + "\r\n\r\n").encode()


def header(lines: Iterable[str], name: str) -> str | None:
    """The value of the first header line called `name` (any case), stripped; None when there is none.

    The colon must follow the name at once, as it must for Asterisk: a row whose line reads `Async : true` has no Async.
    """
    return next(headers(lines, name), None)


def headers(lines: Iterable[str], name: str) -> Iterator[str]:
    """The values of all header lines called `name`, as `header` gives the first."""
    wanted = name.lower()
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key.lower() == wanted:
            yield value.strip()


def channel_id(man_id: int) -> str:
    """The ChannelId an Originate of this row is given: Uniqueid and Linkedid of its call (Asterisk >= 12.2).

    Ten digits, always: Asterisk 22.10.1 takes a new id that is the beginning of a living one for the same one, and
    refused acqs-12 while acqs-120 lived (16.28.0 compares whole ids).
    """
    return f"{OUR_IDS}{man_id:010d}"


def compose(row: Row, *, nonce: str, with_channel_id: bool) -> Message:
    """Turn a row into the message that is written, adding its identity (design §1).

    `nonce` is 4 hex digits that make the ActionID of this sending its own. `with_channel_id` is true on Asterisk
    >= 12.2 in the acqs profile. Empty lines are left out, all others go out in order and as they stand, but for the
    blank after the colon that Asterisk 1.4 cannot do without and all others pass over (facts/ami.md).

    Raises ActionInvalid with a sentence for the journal when the row can never be sent.
    """
    name = row.action.strip()
    if not name:
        raise ActionInvalid("the row has no action name; put an AMI action such as Originate in its action column")
    lines = [_TIGHT_COLON.sub(r"\1: ", line, count=1) for line in row.lines if line.strip()]
    for line in (f"Action: {row.action}", *lines):
        _refuse_unsendable(line)
    if _CONTROL.search(name):
        raise ActionInvalid("its action name holds a control character; write the plain name of an AMI action")
    if header(lines, "Action") is not None:
        raise ActionInvalid("one of its lines is a second Action header; the name belongs in the action column only")
    own_id = header(lines, "ActionID") or None
    if own_id is not None and not (0 < len(own_id) <= MAX_ACTION_ID and own_id.isascii()):
        raise ActionInvalid(f"its ActionID is not 1 to {MAX_ACTION_ID} ASCII characters; shorten it or leave it out")
    action_id = own_id or f"{OUR_IDS}{row.man_id}-{nonce}"
    out = [f"Action: {name}"]
    if own_id is None:
        out.append(f"ActionID: {action_id}")
    if row.originates and with_channel_id and not header(lines, "ChannelId"):
        # Before the row's own lines: Asterisk takes the first of a name, and a row may bring an empty one.
        out.append(f"ChannelId: {channel_id(row.man_id)}")
    out.extend(lines)
    if row.originates and header(lines, "Async") is None:
        out.append("Async: true")
    if len(out) > MAX_HEADERS:
        raise ActionInvalid(f"it has {len(out)} headers, Asterisk takes {MAX_HEADERS}; leave some out")
    return Message(name, action_id, tuple(out))


def _refuse_unsendable(line: str) -> None:
    if _FORBIDDEN.search(line):
        raise ActionInvalid(
            f"{line.partition(':')[0][:40]!r} holds CR, LF or NUL, which would start a second action; remove it"
        )
    try:
        size = len(line.encode())
    except UnicodeEncodeError:
        name = line.partition(":")[0][:40]  # not the value: it may be a secret
        raise ActionInvalid(f"{name!r} holds a lone surrogate that UTF-8 cannot carry; remove it") from None
    if size > MAX_LINE_BYTES:
        raise ActionInvalid(
            f"{line.partition(':')[0][:40]!r} is {size} bytes long, a line may have {MAX_LINE_BYTES}; shorten it"
        )


# Templates: what a person injects by hand. Each gives the row's text; `compose` adds the identity when it is sent.


def call(
    channel: str,
    *,
    context: str = "",
    exten: str = "",
    priority: str = "1",
    application: str = "",
    data: str = "",
    callerid: str = "",
    timeout: float = 30.0,
    variables: Iterable[str] = (),
) -> NewAction:
    """A test call to an extension (`context` and `exten`) or to an application. `timeout` is in seconds of ringing.

    Raises ActionInvalid unless exactly one of the two targets is given, and for a timeout that is no time to ring.
    """
    if not (math.isfinite(timeout) and timeout > 0):
        raise ActionInvalid(f"a timeout of {timeout:g} seconds is no time to ring; give a number above 0")
    if bool(exten) == bool(application):
        raise ActionInvalid("a call needs a target: give either --exten (with --context) or --application, not both")
    if not channel:
        raise ActionInvalid("a call needs a channel, such as PJSIP/100 or Local/8600011@demo")
    target = (
        (f"Application: {application}", f"Data: {data}" if data else "")
        if application
        else (f"Context: {context or 'default'}", f"Exten: {exten}", f"Priority: {priority}")
    )
    shown = (f"CallerID: {callerid}",) if callerid else ()
    lines = (
        f"Channel: {channel}",
        *target,
        *shown,
        f"Timeout: {round(timeout * 1000)}",
        *(f"Variable: {v}" for v in variables),
    )
    return _new("Originate", callerid, lines)


def redirect(
    channel: str, *, context: str = "default", exten: str, priority: str = "1", callerid: str = ""
) -> NewAction:
    """Move a live channel to another extension."""
    lines = (f"Channel: {channel}", f"Context: {context}", f"Exten: {exten}", f"Priority: {priority}")
    return _new("Redirect", callerid, lines)


def hangup(channel: str, *, cause: int | None = None, callerid: str = "") -> NewAction:
    """End a channel, by its name, its Uniqueid or our ChannelId; `cause` is a Q.850 code."""
    return _new("Hangup", callerid, (f"Channel: {channel}", f"Cause: {cause}" if cause is not None else ""))


def command(text: str) -> NewAction:
    """Run a command of Asterisk's console; its output goes to the row's journal."""
    return _new("Command", "", (f"Command: {text}",))


def raw(action: str, lines: Iterable[str], *, callerid: str = "") -> NewAction:
    """Any action with header lines as they stand."""
    return _new(action, callerid, tuple(lines))


def _new(action: str, callerid: str, lines: tuple[str, ...]) -> NewAction:
    if len(callerid) > MAX_CALLERID:
        raise ActionInvalid(
            f"the caller id {callerid[:40]!r} has {len(callerid)} characters, a row holds {MAX_CALLERID}; shorten it"
        )
    kept = tuple(line for line in lines if line.strip())
    if len(kept) > len(LINE_COLUMNS):
        raise ActionInvalid(f"{len(kept)} header lines do not fit a row, which has {len(LINE_COLUMNS)}; leave some out")
    new = NewAction(action, callerid, kept)
    compose(Row(0, new.action, new.callerid, new.lines), nonce="0000", with_channel_id=False)
    return new
