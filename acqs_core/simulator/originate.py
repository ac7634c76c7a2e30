"""Originate: what Asterisk refuses at once, and the call it places otherwise."""

from __future__ import annotations

import dataclasses
import re

from acqs_core.simulator import events, pbx
from acqs_core.simulator.channel import UNKNOWN, Channel, Party
from acqs_core.simulator.exchange import Exchange
from acqs_core.simulator.pbx import Reached
from acqs_core.simulator.wire import Pair, Request

DEFAULT_TIMEOUT_MS = 30_000
"""How long an Originate rings when it does not say."""

MAX_UNIQUEID = 149
"""Characters of a ChannelId (facts/ami.md)."""

_TRUE = frozenset(("yes", "true", "y", "t", "1", "on"))
_NUMBER = re.compile(r"\s*[+-]?\d+")
_PHONE_NUMBER = re.compile(r"[0-9*#+]+")


_DANGEROUS = ("system", "exec", "agi", "mixmonitor", "externalivr", "originate")
"""Applications that Asterisk 22 lets only a user with the class `system` originate to (main/manager.c)."""


class Refused(Exception):
    """Asterisk answers the Originate with this error."""


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """An Originate that was accepted. `timeout` is in seconds."""

    action_id: str
    channel: str
    context: str
    exten: str
    priority: int
    application: str
    data: str
    timeout: float
    caller: Party
    account: str
    variables: tuple[Pair, ...]
    channel_id: str
    other_id: str
    is_async: bool

    @property
    def technology(self) -> str:
        return self.channel.partition("/")[0]

    @property
    def target(self) -> str:
        return self.channel.partition("/")[2]


def parse_callerid(text: str) -> Party:
    """`"Name" <number>`, a number alone, or a name alone (as in the seed's INSERT)."""
    text = text.strip()
    if text.endswith(">") and "<" in text:
        name, _, number = text[:-1].rpartition("<")
        return Party(number.strip(), _unquote(name.strip()))
    if _PHONE_NUMBER.fullmatch(text):
        return Party(number=text)
    return Party(name=_unquote(text))


def _unquote(name: str) -> str:
    inside = len(name) > 1 and name[0] == name[-1] == '"'
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if inside else name


def is_dangerous(request: Request) -> bool:
    """Whether the application of this Originate reaches the system."""
    application = request.get("Application").lower()
    return any(word in application for word in _DANGEROUS)


def accept(exchange: Exchange, request: Request, variables: tuple[Pair, ...] = ()) -> Order:
    """Check an Originate in Asterisk's order; `variables` are its user's own, set before the request's.

    Raises Refused with Asterisk's message (case `originate_invalid`).
    """
    channel, timeout, priority = request.get("Channel"), request.get("Timeout"), request.get("Priority")
    context, exten, application = request.get("Context"), request.get("Exten"), request.get("Application")
    if not channel:
        raise Refused("Channel not specified")
    if priority and not _NUMBER.match(priority):
        raise Refused("Invalid priority")
    if timeout and not _NUMBER.match(timeout):
        raise Refused("Invalid timeout")
    if "/" not in channel:
        raise Refused("Invalid channel")
    at = int(priority) if priority else 0
    if exten and context and at and exchange.dialplan.step(context, exten, at) is None:
        raise Refused("Extension does not exist.")
    for name in ("ChannelId", "OtherChannelId"):
        if len(request.get(name)) > MAX_UNIQUEID:
            raise Refused(f"Uniqueid length exceeds maximum of {MAX_UNIQUEID}\n")
    is_async = request.get("Async").lower() in _TRUE
    if not is_async and not application and not (exten and context and at):
        raise Refused("Originate with 'Exten' requires 'Context' and 'Priority'")
    return Order(
        action_id=request.get("ActionID"),
        channel=channel,
        context=context,
        exten=exten,
        priority=at or 1,
        application=application,
        data=request.get("Data"),
        timeout=int(timeout or DEFAULT_TIMEOUT_MS) / 1000,
        caller=parse_callerid(request.get("CallerID")),
        account=request.get("Account"),
        variables=(*variables, *reversed(_variables(request))),
        channel_id=request.get("ChannelId"),
        other_id=request.get("OtherChannelId"),
        is_async=is_async,
    )


