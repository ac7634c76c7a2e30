"""A channel: one leg of a call, with the fourteen headers by which every event describes it."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
from typing import TYPE_CHECKING

from acqs_core.simulator.wire import escape

if TYPE_CHECKING:
    from acqs_core.simulator.bridge import Bridge

UNKNOWN = "<unknown>"
"""What Asterisk writes for a caller id that was never set."""

CAUSES = {
    0: "Unknown",
    1: "Unallocated (unassigned) number",
    16: "Normal Clearing",
    17: "User busy",
    19: "User alerting, no answer",
    20: "Subscriber absent",
    21: "Call Rejected",
    34: "Circuit/channel congestion",
    127: "Interworking, unspecified",
}
"""Q.850 hangup causes with Asterisk's words for them (`Cause-txt`); others read `Unknown`."""


class State(enum.IntEnum):
    """The channel states that occur here; the name is `ChannelStateDesc`, the value `ChannelState`."""

    DOWN = 0
    RING = 4
    RINGING = 5
    UP = 6
    BUSY = 7

    @property
    def words(self) -> str:
        return _STATE_WORDS[self]


_STATE_WORDS = {state: state.name.capitalize() for state in State}


class Signal(enum.Enum):
    """What a dialled channel tells the one who dials it."""

    RINGING = enum.auto()
    ANSWER = enum.auto()
    PROGRESS = enum.auto()
    BUSY = enum.auto()
    CONGESTION = enum.auto()
    HANGUP = enum.auto()
    INTERRUPT = enum.auto()
    """From the dialling channel's own side: it was hung up or redirected while it waited."""


class HungUp(Exception):
    """The channel was asked to hang up; whatever runs on it ends."""


class Redirected(Exception):
    """The channel was sent elsewhere in the dialplan; what ran on it ends and it goes on there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Party:
    """A number and a name; empty text is "not known"."""

    number: str = ""
    name: str = ""

    def __bool__(self) -> bool:
        return bool(self.number or self.name)


@dataclasses.dataclass(slots=True, eq=False)
class Channel:
    """One leg. What runs on it is a task that waits on `waiter` only, so that one wake-up ends any wait."""

    name: str
    uniqueid: str
    linkedid: str
    context: str
    exten: str
    device: str
    created: float
    state: State = State.DOWN
    priority: int = 1
    caller: Party = Party()
    connected: Party = Party()
    account: str = ""
    application: str = ""
    data: str = ""
    cause: int = 0
    tech_cause: int | None = None
    variables: dict[str, str] = dataclasses.field(default_factory=dict)
    peer: Channel | None = None
    """The other half of a Local channel."""
    optimise: bool = False
    """A Local channel without `/n`: it leaves as soon as both its ends are bridged."""
    bridge: Bridge | None = None
    bridge_over: bool = False
    inbox: asyncio.Queue[Signal] | None = None
    """Where signals go while this channel is being dialled."""
    watching: asyncio.Queue[Signal] | None = None
    """The inbox of the channel that this one dials."""
    waiter: asyncio.Future[None] | None = None
    runs: bool = False
    """A dialplan or an application runs on it and will hang it up."""
    phone: asyncio.Task[None] | None = None
    hanging: bool = False
    gone: bool = False
    goto: tuple[str, str, int] | None = None
    place: tuple[str, str, int] | None = None
    """Context, extension and priority of its last Newexten."""
    next_caller: Party | None = None
    """A caller id that it has got unseen, through its other half: told with whatever is told of it next."""

    @property
    def is_local(self) -> bool:
        return self.name.startswith("Local/")

    def snapshot(self, prefix: str = "") -> str:
        """The fourteen headers in Asterisk's order, each name after `prefix` (such as `Dest`)."""
        p, state, caller, connected = prefix, self.state, self.caller, self.connected
        names = escape(caller.name or UNKNOWN), escape(connected.name or UNKNOWN)
        return (
            f"{p}Channel: {self.name}\r\n{p}ChannelState: {int(state)}\r\n{p}ChannelStateDesc: {state.words}\r\n"
            f"{p}CallerIDNum: {caller.number or UNKNOWN}\r\n{p}CallerIDName: {names[0]}\r\n"
            f"{p}ConnectedLineNum: {connected.number or UNKNOWN}\r\n"
            f"{p}ConnectedLineName: {names[1]}\r\n"
            f"{p}Language: en\r\n{p}AccountCode: {self.account}\r\n{p}Context: {self.context}\r\n"
            f"{p}Exten: {self.exten}\r\n{p}Priority: {self.priority}\r\n"
            f"{p}Uniqueid: {self.uniqueid}\r\n{p}Linkedid: {self.linkedid}\r\n"
        )

    def wake(self) -> None:
        """End the wait that runs on this channel, so that `check` is asked."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)
        if self.watching is not None:
            self.watching.put_nowait(Signal.INTERRUPT)

    def check(self) -> None:
        """Raise HungUp or Redirected (having gone there) when the channel was asked to."""
        if self.hanging:
            raise HungUp
        if self.goto is not None:
            self.context, self.exten, self.priority = self.goto
            self.goto = None
            raise Redirected

    def signal(self, signal: Signal) -> None:
        """Tell whoever dials this channel, or the other half of this Local channel, what happened."""
        for one in (self, self.peer):
            if one is not None and one.inbox is not None:
                one.inbox.put_nowait(signal)
                return
