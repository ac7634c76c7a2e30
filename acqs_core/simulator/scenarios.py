"""The demo's mix: actions whose end is known, because the simulated dialplan says how each must end.

A demo that only shows movement proves nothing; with the expected outcome beside each action it can fail.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from acqs_core.action import NewAction, Outcome, Status, call, command, hangup, raw, redirect

RING_TIMEOUT = 1.5
"""Seconds that a call nobody answers may ring, so that a demo ends soon."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """One action and how it must end. `outcome` is None for an action that is no call and was carried out."""

    title: str
    action: NewAction
    outcome: Outcome | None
    status: Status
    response: str = "Y"


def demo_actions(count: int, *, first: int = 0) -> list[Scenario]:
    """`count` scenarios, each kind in turn, their caller ids numbered from `first`.

    Those that belong together share a caller id, which keeps their order.
    At speed 1 the longest takes about 5 seconds; all run at the same time.
    """
    made: list[Scenario] = []
    while len(made) < count:
        group = _GROUPS[len(made) % len(_GROUPS)](f"DEMO{first + len(made):06d}")
        made.extend(group if len(made) + len(group) <= count else _seed_call(f"DEMO{first + len(made):06d}"))
    return made


def _call(
    title: str,
    channel: str,
    outcome: Outcome,
    *,
    exten: str = "610",
    timeout: float = 30.0,
    context: str = "default",
) -> Callable[[str], list[Scenario]]:
    def make(callerid: str) -> list[Scenario]:
        action = call(channel, context=context, exten=exten, callerid=callerid, timeout=timeout)
        return [Scenario(title, action, outcome, Status.DEAD)]

    return make


_seed_call = _call("the seed's own call", "Local/8600011@demo", Outcome.ANSWERED, exten="917275551212")


def _hung_up(callerid: str) -> list[Scenario]:
    """A call that would last 20 seconds, ended by a Hangup that names its ChannelId."""
    channel_id = f"call-{callerid}"
    return [
        Scenario("a call that is hung up", _named_call(callerid, channel_id), Outcome.ANSWERED, Status.DEAD),
        Scenario("the Hangup that ends it", hangup(channel_id, cause=16, callerid=callerid), None, Status.SENT),
    ]


def _redirected(callerid: str) -> list[Scenario]:
    """A call that would last 20 seconds, sent by a Redirect to a number that ends it."""
    channel_id = f"call-{callerid}"
    moved = redirect(channel_id, exten="630", callerid=callerid)
    return [
        Scenario("a call that is redirected", _named_call(callerid, channel_id), Outcome.ANSWERED, Status.DEAD),
        Scenario("the Redirect that moves it", moved, None, Status.SENT),
    ]


def _named_call(callerid: str, channel_id: str) -> NewAction:
    """A call with a ChannelId and without a caller id header: only the row carries one, to keep the order."""
    lines = (
        "Channel: Local/601@default/n",
        "Context: default",
        "Exten: 607",
        "Priority: 1",
        f"ChannelId: {channel_id}",
    )
    return raw("Originate", lines, callerid=callerid)


def _done(title: str, action: NewAction) -> Callable[[str], list[Scenario]]:
    return lambda callerid: [Scenario(title, action, None, Status.SENT)]


_GROUPS: tuple[Callable[[str], list[Scenario]], ...] = (
    _seed_call,
    _call("a Local call that is answered", "Local/600@default", Outcome.ANSWERED, exten="630"),
    _call("a phone that answers", "PJSIP/ans", Outcome.ANSWERED, exten="630"),
    _call("a phone that hangs up first", "PJSIP/hup", Outcome.ANSWERED, exten="607"),
    _hung_up,
    _hung_up,
    _call("a busy number", "Local/603@default", Outcome.BUSY),
    _call("a busy phone", "PJSIP/busy", Outcome.BUSY),
    _call("a number that only rings", "Local/602@default", Outcome.NO_ANSWER, timeout=RING_TIMEOUT),
    _redirected,
    _redirected,
    _call("a phone that only rings", "PJSIP/ring", Outcome.NO_ANSWER, timeout=RING_TIMEOUT),
    _call("a congested number", "Local/604@default", Outcome.CONGESTION),
    _call("a congested phone", "PJSIP/cong", Outcome.CONGESTION),
    _call("a number that is not allocated", "PJSIP/unal", Outcome.FAILED),
    _call("a phone that does not exist", "PJSIP/nosuchpeer", Outcome.FAILED),
    _call("an extension that does not exist", "Local/600@default", Outcome.REFUSED, exten="4444"),
    _done("a console command", command("core show channels")),
    _done("a Ping", raw("Ping", ())),
    _call("a context that does not exist", "Local/99999@nowhere", Outcome.FAILED),
)
"""The kinds in turn; one that makes two actions stands twice, since it takes two places."""
