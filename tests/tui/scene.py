"""A call centre at a quarter past three in the night, always the same: what the scripted engine tells.

Times count from `BEGAN`, the console's clock from 0; `NOW` is the moment of the picture.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

from acqs_core.action import Outcome, Row, Status
from acqs_core.control.wire import RowView
from acqs_core.queue.types import JournalEntry, OutcomeRecord, Timeline, Waiting

SERVER = "10.0.4.15"

BEGAN = dt.datetime(2026, 3, 14, 3, 14, 0, tzinfo=dt.UTC)
NOW = 75.0
"""Seconds after BEGAN."""

FIRST = 48_211
"""The first row's man_id."""

Kind = tuple[str, Status, Outcome | None, float]
"""What it is, its status and outcome, and how many seconds before NOW it was inserted."""

KINDS: tuple[Kind, ...] = (
    ("call", Status.DEAD, Outcome.ANSWERED, 611),
    ("call", Status.DEAD, Outcome.BUSY, 604),
    ("hangup", Status.SENT, None, 590),
    ("call", Status.DEAD, Outcome.ANSWERED, 571),
    ("call", Status.DEAD, Outcome.NO_ANSWER, 555),
    ("call", Status.DEAD, Outcome.ANSWERED, 498),
    ("redirect", Status.DEAD, Outcome.ANSWERED, 486),
    ("call", Status.DEAD, Outcome.CONGESTION, 471),
    ("command", Status.SENT, None, 444),
    ("call", Status.DEAD, Outcome.ANSWERED, 402),
    ("call", Status.DEAD, Outcome.ANSWERED, 377),
    ("call", Status.DEAD, Outcome.BUSY, 361),
    ("call", Status.DEAD, Outcome.FAILED, 340),
    ("call", Status.DEAD, Outcome.ANSWERED, 322),
    ("hangup", Status.DEAD, Outcome.DEAD_CALL, 301),
    ("call", Status.SENT, Outcome.UNKNOWN, 288),
    ("call", Status.DEAD, Outcome.ANSWERED, 252),
    ("call", Status.DEAD, Outcome.NO_ANSWER, 251),
    ("monitor", Status.SENT, None, 180),
    ("call", Status.UPDATED, Outcome.ANSWERED, 164),
    ("call", Status.DEAD, Outcome.ANSWERED, 141),
    ("call", Status.UPDATED, Outcome.ANSWERED, 118),
    ("call", Status.DEAD, Outcome.DISCARDED, 102),
    ("redirect", Status.UPDATED, None, 77),
    ("call", Status.UPDATED, Outcome.ANSWERED, 64),
    ("call", Status.DEAD, Outcome.BUSY, 51),
    ("call", Status.UPDATED, None, 23),
    ("call", Status.UPDATED, None, 10.4),
    ("hangup", Status.SENT, None, 9),
    ("call", Status.SENT, None, 4),
    ("call", Status.SENT, None, 3),
    ("call", Status.QUEUE, None, 1),
    ("call", Status.NEW, None, 0.6),
    ("call", Status.NEW, None, 0.2),
)

WAITING: tuple[Kind, ...] = tuple(("call", Status.NEW, None, age) for age in (247.0, *range(212, 2, -14)))
"""What came since the queue was paused."""


STOPPED = KINDS[: -len(WAITING)] + WAITING


def rows(kinds: tuple[Kind, ...] = KINDS) -> list[RowView]:
    """Rows as they are at NOW."""
    return [_row(FIRST + number, *kind) for number, kind in enumerate(kinds)]


