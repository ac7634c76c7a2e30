"""The AMI actions. A handler answers on its session; one that must wait, as a synchronous Originate, is awaited."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from acqs_core.simulator import bridge, events, filters, listing, originate, pbx
from acqs_core.simulator.channel import Channel
from acqs_core.simulator.wire import Request, encode

if TYPE_CHECKING:
    from acqs_core.simulator.server import Simulator
    from acqs_core.simulator.session import Session

MAX_IDENTITY = 255
"""What Asterisk has room for when it answers Events: of a longer ActionID line the end is lost, its line end too (case
`actionid_long`)."""


def ping(simulator: Simulator, session: Session, request: Request) -> None:
    session.respond(request, "Success", ("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}"))


def set_events(simulator: Simulator, session: Session, request: Request) -> None:
    mask = filters.mask(request.get("EventMask"))
    if mask is None:
        session.error(request, "Invalid event mask")
        return
    simulator.set_mask(session, mask)
    identity = f"ActionID: {request.get('ActionID')}\r\n" if request.get("ActionID") else ""
    said = "On" if mask else "Off"
    session.write(encode(f"Response: Success\r\n{identity[:MAX_IDENTITY]}Events: {said}\r\n\r\n"))


def add_filter(simulator: Simulator, session: Session, request: Request) -> None:
    if request.get("Operation").lower() != "add":
        session.error(request, "Unknown operation")
        return
    try:
        session.filters.append(filters.parse_filter(request.get("MatchCriteria"), request.get("Filter")))
    except filters.BadFilter as refusal:
        session.error(request, str(refusal))
        return
    session.success(request, "Success")


def place_call(simulator: Simulator, session: Session, request: Request) -> Awaitable[None] | None:
    """Originate. An application that reaches the system needs that class too (seen on 22.10.1)."""
    user = simulator.users[session.user]
    if not session.write_mask & filters.CLASSES["system"] and originate.is_dangerous(request):
        session.error(request, "Originate Access Forbidden: app or data blacklisted")
        return None
    try:
        order = originate.accept(simulator.exchange, request, user.variables)
    except originate.Refused as refusal:
        session.error(request, str(refusal))
        return None
    if order.is_async:
        session.success(request, "Originate successfully queued")
        simulator.spawn(_place(simulator, order))
        return None
    return _place_and_answer(simulator, session, request, order)


async def _place(simulator: Simulator, order: originate.Order) -> None:
    await originate.place(simulator.exchange, order)


async def _place_and_answer(simulator: Simulator, session: Session, request: Request, order: originate.Order) -> None:
    if await originate.place(simulator.exchange, order):
        session.success(request, "Originate successfully queued")
    else:
        session.error(request, "Originate failed")


def hang_up(simulator: Simulator, session: Session, request: Request) -> None:
    name, cause = request.get("Channel"), request.get("Cause")
    number = int(cause) if cause.isdigit() and int(cause) <= 127 else 0
    if not name:
        session.error(request, "No channel specified")
    elif len(name) > 1 and name[0] == name[-1] == "/":
        _hang_up_matching(simulator, session, request, name[1:-1], number)
    elif (ch := simulator.exchange.find(name)) is None:
        session.error(request, "No such channel")
    else:
        session.success(request, "Channel Hungup")
        simulator.exchange.request_hangup(ch, number)


def _hang_up_matching(simulator: Simulator, session: Session, request: Request, pattern: str, cause: int) -> None:
    try:
        wanted = re.compile(pattern)
    except re.error:
        session.error(request, f"Regex compile error: {pattern}")
        return
    found = [ch for ch in simulator.exchange.newest_first() if wanted.search(ch.name)]
    identity = request.get("ActionID")
    tail = f"ActionID: {identity}\r\n\r\n" if identity else "\r\n"
    items = [encode(f"Event: ChannelHungup\r\nChannel: {ch.name}\r\n{tail}") for ch in found]
    session.list_of(request, "Channels hung up will follow", items, "ChannelsHungupListComplete")
    for ch in found:
        simulator.exchange.request_hangup(ch, cause)


def redirect(simulator: Simulator, session: Session, request: Request) -> None:
    """Send a channel elsewhere. `ExtraChannel` is not simulated; a channel still ringing goes there once it answers."""
    for name in ("Channel", "Context", "Exten", "Priority"):
        if not request.get(name):
            session.error(request, f"{name} not specified")
            return
    priority = request.get("Priority")
    if not priority.isdigit():
        session.error(request, "Priority is invalid")
        return
    ch = simulator.exchange.find(request.get("Channel"))
    if ch is None:
        session.error(request, f"Channel does not exist: {request.get('Channel')}")
    elif ch.hanging:
        session.error(request, "Redirect failed, channel not up.")
    else:
        session.success(request, "Redirect successful")
        _go_to(simulator, ch, (request.get("Context"), request.get("Exten"), int(priority)))


def _go_to(simulator: Simulator, ch: Channel, where: tuple[str, str, int]) -> None:
    if ch.runs or ch.inbox is not None:
        ch.goto = where
        ch.wake()
        return
    ch.runs = True  # the far side of a Dial: it has no dialplan of its own yet (case `redirect_bridged`)
    ch.context, ch.exten, ch.priority = where
    simulator.exchange.execute(ch, ch.application, ch.data)
    bridge.leave(simulator.exchange, ch)
    simulator.spawn(pbx.run_dialplan(simulator.exchange, ch))


def core_show_channels(simulator: Simulator, session: Session, request: Request) -> None:
    identity = request.get("ActionID")
    items = (listing.core_show_channel(ch, identity) for ch in simulator.exchange.newest_first())
    session.list_of(request, "Channels will follow", items, "CoreShowChannelsComplete")


def status(simulator: Simulator, session: Session, request: Request) -> None:
    found, name = simulator.exchange.newest_first(), request.get("Channel")
    if name:
        ch = simulator.exchange.find(name)
        if ch is None:
            session.error(request, "No such channel")
            return
        found = [ch]
    items = (listing.status(ch, request.get("ActionID")) for ch in found)
    session.list_of(request, "Channel status will follow", items, "StatusComplete", ("Items", str(len(found))))


def core_settings(simulator: Simulator, session: Session, request: Request) -> None:
    """Not among the recorded cases: names and order were compared with a living 22.10.1."""
    said = (
        ("AMIversion", simulator.version),
        ("AsteriskVersion", simulator.asterisk_version),
        ("SystemName", simulator.exchange.systemname),
        ("CoreMaxCalls", "0"),
        ("CoreMaxLoadAvg", "0.000000"),
        ("CoreRunUser", ""),
        ("CoreRunGroup", ""),
        ("CoreMaxFilehandles", "0"),
        ("CoreRealTimeEnabled", "No"),
        ("CoreCDRenabled", "Yes"),
        ("CoreHTTPenabled", "No"),
        ("SoundsSearchCustomDir", "No"),
    )
    session.respond(request, "Success", *said)


def core_status(simulator: Simulator, session: Session, request: Request) -> None:
    """Not among the recorded cases: names and order were compared with a living 22.10.1."""
    since = time.localtime(simulator.started_at)
    loaded = time.localtime(simulator.reloaded_at)
    said = (
        ("CoreStartupDate", time.strftime("%Y-%m-%d", since)),
        ("CoreStartupTime", time.strftime("%H:%M:%S", since)),
        ("CoreReloadDate", time.strftime("%Y-%m-%d", loaded)),
        ("CoreReloadTime", time.strftime("%H:%M:%S", loaded)),
        ("CoreCurrentCalls", str(simulator.exchange.calls)),
        ("CoreProcessedCalls", str(simulator.exchange.calls_processed)),
    )
    session.respond(request, "Success", *said)


def getvar(simulator: Simulator, session: Session, request: Request) -> None:
    """A channel's variable, or a global one without `Channel:`."""
    variables = _variables(simulator, session, request)
    if variables is not None:
        name = request.get("Variable")
        session.respond(request, "Success", ("Variable", name), ("Value", variables.get(name, "")))


def setvar(simulator: Simulator, session: Session, request: Request) -> None:
    """Set a channel's variable, or a global one without `Channel:`."""
    variables = _variables(simulator, session, request)
    if variables is None:
        return
    session.success(request, "Variable Set")
    name, value = request.get("Variable"), request.get("Value")
    ch = simulator.exchange.find(request.get("Channel"))
    if ch is not None:
        simulator.exchange.set_variable(ch, name, value)
    else:
        variables[name] = value


def _variables(simulator: Simulator, session: Session, request: Request) -> dict[str, str] | None:
    if not request.get("Variable"):
        session.error(request, "No variable specified")
        return None
    name = request.get("Channel")
    if not name:
        return simulator.globals
    ch = simulator.exchange.find(name)
    if ch is None:
        session.error(request, "No such channel")
        return None
    return ch.variables


def user_event(simulator: Simulator, session: Session, request: Request) -> None:
    session.success(request, "Event Sent")
    kept = (line for line in request.lines if not line.lower().startswith(("action:", "userevent:")))
    lines = (f"UserEvent: {request.get('UserEvent')}", *kept)
    simulator.publish(events.user_event("".join(line + "\r\n" for line in lines)))
