"""Every fault, and what is promised when it happens (the promises that hold for all are the page's, report.py)."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence

from tests.faults import asterisks, databases, deeds, leases, wires
from tests.faults.ground import Ground, Kind
from tests.faults.kills import TAKE_OVER, Injection, child_killed_at, killed_at, steps
from tests.faults.stopping import MOMENTS, WRITES

Inject = Callable[[Ground, Kind, random.Random], Awaitable[Injection]]
"""Does it once, at a place of its own, beside others."""

Wave = Callable[[Ground, Sequence[Kind], random.Random], Awaitable[list[Injection]]]
"""Does it once to everybody, with a place for each of these kinds."""

TAKES_OVER, DRAINED = "another sends and listens", "every row is settled"
"""What the time to recover runs to."""

RETURNED = 10.0
"""Seconds after Asterisk's return within which the rows of its calls are settled."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault. Exactly one of `inject` and `wave` is given."""

    group: str
    name: str
    until: str
    within: float | None = None
    """Seconds to recover in that are promised; None where none are."""
    inject: Inject | None = None
    wave: Wave | None = None
    places: int = 10
    """For a wave: how many live through it side by side."""
    under_load: bool = False
    """Timed while rows come all the time: eight of its kind side by side would measure two processors, not a lease."""


def faults() -> list[Fault]:
    """All of them, in the order of the page."""
    return [*_steps(), *_deeds(), *_leases(), *_databases(), *_asterisks(), *_wires()]


def _steps() -> list[Fault]:
    engine = "An engine is killed (SIGKILL) at a step of an action's life"
    child = "The process of one child session is killed (SIGKILL) at a write (isolation = process)"
    return [
        *(
            Fault(engine, f"{step}: {at}", TAKES_OVER, TAKE_OVER, inject=functools.partial(killed_at, step, [at]))
            for step, at in itertools.product(steps(), MOMENTS)
        ),
        *(
            Fault(child, f"{step}: {at}", DRAINED, inject=functools.partial(child_killed_at, step, at))
            for step, at in itertools.product(WRITES, MOMENTS)
        ),
    ]


def _deeds() -> list[Fault]:
    return [
        Fault(
            f"An operator's {deed} is killed (SIGKILL) or loses a reply at one of its statements", f"{step}: {end}",
            DRAINED, inject=functools.partial(deeds.interrupted_at, deed, step, [end]),
        )
        for deed, steps_of in deeds.STEPS.items() for step in steps_of for end in deeds.ENDS
    ]  # fmt: skip


def _leases() -> list[Fault]:
    found = {
        "killed (SIGKILL) at any instant": leases.killed,
        "stopped (SIGSTOP) at any instant, and wakes": leases.frozen,
        "stopped (SIGSTOP) inside a statement, and wakes": leases.frozen_in_statement,
        "cut off from the database, and back": leases.cut_off,
        "cut off inside a claim that waits for a lock and holds one, and back": leases.cut_off_in_statement,
    }
    group = "The holder of the lease is lost under load"
    return [Fault(group, name, TAKES_OVER, TAKE_OVER, inject=inject, under_load=True) for name, inject in found.items()]


def _databases() -> list[Fault]:
    outages = {
        "killed (SIGKILL), back after 1 s": databases.crashed,
        "stopped for 30 s": databases.stopped,
        "stands still (SIGSTOP) for 5 s": databases.stood_still,
    }
    troubles = {
        "connections cut in mid-statement": databases.torn_statement,
        "replies lost in mid-commit: the statement took effect, its reply never came": databases.torn_commit,
        "nothing goes through for 2 to 6 s, nobody is told": databases.silent,
        "replies 0.1 to 0.5 s late, 20 kB/s": databases.slow,
    }
    group = "The database goes away under load"

    return [
        *(
            Fault(group, name, DRAINED, wave=functools.partial(databases.wave, outage))
            for name, outage in outages.items()
        ),
        *(
            Fault(group, name, DRAINED, inject=functools.partial(databases.on_the_wire, trouble))
            for name, trouble in troubles.items()
        ),
        Fault(group, "replies lost in mid-commit, of rows whose server_ip is blank", DRAINED,
              inject=functools.partial(databases.on_the_wire, databases.torn_commit, blank=True)),
    ]  # fmt: skip


def _asterisks() -> list[Fault]:
    group = "Asterisk goes away"

    calls = asterisks.CALLS
    return [
        Fault(group, f"`core restart now` with {calls} calls up", DRAINED, RETURNED,
              wave=functools.partial(asterisks.wave, asterisks.restarted, calls), places=4),
        Fault(group, f"killed (SIGKILL) with {calls} calls up, back after 1 s", DRAINED, RETURNED,
              wave=functools.partial(asterisks.wave, asterisks.killed, calls), places=4),
        Fault(group, "stands still (SIGSTOP) for 5 s", DRAINED,
              wave=functools.partial(asterisks.wave, asterisks.stood_still, 0)),
        Fault(group, "`core stop gracefully` with 5 calls up, started again after their end", DRAINED,
              wave=functools.partial(asterisks.wave, asterisks.stopped_gracefully, 5)),
    ]  # fmt: skip


def _wires() -> list[Fault]:
    troubles = {
        "connections cut within a login, an action, a Logoff": wires.torn_action,
        "connections cut within a banner, an answer, an event": wires.torn_answer,
        "connections closed in one direction": wires.half_closed,
        "nothing goes through for 8 to 12 s, nobody is told": wires.silent,
        "answers 0.1 to 0.5 s late, 4 kB/s": wires.slow,
    }
    manners = {
        "refuses logins for 1 to 3 s": wires.refuses_logins,
        "sends no banner for 1 to 3 s": wires.sends_no_banner,
        "answers nothing for 8 to 12 s": wires.answers_nothing,
        "floods: 5,000 events a second": wires.floods,
    }
    wire, simulated = "The wire to Asterisk is in trouble under load", "Asterisk (simulated) misbehaves under load"
    return [
        *(
            Fault(wire, name, DRAINED, inject=functools.partial(wires.on_the_wire, trouble))
            for name, trouble in troubles.items()
        ),
        *(
            Fault(simulated, name, DRAINED, inject=functools.partial(wires.misbehaving, manner))
            for name, manner in manners.items()
        ),
    ]
