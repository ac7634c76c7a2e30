"""An engine is killed at a named step of an action's life, and another that stands by takes over."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import functools
import random

from acqs_core.action import NewAction, call
from tests.faults.account import Account, account, until_ended
from tests.faults.ground import RESPONSE_TIMEOUT, Ground, Kind, Place
from tests.faults.proxy import Proxy
from tests.faults.stopping import MOMENTS, STATEMENTS, WRITES, Moment, Stop
from tests.integration.headless import Headless

TAKE_OVER = 5.0
"""Seconds within which another engine must hold the lease."""

PATIENCE = 60.0
"""Seconds for what takes one or two, on a machine that has much else to do: how long something took is measured, and
never decides whether a row was lost."""

ROWS = 12
"""Actions of one injection: three rounds of the sessions that an engine may have."""

LATE = 1.65
"""Seconds that a reply takes which is too late for a write and not too late to be read (sender MARK_DEADLINE, and
database TIMEOUT)."""

PASSAGES: dict[str, tuple[int, int]] = {
    "claim": (1, 3), "mark sent": (1, 8), "answer": (1, 2), "transitions": (1, 3),
    "outcomes": (1, 3), "journal": (1, 3),
    "lease taken": (1, 2), "lease renewed": (3, 6), "lease given up": (1, 2),
    "login": (2, 8), "action": (1, 8), "logoff": (2, 4),
}  # fmt: skip
"""The passages of a step to which an engine with so many rows certainly comes; the first where none are named. The
first login and logoff are a probe's, and the first two renewals come with the take-over."""


@dataclasses.dataclass(frozen=True, slots=True)
class Injection:
    """What one fault did, once."""

    kind: Kind
    account: Account
    seconds: float | None = None
    """Until it had recovered; None where there is no such moment."""
    wrong: str = ""
    """What was promised and did not hold, besides what the account and the time tell."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kill:
    """A step at which an engine is killed."""

    step: str
    moment: Moment

    async def inject(self, ground: Ground, kind: Kind, chance: random.Random) -> Injection:
        """Do it once, at one of its passages."""
        stop = Stop(self.step, self.moment, chance.randint(*PASSAGES.get(self.step, (1, 1))))
        async with ground.place(kind) as place, Proxy(ground.server.port) as proxy:
            if self.step == "lease taken":
                return await _killed_alone(place, kind, stop)
            man_ids: list[int] = []
            victim = await self._victim(place, stop, proxy, man_ids)
            heir = await place.start()
            if self.step != "requeue":  # which has happened by now
                await heir.said("sender: another engine", PATIENCE)
            lot, never = _lot(self.step)
            man_ids += await place.insert(lot)
            if self.step == "lease given up":
                await victim.said("ready", PATIENCE)
                victim.stop()
            return await _outlived(place, kind, victim, heir, man_ids, {man_ids[index] for index in never})

    async def _victim(self, place: Place, stop: Stop, proxy: Proxy, man_ids: list[int]) -> Headless:
        """The engine that is to be killed, in the state in which it comes to its step; `man_ids` grows by its rows."""
        if self.step == "requeue":
            # It finds rows in QUEUE when it takes over from one that was killed just after a claim.
            first = await place.start(stop=Stop("claim", "after"))
            await first.said("sender: lease of", PATIENCE)
            victim = await place.start(stop=stop)
            await victim.said("sender: another engine", PATIENCE)
            man_ids += await place.insert(_lot(self.step)[0])
            await first.ended(PATIENCE)
            await victim.said("sender: lease of", PATIENCE)
            return victim
        if self.step == "unsend":
            victim = await place.start(stop=stop, database_port=proxy.port)
            proxy.up.on_bytes = functools.partial(_delay_the_reply, proxy)
            await victim.said("ready", PATIENCE)
            return victim
        victim = await place.start(stop=stop)
        await victim.said("sender: lease of", PATIENCE)
        return victim


def _delay_the_reply(proxy: Proxy, _connection: int, data: bytes) -> None:
    """A row is being marked as SENT: whoever asked hears of it too late to write, and not too late to take it back."""
    if b"SET status = 'SENT'" in data:
        proxy.down.delay = LATE


def kills() -> list[Kill]:
    """One for each moment of each step."""
    return [Kill(step, moment) for step in (*STATEMENTS, *WRITES) for moment in MOMENTS]


def _lot(step: str) -> tuple[list[NewAction], list[int]]:
    """Rows for an engine that is to come to this step, and which of them are never sent."""
    channel = "Local/631@default/n" if step == "lease renewed" else "Local/630@default/n"
    lot = [call(channel, exten="630", callerid=f"V{number % 7}") for number in range(ROWS)]
    if step == "reject":
        lot[3] = NewAction("")
        return lot, [3]
    return lot, []


async def _killed_alone(place: Place, kind: Kind, stop: Stop) -> Injection:
    """Killed while it takes a lease that is free; the next one finds the rows as they were."""
    man_ids = await place.insert(_lot(stop.step)[0])
    victim = await place.start(stop=stop)
    await victim.said("stopped at", PATIENCE)
    heir = await place.start()
    return await _outlived(place, kind, victim, heir, man_ids, set())


async def _outlived(
    place: Place, kind: Kind, victim: Headless, heir: Headless, man_ids: list[int], never: set[int]
) -> Injection:
    """The victim dies at its step; the heir sends what is left, and every row is accounted for."""
    died = moment(await victim.said("stopped at", PATIENCE))
    assert await victim.ended(PATIENCE) == -9
    took = moment(await heir.said("sender: lease of", PATIENCE)) - died
    rows, unknown = await until_ended(place.store, man_ids, RESPONSE_TIMEOUT, PATIENCE)
    made = await asyncio.to_thread(place.ground.witness.made, man_ids)
    code = await heir.terminate(PATIENCE)
    wrong = f"the other ended with code {code}" if code else ""
    return Injection(kind, account(rows, unknown, made, never), took, wrong)


def moment(line: dict[str, object]) -> float:
    """When a line was logged, in seconds of the day's clock."""
    return dt.datetime.fromisoformat(str(line["time"])).timestamp()
