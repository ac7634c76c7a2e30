"""kill -9 before, within and after each statement and each write of an action's life: nothing is lost or sent twice."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.faults.ground import KINDS, Ground
from tests.faults.kills import Injection, killed_at, steps
from tests.faults.stopping import MOMENTS

AT_ONCE = 15
"""Steps side by side: most of their time they wait for a lease to expire."""


@pytest.mark.timeout(300)
async def test_killed_at_any_step_nothing_is_lost_and_nothing_sent_twice(ground: Ground) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def inject(number: int, step: str) -> Injection:
        async with places:
            return await killed_at(step, MOMENTS, ground, KINDS[number % len(KINDS)], random.Random(number), grace=0)

    found = await asyncio.gather(*map(inject, range(len(steps())), steps()), return_exceptions=True)
    bad = [f"{step}: {one}" for step, one in zip(steps(), found, strict=True) if _is_bad(one)]
    assert not bad, "\n".join(bad)


def _is_bad(found: Injection | BaseException) -> bool:
    if isinstance(found, BaseException):
        return True
    return bool(found.account.lost or found.account.twice or found.wrong)
