"""The events, word for word: header names, their order and their classes as Asterisk 22 was recorded to send them.

Each function builds an event from channels as they are at that moment; nothing here changes a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acqs_core.simulator.channel import CAUSES, UNKNOWN, Channel
from acqs_core.simulator.filters import CLASSES
from acqs_core.simulator.wire import Pair, encode, escape

if TYPE_CHECKING:
    from acqs_core.simulator.bridge import Bridge


class Event:
    """One event: its name, the bit of its class, and its bytes, made once for all who want them."""

    __slots__ = ("_wire", "bit", "name", "text")

    def __init__(self, name: str, privilege: str, body: str) -> None:
        self.name = name
        self.bit = CLASSES[privilege]
        self.text = f"Event: {name}\r\nPrivilege: {privilege},all\r\n{body}"
        self._wire: bytes | None = None

    @property
    def wire(self) -> bytes:
        if self._wire is None:
            self._wire = encode(self.text + "\r\n")
        return self._wire


def lines(*pairs: Pair) -> str:
    """Headers on the wire."""
    return "".join(f"{key}: {value}\r\n" for key, value in pairs)


def newchannel(ch: Channel) -> Event:
    return Event("Newchannel", "call", ch.snapshot())


def newstate(ch: Channel) -> Event:
    return Event("Newstate", "call", ch.snapshot())


def newexten(ch: Channel) -> Event:
    """What begins to run on a channel."""
    ran = lines(("Extension", ch.exten), ("Application", ch.application), ("AppData", ch.data))
    return Event("Newexten", "dialplan", ch.snapshot() + ran)


def new_callerid(ch: Channel) -> Event:
    shown = lines(("CID-CallingPres", "0 (Presentation Allowed, Not Screened)"))
    return Event("NewCallerid", "call", ch.snapshot() + shown)


def new_connected_line(ch: Channel) -> Event:
    return Event("NewConnectedLine", "call", ch.snapshot())


def new_account(ch: Channel, old: str) -> Event:
    return Event("NewAccountCode", "call", ch.snapshot() + lines(("OldAccountCode", old)))


def varset(ch: Channel, name: str, value: str) -> Event:
    """A variable that was set. Only here are bytes that are no UTF-8 replaced (case `varset_odd`)."""
    whole = encode(value).decode("utf-8", "replace")
    return Event("VarSet", "dialplan", ch.snapshot() + lines(("Variable", name), ("Value", escape(whole))))


def local_bridge(one: Channel, two: Channel) -> Event:
    where = lines(
        ("Context", two.context), ("Exten", two.exten), ("LocalOptimization", "Yes" if two.optimise else "No")
    )
    return Event("LocalBridge", "call", one.snapshot("LocalOne") + two.snapshot("LocalTwo") + where)


def dial(name: str, caller: Channel | None, called: Channel, *rest: Pair) -> Event:
    """DialBegin, DialState or DialEnd; an Originate has no dialling channel."""
    who = caller.snapshot() if caller is not None else ""
    return Event(name, "call", who + called.snapshot("Dest") + lines(*rest))


def _tech_cause(ch: Channel) -> str:
    return "" if ch.tech_cause is None else lines(("TechCause", str(ch.tech_cause)))


def hangup_request(ch: Channel, cause: int) -> Event:
    """The other side or the network hangs up."""
    return Event("HangupRequest", "call", ch.snapshot() + lines(("Cause", str(cause))) + _tech_cause(ch))


SHUTTING_DOWN = 4
"""The Cause of a SoftHangupRequest because Asterisk stops (case `restart_cli`)."""


def soft_hangup_request(ch: Channel, cause: int = 16) -> Event:
    """A dialplan ends. Its Cause is a flag, not a Q.850 cause: 16 in the recorded streams, or SHUTTING_DOWN."""
    return Event("SoftHangupRequest", "call", ch.snapshot() + lines(("Cause", str(cause))))


def hangup(ch: Channel) -> Event:
    cause = lines(("Cause", str(ch.cause)), ("Cause-txt", CAUSES.get(ch.cause, CAUSES[0])))
    return Event("Hangup", "call", ch.snapshot() + cause + _tech_cause(ch))


def device_state(device: str, state: str) -> Event:
    return Event("DeviceStateChange", "call", lines(("Device", device), ("State", state)))


def _bridge(bridge: Bridge) -> str:
    return lines(
        ("BridgeUniqueid", bridge.uniqueid),
        ("BridgeType", "basic"),
        ("BridgeTechnology", "simple_bridge"),
        ("BridgeCreator", UNKNOWN),
        ("BridgeName", UNKNOWN),
        ("BridgeNumChannels", str(len(bridge.members))),
        ("BridgeVideoSourceMode", "none"),
    )


def bridge(name: str, which: Bridge) -> Event:
    """BridgeCreate or BridgeDestroy."""
    return Event(name, "call", _bridge(which))


def bridge_member(name: str, which: Bridge, ch: Channel, swap: str = "") -> Event:
    """BridgeEnter or BridgeLeave; `swap` is the Uniqueid of the channel whose place is taken."""
    swapped = lines(("SwapUniqueid", swap)) if swap else ""
    return Event(name, "call", _bridge(which) + ch.snapshot() + swapped)


def optimization_begin(one: Channel, two: Channel, source: Channel) -> Event:
    rest = lines(("DestUniqueId", two.uniqueid), ("Id", "0"))
    pair = one.snapshot("LocalOne") + two.snapshot("LocalTwo")
    return Event("LocalOptimizationBegin", "call", pair + source.snapshot("Source") + rest)


def optimization_end(one: Channel, two: Channel) -> Event:
    """`Success: No` is what 22.10.1 was recorded to say of an optimisation that succeeded."""
    pair = one.snapshot("LocalOne") + two.snapshot("LocalTwo")
    return Event("LocalOptimizationEnd", "call", pair + lines(("Success", "No"), ("Id", "0")))


def originate_response(*pairs: Pair) -> Event:
    return Event("OriginateResponse", "call", lines(*pairs))


def user_event(body: str) -> Event:
    return Event("UserEvent", "user", body)


def channel_user_event(ch: Channel, name: str, said: dict[str, str]) -> Event:
    """The UserEvent application, which shows its channel."""
    return Event("UserEvent", "user", ch.snapshot() + lines(("UserEvent", name), *said.items()))


def fully_booted(uptime: int, since_reload: int) -> Event:
    said = (("Uptime", str(uptime)), ("LastReload", str(since_reload)), ("Status", "Fully Booted"))
    return Event("FullyBooted", "system", lines(*said))


def shutdown(restart: bool) -> Event:
    return Event("Shutdown", "system", lines(("Shutdown", "Cleanly"), ("Restart", str(restart))))


def reload() -> Event:
    return Event("Reload", "system", lines(("Module", "All"), ("Status", "0")))
