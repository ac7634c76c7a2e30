"""Asterisk 1.4's words for what happens to channels, told to the rules in today's: so that the rules know only those.

1.4 has no Linkedid and no ChannelId. Which channels are one call it tells in other ways: the halves of a Local channel
by their names, a phone that a channel calls by Dial, and a masquerade (a bridged channel is sent elsewhere, a Local
channel is optimised away) by three Renames, after which a channel of one name goes on under the other's Uniqueid and a
ZOMBIE with the ORIGINAL Uniqueid hangs up (recordings of 1.4.44; facts/ami.md, Originate).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from acqs_core.action import Row
from acqs_core.listener.calls import REMEMBERED, WANTED, Calls
from acqs_core.listener.channels import Get
from acqs_core.listener.rules import Change

OLD_WANTED = WANTED | {b"Newcallerid", b"Dial"}
"""The events that are parsed at all, of whichever Asterisk it turns out to be."""

_MASQ, _ZOMBIE = "<MASQ>", "<ZOMBIE>"


class OldCalls(Calls):
    """The listener's memory for an Asterisk 1.4. Its own part is bounded by the channels that live."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        super().__init__(remembered)
        self._halves: dict[str, str] = {}
        """Uniqueids of the halves of Local channels that live, by name: the four digits in it come again."""
        self._leaving: dict[str, str] = {}
        """Uniqueids of channels that are being replaced, by the name that they leave to another."""

    def watch(self, row: Row, *, action_id: str, with_channel_id: bool = True) -> None:
        """As in Calls; what a row asks for as ChannelId is not heard here."""
        super().watch(_without_channel_id(row), action_id=action_id, with_channel_id=False)

    def found(self, rows: Iterable[Row], *, with_channel_id: bool = True) -> list[Change]:
        """As in Calls; what a row asks for as ChannelId is not heard here."""
        return super().found(map(_without_channel_id, rows), with_channel_id=False)

    def event(self, name: str, get: Get) -> list[Change]:
        """Take in one AMI event of OLD_WANTED, or a channel of Status as a Newstate."""
        if name == "Dial":
            called, caller = get("DestUniqueID"), get("SrcUniqueID")
            return self.joined(called, caller) if called and caller else []
        if name == "Rename":
            return self._renamed(get)
        uniqueid = get("Uniqueid")
        if get("Channel").endswith(_ZOMBIE):
            return self.ended(uniqueid)
        changes = super().event(name, lambda key: get(key) or (get("State") if key == "ChannelStateDesc" else ""))
        return changes + self._pair(uniqueid)

    def ended(self, uniqueid: str) -> list[Change]:
        """A channel that Asterisk no longer lists, or lists as a ZOMBIE."""
        changes = super().ended(uniqueid)
        self._forget_names(uniqueid)
        return changes

    def _renamed(self, get: Get) -> list[Change]:
        """One step of a masquerade: X leaves its name, another channel takes it, X gets that one's and is a ZOMBIE."""
        old, new, uniqueid = get("Oldname"), get("Newname"), get("Uniqueid")
        if new.endswith(_MASQ):
            leg = self._channels.get(uniqueid)
            if leg is not None and not leg.ended:
                self._leaving[old] = uniqueid
            return []
        if new.endswith(_ZOMBIE):
            return self.ended(uniqueid)
        self._halves.pop(old, None)
        changes = super().event("Rename", get)
        left = self._channels.get(self._leaving.get(new, ""))
        if left is not None:
            left.replaced = True
            changes += self.joined(uniqueid, left.uniqueid)
        return changes

    def _pair(self, uniqueid: str) -> list[Change]:
        """The halves of a Local channel are one call."""
        leg = self._channels.get(uniqueid)
        if leg is None or leg.ended:
            self._forget_names(uniqueid)
            return []
        if not leg.half:
            return []
        self._halves[leg.name] = uniqueid
        first, second = (self._halves.get(leg.name[:-1] + half) for half in "12")
        return self.joined(second, first) if first and second else []

    def _forget_names(self, uniqueid: str) -> None:
        """The channel lives no more, whichever of its Renames were missed in a gap."""
        for names in (self._halves, self._leaving):
            for name in [name for name, whose in names.items() if whose == uniqueid]:
                del names[name]


def _without_channel_id(row: Row) -> Row:
    kept = tuple(line for line in row.lines if line.partition(":")[0].lower() != "channelid")
    return row if len(kept) == len(row.lines) else dataclasses.replace(row, lines=kept)
