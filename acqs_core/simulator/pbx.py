"""What runs on a channel: the dialplan with its applications, and dialling another channel.

Each runs as one task a channel; every wait goes through `Exchange.pause` or a dial's inbox, so a Hangup or a Redirect
ends it at once.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import NoReturn

from acqs_core.simulator import bridge, events
from acqs_core.simulator.bookkeeping import DialRecord
from acqs_core.simulator.channel import Channel, HungUp, Party, Redirected, Signal, State
from acqs_core.simulator.exchange import Exchange

ANSWER_SETTLES = 0.5
"""Seconds that Answer() waits for media on a channel that was not up yet; a Local channel has none to end it sooner."""

OPTIMISE_AFTER = 0.55
"""Seconds in a bridge before a Local channel is optimised away (521 ms after the answer, case `local_optimized`)."""

UNWINDING_TURNS = 2
"""Turns of the loop between the end of a dialplan and its channel's Hangup: halves of a Local channel that are hung up
together both say so first, and a bridged leg without a dialplan goes before them (case `local_optimized`)."""

DEFAULT_DIAL = 30.0
"""Seconds that Dial() rings when it is not told."""


class Reached(enum.Enum):
    """How a dial ended; the value is the Reason of OriginateResponse (facts/ami.md)."""

    FAILED = 0
    NO_ANSWER = 3
    ANSWERED = 4
    BUSY = 5
    CONGESTION = 8


_ENDS = {
    Signal.ANSWER: ("ANSWER", Reached.ANSWERED),
    Signal.BUSY: ("BUSY", Reached.BUSY),
    Signal.CONGESTION: ("CONGESTION", Reached.CONGESTION),
}
_STATUS_OF_CAUSE = {17: "BUSY", 34: "CONGESTION"}
_STATUS_OF_REACHED = {Reached.BUSY: "BUSY", Reached.CONGESTION: "CONGESTION"}


async def run_dialplan(exchange: Exchange, ch: Channel) -> None:
    """Run the dialplan from where the channel stands until it ends, then hang the channel up."""
    ch.runs = True
    with exchange.counted_call():
        while True:
            try:
                await _run_steps(exchange, ch)
            except Redirected:
                continue
            except HungUp:
                pass
            break
    exchange.publish(events.soft_hangup_request(ch))
    for _ in range(UNWINDING_TURNS):
        await asyncio.sleep(0)
    exchange.finish(ch)


async def run_application(exchange: Exchange, ch: Channel, application: str, data: str) -> None:
    """Run one application of an Originate: there is no dialplan, so no Newexten and no SoftHangupRequest."""
    ch.runs = True
    ch.application, ch.data = application, data
    try:
        await _APPLICATIONS.get(application.lower(), _nothing)(exchange, ch, data)
    except Redirected:
        await run_dialplan(exchange, ch)
        return
    except HungUp:
        pass
    exchange.finish(ch)


async def _run_steps(exchange: Exchange, ch: Channel) -> None:
    ch.check()
    while (step := exchange.dialplan.step(ch.context, ch.exten, ch.priority)) is not None:
        exchange.execute(ch, *step)
        await _APPLICATIONS.get(step[0].lower(), _nothing)(exchange, ch, step[1])
        ch.check()
        ch.priority += 1


async def dial(
    exchange: Exchange,
    called: Channel,
    string: str,
    timeout: float,
    *,
    caller: Channel | None = None,
    on_ring: Callable[[], None] = lambda: None,
    on_answer: Callable[[], None] = lambda: None,
) -> Reached:
    """Follow a channel that was just called until it answers, refuses or `timeout` seconds have passed.

    `on_ring` and `on_answer` are called when it rings and answers, before anybody is told of the answer. Raises HungUp
    or Redirected for the caller.
    """
    inbox = called.inbox = asyncio.Queue()
    if caller is not None:
        caller.watching = inbox
    exchange.publish(events.dial("DialBegin", caller, called, ("DialString", string)))
    if caller is not None and not called.is_local:
        _show_called(exchange, caller, called)
    try:
        async with asyncio.timeout(timeout / exchange.speed):
            return await _follow(exchange, called, caller, inbox, on_ring, on_answer)
    except TimeoutError:
        called.cause = 19
        if not called.is_local:
            called.tech_cause = 480
        return Reached.NO_ANSWER
    finally:
        called.inbox = None
        if caller is not None:
            caller.watching = None


def _show_called(exchange: Exchange, caller: Channel, called: Channel) -> None:
    """Show the caller whom it is connected to; through a Local channel that is the other half's caller id."""
    exchange.set_connected(caller, called.caller)
    if caller.peer is not None:
        caller.peer.next_caller = called.caller


