"""Recorded AMI streams as the listener meets them: rows that were sent, and the wanted events that followed.

The rows are made of what the recording's own clients sent (`.txt`, `.sender*.txt`), so that the tests decide nothing
about what was asked of Asterisk.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from acqs_core.action import Outcome, Row, Status, header
from acqs_core.ami.forms import Form
from acqs_core.ami.wire import AmiMessage, Framer, decode, event_name, parse
from acqs_core.listener.calls import Calls
from acqs_core.listener.old_calls import OLD_WANTED, OldCalls
from acqs_core.listener.rules import Change

TRACES = Path(__file__).parents[1] / "traces"


@dataclasses.dataclass(frozen=True)
class Sent:
    """A row, and the ActionID that it went out with."""

    row: Row
    action_id: str


@dataclasses.dataclass(frozen=True)
class Trace:
    """One recorded case."""

    name: str
    sent: tuple[Sent, ...]
    events: tuple[AmiMessage, ...]
    form: Form

    def memory(self) -> Calls:
        """A listener's memory for this Asterisk, which knows nothing yet."""
        return OldCalls() if self.form.is_old else Calls()


@dataclasses.dataclass(frozen=True)
class Case:
    """What becomes of one row of a recording. `end` is (channel, uniqueid, outcome, cause) of a DEAD row, None when
    nothing ever tells of it. `asked` is a ChannelId that the row is given, as ACQS gives it."""

    trace: str
    end: tuple[str, str, Outcome, int | None] | None
    why: str
    asked: str = ""
    man_id: int = 1
    version: str = "22.10.1"

    def __str__(self) -> str:
        return f"{self.version}-{self.trace}-{self.man_id}{'-channelid' if self.asked else ''}"


def asking(trace: Trace, man_id: int, asked: str) -> Trace:
    """The recording, as if a row had brought a ChannelId."""

    def with_line(one: Sent) -> Sent:
        if one.row.man_id != man_id or not asked:
            return one
        return Sent(dataclasses.replace(one.row, lines=(*one.row.lines, f"ChannelId: {asked}")), one.action_id)

    return dataclasses.replace(trace, sent=tuple(map(with_line, trace.sent)))


def read_trace(name: str, version: str = "22.10.1") -> Trace:
    """The rows and wanted events of one case. man_ids count from 1, the listening client's own actions first."""
    folder = TRACES / version
    clients = [folder / f"{name}.txt", *sorted(folder.glob(f"{name}.sender*.txt"))]
    actions = [lines for client in clients for lines in _actions(client.read_bytes())]
    sent = tuple(Sent(_row(man_id, lines), header(lines, "ActionID") or "") for man_id, lines in enumerate(actions, 1))
    banner, _, stream = (folder / f"{name}.ami").read_bytes().partition(b"\r\n")
    events = tuple(parse(frame) for frame in Framer().feed(stream) if event_name(frame) in OLD_WANTED)
    return Trace(name, sent, events, Form.of_banner(banner.decode()))


def watching(trace: Trace) -> Calls:
    """A listener's memory that was told of the rows. Only a ChannelId of their own counts: they were not sent by us."""
    calls = trace.memory()
    for one in trace.sent:
        calls.watch(one.row, action_id=one.action_id, with_channel_id=False)
    return calls


def hear(calls: Calls, event: AmiMessage) -> list[Change]:
    """Tell of one event."""
    return calls.event(event.event, event.get)


def judged(calls: Calls, events: tuple[AmiMessage, ...] | list[AmiMessage]) -> dict[int, Change]:
    """The last change of each row, once all events are told."""
    return {change.man_id: change for event in events for change in hear(calls, event)}


def caller_name(caller_id: str) -> str:
    """The name in a CallerID header, as Asterisk reads it: a row's callerid column when its producer did it right."""
    name, bracket, _ = caller_id.rpartition("<") if caller_id.endswith(">") else (caller_id, "", "")
    name = name.strip().removeprefix('"').removesuffix('"')
    return "" if not bracket and name.isdecimal() else name


def _actions(text: bytes) -> list[list[str]]:
    """The actions of a client's text that a queue would send, each as its header lines."""
    blocks = [
        [decode(line) for line in block.split(b"\n") if line] for block in text.replace(b"\r\n", b"\n").split(b"\n\n")
    ]
    return [lines for lines in blocks if header(lines, "Action") not in (None, "Login", "Logoff", "Ping")]


def _row(man_id: int, lines: list[str]) -> Row:
    rest = tuple(line for line in lines if line.partition(":")[0] not in ("Action", "ActionID"))
    callerid = caller_name(header(lines, "CallerID") or "")
    return Row(man_id, header(lines, "Action") or "", callerid, rest, Status.SENT)
