"""kill -9 before and after each statement and each write of an action's life, and a holder of the lease that is stopped
or cut off inside a statement: nothing is lost and nothing sent twice. `make faults` does more, and each 20 times."""

from __future__ import annotations

import asyncio
import functools
import random

import pytest

from tests.faults import leases
from tests.faults.catalogue import TAKES_OVER, Fault, Inject
from tests.faults.ground import KINDS, Ground
from tests.faults.kills import Injection, killed_at, steps
from tests.faults.report import Outcome
from tests.faults.stopping import Moment


def moments(step: str) -> list[Moment]:
    """Where an engine is killed, one after the other; inside the two on which "at most once" rests as well."""
    return ["before", "within", "after"] if step in ("mark sent", "action") else ["before", "after"]


FAULTS: dict[str, Inject] = {
    **{f"killed: {step}": functools.partial(killed_at, step, moments(step), grace=0.0) for step in steps()},
    "stopped inside a statement": leases.frozen_in_statement,
    "cut off inside a statement that waits for a lock": leases.cut_off_in_statement,
}


@pytest.mark.timeout(300)
async def test_lost_at_any_step_an_engine_loses_no_row_and_sends_none_twice(ground: Ground) -> None:
    """All of them side by side, since most of their time they wait for a lease to expire."""
    injections = [
        inject(ground, KINDS[number % len(KINDS)], random.Random(number))
        for number, inject in enumerate(FAULTS.values())
    ]
    found = await asyncio.gather(*injections, return_exceptions=True)
    bad = [f"{name}: {text}" for name, one in zip(FAULTS, found, strict=True) for text in _wrong(name, one)]
    assert not bad, "\n".join(bad)


def _wrong(name: str, found: Injection | BaseException) -> list[str]:
    """What the page of `make faults` would tell."""
    if isinstance(found, BaseException):
        return [f"{type(found).__name__}: {found}"]
    return Outcome(Fault("", name, TAKES_OVER, inject=FAULTS[name]), [found]).wrong