def _row(man_id: int, what: str, status: Status, outcome: Outcome | None, age: float) -> RowView:
    lead = 7_000_000 + man_id % 977 * 13
    callerid = f"V3140314{man_id % 100:02}0{lead:09}"
    phone = f"PJSIP/{210 + man_id % 17}"
    channel = f"{phone}-{man_id * 7919 % 0xFFFFFF:08x}"
    action, lines = {
        "call": (
            "Originate",
            (f"Channel: PJSIP/1{lead}@trunk", "Context: default", "Exten: 8369", "Priority: 1",
             f"CallerID: {callerid}", "Timeout: 40000"),
        ),
        "redirect": ("Redirect", (f"Channel: {channel}", "Context: default", "Exten: 8600051", "Priority: 1")),
        "hangup": ("Hangup", (f"Channel: {channel}",)),
        "monitor": ("Monitor", (f"Channel: {channel}", f"File: 20260314-{man_id}_210")),
        "command": ("Command", ("Command: core show uptime",)),
    }[what]  # fmt: skip
    known = status in (Status.UPDATED, Status.DEAD) and outcome not in (Outcome.DISCARDED, Outcome.DEAD_CALL)
    answered = known or (status is Status.SENT and what != "call")
    entered = (BEGAN + dt.timedelta(seconds=NOW - age)).replace(tzinfo=None, microsecond=0)
    row = Row(
        man_id, action, callerid if what in ("call", "redirect") else "", lines, status,
        "Y" if answered else "N", SERVER, channel if known else "",
        f"acqs-{man_id:010}" if known and what == "call" else "", entered, age,
    )  # fmt: skip
    causes = {Outcome.ANSWERED: 16, Outcome.BUSY: 17, Outcome.NO_ANSWER: 19, Outcome.CONGESTION: 34}
    return RowView(row, outcome, causes.get(outcome) if outcome and status is Status.DEAD else None)


SENT, ACCEPTED, RINGS, UP = 0.049, 0.052, 0.081, 6.414
"""Seconds from a row's insertion to what becomes of it."""


CALLS = 9
"""So many calls' events are still shown."""

SAYS = {"Originate": "Originate successfully queued", "Hangup": "Channel Hungup", "Redirect": "Redirect successful"}
"""What Asterisk answers."""


def _ends(view: RowView) -> float:
    """Seconds from a row's insertion to its call's end."""
    return {Outcome.ANSWERED: 38.007, Outcome.NO_ANSWER: 40.083}.get(view.outcome or Outcome.FAILED, 1.212)


def _began(view: RowView) -> dt.datetime:
    return BEGAN + dt.timedelta(seconds=NOW - (view.row.age or 0.0))


def journal(view: RowView) -> list[JournalEntry]:
    """What the journal says of a row."""
    row, status = view.row, view.row.status
    start, originates = _began(view), row.action == "Originate"

    def entry(after: float, event: str, detail: str = "", actor: str = "") -> JournalEntry:
        return JournalEntry(row.man_id, event, detail, actor, start + dt.timedelta(seconds=after))

    said: list[JournalEntry] = []  # VICIdial's own INSERT is in nobody's journal
    if status in (Status.NEW, Status.QUEUE):
        return said
    if view.outcome is Outcome.DISCARDED:
        return [*said, entry(31.2, "discarded", "was NEW", "night.operator")]
    if view.outcome is Outcome.DEAD_CALL:
        return [*said, entry(SENT, "dead_call", "its call has ended")]
    sent = [
        f"Action: {row.action}",
        f"ActionID: acqs-{row.man_id}-5c1e",
        *([f"ChannelId: acqs-{row.man_id:010}"] if originates else []),
    ]
    said.append(entry(SENT, "sent", "\n".join([*sent, *row.lines, *(["Async: true"] if originates else [])])))
    if view.outcome is Outcome.UNKNOWN:
        return [*said, entry(15.06, "unanswered", "no answer within 15 s; it may have been carried out")]
    if row.response == "N":
        return said
    said.append(entry(ACCEPTED, "answered", SAYS.get(row.action, "")))
    where = f"{row.channel} {row.uniqueid}".strip()
    if where:
        said.append(entry(RINGS, "updated", where))
    if view.outcome is Outcome.ANSWERED:
        said.append(entry(UP, "updated", f"{where} answered"))
    if status is Status.DEAD:
        said.append(entry(_ends(view), "dead", f"{where} {view.outcome or ''}".strip()))
    return said


def timeline(view: RowView) -> Timeline:
    """A row and all that happened to it."""
    row, said = view.row, journal(view)
    at = {entry.event: entry.at for entry in said}
    outcome = OutcomeRecord(
        row.man_id, view.outcome, view.cause, view.message, row.channel, row.uniqueid, at.get("sent"),
        at.get("updated"), at.get("dead"),
    )  # fmt: skip
    return Timeline(row, outcome if view.outcome else None, said)


def waiting(over: float = 0.0) -> dict[str, object]:
    """The backlog of the paused queue, by age."""
    old = [age for _, _, _, age in WAITING]
    counts = (sum(age < 60 for age in old), sum(60 <= age < 600 for age in old), 0, 0)
    stale = [age for age in old if over and age >= over]
    told = Waiting(counts, 0, len(stale), max(old), max(stale, default=None), True)
    return dataclasses.asdict(told) | {"total": told.total, "by_age": told.by_age()}


