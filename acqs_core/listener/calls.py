"""Which call belongs to which row, and what that makes of the row. Pure: events in, changes out, no I/O and no clock.

Events come in almost any order (facts/ami.md §3), so nothing here reacts to "the next event". Every event only adds to
what is known of a channel; after each one the rows it concerns are judged anew from all that is known (rules.py), and
a change is given out when the judgement differs from the last one. The same facts in another order end the same way.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable

from acqs_core.action import Row, channel_id, header
from acqs_core.listener.rules import Call, Change, Leg, judgement

WANTED = frozenset(
    (
        b"Newchannel",
        b"Newstate",
        b"NewCallerid",
        b"Rename",
        b"Hangup",
        b"OriginateResponse",
        b"Shutdown",
        b"FullyBooted",
    )
)
"""The events that are parsed at all; everything else is dropped by name (facts/ami.md, keeping the flood away)."""

NOBODY = frozenset(("", "<unknown>", "<Unknown>", "<null>"))
"""Caller id names and uniqueids that stand for none and match nothing (design §1)."""

REMEMBERED = 20_000
"""How many ended channels, finished rows and unmatched answers are remembered, for events that come late."""

_OWN_ID = re.compile(r"acqs-([0-9]{1,10})(?:;2)?\Z")
_OWN_ACTION_ID = re.compile(r"acqs-([0-9]{1,10})-[0-9a-f]{4}\Z")

Get = Callable[[str], str]
"""Reads a header of an event by name; empty text when it is not there."""


class Calls:
    """The listener's memory of channels and of the rows they may belong to."""

    def __init__(self) -> None:
        self._calls: OrderedDict[int, Call] = OrderedDict()
        self._by_action_id: dict[str, Call] = {}
        self._by_channel_id: dict[str, Call] = {}
        self._by_linkedid: dict[str, Call] = {}
        self._by_callerid: dict[str, list[Call]] = {}
        self._legs: dict[str, Leg] = {}
        self._ended: OrderedDict[str, Leg] = OrderedDict()
        self._answers: OrderedDict[str, tuple[bool, int, str]] = OrderedDict()
        self.unknown_ids: set[int] = set()
        """man_ids that events named and nobody has told us of: to be looked up in the table, then cleared."""
        self.unknown_callers: set[str] = set()
        """Names of unowned channels that may be rows of another process: to be looked up in the table, then cleared."""

    def __len__(self) -> int:
        """How many channels are believed to live."""
        return len(self._legs)

    # Rows: what we are told of.

    def watch(self, row: Row, *, action_id: str, with_channel_id: bool = True) -> None:
        """Learn of a row whose writing comes next: nothing that was heard before can be about it.

        Only Originate and Redirect rows have calls; any other row gives no change ever.
        """
        known = self._calls.get(row.man_id)
        if known is not None:
            self._by_action_id.pop(known.action_id, None)
            known.action_id = action_id
            self._by_action_id[action_id] = known
        elif row.matches_by_callerid:
            self._remember(_call_of(row, action_id, with_channel_id))

    def found(self, rows: Iterable[Row], *, with_channel_id: bool = True) -> list[Change]:
        """Learn of rows that were found in the table: what was heard before may be about them.

        Their ActionID is the row's own, or any of ours that names the row. A Redirect that has no uniqueid yet is
        matched by what is heard from now on only: that its channel was up before says nothing of it.
        """
        calls = []
        for row in rows:
            if not row.matches_by_callerid or row.man_id in self._calls:
                continue
            call = _call_of(row, header(row.lines, "ActionID") or "", with_channel_id)
            self._remember(call)
            calls.append(call)
            answer = self._answers.pop(call.action_id, None) or self._answers.pop(f"#{call.man_id}", None)
            if answer is not None:
                self._originate_answered(call, *answer)
            leg = self._known_leg(row.uniqueid)
            if leg is not None and not call.originates:
                self._follow(call, leg)
            elif leg is not None and leg.owner is None:
                self._own(call, leg)
        if calls:
            for leg in [*self._legs.values(), *self._ended.values()]:
                self._find_owner(leg)
        return self._judge(calls)

    def gone(self, man_id: int) -> list[Change]:
        """Asterisk was asked and no channel of this row's call lives: what was missed is its end."""
        call = self._calls.get(man_id)
        if call is None:
            return []
        call.gone = True
        return self._judge((call,))

    def lives(self, man_id: int) -> bool:
        """Whether any channel of the row's call is known to live."""
        call = self._calls.get(man_id)
        return call is not None and any(not leg.ended for leg in call.legs.values())

    def living(self) -> frozenset[str]:
        """Uniqueids of all channels believed to live: after a gap, those that Asterisk does not list have ended."""
        return frozenset(self._legs)

    # Events: what we hear.

    def event(self, name: str, get: Get) -> list[Change]:
        """Take in one AMI event of WANTED; gives the changes that follow from it."""
        if name == "OriginateResponse":
            return self._on_originate_response(get)
        uniqueid = get("Uniqueid")
        if uniqueid in NOBODY:
            return []
        leg = self._known_leg(uniqueid)
        if leg is None:
            leg = self._legs[uniqueid] = Leg(uniqueid)
        self._learn(leg, name, get)
        self._find_owner(leg)
        self._find_followers(leg)
        return self._judge(leg.calls)

    def ended(self, uniqueid: str) -> list[Change]:
        """A channel that Asterisk no longer lists: its Hangup was missed, its cause is not known."""
        leg = self._legs.get(uniqueid)
        if leg is None:
            return []
        self._end(leg, 0)
        return self._judge(leg.calls)

    def _learn(self, leg: Leg, name: str, get: Get) -> None:
        leg.name = (get("Newname") if name == "Rename" else get("Channel")) or leg.name
        leg.linkedid = leg.linkedid or get("Linkedid")
        caller = get("CallerIDName")
        if caller not in NOBODY:
            leg.caller = caller
        if name in ("Newchannel", "Newstate"):
            state = get("ChannelStateDesc")
            leg.rang |= state == "Ringing"
            leg.up |= state == "Up"
        elif name == "Hangup":
            self._end(leg, _number(get("Cause")))

    def _end(self, leg: Leg, cause: int) -> None:
        leg.ended = True
        leg.cause = leg.cause or cause
        self._legs.pop(leg.uniqueid, None)
        self._ended[leg.uniqueid] = leg
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def _on_originate_response(self, get: Get) -> list[Change]:
        action_id, uniqueid = get("ActionID"), get("Uniqueid")
        answer = (get("Response") == "Success", _number(get("Reason")), uniqueid)
        call = self._by_action_id.get(action_id)
        other = self._by_channel_id.get(uniqueid)
        if call is not None and other is not None and other.action_id == action_id:
            call = other  # two rows brought the same ActionID: the channel tells which one is meant
        if call is None:
            call = self._kept_for_later(action_id, answer)
        if call is None:
            return []
        self._originate_answered(call, *answer)
        return self._judge((call,))

    def _kept_for_later(self, action_id: str, answer: tuple[bool, int, str]) -> Call | None:
        """The row that an unmatched answer names, if only the table told us of it; else the answer is remembered."""
        own = _OWN_ACTION_ID.match(action_id)
        named = self._calls.get(int(own[1])) if own is not None else None
        if named is not None:
            return named if not named.action_id else None  # another ActionID is a sending that is not the current one
        if own is not None:
            self.unknown_ids.add(int(own[1]))
        self._answers[f"#{own[1]}" if own is not None else action_id] = answer
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return None

    def _originate_answered(self, call: Call, success: bool, reason: int, uniqueid: str) -> None:
        call.succeeded |= success
        call.reason = reason
        if success and uniqueid not in NOBODY:
            call.primary = call.primary or uniqueid
            leg = self._known_leg(uniqueid)
            if leg is not None:
                self._own(call, leg)
            else:
                self._by_channel_id.setdefault(uniqueid, call)

    # Whose channel is it?

    def _find_owner(self, leg: Leg) -> None:
        if leg.owner is None:
            owner = self._owner_of(leg)
            if owner is not None:
                self._own(owner, leg)

    def _find_followers(self, leg: Leg) -> None:
        """Redirect rows name a living call by its caller id, whoever made that call."""
        if leg.ended:
            return
        for call in self._by_callerid.get(leg.caller, ()):
            if not call.originates and not call.legs:
                self._follow(call, leg)

    def _follow(self, call: Call, leg: Leg) -> None:
        call.legs[leg.uniqueid] = leg
        call.primary = leg.uniqueid
        leg.followers.append(call)

    def _owner_of(self, leg: Leg) -> Call | None:
        """ChannelId first, then the call it is linked to, then the caller id: a channel that one of ours made or is
        linked to never falls to another row by its caller id."""
        call = self._by_channel_id.get(leg.uniqueid) or self._by_linkedid.get(leg.linkedid)
        if call is not None:
            return call
        own = _OWN_ID.match(leg.uniqueid) or _OWN_ID.match(leg.linkedid)
        if own is not None:
            if int(own[1]) not in self._calls:
                self.unknown_ids.add(int(own[1]))
            return None
        if not leg.caller:
            return None
        named = self._by_callerid.get(leg.caller, ())
        waiting = [c for c in named if c.originates and not c.channel_id and not c.legs and not c.finished]
        if not named:
            self.unknown_callers.add(leg.caller)
        return min(waiting, key=lambda call: call.man_id, default=None)

    def _own(self, call: Call, leg: Leg) -> None:
        leg.owner = call
        call.legs[leg.uniqueid] = leg
        if leg.uniqueid == call.channel_id or (not call.channel_id and not call.primary):
            call.primary = leg.uniqueid
        if leg.linkedid:
            self._by_linkedid.setdefault(leg.linkedid, call)

    def _known_leg(self, uniqueid: str) -> Leg | None:
        return self._legs.get(uniqueid) or self._ended.get(uniqueid)

    def _judge(self, calls: Iterable[Call]) -> list[Change]:
        changes = []
        for call in calls:
            change = judgement(call)
            if change is not None and change != call.given:
                call.given = change
                changes.append(change)
        return changes

    # Memory: bounded by the calls that live.

    def _remember(self, call: Call) -> None:
        self._calls[call.man_id] = call
        if call.action_id:
            self._by_action_id[call.action_id] = call
        if call.channel_id:
            self._by_channel_id.setdefault(call.channel_id, call)
        if call.callerid:
            self._by_callerid.setdefault(call.callerid, []).append(call)
        if len(self._calls) > REMEMBERED:
            self._forget_one()

    def _forget_one(self) -> None:
        """Drop the oldest finished row; while every remembered row lives, nothing is dropped."""
        call = next((call for call in self._calls.values() if call.finished), None)
        if call is None:
            return
        del self._calls[call.man_id]
        keys = [(self._by_action_id, call.action_id), (self._by_channel_id, call.channel_id)]
        for leg in call.legs.values():
            keys += [(self._by_linkedid, leg.linkedid), (self._by_channel_id, leg.uniqueid)]
        for index, key in keys:
            if index.get(key) is call:
                del index[key]
        same = self._by_callerid.get(call.callerid)
        if same is not None:
            same.remove(call)
            if not same:
                del self._by_callerid[call.callerid]


def _call_of(row: Row, action_id: str, with_channel_id: bool) -> Call:
    originates = row.action.strip().lower() == "originate"
    made = (header(row.lines, "ChannelId") or (channel_id(row.man_id) if with_channel_id else "")) if originates else ""
    return Call(row.man_id, originates, "" if row.callerid in NOBODY else row.callerid, action_id, made)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
