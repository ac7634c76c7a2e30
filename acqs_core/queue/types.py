"""What goes into the queue and what comes out of it: plain frozen values, so that nothing above sees SQL or a driver.

Times are timezone-aware UTC except `Row.entry_date`, which is what the producer's NOW() wrote and stays naive.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any, Literal

from acqs_core.action import Outcome, Row, Status

Role = Literal["sender", "listener"]


@dataclasses.dataclass(frozen=True, slots=True)
class Grant:
    """A lease that was given: `token` is what every claim and SENT statement checks (design §3)."""

    server_ip: str
    role: Role
    holder: str
    token: int


@dataclasses.dataclass(frozen=True, slots=True)
class LeaseView:
    """A lease as an operator sees it; `holder` is blank once it was released. `live`: when it was read it had not run
    out for long (lease.py, LATE), by the database's clock."""

    server_ip: str
    role: str
    holder: str
    token: int
    expires_at: dt.datetime | None
    state: str
    live: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Control:
    """Whether sending is paused, by whom, why and since when. `at` is None when nobody ever paused or resumed."""

    paused: bool
    actor: str = ""
    reason: str = ""
    at: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ServerView:
    """One server_ip among others: its NEW rows (one more than the cap means "more"), the age of the oldest of those in
    seconds, and its pause."""

    server_ip: str
    backlog: int
    oldest_age: float | None
    control: Control


@dataclasses.dataclass(frozen=True, slots=True)
class Transition:
    """What the row of one action shall become: UPDATED, DEAD or (None) as it is; `answered` makes response 'Y'."""

    man_id: int
    status: Status | None = None
    channel: str = ""
    uniqueid: str = ""
    answered: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """What is known of an action, for `acqs_outcome`. None and '' mean "not known now" and never overwrite."""

    man_id: int
    outcome: Outcome | None = None
    cause: int | None = None
    message: str = ""
    channel: str = ""
    uniqueid: str = ""
    sent_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None


PRECISE = frozenset({Outcome.ANSWERED, Outcome.BUSY, Outcome.NO_ANSWER, Outcome.CONGESTION})
"""What only the call itself tells, and tells better than a bare `failed`."""


def outranks(new: Outcome | None, old: Outcome | None) -> bool:
    """Whether `new` replaces `old`: anything replaces `unknown`, the call's own story replaces `failed` (the sender may
    hear that an Originate failed before the listener hears that it was busy), and every other outcome is final."""
    if new is None or old is None:
        return new is not None
    if old is Outcome.UNKNOWN:
        return new is not Outcome.UNKNOWN
    return old is Outcome.FAILED and new in PRECISE


MAX_DETAIL = 16_000
"""Characters that the journal keeps of a line's detail, such as a Command's output: its TEXT holds 65,535 bytes, and a
character of utf8mb4 is four at the most."""

_NOTE = 50
"""Characters for what says that a detail was cut."""


def cut(detail: str) -> str:
    """As much of a line's detail as the journal keeps; of more the end says that there was more."""
    if len(detail) <= MAX_DETAIL:
        return detail
    kept = MAX_DETAIL - _NOTE
    return f"{detail[:kept]}\n… cut, {len(detail) - kept:,} characters more"


@dataclasses.dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of a row's timeline. `at` is when it happened (UTC), not when it was written; None means now.
    `man_id` is None for deeds that concern the whole queue, such as a pause."""

    man_id: int | None
    event: str
    detail: str = ""
    actor: str = ""
    at: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Timeline:
    """A row, what became of it, and everything that happened to it, oldest first."""

    row: Row
    outcome: OutcomeRecord | None
    journal: list[JournalEntry]


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Rows newest first; `next_before` asks for the next older page, None means there is none."""

    rows: list[Row]
    next_before: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Backlog:
    """The NEW rows: how many (`count`; capped means "at least"), when the oldest was entered and its age in seconds.

    `ages` are the ages in seconds of the counted rows, lowest man_id first, so that a resume can say what is stale.
    """

    count: int
    capped: bool
    oldest: dt.datetime | None
    oldest_age: float | None
    ages: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Depth:
    """How much stands in the table: rows by status (cap + 1 means more than the cap), and the seconds since the oldest
    NEW row was entered, 0 when there is none."""

    counts: dict[Status, int]
    oldest_new_age: float


AGES = (60.0, 600.0, 3600.0)
"""Seconds, the bounds of the ages by which a backlog is told."""

AGE_NAMES = ("under 1 min", "under 10 min", "under 1 h", "older")


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """The NEW rows by age: how many are younger than each of AGES but not than the one before, and how many older.

    `unknown` have no entry_date that says an age. `stale` are those that were asked for, `oldest` and `oldest_stale`
    are ages in seconds. `whole` is False when there may be more. `seen` is when somebody last paused or resumed, as the
    database has it.
    """

    counts: tuple[int, ...] = (0,) * len(AGE_NAMES)
    unknown: int = 0
    stale: int = 0
    oldest: float | None = None
    oldest_stale: float | None = None
    whole: bool = False
    seen: Any = None

    @property
    def total(self) -> int:
        """All NEW rows."""
        return sum(self.counts) + self.unknown

    def by_age(self) -> dict[str, int]:
        """How many of which age, in words."""
        return {**dict(zip(AGE_NAMES, self.counts, strict=True)), "of unknown age": self.unknown}

    def and_also(self, record: tuple[Any, ...]) -> Waiting:
        """With what another span holds: unknown, counts, stale, oldest, oldest_stale; NULLs where it holds nothing."""
        unknown, *counts, stale = (int(value or 0) for value in record[:-2])
        oldest, oldest_stale = (
            max((float(age) for age in (mine, other) if age is not None), default=None)
            for mine, other in ((self.oldest, record[-2]), (self.oldest_stale, record[-1]))
        )
        sums = tuple(mine + other for mine, other in zip(self.counts, counts, strict=True))
        return Waiting(sums, self.unknown + unknown, self.stale + stale, oldest, oldest_stale)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One line of `db check` or `asterisk check`: what was looked at, what is so, and how to mend it.

    A `note` is worth knowing, or says that something cannot be seen from here."""

    level: Literal["ok", "note", "warning", "error"]
    subject: str
    says: str
    mend: str = ""
