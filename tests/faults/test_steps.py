"""kill -9 before and after each statement and each write of an action's life and each statement of an operator's deeds,
and a holder of the lease that is stopped or cut off inside a statement: nothing is lost and nothing sent twice.
`make faults` does more, and each 20 times."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Sequence

import pytest

from tests.faults import deeds, leases
from tests.faults.catalogue import TAKES_OVER, Fault, Inject
from tests.faults.ground import KINDS, Ground
from tests.faults.kills import TAKE_OVER, Injection, killed_at, steps
from tests.faults.report import Outcome
from tests.faults.stopping import Moment

TRIES = 3
"""How often a take-over may be tried: a machine that others use too can delay one and cannot make one faster."""

MANY, FEW = 10, 3
"""How many are injected side by side, as they mostly wait for a lease to expire; and how many of those tried again."""


def moments(step: str) -> list[Moment]:
    """Where an engine is killed, one after the other; inside the two on which "at most once" rests as well."""
    return ["before", "within", "after"] if step in ("mark sent", "action") else ["before", "after"]


FAULTS: dict[str, Inject] = {
    **{f"killed: {step}": functools.partial(killed_at, step, moments(step), grace=0.0) for step in steps()},
    **{
        f"{deed} ended: {step}": functools.partial(deeds.interrupted_at, deed, step, deeds.ENDS)
        for deed, steps_of in deeds.STEPS.items()
        for step in steps_of
    },
    "stopped inside a statement": leases.frozen_in_statement,
    "cut off inside a statement that waits for a lock": leases.cut_off_in_statement,
}


@pytest.mark.timeout(600)
async def test_lost_at_any_step_an_engine_loses_no_row_sends_none_twice_and_is_followed_within_5_s(
    ground: Ground,
) -> None:
    """Many side by side; those that were followed too late again, with little beside them."""
    late = await _late(ground, list(FAULTS), MANY)
    for _ in range(TRIES - 1):
        late = await _late(ground, list(late), FEW)
    assert not late, f"followed after more than {TAKE_OVER:g} s, {TRIES} times: {late}"


async def _late(ground: Ground, names: Sequence[str], at_once: int) -> dict[str, float]:
    """Inject these once, each judged as by `make faults`; gives after how many seconds those were followed that were
    followed too late."""
    places = asyncio.Semaphore(at_once)

    async def one(number: int, name: str) -> Injection:
        async with places:
            return await FAULTS[name](ground, KINDS[number % len(KINDS)], random.Random(name))

    found = await asyncio.gather(*(one(*numbered) for numbered in enumerate(names)), return_exceptions=True)
    outcomes = {name: _outcome(name, one) for name, one in zip(names, found, strict=True)}
    wrong = [f"{name}: {text}" for name, one in outcomes.items() for text in one.wrong]
    assert not wrong, "\n".join(wrong)
    took = {name: one.done[0].seconds or 0.0 for name, one in outcomes.items()}
    return {name: seconds for name, seconds in took.items() if seconds > TAKE_OVER}


def _outcome(name: str, found: Injection | BaseException) -> Outcome:
    fault = Fault("", name, TAKES_OVER, inject=FAULTS[name])
    if isinstance(found, BaseException):
        return Outcome(fault, broken=[f"{type(found).__name__}: {found}"])
    return Outcome(fault, [found])