async def _follow(
    exchange: Exchange,
    called: Channel,
    caller: Channel | None,
    inbox: asyncio.Queue[Signal],
    on_ring: Callable[[], None],
    on_answer: Callable[[], None],
) -> Reached:
    while True:
        signal = await inbox.get()
        if signal is Signal.INTERRUPT and caller is not None:
            caller.check()
        elif signal is Signal.RINGING:
            exchange.set_state(called, State.RINGING)
            on_ring()
            exchange.publish(events.dial("DialState", caller, called, ("DialStatus", "RINGING")))
            if caller is not None:
                caller.signal(Signal.RINGING)
        elif signal is Signal.PROGRESS:
            exchange.publish(events.dial("DialState", caller, called, ("DialStatus", "PROGRESS")))
        elif signal is Signal.HANGUP:
            status = _STATUS_OF_CAUSE.get(called.cause, "NOANSWER")
            exchange.publish(events.dial("DialEnd", caller, called, ("DialStatus", status)))
            return Reached.FAILED
        elif signal in _ENDS:
            status, reached = _ENDS[signal]
            if reached is Reached.ANSWERED:
                on_answer()
                exchange.set_state(called, State.UP)
                if caller is not None:
                    called.exten = ""  # Dial() says so of a leg that was answered
            exchange.publish(events.dial("DialEnd", caller, called, ("DialStatus", status)))
            return reached


def start_phone(exchange: Exchange, ch: Channel) -> None:
    """Let the phone behind a PJSIP channel behave as the dialplan's table says."""
    ch.phone = exchange.spawn(_phone(exchange, ch))


async def _phone(exchange: Exchange, ch: Channel) -> None:
    phone = exchange.dialplan.phones[ch.device.removeprefix("PJSIP/")]
    clock = 0.0

    async def until(moment: float) -> None:
        nonlocal clock
        await asyncio.sleep(max(0.0, moment - clock) / exchange.speed)
        clock = moment

    if phone.progress is not None:
        await until(phone.progress)
        ch.signal(Signal.PROGRESS)
    if phone.ring is not None:
        await until(phone.ring)
        ch.signal(Signal.RINGING)
    if phone.refuse is not None:
        moment, cause, ch.tech_cause = phone.refuse
        await until(moment)
        exchange.publish(events.hangup_request(ch, cause))
        exchange.request_hangup(ch, cause)
    elif phone.answer is not None:
        await until(phone.answer)
        ch.signal(Signal.ANSWER)
        if phone.hangup is not None:
            await until(phone.answer + phone.hangup)
            exchange.publish(events.hangup_request(ch, bridge.NORMAL_CLEARING))
            exchange.request_hangup(ch, bridge.NORMAL_CLEARING)


def start_local(exchange: Exchange, one: Channel, two: Channel) -> None:
    """Let the second half of a Local channel run its number, as the first is called."""
    for name, value in reversed(one.variables.items()):
        exchange.set_variable(two, name, value)
    two.account, old = one.account, two.account
    two.caller, two.connected = one.connected, one.caller
    if two.caller:
        exchange.publish(events.new_callerid(two))
    if two.account != old:
        exchange.publish(events.new_account(two, old))
    if two.connected:
        exchange.publish(events.new_connected_line(two))
    exchange.publish(events.local_bridge(one, two))
    two.runs = True
    exchange.spawn(run_dialplan(exchange, two))


# The applications. Each returns when the dialplan goes on and raises HungUp when it ends there.


async def _nothing(exchange: Exchange, ch: Channel, data: str) -> None:
    """NoOp, and any application that is not simulated."""


async def _answer(exchange: Exchange, ch: Channel, data: str) -> None:
    if ch.state is not State.UP:
        exchange.answer(ch)
        await exchange.pause(ch, ANSWER_SETTLES)


async def _ringing(exchange: Exchange, ch: Channel, data: str) -> None:
    ch.signal(Signal.RINGING)


async def _wait(exchange: Exchange, ch: Channel, data: str) -> None:
    await exchange.pause(ch, float(data or 0))


async def _refuse(exchange: Exchange, ch: Channel, data: str, cause: int, signal: Signal) -> None:
    if ch.state is not State.UP:
        ch.cause = cause
        exchange.set_state(ch, State.BUSY)
    ch.signal(signal)
    await exchange.pause(ch, float(data) if data else None)
    raise HungUp


