"""The acqs profile: what all that is known of a call makes of its row. Pure functions of a `Call`, one rule each.

A row is UPDATED when a channel of its call rings or is up; DEAD when no channel of its call lives any more, or its
Originate failed; the channel shown is the best one that lives (seed steps 4 and 5, design §1 and §2). Of what was
decided before only two things count, that DEAD never comes back and which channel was followed: all else follows from
the facts alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

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
    status: Status
    channel: str = ""
    """The channel that the row shows; it rang or was up. Empty while none did."""
    uniqueid: str = ""
    outcome: Outcome | None = None
    cause: int | None = None
    """Q.850 cause of the Hangup, once the row is DEAD and where one was given."""
    leg_channel: str = ""
    """The best channel known, whether it rang or not: fit for the outcome, never for the row."""
    leg_uniqueid: str = ""


@dataclasses.dataclass(slots=True, eq=False)
class Leg:
    """All that is known of one channel. Flags only ever rise."""

    uniqueid: str
    link: Link
    name: str = ""
    renamed: bool = False
    rang: bool = False
    up: bool = False
    ended: bool = False
    cause: int | None = None
    """Of its Hangup, 0 where that gives none; None while none was heard."""
    ended_at: int = 0
    """When it ended, counted in events."""
    replaced: bool = False
    """Another channel goes on in its place and under its name (Asterisk 1.4)."""
    callers: frozenset[str] = frozenset()
    """Caller id names that it bore."""

    @property
    def is_local(self) -> bool:
        return self.name[:6].lower() == "local/"

    @property
    def half(self) -> str:
        """Which half of a Local channel it is, by its name: `Local/x-00000001;1`, on Asterisk 1.4 `Local/x-8b06,1`."""
        return self.name[-1] if self.is_local and self.name[-2] in ";," else ""


@dataclasses.dataclass(slots=True, eq=False)
class Link:
    """The channels that share a Linkedid: one call, as Asterisk sees it. It belongs to a row as a whole."""

    key: str
    """The Linkedid, which is the Uniqueid of the channel that the call began with."""
    born: int
    """When it was first heard of, counted in events."""
    ended_at: int = 0
    """When its last channel ended, counted in events."""
    legs: dict[str, Leg] = dataclasses.field(default_factory=dict)
    """All that live, and of those that ended as many as are remembered."""
    callers: set[str] = dataclasses.field(default_factory=set)
    """Caller id names that these legs bore."""
    ends: int = 0
    """How many of its channels have ended since some of them were last forgotten."""
    owner: Call | None = None
    sure: bool = False
    """Whether a ChannelId or an OriginateResponse says whose it is, and not only a caller id."""
    followers: list[Call] = dataclasses.field(default_factory=list)
    looked_up: bool = False

    @property
    def alive(self) -> bool:
        return any(not leg.ended for leg in self.legs.values())


@dataclasses.dataclass(slots=True, eq=False)
class Call:
    """A row that was sent, and the channels that are its call."""

    man_id: int
    originates: bool
    callerid: str
    action_id: str
    channel_id: str
    """The ChannelId that its Originate asks for; empty where Asterisk chooses."""
    since: int
    """When it was sent, counted in events: what began before is not its call."""
    made: str
    """Uniqueid of the channel that its Originate makes, by ChannelId or OriginateResponse; empty while unknown."""
    links: list[Link] = dataclasses.field(default_factory=list)
    reason: int | None = None
    succeeded: bool = False
    gone: bool = False
    ended_at: int = 0
    given: Change | None = None

    @property
    def legs(self) -> list[Leg]:
        return [leg for link in self.links for leg in link.legs.values()]

    @property
    def finished(self) -> bool:
        return self.given is not None and self.given.status is Status.DEAD


def judgement(call: Call) -> Change | None:
    """What all that is known of a call makes of its row; None while nothing is."""
    legs = sorted(call.legs, key=lambda leg: _rank(call, leg))
    status = Status.DEAD if call.finished else status_of(call, legs)
    if status is None:
        return None
    dead = status is Status.DEAD
    shown = shown_leg(legs)
    best = legs[0] if legs else None
    return Change(
        call.man_id,
        status,
        shown.name if shown else "",
        shown.uniqueid if shown else "",
        outcome_of(call, legs) if dead or answered(call, legs) else None,
        cause_of(legs) if dead else None,
        best.name if best else "",
        best.uniqueid if best else "",
    )


def status_of(call: Call, legs: list[Leg]) -> Status | None:
    """DEAD when the call or its Originate has ended, UPDATED when it rang or is up, None before that.

    A Failure while a channel lives is not believed: a refused duplicate's carries the LIVING call's id (design §1).
    """
    failed = call.reason is not None and not call.succeeded
    if call.gone or (all(leg.ended for leg in legs) and (legs or failed)):
        return Status.DEAD
    return Status.UPDATED if any(leg.rang or leg.up for leg in legs) else None


def shown_leg(legs: list[Leg]) -> Leg | None:
    """The channel that the row shows, of legs in order of preference: one that rang or was up, never a made-up one.

    The best of those that live. When none does, a real channel before all; of several Local ones that which lived
    longest, because a call does not come back to a Local channel that was optimised away.
    """
    rang = [leg for leg in legs if leg.rang or leg.up]
    if len(rang) < 2:
        return rang[0] if rang else None
    near = _without_far_halves(rang, legs)
    alive = [leg for leg in near if not leg.ended]
    if alive:
        return alive[0]
    return near[0] if not near[0].is_local else max(near, key=lambda leg: leg.ended_at)


def _without_far_halves(rang: list[Leg], legs: list[Leg]) -> list[Leg]:
    """The far half of a Local channel is no other channel to follow: it outlives the near half by an instant."""
    near = {leg.name[:-2] for leg in legs if leg.half == "1"}
    return [leg for leg in rang if not (leg.half == "2" and leg.name[:-2] in near)] or rang


def answered(call: Call, legs: list[Leg]) -> bool:
    """The Originate succeeded, or the channel that it made is up; where that one was never heard of, any is."""
    if call.succeeded:
        return True
    first = [leg for leg in legs if call.originates and _is_first(call, leg)]
    return any(leg.up for leg in first or legs)


def outcome_of(call: Call, legs: list[Leg]) -> Outcome:
    """Reason says it when it is not 0; else the Hangup's cause does (facts/ami.md, Originate). What nobody heard, in a
    gap of the listener, is not guessed."""
    if answered(call, legs):
        return Outcome.ANSWERED
    by_reason = _OUTCOME_OF_REASON.get(call.reason or 0)
    if by_reason is not None:
        return by_reason
    cause = cause_of(legs)
    by_cause = _OUTCOME_OF_CAUSE.get(cause or 0)
    if by_cause is not None:
        return by_cause
    if call.reason is None and (call.gone or _end_was_missed(call, legs)):
        return Outcome.UNKNOWN
    if cause is None and any(leg.rang and leg.cause == 0 for leg in legs):
        return Outcome.NO_ANSWER  # Asterisk 16 hangs up with Cause 0 when a phone rang until the timeout
    return Outcome.FAILED


def _end_was_missed(call: Call, legs: list[Leg]) -> bool:
    """Nobody heard how the channel ended that its Originate made: it may have been answered before."""
    looked_at = [leg for leg in legs if _is_first(call, leg)] if call.originates else legs
    return not looked_at or any(leg.ended and leg.cause is None for leg in looked_at)


def cause_of(legs: list[Leg]) -> int | None:
    """The Q.850 cause of the best channel, or of the next where that one gives none."""
    return next((leg.cause for leg in legs if leg.cause), None)


def dispensable(ended: Iterable[Leg]) -> list[Leg]:
    """Of channels that ended, those whose like is there, too, and preferred: no judgement misses them, but where none
    lives and all were Local, when the one that ended last is looked for. But the first channel of a call has no like,
    whatever is said of it here."""
    kinds: set[tuple[object, ...]] = set()
    spare = []
    for leg in sorted(ended, key=lambda leg: (_age(leg.uniqueid), leg.uniqueid)):
        kind = (leg.replaced, leg.is_local, leg.half, leg.rang, leg.up, leg.cause is None, bool(leg.cause))
        if kind in kinds:
            spare.append(leg)
        kinds.add(kind)
    return spare


def _is_first(call: Call, leg: Leg) -> bool:
    return leg.uniqueid == (call.made or leg.link.key)


def _rank(call: Call, leg: Leg) -> tuple[bool, bool, bool, bool, float, str]:
    """Order of preference: one that was not replaced, a real channel before a Local one, the one that was called before
    what it led to, one that answered before one that only rang."""
    return (leg.replaced, leg.is_local, not _is_first(call, leg), not leg.up, _age(leg.uniqueid), leg.uniqueid)


def _age(uniqueid: str) -> float:
    """Sorts Asterisk's own `<epoch>.<number>`, with or without a systemname before it, in order of birth."""
    epoch, _, number = uniqueid.rpartition(".")
    return float(number) if number.isdecimal() and epoch else 0.0
