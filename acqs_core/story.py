"""Why an action is where it is, in one plain sentence: for `queue show`, the console's detail, and whoever is called at
three in the morning.

`why` is pure: it is given the row, what is known of it, and how things stand `around` it, so that each sentence can be
tested.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from acqs_core.action import Outcome, Row, Status
from acqs_core.queue.lease import Leases
from acqs_core.queue.operate import RETRIED, RETRYING
from acqs_core.queue.store import Store
from acqs_core.queue.types import Control, JournalEntry, OutcomeRecord, Timeline

ENDS = {
    Outcome.ANSWERED: "its call was answered and has been hung up",
    Outcome.BUSY: "who was called is busy",
    Outcome.NO_ANSWER: "nobody answered its call",
    Outcome.CONGESTION: "its call did not get through: congestion",
    Outcome.FAILED: "its call failed",
    Outcome.REFUSED: "Asterisk refused it",
    Outcome.DEAD_CALL: "it was never sent, because the call it is about had ended",
    Outcome.EXPIRED: "it was never sent, because it had waited too long",
    Outcome.INVALID: "it was never sent, because it cannot be written as an AMI action",
    Outcome.NOT_ALLOWED: "it was never sent, because such actions are not allowed here",
    Outcome.DISCARDED: "it was discarded",
    Outcome.UNKNOWN: "nobody knows what became of it",
}
"""What ended it, by outcome."""


@dataclasses.dataclass(frozen=True, slots=True)
class Around:
    """How things stand around a row."""

    control: Control = dataclasses.field(default_factory=lambda: Control(False))
    sender: str | None = None
    """Who holds the sender's lease; empty when nobody does, None when that is not known."""
    trouble: str = ""
    """Why the sender sends nothing now, in its own words: Asterisk is away, it boots, the table cannot be read."""
    before: int | None = None
    """The nearest row of the same caller id before it whose answer is awaited."""
    foreign: bool = False
    """The row belongs to another server_ip than the one that was asked."""


def around(store: Store, row: Row, trouble: str = "") -> Around:
    """How things stand around a row; `trouble` is what the sender says, if it can be asked. Raises QueueError."""
    if not store.serves(row):
        return Around(foreign=True)
    if row.status not in (Status.NEW, Status.QUEUE):
        return Around()
    leases = Leases(store.db).view(store.server_ip)
    sender = next((lease.holder for lease in leases if lease.role == "sender" and lease.live), "")
    return Around(store.control(), sender, trouble, store.ahead(row))


def why(told: Timeline, around: Around) -> str:
    """One plain sentence: why the row is where it is. Its text may come from a row: show it without control codes."""
    row, known = told.row, told.outcome
    if row.status is Status.NEW:
        return f"It waits to be claimed: {_holds_new(row, around)}."
    if row.status is Status.QUEUE:
        return f"It is claimed and certainly not written: {_holds_queue(around)}."
    if row.status is Status.DEAD:
        return _ended(row, known, told.journal)
    if row.status is Status.UPDATED:
        return _lives(row, known)
    return _sent(row, known, told.journal)


def _holds_new(row: Row, around: Around) -> str:
    if around.foreign:
        return f"the engine of server_ip {row.server_ip or '(blank)'} sends it"
    return _stops(around) or _turn(around) or "rows before it are being sent, or there is no free child session"


def _holds_queue(around: Around) -> str:
    return _stops(around) or _turn(around) or "its child session is connecting and logging in"


def _turn(around: Around) -> str:
    return "" if around.before is None else f"row {around.before} has the same caller id and is not answered yet"


def _stops(around: Around) -> str:
    """What keeps every row from being sent; empty when nothing does."""
    control = around.control
    if control.paused:
        since = f" since {control.at:%Y-%m-%d %H:%M:%S} UTC" if control.at is not None else ""
        reason = f" ({control.reason})" if control.reason else ""
        return f"sending is paused by {control.actor or 'somebody'}{since}{reason}; resume sends it"
    if around.sender == "":
        return "no engine sends for this server_ip; start one"
    return f"the sender is held up: {around.trouble.rstrip('.')}" if around.trouble else ""


def _sent(row: Row, known: OutcomeRecord | None, journal: Sequence[JournalEntry]) -> str:
    outcome = known.outcome if known is not None else None
    says = known.message.rstrip(".") if known is not None else ""
    if outcome is Outcome.UNKNOWN and row.response != "Y":
        because = f" because {says}" if says else ""
        return f"Its outcome is unknown{because}; it is never sent again by itself, a retry may do it twice."
    if outcome is not None and outcome is not Outcome.UNKNOWN:
        return f"It stays SENT and is over: {_how(outcome, says)}."
    if row.response == "Y":
        told = "Asterisk has taken it; its call has not rung yet."
        return told if row.originates else "Asterisk has answered; that is all."
    last = journal[-1].event if journal else ""
    if last == "not taken":
        return "Asterisk answered that it shuts down and did not look at it; it goes back to NEW."
    return "It was or may have been written, and Asterisk has not answered yet: its outcome is not known."


def _lives(row: Row, known: OutcomeRecord | None) -> str:
    where = row.channel or (known.channel if known is not None else "") or "a channel"
    if known is None or known.outcome is None:
        return f"Its call rings or is up on {where}; it is DEAD when that hangs up."
    if known.outcome is Outcome.ANSWERED:
        return f"Its call was answered and is up on {where}; it is DEAD when that hangs up."
    return f"Its call is on {where}: {_how(known.outcome, known.message)}."


def _ended(row: Row, known: OutcomeRecord | None, journal: Sequence[JournalEntry]) -> str:
    again = _retried(journal)
    if known is None or known.outcome is None:
        called = row.channel or row.uniqueid or any(entry.event in ("updated", "dead") for entry in journal)
        return f"It has ended: {'its call hung up' if called else 'nothing more is known of it'}{again}."
    cause = f" (cause {known.cause})" if known.cause else ""
    return f"It has ended: {_how(known.outcome, known.message)}{cause}{again}."


def _retried(journal: Sequence[JournalEntry]) -> str:
    """Which copy was made of it last, and whether a retry after that said only that it would make one."""
    deeds = [entry for entry in journal if entry.event in (RETRIED, RETRYING)]
    copy = next((entry.detail for entry in reversed(deeds) if entry.event == RETRIED), "")
    says = f"; it was retried {copy}" if copy else ""
    if deeds and deeds[-1].event == RETRYING:
        says += "; a retry of it was begun and its end is not known, it may have made a copy: look for that first"
    return says


def _how(outcome: Outcome, says: str) -> str:
    ends, says = ENDS[outcome], says.rstrip(".")
    if outcome is Outcome.DISCARDED and says:
        return f"it was {says}"  # "discarded by margaret"
    return f"{ends}: {says}" if says else ends
