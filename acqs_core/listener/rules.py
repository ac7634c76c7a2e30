"""The acqs profile: what all that is known of a call makes of its row. Pure functions of a `Call`, one rule each.

A row is UPDATED when a channel of its call rings or is up; DEAD when no channel of its call lives any more, or its
Originate failed; the channel shown is the best one that lives (seed steps 4 and 5, design §1 and §2).
"""

from __future__ import annotations

import dataclasses

from acqs_core.action import Outcome, Status

_OUTCOME_OF_REASON = {3: Outcome.NO_ANSWER, 5: Outcome.BUSY, 8: Outcome.CONGESTION}
_OUTCOME_OF_CAUSE = {
    17: Outcome.BUSY,
    18: Outcome.NO_ANSWER,
    19: Outcome.NO_ANSWER,
    34: Outcome.CONGESTION,
    38: Outcome.CONGESTION,
    42: Outcome.CONGESTION,
    44: Outcome.CONGESTION,
}
"""Q.850 causes of a Hangup, which tell more than Reason 0 does (facts/ami.md, Originate)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What a row has become: the writer turns it into one transition and one outcome record."""

    man_id: int
    status: Status | None
    channel: str = ""
    uniqueid: str = ""
    outcome: Outcome | None = None
    cause: int | None = None
    leg_channel: str = ""
    leg_uniqueid: str = ""


@dataclasses.dataclass(slots=True)
class Leg:
    """All that is known of one channel. Flags only ever rise."""

    uniqueid: str
    name: str = ""
    linkedid: str = ""
    caller: str = ""
    rang: bool = False
    up: bool = False
    ended: bool = False
    cause: int = 0
    owner: Call | None = None
    followers: list[Call] = dataclasses.field(default_factory=list)

    @property
    def calls(self) -> list[Call]:
        """The rows that this channel concerns."""
        return [self.owner, *self.followers] if self.owner is not None else self.followers

    @property
    def is_local(self) -> bool:
        return self.name[:6].lower() == "local/"


@dataclasses.dataclass(slots=True, eq=False)
class Call:
    """A row that was sent, and the channels that are its call."""

    man_id: int
    originates: bool
    callerid: str
    action_id: str
    channel_id: str
    legs: dict[str, Leg] = dataclasses.field(default_factory=dict)
    primary: str = ""
    reason: int | None = None
    succeeded: bool = False
    gone: bool = False
    given: Change | None = None

    @property
    def finished(self) -> bool:
        return self.given is not None and self.given.status is Status.DEAD


def judgement(call: Call) -> Change | None:
    """What all that is known of a call makes of its row; None while nothing is."""
    before = call.given
    if before is not None and before.status is Status.DEAD:
        return dataclasses.replace(before, outcome=outcome_of(call), cause=cause_of(call))
    shown = shown_leg(call)
    status = status_of(call)
    if status is None:
        return None
    name, uniqueid = (shown.name, shown.uniqueid) if shown else ("", "")
    if shown is None and before is not None:
        name, uniqueid = before.channel, before.uniqueid
    best = min(call.legs.values(), key=lambda leg: _rank(call, leg), default=None)
    return Change(
        call.man_id,
        status,
        name,
        uniqueid,
        outcome_of(call) if status is Status.DEAD or answered(call) else None,
        cause_of(call) if status is Status.DEAD else None,
        best.name if best else "",
        best.uniqueid if best else "",
    )


def status_of(call: Call) -> Status | None:
    """DEAD when the call or its Originate has ended, UPDATED when it rang or is up, None before that."""
    if has_ended(call):
        return Status.DEAD
    if any(leg.rang or leg.up for leg in call.legs.values()):
        return Status.UPDATED
    return None


def has_ended(call: Call) -> bool:
    """No channel of the call lives, and either there was one or its Originate failed.

    A Failure while a channel lives is not believed: a refused duplicate's carries the LIVING call's id (design §1).
    """
    if call.gone:
        return True
    if any(not leg.ended for leg in call.legs.values()):
        return False
    failed = call.reason is not None and not call.succeeded
    return bool(call.legs) or failed


def shown_leg(call: Call) -> Leg | None:
    """The channel that the row shows: the best of those that live, else of those that rang; never a made-up one."""
    first_halves = {leg.name[:-2] for leg in call.legs.values() if leg.name.endswith(";1")}
    # The far half of a Local channel is no other channel to follow: it outlives the near one by an instant.
    far = [leg.uniqueid for leg in call.legs.values() if leg.name.endswith(";2") and leg.name[:-2] in first_halves]
    rang = [leg for leg in call.legs.values() if (leg.rang or leg.up) and leg.uniqueid not in far]
    alive = [leg for leg in rang if not leg.ended]
    if not alive and call.given is not None and call.given.channel:
        return None
    return min(alive or rang, key=lambda leg: _rank(call, leg), default=None)


def answered(call: Call) -> bool:
    """The Originate succeeded, or the channel that it made is up."""
    first = call.legs.get(call.primary)
    return call.succeeded or (first is not None and first.up)


def outcome_of(call: Call) -> Outcome:
    """Reason says it when it is not 0; else the Hangup's cause does (facts/ami.md, Originate)."""
    if answered(call):
        return Outcome.ANSWERED
    by_reason = _OUTCOME_OF_REASON.get(call.reason or 0)
    if by_reason is not None:
        return by_reason
    if call.gone and call.reason is None and not cause_of(call):
        return Outcome.UNKNOWN
    return _OUTCOME_OF_CAUSE.get(cause_of(call) or 0, Outcome.FAILED)


def cause_of(call: Call) -> int | None:
    """The Q.850 cause of the channel that was called, or of another half where that one gives none."""
    for leg in sorted(call.legs.values(), key=lambda leg: _rank(call, leg)):
        if leg.cause:
            return leg.cause
    return None


def _rank(call: Call, leg: Leg) -> tuple[bool, bool, float, str]:
    """Order of preference: a real channel before a Local one, the one that was called before what it led to."""
    return (leg.is_local, leg.uniqueid != call.primary, _age(leg.uniqueid), leg.uniqueid)


def _age(uniqueid: str) -> float:
    """Sorts Asterisk's own `<epoch>.<number>`, with or without a systemname before it, in order of birth."""
    epoch, _, number = uniqueid.rpartition(".")
    return float(number) if number.isdigit() and epoch else 0.0