def sessions() -> dict[str, list[dict[str, object]]]:
    """Child sessions that live, and those that failed last."""

    def one(number: int, state: str, seconds: float, **more: object) -> dict[str, object]:
        action = KINDS[number - FIRST][0]
        names = {"call": "Originate", "hangup": "Hangup", "redirect": "Redirect"}
        return {"man_id": number, "action": names[action], "state": state, "seconds": seconds, **more}

    living = [
        one(FIRST + 27, "leaving", 0.3), one(FIRST + 28, "lingering", 8.9), one(FIRST + 29, "sent", 3.9),
        one(FIRST + 30, "sent", 2.9), one(FIRST + 31, "logging in", 1.0),
    ]  # fmt: skip
    why, at = "no answer within 15 s; it may have been carried out", BEGAN.timestamp() + NOW - KINDS[15][3] + 15.06
    failed = [one(FIRST + 15, "sent", 15.06, why=why, at=at)]
    return {"living": living, "failed": failed}


def events(views: Sequence[RowView]) -> list[tuple[float, bytes]]:
    """AMI events of the latest calls among these rows, each with its time of day."""
    calls = [view for view in views if view.row.action == "Originate" and view.row.channel]
    found = []
    for view in calls[-CALLS:]:
        row = view.row
        common = {
            "Privilege": "call,all", "Channel": row.channel, "CallerIDNum": "8369", "CallerIDName": row.callerid,
            "Context": "default", "Exten": "8369", "Priority": "1", "Uniqueid": row.uniqueid, "Linkedid": row.uniqueid,
        }  # fmt: skip
        steps = [
            (0.061, "Newchannel", {"ChannelState": "0", "ChannelStateDesc": "Down"}),
            (RINGS, "Newstate", {"ChannelState": "5", "ChannelStateDesc": "Ringing"}),
        ]
        if view.outcome is Outcome.ANSWERED:
            response = {"ActionID": f"acqs-{row.man_id}-5c1e", "Response": "Success", "Reason": "4"}
            steps.append((UP, "Newstate", {"ChannelState": "6", "ChannelStateDesc": "Up"}))
            steps.append((UP + 0.001, "OriginateResponse", response))
        if row.status is Status.DEAD:
            steps.append((_ends(view), "Hangup", {"Cause": str(view.cause or 16), "Cause-txt": "Normal Clearing"}))
        for after, name, headers in steps:
            text = "".join(f"{key}: {value}\r\n" for key, value in {"Event": name, **common, **headers}.items())
            found.append((_began(view).timestamp() + after, text.removesuffix("\r\n").encode()))
    return sorted(found)


def servers(paused: bool) -> list[dict[str, object]]:
    """What the all-servers view shows."""

    def one(ip: str, backlog: int, oldest: float | None, host: str, *roles: str, **pause: object) -> dict[str, object]:
        control = {"paused": False, "actor": "", "reason": "", "at": None, **pause}
        until = (BEGAN + dt.timedelta(seconds=NOW + 12)).isoformat()
        leases = [
            {"server_ip": ip, "role": role, "holder": f"{host}:2417:9b01aa", "token": 7, "expires_at": until,
             "live": True, "state": "held"}
            for role in roles
        ]  # fmt: skip
        return {"server_ip": ip, "backlog": backlog, "oldest_age": oldest, "control": control, "leases": leases}

    return [
        one(SERVER, len(WAITING) if paused else 2, 247.0 if paused else 0.6, "dialer-4", "sender", "listener",
            **(pause() if paused else {})),
        one("10.0.4.16", 0, None, "dialer-5", "sender", "listener"),
        one("10.0.4.17", 31, 4.2, "dialer-6", "sender", "listener"),
        one("10.0.4.18", 1001, 5406.0, "dialer-7", paused=True, actor="asterisk upgrade",
            reason="maintenance until 05:00", at=(BEGAN - dt.timedelta(hours=2)).isoformat()),
        one("10.0.4.19", 12, 66.0, ""),
    ]  # fmt: skip


PAUSED = 250.0
"""Seconds before NOW at which the queue was paused."""


def pause() -> dict[str, object]:
    """Who paused the queue."""
    at = (BEGAN + dt.timedelta(seconds=NOW - PAUSED)).isoformat()
    return {"paused": True, "actor": "night.operator", "reason": "trunk 2 drops calls", "at": at}
