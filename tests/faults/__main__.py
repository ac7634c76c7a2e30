"""`python -m tests.faults`: every fault so many times on real parts; what happened in docs/reliability.md.

`--only TEXT` injects the faults whose name holds that text, for a person who mends one of them; the page is then
printed and no file is touched, as with a run that is interrupted. Exit codes: 0 every promise held, 1 one did not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import itertools
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from tests.faults.catalogue import faults
from tests.faults.ground import KINDS, Ground, Kind
from tests.faults.nursery import ROOT, Nursery
from tests.faults.report import Outcome, page
from tests.lab.session import Lab
from tests.matrix.report import machine, write

PAGE = ROOT / "docs/reliability.md"

LOADED = 2
"""Server_ips side by side that are under load: a processor each."""

LONGEST = 400.0
"""Seconds after which one injection is given up and counts as broken."""


def main() -> int:
    """Inject what was asked for, all by default; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Faults on purpose, on real parts.")
    parser.add_argument("--times", type=int, default=20, help="how often each fault is injected (default: 20)")
    parser.add_argument("--only", action="append", help="only the faults whose group or name holds this text")
    parser.add_argument("--at-once", type=int, default=8, help="server_ips side by side; they mostly wait (default: 8)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the instants and passages (default: 1)")
    parser.add_argument("--out", type=Path, help=f"where the page goes (default: {PAGE.relative_to(ROOT)})")
    asked = parser.parse_args()
    chosen = [
        fault
        for fault in faults()
        if not asked.only or any(text in f"{fault.group}: {fault.name}" for text in asked.only)
    ]
    begun = dt.datetime.now(dt.UTC)
    outcomes = [Outcome(fault) for fault in chosen]
    versions = asyncio.run(_run(outcomes, asked.times, asked.at_once, asked.seed))
    minutes = (dt.datetime.now(dt.UTC) - begun).total_seconds() / 60
    made = page(outcomes, on=machine(), versions=versions, begun=begun, minutes=minutes)
    out = asked.out or (None if asked.only else PAGE)
    if out is None:
        print(made, end="")
    else:
        write(out, made)
        say(f"written: {out}")
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


async def _run(outcomes: Sequence[Outcome], times: int, at_once: int, seed: int) -> list[str]:
    """Inject them; what they were injected into, by name and version."""
    lab = Lab()
    try:
        async with Nursery() as nursery, Ground(lab.mariadb(), lab.asterisk(), nursery) as ground:
            total = len(outcomes) * times
            say(f"{len(outcomes)} faults, {times} times each, {at_once} server_ips side by side ...")
            done = itertools.count(1)

            def tell(outcome: Outcome, took: float) -> None:
                bad = f": {outcome.wrong[-1][:2000]}" if outcome.wrong else ""
                say(f"{next(done)}/{total} {outcome.fault.name} ({took:.0f} s){bad}")

            def works(under_load: bool) -> list[Awaitable[None]]:
                return [
                    _one(ground, outcome, KINDS[number % len(KINDS)], random.Random(f"{seed} {name} {number}"), tell)
                    for number in range(times)
                    for outcome in outcomes
                    if outcome.fault.inject is not None
                    and outcome.fault.under_load is under_load
                    and (name := outcome.fault.name)
                ]

            await _beside(works(under_load=False), at_once)
            await _beside(works(under_load=True), min(at_once, LOADED))
            # What ends a part for everybody comes last, each by itself.
            for outcome in outcomes:
                if outcome.fault.wave is not None:
                    await _waves(ground, outcome, times, seed, tell)
        return lab.versions()
    finally:
        lab.dispose()


Tell = Callable[[Outcome, float], None]


async def _beside(works: Sequence[Awaitable[None]], at_once: int) -> None:
    """Await all of these, so many at a time, in their order."""
    places = asyncio.Semaphore(at_once)

    async def one(work: Awaitable[None]) -> None:
        async with places:
            await work

    await asyncio.gather(*map(one, works))


async def _one(ground: Ground, outcome: Outcome, kind: Kind, chance: random.Random, tell: Tell) -> None:
    """Inject a fault at a place of its own."""
    fault, begun = outcome.fault, time.monotonic()
    assert fault.inject is not None
    with _broken_told(outcome, kind):
        async with asyncio.timeout(LONGEST):
            outcome.done.append(await fault.inject(ground, kind, chance))
    tell(outcome, time.monotonic() - begun)


async def _waves(ground: Ground, outcome: Outcome, times: int, seed: int, tell: Tell) -> None:
    """Inject a fault into everybody until it was injected so many times."""
    fault, left = outcome.fault, times
    assert fault.wave is not None
    for number in itertools.count():
        if not left:
            return
        places, begun = min(left, fault.places), time.monotonic()
        left -= places
        kinds = [KINDS[place % len(KINDS)] for place in range(number, number + places)]
        with _broken_told(outcome, f"{places} places"):
            async with asyncio.timeout(LONGEST):
                outcome.done += await fault.wave(ground, kinds, random.Random(f"{seed} {fault.name} {number}"))
        for _ in range(places):
            tell(outcome, time.monotonic() - begun)
        await _whole(ground)


async def _whole(ground: Ground) -> None:
    """Both parts run and have a witness, whatever a wave that broke has left."""
    for part in (ground.server, ground.asterisk):
        if not part.server.running:
            await asyncio.to_thread(part.start)
    await asyncio.to_thread(ground.asterisk.hang_up_all)
    ground.renew_witness()


@contextlib.contextmanager
def _broken_told(outcome: Outcome, where: str) -> Iterator[None]:
    """An injection that comes to no end is a result like any other."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 whatever it is, it is told on the page
        outcome.broken.append(f"{where}: {type(error).__name__}: {error}")


def say(text: str) -> None:
    """One line of progress on stderr, at once."""
    print(f"faults: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