async def _busy(exchange: Exchange, ch: Channel, data: str) -> None:
    await _refuse(exchange, ch, data, 17, Signal.BUSY)


async def _congestion(exchange: Exchange, ch: Channel, data: str) -> None:
    await _refuse(exchange, ch, data, 34, Signal.CONGESTION)


async def _hangup(exchange: Exchange, ch: Channel, data: str) -> None:
    ch.cause = int(data) if data.isdigit() else bridge.NORMAL_CLEARING
    raise HungUp


async def _set(exchange: Exchange, ch: Channel, data: str) -> None:
    """Set a variable; setting a function of the channel, such as CHANNEL(...), says nothing (case `varset_odd`)."""
    name, _, value = data.partition("=")
    if "(" not in name:
        exchange.set_variable(ch, name, value)


async def _user_event(exchange: Exchange, ch: Channel, data: str) -> None:
    """`UserEvent(Name,Key: value,...)`: the last of equal keys is kept, what has no colon is not."""
    name, *parts = data.split(",")
    said = {key: value.strip() for key, colon, value in (part.partition(":") for part in parts) if colon}
    exchange.publish(events.channel_user_event(ch, name, said))


async def _milliwatt(exchange: Exchange, ch: Channel, data: str) -> None:
    await exchange.pause(ch, None)


async def _dial(exchange: Exchange, ch: Channel, data: str) -> None:
    target, _, rest = data.partition(",")
    technology, _, string = target.partition("/")
    seconds = rest.partition(",")[0]
    record = DialRecord(exchange, ch, string)
    called = _create_leg(exchange, ch, technology, string)
    if called is None:
        record.failed("CHANUNAVAIL")
        ch.cause = 20
        return
    patience = float(seconds) if seconds else DEFAULT_DIAL
    reached = Reached.FAILED
    try:
        reached = await dial(
            exchange, called, string, patience, caller=ch, on_ring=record.rings,
            on_answer=lambda: record.answered(called),
        )  # fmt: skip
    finally:
        if reached is not Reached.ANSWERED:
            exchange.finish(called)
    if reached is Reached.ANSWERED:
        await _talk(exchange, ch, called, record)
    record.failed(_STATUS_OF_REACHED.get(reached) or _STATUS_OF_CAUSE.get(called.cause, "NOANSWER"))


def _create_leg(exchange: Exchange, ch: Channel, technology: str, string: str) -> Channel | None:
    """The channel that Dial calls, with the caller id that Dial gives it; None when there is nobody to call."""
    two = None
    if technology.lower() == "local" and exchange.dialplan.steps(*_context_and_exten(string)):
        called, two = exchange.create_local(string, linkedid=ch.linkedid)
    elif technology.upper() == "PJSIP" and string in exchange.dialplan.phones:
        called = exchange.create_phone(string, linkedid=ch.linkedid)
    else:
        return None
    exchange.set_variable(called, "DIALEDPEERNUMBER", string)
    called.context, called.exten, called.priority = ch.context, ch.exten, 1
    called.caller, called.connected = Party(ch.exten, ch.connected.name), ch.caller
    exchange.execute(called, "AppDial", "(Outgoing Line)")
    exchange.publish(events.new_callerid(called))
    if called.connected:
        exchange.publish(events.new_connected_line(called))
    if two is not None:
        start_local(exchange, called, two)
    else:
        start_phone(exchange, called)
    return called


def _context_and_exten(string: str) -> tuple[str, str]:
    exten, _, context = string.partition("/")[0].partition("@")
    return context or "default", exten


async def _talk(exchange: Exchange, ch: Channel, called: Channel, record: DialRecord) -> NoReturn:
    """Both sides are up: bridge them until one leaves. Raises HungUp: Dial() ends the dialplan then."""
    if ch.state is not State.UP:
        exchange.answer(ch)
    bridge.connect(exchange, ch, called)
    try:
        await exchange.pause(ch, OPTIMISE_AFTER)
        for half in (ch, called):
            bridge.optimise(exchange, half)
        ch.check()
        while not ch.bridge_over:
            await exchange.pause(ch, None)
    finally:
        bridge.leave(exchange, ch)
        record.over()
    raise HungUp


_APPLICATIONS = {
    "answer": _answer,
    "ringing": _ringing,
    "wait": _wait,
    "busy": _busy,
    "congestion": _congestion,
    "hangup": _hangup,
    "milliwatt": _milliwatt,
    "set": _set,
    "userevent": _user_event,
    "dial": _dial,
}
