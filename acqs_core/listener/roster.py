"""The rows whose calls may be heard, and the ways to find one: by ActionID, by channel, by caller id. Pure.

Memory is bounded by the calls that live: of rows without a living call, finished or never heard of, only the last are
kept. Dropping one loses nothing, since an event that names it has it looked up in the table.
"""

from __future__ import annotations

from collections import OrderedDict

from acqs_core.action import Row, channel_id, header
from acqs_core.listener.channels import is_somebody
from acqs_core.listener.rules import Call, Link

LATE = 1_000
"""Events after which a failed row without a channel no longer takes one that bears its caller id."""


def call_of(row: Row, action_id: str, with_channel_id: bool, since: int) -> Call:
    """What is known of a row's call before anything is heard of it."""
    made = ""
    if row.originates:
        made = header(row.lines, "ChannelId") or (channel_id(row.man_id) if with_channel_id else "")
    callerid = row.callerid if is_somebody(row.callerid) else ""
    return Call(row.man_id, row.originates, callerid, action_id, made, since, made)


class Roster:
    """Every row whose call lives, and the last `remembered` others."""

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._calls: dict[int, Call] = {}
        self._quiet: OrderedDict[int, Call] = OrderedDict()
        self._by_action_id: dict[str, Call] = {}
        self._by_channel: dict[str, Call] = {}
        self._waiting: dict[str, dict[int, Call]] = {}
        self._redirects: dict[str, dict[int, Call]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, man_id: int) -> Call | None:
        """The row with this man_id."""
        return self._calls.get(man_id)

    def by_action_id(self, action_id: str) -> Call | None:
        """The row whose current sending has this ActionID; none has an empty one."""
        return self._by_action_id.get(action_id)

    def by_channel(self, uniqueid: str) -> Call | None:
        """The row that a ChannelId or an OriginateResponse gives this channel."""
        return self._by_channel.get(uniqueid)

    def waiting_for(self, link: Link, now: int) -> Call | None:
        """The first row that a call may belong to by its caller id: sent before it began, and without a call."""
        fit: list[Call] = []
        for caller in link.callers:
            calls = self._waiting.get(caller, {})
            for call in [c for c in calls.values() if c.finished and now > c.ended_at + LATE]:
                _drop(self._waiting, call)
            fit += [call for call in calls.values() if call.since < link.born]
        return min(fit, key=lambda call: (call.finished, call.man_id), default=None)

    def redirects_of(self, caller: str) -> list[Call]:
        """The Redirect rows that name a call by this caller id."""
        return list(self._redirects.get(caller, {}).values())

    def add(self, call: Call) -> None:
        """Remember a row of which nothing has been heard."""
        self._calls[call.man_id] = call
        self.name_action(call, call.action_id)
        if call.channel_id:
            self._by_channel.setdefault(call.channel_id, call)
        if call.originates:
            self.waits(call)
        else:
            self._quiet[call.man_id] = call
            if call.callerid:
                self._redirects.setdefault(call.callerid, {})[call.man_id] = call
        if len(self._quiet) > self._remembered:
            self.forget(next(iter(self._quiet.values())))

    def name_action(self, call: Call, action_id: str) -> None:
        """The row is sent with this ActionID, and no longer with the one before."""
        if self._by_action_id.get(call.action_id) is call:
            del self._by_action_id[call.action_id]
        call.action_id = action_id
        if action_id:
            self._by_action_id[action_id] = call

    def name_channel(self, call: Call, uniqueid: str) -> None:
        """The row's Originate made this channel, whoever asked for its ChannelId before."""
        if self._by_channel.get(call.made) is call and call.made != call.channel_id:
            del self._by_channel[call.made]
        call.made = uniqueid
        self._by_channel[uniqueid] = call

    def free_channel(self, uniqueid: str) -> None:
        """The channel of this ChannelId has ended: the next row that asks for it gets a new one."""
        self._by_channel.pop(uniqueid, None)

    def waits(self, call: Call) -> None:
        """The row has no call: it may get one by its caller id, unless its channel is known."""
        self._quiet[call.man_id] = call
        if not call.made and call.callerid:
            self._waiting.setdefault(call.callerid, {})[call.man_id] = call

    def has_call(self, call: Call) -> None:
        """The row has a call."""
        _drop(self._waiting, call)
        if not call.finished:
            self._quiet.pop(call.man_id, None)

    def finish(self, call: Call, now: int) -> None:
        """The row is DEAD."""
        call.ended_at = now
        self._quiet[call.man_id] = call
        self._quiet.move_to_end(call.man_id)
        _drop(self._redirects, call)

    def forget(self, call: Call) -> None:
        """Drop a row."""
        self._quiet.pop(call.man_id, None)
        self._calls.pop(call.man_id, None)
        if self._by_action_id.get(call.action_id) is call:
            del self._by_action_id[call.action_id]
        for uniqueid in (call.channel_id, call.made):
            if self._by_channel.get(uniqueid) is call:
                del self._by_channel[uniqueid]
        _drop(self._waiting, call)
        _drop(self._redirects, call)


def _drop(index: dict[str, dict[int, Call]], call: Call) -> None:
    same = index.get(call.callerid)
    if same is not None and same.pop(call.man_id, None) is not None and not same:
        del index[call.callerid]
