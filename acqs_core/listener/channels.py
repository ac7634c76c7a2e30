"""What is known of Asterisk's channels, and which of them are one call. Pure: knows no rows.

Channels that share a Linkedid are one call (`Link`) and stay one whichever of them is heard first, so that once one of
them is recognised the others are not left behind. An ended call is remembered for a while: a NewCallerid may come
after its Hangup (facts/ami.md §3).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable

from acqs_core.listener.rules import Leg, Link, dispensable

NOBODY = frozenset(("", "<unknown>", "<Unknown>", "<null>"))
"""Caller id names and uniqueids that stand for none and match nothing (design §1)."""

OWN_ID = re.compile(r"(acqs-([0-9]{1,10}))(?:;2)?\Z")
"""A ChannelId of ours, or the other half of a Local channel that has one; group 2 is the man_id."""

Get = Callable[[str], str]
"""Reads a header of an event by name; empty text when it is not there."""


def is_somebody(text: str) -> bool:
    """Whether a caller id name or uniqueid stands for anyone at all."""
    return text.strip() not in NOBODY


LONGEST_NAME = 80
"""Characters beyond which a caller id name is no row's, whose column is narrower, and is not kept: a stranger on the
telephone line chooses it, as long as the line takes."""


LATEST = 32
"""How many of a call's channels that ended last are remembered, while it goes on with others: an agent's call may have
thousands a day, and to judge one walks all that are remembered (some 4 us each). An event comes late by milliseconds,
in which hardly any call ends so many; what is told of a channel that was forgotten is taken for a new one's, until
Asterisk does not list it."""


def number(text: str) -> int:
    """A Cause or Reason; 0 where Asterisk gives none."""
    return int(text) if len(text) < 10 and text.isascii() and text.isdecimal() else 0


class Channels:
    """Every channel that lives, and the last `remembered` calls that ended."""

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._living: dict[str, Leg] = {}
        self._ended: dict[str, Leg] = {}
        self._links: dict[str, Link] = {}
        self._ended_links: OrderedDict[str, Link] = OrderedDict()
        self._by_caller: dict[str, dict[str, Link]] = {}

    def __len__(self) -> int:
        return len(self._living)

    def get(self, uniqueid: str) -> Leg | None:
        """A channel, living or ended."""
        return self._living.get(uniqueid) or self._ended.get(uniqueid)

    def living(self) -> frozenset[str]:
        """Uniqueids of the channels that are believed to live."""
        return frozenset(self._living)

    def living_links(self) -> set[Link]:
        """The calls of which a channel is believed to live."""
        return {leg.link for leg in self._living.values()}

    def link(self, key: str) -> Link | None:
        """The call with this Linkedid."""
        return self._links.get(key)

    def links_of(self, caller: str) -> list[Link]:
        """The calls of which a channel bore this caller id name."""
        return list(self._by_caller.get(caller, {}).values())

    def add(self, uniqueid: str, linkedid: str, now: int, *, begins: bool) -> Leg:
        """A channel that was not known. One that `begins` a call of ours, or bears a ChannelId of ours, is not counted
        to another call that it was bridged to before we heard of it."""
        own = OWN_ID.match(uniqueid)
        key = own[1] if own else uniqueid if begins else linkedid or uniqueid
        link = self._links.get(key)
        if link is None:
            link = self._links[key] = Link(key, now)
        self._ended_links.pop(key, None)
        leg = self._living[uniqueid] = link.legs[uniqueid] = Leg(uniqueid, link)
        return leg

    def learn(self, leg: Leg, name: str, get: Get, now: int) -> bool:
        """Add what an event tells of a channel; True when that is anything a row is judged by."""
        before = (leg.name, leg.rang, leg.up, leg.ended, leg.cause)
        if name == "Rename":
            leg.name, leg.renamed = get("Newname") or leg.name, True
        elif not leg.renamed:
            leg.name = get("Channel") or leg.name
        caller, link = get("CallerIDName"), leg.link
        known = caller in leg.callers and caller in link.callers
        if not known and len(caller) <= LONGEST_NAME and is_somebody(caller):
            leg.callers |= {caller}
            link.callers.add(caller)
            self._by_caller.setdefault(caller, {})[link.key] = link
        if name in ("Newchannel", "Newstate"):
            state = get("ChannelStateDesc")
            leg.rang |= state == "Ringing"
            leg.up |= state == "Up"
        elif name == "Hangup":
            self.end(leg, number(get("Cause")), now)
        return before != (leg.name, leg.rang, leg.up, leg.ended, leg.cause)

    def end(self, leg: Leg, cause: int | None, now: int) -> None:
        """The channel is no more; `cause` is 0 where its Hangup gives none, None where that was not heard."""
        leg.cause = leg.cause or cause
        if not leg.ended:
            leg.ended, leg.ended_at = True, now
            self._ended[leg.uniqueid] = self._living.pop(leg.uniqueid)
            leg.link.ends += 1
            if leg.link.ends > LATEST // 2:
                self._thin(leg.link)
            self._rest(leg.link, now)

    def part(self, leg: Leg, now: int) -> None:
        """Make a channel the begin of a call of its own: it was only bridged to the one that it was counted to."""
        old = leg.link
        del old.legs[leg.uniqueid]
        leg.link = self._links[leg.uniqueid] = Link(leg.uniqueid, old.born, legs={leg.uniqueid: leg})
        self._rest(old, now)
        self._rest(leg.link, now)

    def join(self, old: Link, link: Link, now: int) -> None:
        """Count all channels of one call to another."""
        for leg in old.legs.values():
            leg.link = link
        link.legs.update(old.legs)
        link.born = min(link.born, old.born)
        for caller in old.callers:
            link.callers.add(caller)
            self._by_caller[caller].pop(old.key)
            self._by_caller[caller][link.key] = link
        self._links.pop(old.key)
        for one in (old, link):
            self._ended_links.pop(one.key, None)
        self._rest(link, now)

    def forget(self, link: Link) -> None:
        """Drop an ended call."""
        self._ended_links.pop(link.key, None)
        self._links.pop(link.key, None)
        for uniqueid in link.legs:
            self._ended.pop(uniqueid, None)
        for caller in link.callers:
            self._forget_caller(caller, link)

    def _thin(self, link: Link) -> None:
        """Forget channels of a call that ended long ago, but none by which a row would be judged otherwise."""
        link.ends = 0
        ended = sorted((leg for leg in link.legs.values() if leg.ended), key=lambda leg: leg.ended_at)
        kept = {leg.uniqueid for leg in ended[-LATEST:]} | {link.key, link.owner.made if link.owner is not None else ""}
        for leg in dispensable(ended):
            if leg.uniqueid not in kept:
                del link.legs[leg.uniqueid]
                self._ended.pop(leg.uniqueid, None)
        for caller in link.callers - {caller for leg in link.legs.values() for caller in leg.callers}:
            link.callers.remove(caller)
            self._forget_caller(caller, link)

    def _forget_caller(self, caller: str, link: Link) -> None:
        named = self._by_caller.get(caller, {})
        named.pop(link.key, None)
        if not named:
            self._by_caller.pop(caller, None)

    def _rest(self, link: Link, now: int) -> None:
        if link.alive:
            return
        link.ended_at = now
        self._ended_links[link.key] = link
        if len(self._ended_links) > self._remembered:
            self.forget(next(iter(self._ended_links.values())))
