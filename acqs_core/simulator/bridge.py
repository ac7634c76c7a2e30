"""Bridges: two channels that hear each other, and the optimisation that takes a Local channel out of a call.

A Local channel without `/n` whose two halves are both bridged leaves: its halves hang up while the call goes on with
other channels under the same Linkedid (facts/ami.md). A listener that takes those hangups for the end of the call is
wrong, so the simulator must have them.
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING

from acqs_core.simulator import events
from acqs_core.simulator.channel import Channel

if TYPE_CHECKING:
    from acqs_core.simulator.exchange import Exchange

NORMAL_CLEARING = 16
"""The hangup cause of a channel whose bridge ended."""


@dataclasses.dataclass(slots=True, eq=False)
class Bridge:
    """A basic bridge and who is in it."""

    uniqueid: str
    members: list[Channel] = dataclasses.field(default_factory=list)


def connect(exchange: Exchange, caller: Channel, called: Channel) -> Bridge:
    """Put the two sides of an answered Dial into a new bridge."""
    bridge = Bridge(str(uuid.UUID(int=exchange.random.getrandbits(128), version=4)))
    exchange.publish(events.bridge("BridgeCreate", bridge))
    exchange.execute(called, "AppDial", "(Outgoing Line)")
    for ch in (called, caller):
        enter(exchange, bridge, ch)
    return bridge


def enter(exchange: Exchange, bridge: Bridge, ch: Channel, swap: str = "") -> None:
    bridge.members.append(ch)
    ch.bridge, ch.bridge_over = bridge, False
    exchange.publish(events.bridge_member("BridgeEnter", bridge, ch, swap))


def leave(exchange: Exchange, ch: Channel) -> None:
    """Take a channel out for good; a basic bridge ends with the first who leaves, so the other is told to go."""
    bridge = ch.bridge
    if bridge is None:
        return
    _take_out(exchange, bridge, ch)
    ch.cause = ch.cause or NORMAL_CLEARING
    for other in bridge.members:
        other.bridge_over = True
        if other.runs:
            other.wake()
        else:
            exchange.request_hangup(other, NORMAL_CLEARING)
    if not bridge.members:
        exchange.publish(events.bridge("BridgeDestroy", bridge))


def _take_out(exchange: Exchange, bridge: Bridge, ch: Channel) -> None:
    bridge.members.remove(ch)
    ch.bridge = None
    exchange.publish(events.bridge_member("BridgeLeave", bridge, ch))


def optimise(exchange: Exchange, half: Channel) -> bool:
    """Let a Local channel leave the call if both its halves are bridged with somebody; says whether it left."""
    other = half.peer
    if other is None or not half.optimise:
        return False
    one, two = (half, other) if half.name.endswith(";1") else (other, half)
    near, far = one.bridge, two.bridge
    if near is None or far is None or one.hanging or two.hanging or len(near.members) < 2 or len(far.members) < 2:
        return False
    source = next(ch for ch in far.members if ch is not two)
    exchange.publish(events.optimization_begin(one, two, source))
    _take_out(exchange, far, source)
    _take_out(exchange, near, one)
    enter(exchange, near, source, swap=one.uniqueid)
    exchange.publish(events.optimization_end(one, two))
    for gone in (two, one):
        gone.bridge_over = True
        gone.cause = NORMAL_CLEARING
        exchange.request_hangup(gone, NORMAL_CLEARING)
    return True