def _variables(request: Request) -> list[Pair]:
    """Every `Variable:` header in order; one header may set several, parted by commas.

    Asterisk 22 sets them last to first (case `varset_odd`).
    """
    parts = (part.partition("=") for header in request.all("Variable") for part in header.split(","))
    return [(name.strip(), value) for name, _, value in parts if name.strip()]


async def place(exchange: Exchange, order: Order) -> bool:
    """Place the call and follow it until it is answered or failed; says whether it was answered.

    An asynchronous one tells by OriginateResponse. Part of the calls (`disorder`) tell so before the Newstate, as
    Asterisk does (facts/ami.md, what shapes the design, 3).
    """
    ch = _create(exchange, order)
    if ch is None:
        _tell(exchange, order, None, Reached.FAILED)
        return False
    early = exchange.random.random() < exchange.disorder

    def tell_early() -> None:
        if early:
            _tell(exchange, order, ch, Reached.ANSWERED)

    reached = Reached.FAILED
    if _call(exchange, ch):
        reached = await pbx.dial(exchange, ch, order.target, order.timeout, on_answer=tell_early)
    if reached is not Reached.ANSWERED:
        exchange.finish(ch)
        _tell(exchange, order, None, reached)
        return False
    if not early:
        _tell(exchange, order, ch, reached)
    _connect(exchange, ch, order)
    return True


def _create(exchange: Exchange, order: Order) -> Channel | None:
    """The channel of the call, dressed as the Originate says; None when there can be none."""
    if any(exchange.is_taken(one) for one in (order.channel_id, order.other_id) if one):
        return None
    technology = order.technology.lower()
    if technology == "local":
        ch, _ = exchange.create_local(order.target, uniqueid=order.channel_id, other_id=order.other_id)
    elif technology == "pjsip" and order.target in exchange.dialplan.phones:
        ch = exchange.create_phone(order.target, uniqueid=order.channel_id)
    else:
        return None
    exchange.execute(ch, "AppDial2", "(Outgoing Line)")
    for name, value in order.variables:
        exchange.set_variable(ch, name, value)
    exchange.set_account(ch, order.account)
    exchange.set_caller(ch, order.caller)
    exchange.set_connected(ch, order.caller)
    return ch


def _call(exchange: Exchange, ch: Channel) -> bool:
    """Ring the other end; a Local channel to a number that does not exist loses both halves at once."""
    if ch.peer is None:
        pbx.start_phone(exchange, ch)
    elif exchange.dialplan.steps(ch.context, ch.exten):
        pbx.start_local(exchange, ch, ch.peer)
    else:
        exchange.remove(ch.peer)
        return False
    return True


def _connect(exchange: Exchange, ch: Channel, order: Order) -> None:
    ch.runs = True
    if order.application:
        exchange.spawn(pbx.run_application(exchange, ch, order.application, order.data))
        return
    ch.context, ch.exten, ch.priority = order.context or "default", order.exten or "s", order.priority
    exchange.spawn(pbx.run_dialplan(exchange, ch))


def _tell(exchange: Exchange, order: Order, ch: Channel | None, reached: Reached) -> None:
    if not order.is_async:
        return
    identity = (("ActionID", order.action_id),) if order.action_id else ()
    target = (
        (("Application", order.application), ("Data", order.data))
        if order.application
        else (("Context", order.context), ("Exten", order.exten))
    )
    exchange.publish(
        events.originate_response(
            *identity,
            ("Response", "Failure" if ch is None else "Success"),
            ("Channel", order.channel if ch is None else ch.name),
            *target,
            ("Reason", str(reached.value)),
            ("Uniqueid", ch.uniqueid if ch is not None else order.channel_id or UNKNOWN),
            ("CallerIDNum", order.caller.number or UNKNOWN),
            ("CallerIDName", order.caller.name or UNKNOWN),
        )
    )
