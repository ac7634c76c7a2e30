"""The AMI actions. A handler answers on its session; one that must wait, as a synchronous Originate, is awaited."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from acqs_core.simulator import bridge, events, filters, listing, originate, pbx
from acqs_core.simulator.channel import Channel
from acqs_core.simulator.wire import Request, encode

if TYPE_CHECKING:
    from acqs_core.simulator.server import Simulator
    from acqs_core.simulator.session import Session

Handler = Callable[["Simulator", "Session", Request], Awaitable[None] | None]

REFUSAL_DELAY = 1.0
"""Seconds before a bad login is answered (facts/ami.md)."""


def login(simulator: Simulator, session: Session, request: Request) -> Awaitable[None] | None:
    if session.user:
        session.success(request, "Already authenticated")
        return None
    user = request.get("Username")
    if simulator.refuse_logins or not _knows_secret(simulator, session, request, user):
        return _refuse_login(simulator, session, request)
    wanted = filters.mask(request.get("Events"))
    simulator.logged_in(session, user, filters.ALL if wanted is None else wanted)
    session.success(request, "Authentication accepted")
    now = time.time()
    session.deliver(events.fully_booted(simulator.uptime))
    simulator.publish(events.successful_auth(user, session.name, session.addresses, now, session.since))
    return None


def _knows_secret(simulator: Simulator, session: Session, request: Request, user: str) -> bool:
    secret = simulator.users.get(user)
    if secret is None:
        return False
    if request.get("AuthType").upper() == "MD5":
        expected = hashlib.md5((session.challenge + secret).encode(), usedforsecurity=False).hexdigest()
        return bool(session.challenge) and hmac.compare_digest(expected, request.get("Key"))
    return hmac.compare_digest(encode(secret), encode(request.get("Secret")))


async def _refuse_login(simulator: Simulator, session: Session, request: Request) -> None:
    await asyncio.sleep(REFUSAL_DELAY / simulator.speed)
    session.error(request, "Authentication failed")
    session.close()


def challenge(simulator: Simulator, session: Session, request: Request) -> None:
    if request.get("AuthType").upper() != "MD5":
        session.error(request, "Must specify AuthType")
        return
    session.challenge = str(simulator.exchange.random.randrange(10**8, 10**9))
    session.respond(request, "Success", ("Challenge", session.challenge))


def logoff(simulator: Simulator, session: Session, request: Request) -> None:
    session.respond(request, "Goodbye", ("Message", "Thanks for all the fish."))
    session.close()


def ping(simulator: Simulator, session: Session, request: Request) -> None:
    session.respond(request, "Success", ("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}"))


def set_events(simulator: Simulator, session: Session, request: Request) -> None:
    mask = filters.mask(request.get("EventMask"))
    if mask is None:
        session.error(request, "Invalid event mask")
        return
    simulator.set_mask(session, mask)
    session.respond(request, "Success", ("Events", "On" if mask else "Off"))


def add_filter(simulator: Simulator, session: Session, request: Request) -> None:
    if request.get("Operation").lower() != "add":
        session.error(request, "Unknown operation")
        return
    found = filters.parse_filter(request.get("MatchCriteria"), request.get("Filter"))
    if found is None:
        session.error(request, "Filter did not compile.  Check the syntax of the filter given.")
        return
    session.filters.append(found)
    session.success(request, "Success")


def place_call(simulator: Simulator, session: Session, request: Request) -> Awaitable[None] | None:
    try:
        order = originate.accept(simulator.exchange, request)
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
    found = [ch for ch in _newest_first(simulator) if wanted.search(ch.name)]
    identity = request.get("ActionID")
    tail = f"ActionID: {identity}\r\n\r\n" if identity else "\r\n"
    items = [encode(f"Event: ChannelHungup\r\nChannel: {ch.name}\r\n{tail}") for ch in found]
    session.list_of(request, "Channels hung up will follow", items, "ChannelsHungupListComplete")
    for ch in found:
        simulator.exchange.request_hangup(ch, cause)


def _newest_first(simulator: Simulator) -> list[Channel]:
    return list(reversed(simulator.exchange.channels.values()))


def redirect(simulator: Simulator, session: Session, request: Request) -> None:
    """Send a channel elsewhere. `ExtraChannel` is not simulated; a channel still ringing goes there once it answers."""
    for name in ("Channel", "Context", "Exten", "Priority"):
        if not request.get(name):
            session.error(request, f"{name} not specified")
            return
    priority = request.get("Priority")
    if not priority.isdigit():
        session.error(request, "Invalid priority")
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
    ch.goto = where
    if ch.runs or ch.inbox is not None:
        ch.wake()
        return
    ch.runs = True  # the far side of a Dial: it has no dialplan of its own yet
    bridge.leave(simulator.exchange, ch)
    simulator.spawn(pbx.run_dialplan(simulator.exchange, ch))


def core_show_channels(simulator: Simulator, session: Session, request: Request) -> None:
    identity = request.get("ActionID")
    items = (listing.core_show_channel(ch, identity) for ch in _newest_first(simulator))
    session.list_of(request, "Channels will follow", items, "CoreShowChannelsComplete")


def status(simulator: Simulator, session: Session, request: Request) -> None:
    found, name = _newest_first(simulator), request.get("Channel")
    if name:
        ch = simulator.exchange.find(name)
        if ch is None:
            session.error(request, "No such channel")
            return
        found = [ch]
    items = (listing.status(ch, request.get("ActionID")) for ch in found)
    session.list_of(request, "Channel status will follow", items, "StatusComplete", ("Items", str(len(found))))


def command(simulator: Simulator, session: Session, request: Request) -> None:
    text = request.get("Command")
    if not text:
        session.error(request, "No command provided")
        return
    lines = _console(simulator, " ".join(text.split()).lower())
    outcome = "Success"
    if lines is None:
        outcome, tried = "Error", " ".join(text.split()[:2])
        lines = [f"No such command '{text}' (type 'core show help {tried}' for other possible commands)"]
    session.respond(request, outcome, ("Message", "Command output follows"), *(("Output", line) for line in lines))


def _console(simulator: Simulator, text: str) -> list[str] | None:
    exchange = simulator.exchange
    match text:
        case "core show channels":
            return listing.channels_table(_newest_first(simulator), exchange.calls)
        case "core show channels concise":
            return [listing.concise(ch) for ch in _newest_first(simulator)] or [""]
        case "core show version":
            return [f"Asterisk {simulator.asterisk_version} (simulated)"]
        case "core show uptime":
            return [listing.uptime(label, simulator.uptime) for label in ("System uptime", "Last reload")]
    return None


def core_settings(simulator: Simulator, session: Session, request: Request) -> None:
    """Not among the recorded cases: names and order from Asterisk 22's main/manager.c."""
    said = (
        ("AMIversion", simulator.version),
        ("AsteriskVersion", simulator.asterisk_version),
        ("SystemName", ""),
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
    """Not among the recorded cases: names and order from Asterisk 22's main/manager.c."""
    since = time.localtime(simulator.started_at)
    date, clock = time.strftime("%Y-%m-%d", since), time.strftime("%H:%M:%S", since)
    live = len({ch.linkedid for ch in simulator.exchange.channels.values()})
    said = (
        ("CoreStartupDate", date),
        ("CoreStartupTime", clock),
        ("CoreReloadDate", date),
        ("CoreReloadTime", clock),
        ("CoreCurrentCalls", str(live)),
        ("CoreProcessedCalls", str(simulator.exchange.calls)),
    )
    session.respond(request, "Success", *said)


def getvar(simulator: Simulator, session: Session, request: Request) -> None:
    """A channel's variable, or a global one without `Channel:`. Not among the recorded cases."""
    variables = _variables(simulator, session, request)
    if variables is not None:
        name = request.get("Variable")
        session.respond(request, "Success", ("Variable", name), ("Value", variables.get(name, "")))


def setvar(simulator: Simulator, session: Session, request: Request) -> None:
    """Set a channel's variable, or a global one without `Channel:`. Not among the recorded cases."""
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


def deny(simulator: Simulator, session: Session, request: Request) -> None:
    """What a client that has not logged in hears to anything but a login."""
    session.error(request, "Permission denied")


BEFORE_LOGIN: dict[str, Handler] = {"login": login, "challenge": challenge, "logoff": logoff}
"""What a client may do before it has logged in."""

HANDLERS: dict[str, Handler] = BEFORE_LOGIN | {
    "ping": ping,
    "events": set_events,
    "filter": add_filter,
    "originate": place_call,
    "hangup": hang_up,
    "redirect": redirect,
    "coreshowchannels": core_show_channels,
    "status": status,
    "command": command,
    "coresettings": core_settings,
    "corestatus": core_status,
    "getvar": getvar,
    "setvar": setvar,
    "userevent": user_event,
}
"""Every action that is simulated, by its name in lower case."""
