"""Which call belongs to which row, and what that makes of the row. Pure: events in, changes out, no I/O and no clock.

Events come in almost any order (facts/ami.md §3), so nothing here reacts to "the next event". Every event only adds to
what is known of a channel; after each one the rows it concerns are judged anew from all that is known (rules.py), and
a change is given out when the judgement differs from the last one. The same facts in another order end the same way.

ChannelId and OriginateResponse say surely whose a call is; a caller id only until they do.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice

from acqs_core.action import Row, Status, header
from acqs_core.listener.channels import NOBODY, OWN_ID, Channels, Get, is_somebody, number
from acqs_core.listener.roster import Roster, call_of
from acqs_core.listener.rules import Call, Change, Leg, Link, judgement

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

REMEMBERED = 20_000
"""How many ended calls, rows without a living call and unmatched answers are remembered, for events that come late."""

ASKED_AGAIN = 1_000
"""How many ids, and how many names, are looked up again though nobody living bears them, when the table could not be
read. Of a short outage that is all; after a long one, reconciling looks at every row that should be alive
(reconcile.py) and finds the others in what is remembered here."""

_OWN_ACTION_ID = re.compile(r"acqs-([0-9]{1,10})-[0-9a-f]{4}\Z")


class Calls:
    """The listener's memory of channels and of the rows they may belong to."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._now = 0
        self._roster = Roster(remembered)
        self._channels = Channels(remembered)
        self._answers: OrderedDict[str, tuple[bool, int, str]] = OrderedDict()
        self._touched: dict[int, Call] = {}
        self.unknown_ids: set[int] = set()
        """man_ids that events named and nobody has told us of: to be looked up in the table, then cleared."""
        self.unknown_callers: set[str] = set()
        """Names of unowned channels that may be rows of another process: to be looked up in the table, then cleared."""

    def __len__(self) -> int:
        """How many channels are believed to live."""
        return len(self._channels)

    # Rows: what we are told of.

    def watch(self, row: Row, *, action_id: str, with_channel_id: bool = True) -> None:
        """Learn of a row whose writing comes next: nothing that was heard before can be about it.

        Only Originate and Redirect rows have calls; any other row gives no change ever.
        """
        if not row.matches_by_callerid:
            return
        known = self._roster.get(row.man_id)
        if known is not None and not known.finished:
            self._roster.name_action(known, action_id)
            return
        if known is not None:
            self._roster.forget(known)  # DEAD never comes back: the table was emptied, its numbers begin anew
        call = call_of(row, action_id, with_channel_id, self._now)
        past = self._channels.get(call.channel_id)
        if past is not None and not past.link.alive:
            self._channels.forget(past.link)  # a retried row may bring the ChannelId of a call that ended
            self._roster.free_channel(call.channel_id)
        self._roster.add(call)

    def found(self, rows: Iterable[Row], *, with_channel_id: bool = True) -> list[Change]:
        """Learn of rows that were found in the table: what was heard before may be about them.

        Their ActionID is the row's own, or any of ours that names the row. A Redirect that has no uniqueid yet is
        matched by what is heard from now on only: that its channel was up before says nothing of it.
        """
        for row in sorted(rows, key=lambda row: row.man_id):
            if not row.matches_by_callerid or self._roster.get(row.man_id) is not None:
                continue
            action_id = header(row.lines, "ActionID") or ""
            call = call_of(row, action_id, with_channel_id, 0)
            if not call.originates:
                call.since = self._now
            self._roster.add(call)
            self._touched[call.man_id] = call
            answer = self._answers.pop(f"#{call.man_id}", None)
            if action_id:
                answer = self._answers.pop(action_id, answer)
            if answer is not None:
                self._originate_answered(call, *answer)
            self._find_links(call, self._channels.get(row.uniqueid))
        return self._judge()

    def gone(self, man_id: int) -> list[Change]:
        """Asterisk was asked and no channel of this row's call lives: what was missed is its end."""
        call = self._roster.get(man_id)
        if call is None:
            return []
        if call.given is not None and call.finished:
            return [call.given]  # it was judged by more than this; only its writing may have been lost
        call.gone = True
        self._touched[man_id] = call
        return self._judge()

    def lost(self, rows: Iterable[Row]) -> list[Change]:
        """What was given out and the table does not show: ends of calls whose rows still read SENT or UPDATED."""
        changes = []
        for row in rows:
            call = self._roster.get(row.man_id)
            if call is None or call.given is None or not call.finished or not row.matches_by_callerid:
                continue
            if row.status in (Status.SENT, Status.UPDATED) and call.callerid in ("", row.callerid):
                changes.append(call.given)
        return changes

    def lives(self, man_id: int) -> bool:
        """Whether any channel of the row's call is known to live."""
        call = self._roster.get(man_id)
        return call is not None and any(link.alive for link in call.links)

    def living(self) -> frozenset[str]:
        """Uniqueids of all channels believed to live: after a gap, those that Asterisk does not list have ended."""
        return self._channels.living()

    def put_back(self, ids: set[int], names: set[str]) -> None:
        """The table could not be read: look these up later, so many as there are living calls and a few more."""
        links = self._channels.living_links()
        own = {int(match[2]) for link in links if (match := OWN_ID.match(link.key)) is not None}
        callers = {caller for link in links if link.owner is None for caller in link.callers}
        self.unknown_ids |= ids & own | set(islice(ids - own, ASKED_AGAIN))
        self.unknown_callers |= names & callers | set(islice(names - callers, ASKED_AGAIN))

    # Events: what we hear.

    def event(self, name: str, get: Get) -> list[Change]:
        """Take in one AMI event of WANTED; gives the changes that follow from it."""
        self._now += 1
        if name == "OriginateResponse":
            self._on_originate_response(get)
            return self._judge()
        uniqueid = get("Uniqueid")
        if uniqueid in NOBODY:
            return []
        leg = self._channels.get(uniqueid)
        if leg is None:
            begins = self._roster.by_channel(uniqueid) is not None
            leg = self._channels.add(uniqueid, get("Linkedid"), self._now, begins=begins)
        news = self._channels.learn(leg, name, get, self._now)
        self._match(leg.link, [leg])
        if news:
            self._touch(leg.link)
        return self._judge()

    def joined(self, uniqueid: str, to: str) -> list[Change]:
        """Two channels are one call and no Linkedid says so: the first is counted to the call of the second.

        Two calls that are as surely two rows' stay two: they only met.
        """
        old, link = (
            (self._channels.get(one) or self._channels.add(one, "", self._now, begins=False)).link
            for one in (uniqueid, to)
        )
        if old is link or (old.sure and link.sure and old.owner is not link.owner):
            return []
        self._now += 1
        sure = old.sure or link.sure
        owners = [one.owner for one in (old, link) if one.owner is not None and one.sure == sure]
        owner = min(owners, key=lambda call: call.man_id, default=None)
        if old.owner is not None:
            self._part(old.owner, old)
        self._channels.join(old, link, self._now)
        for redirect in old.followers:
            redirect.links.remove(old)
            self._follow(redirect, link)
        if owner is not None and (owner is not link.owner or sure is not link.sure):
            self._own(owner, link, sure=sure)
        self._match(link)
        self._touch(link)
        return self._judge()

    def ended(self, uniqueid: str) -> list[Change]:
        """A channel that Asterisk no longer lists: its Hangup was missed, its cause is not known."""
        leg = self._channels.get(uniqueid)
        if leg is None or leg.ended:
            return []
        self._channels.end(leg, None, self._now)
        self._touch(leg.link)
        return self._judge()

    def _on_originate_response(self, get: Get) -> None:
        action_id, uniqueid = get("ActionID"), get("Uniqueid")
        if not action_id:
            return
        answer = (get("Response") == "Success", number(get("Reason")), uniqueid)
        call = self._roster.by_action_id(action_id)
        other = self._roster.by_channel(uniqueid)
        if call is not None and other is not None and other.action_id == action_id:
            call = other  # two rows brought the same ActionID: the channel tells which one is meant
        if call is None:
            call = self._named_by(action_id, answer)
        if call is not None:
            self._originate_answered(call, *answer)

    def _named_by(self, action_id: str, answer: tuple[bool, int, str]) -> Call | None:
        """The row that an unmatched answer names, if only the table told us of it; else the answer is remembered."""
        own = _OWN_ACTION_ID.match(action_id)
        named = self._roster.get(int(own[1])) if own is not None else None
        if named is not None:
            return named if not named.action_id else None  # another ActionID is a sending that is not the current one
        if own is not None:
            self.unknown_ids.add(int(own[1]))
        self._answers[f"#{own[1]}" if own is not None else action_id] = answer
        if len(self._answers) > self._remembered:
            self._answers.popitem(last=False)
        return None

    def _originate_answered(self, call: Call, success: bool, reason: int, uniqueid: str) -> None:
        self._touched[call.man_id] = call
        call.succeeded |= success
        if call.reason is None or reason:
            call.reason = reason
        if success and is_somebody(uniqueid):
            self._roster.name_channel(call, uniqueid)
            self._find_links(call, None)

    # Whose call is it?

    def _match(self, link: Link, heard: Iterable[Leg] | None = None) -> None:
        """Find the rows that a call belongs to, from all that is known of it; `heard` are the only channels of which
        there is news."""
        if not link.sure:
            self._match_surely(link, link.legs.values() if heard is None else heard)
        if link.owner is None:
            self._match_by_name(link)
        for caller in link.callers:
            for redirect in self._roster.redirects_of(caller):
                if link.alive or link.ended_at > redirect.since:
                    self._follow(redirect, link)

    def _match_surely(self, link: Link, legs: Iterable[Leg]) -> None:
        for leg in legs:
            call = self._roster.by_channel(leg.uniqueid)
            if call is not None:
                self._own(call, link, sure=True)
                return
        call = self._roster.by_channel(link.key)
        if call is not None:
            self._own(call, link, sure=True)

    def _match_by_name(self, link: Link) -> None:
        own = OWN_ID.match(link.key)
        if own is not None:
            if self._roster.get(int(own[2])) is None and not link.looked_up:
                self.unknown_ids.add(int(own[2]))
                link.looked_up = True
            return  # a call that one of ours made never falls to another row by its caller id
        call = self._roster.waiting_for(link, self._now)
        if call is not None:
            self._own(call, link, sure=False)
        else:
            self.unknown_callers |= link.callers

    def _find_links(self, call: Call, shown: Leg | None) -> None:
        """The calls that were heard before we knew whose they are; `shown` is the channel that the row shows."""
        leg, link = self._channels.get(call.made), self._channels.link(call.made)
        if not call.originates:
            if shown is not None:
                self._follow(call, shown.link)
        elif leg is not None and self._roster.by_channel(call.made) is call:
            self._claim(call, leg)
        elif link is not None and self._roster.by_channel(call.made) is call:
            self._own(call, link, sure=True)
        elif shown is not None and shown.link.owner is None:
            self._own(call, shown.link, sure=False)
        elif not call.made:
            for link in self._channels.links_of(call.callerid):
                if link.owner is None:
                    self._match_by_name(link)

    def _claim(self, call: Call, leg: Leg) -> None:
        """The channel is surely the row's. A call that is as surely another row's was only bridged to it: they part."""
        owner = leg.link.owner
        if leg.link.sure and owner is not None and owner is not call and owner.made not in ("", leg.uniqueid):
            self._touch(leg.link)
            self._channels.part(leg, self._now)
        self._own(call, leg.link, sure=True)

    def _own(self, call: Call, link: Link, *, sure: bool) -> None:
        """Give a call to a row, taking it from a row that had it by less; guesses that this proves wrong are undone."""
        loser, link.owner, link.sure = link.owner, call, sure
        if loser is not None and loser is not call:
            self._part(loser, link)
        guessed = [other for other in call.links if not other.sure] if sure else []
        if link not in call.links:
            call.links.append(link)
        for other in guessed:
            other.owner = None
            self._part(call, other)
        self._roster.has_call(call)
        self._touched[call.man_id] = call
        for other in guessed:
            self._match(other)

    def _part(self, call: Call, link: Link) -> None:
        call.links.remove(link)
        self._touched[call.man_id] = call
        if not call.links:
            self._roster.waits(call)

    def _follow(self, redirect: Call, link: Link) -> None:
        """A Redirect row names a call that lives by its caller id, whoever made that call."""
        if link not in redirect.links:
            redirect.links.append(link)
            link.followers.append(redirect)
            self._roster.has_call(redirect)
            self._touched[redirect.man_id] = redirect

    # Judging.

    def _touch(self, link: Link) -> None:
        if link.owner is not None:
            self._touched[link.owner.man_id] = link.owner
        for redirect in link.followers:
            self._touched[redirect.man_id] = redirect

    def _judge(self) -> list[Change]:
        if not self._touched:
            return []
        changes = []
        touched, self._touched = self._touched, {}
        for call in touched.values():
            was_finished = call.finished
            change = judgement(call)
            if change is None or change == call.given:
                continue
            call.given = change
            changes.append(change)
            if call.finished and not was_finished:
                self._roster.finish(call, self._now)
        return changes
