"""An engine is killed at a named step of an action's life, and another that stands by takes over.

Several kills may follow each other at one place, each engine ending at a step of its own: what one leaves behind, the
next one finds.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import functools
import random
import time
from collections.abc import Collection, Sequence

from acqs_core.action import NewAction, Status, call
from tests.faults.account import GRACE, Account, account, until_ended
from tests.faults.ground import RESPONSE_TIMEOUT, SESSIONS, Ground, Kind, Place
from tests.faults.load import TELLS
from tests.faults.proxy import Proxy
from tests.faults.stopping import STATEMENTS, WRITES, Moment, Stop
from tests.integration.headless import Headless

TAKE_OVER = 5.0
"""Seconds within which another engine must send and listen."""

PATIENCE = 60.0
"""Seconds for what takes one or two, on a machine that has much else to do: how long something took is measured, and
never decides whether a row was lost."""

ROWS = 10
"""Actions for each engine that is to be killed: three rounds of the sessions that it may have."""

LATE = 1.65
"""Seconds that a reply takes which is too late for a write and not too late to be read (sender MARK_DEADLINE, and
database TIMEOUT)."""

UNANSWERED = 2 * SESSIONS
"""Actions at the most that an engine which is killed has marked SENT and whose answer is not written back: one for each
session, and as many whose answer it had heard a moment ago."""

SOON = 0.1
"""Seconds within which the database replies to a marking."""

PASSAGES: dict[str, tuple[int, int]] = {
    "claim": (1, 3), "claim of blank rows": (1, 3), "mark sent": (1, 8), "answer": (1, 2), "transitions": (1, 3),
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
    """Until it had recovered; the longest, where there were several such moments."""
    wrong: str = ""
    """What was promised and did not hold, besides what the account and the time tell."""
    doubtful: int = 0
    """Rows at the most that may be in doubt: those that could be SENT and unanswered when the fault came."""


def steps() -> list[str]:
    """Every named step."""
    return [*STATEMENTS, *WRITES]


async def killed_at(
    step: str, moments: Sequence[Moment], ground: Ground, kind: Kind, chance: random.Random, *, grace: float = GRACE
) -> Injection:
    """Kill an engine at each of these moments of a step, one after the other, and let a last one live."""
    stops = [Stop(step, at, chance.randint(*PASSAGES.get(step, (1, 1)))) for at in moments]
    if step == "requeue":
        # There is something to requeue when the one before was killed just after a claim.
        stops = [one for stop in stops for one in (Stop("claim", "after"), stop)]
    async with contextlib.AsyncExitStack() as stack:
        place = await stack.enter_async_context(ground.place(kind, blank=step == "claim of blank rows"))
        succession = _Succession(place, stack)
        for stop in stops:
            await succession.add(stop)
        await succession.add(None)
        ended = await until_ended(place.store, succession.man_ids, RESPONSE_TIMEOUT, PATIENCE, grace)
        made = await asyncio.to_thread(ground.witness.made, succession.man_ids)
        code = await succession.last.terminate(PATIENCE)
        wrong = f"the last one ended with code {code}" if code else ""
        told = account(ended.rows, ended.unknown, made, succession.never)
        return Injection(kind, told, succession.took, wrong, doubtful=UNANSWERED * len(stops))


class _Succession:
    """The engines of one place, each of which takes over from the one before when that one has died at its stop."""

    def __init__(self, place: Place, stack: contextlib.AsyncExitStack) -> None:
        self._place, self._stack = place, stack
        self._engines: list[tuple[Headless, Stop | None]] = []
        self.man_ids: list[int] = []
        self.never: set[int] = set()
        """Rows that are not to be sent."""
        self.took = 0.0
        """Seconds from the last death until the last engine sent and listened."""

    @property
    def last(self) -> Headless:
        return self._engines[-1][0]

    async def add(self, stop: Stop | None) -> None:
        """Start one more engine, to end at `stop`; it takes over when the one before has died at its own."""
        if not self._engines:
            if stop is not None and stop.step == "lease taken":
                await self._insert(stop)
            self._engines.append((await self._start(stop), stop))
            return
        victim, ends_at = self._engines[-1]
        assert ends_at is not None
        if ends_at.step == "lease taken":  # which one that stands by would do, too: nobody does
            await victim.said("stopped at", PATIENCE)
            heir = await self._start(stop)
        else:
            # Both leases are the victim's before another stands by, which would else take one of the two, and with it
            # the work that brings the victim to its stop. It may come there before it holds the second.
            for role in ("sender", "listener"):
                await victim.said((f"{role}: lease of", "stopped at"), PATIENCE)
            heir = await self._start(stop)
            # What the one before has left may have brought the victim to its stop by now.
            await heir.said(("sender: another engine", "sender: lease of"), PATIENCE)
        self._engines.append((heir, stop))
        if ends_at.step != "lease taken":
            await self._insert(ends_at)
        if ends_at.step == "lease given up":
            await victim.said("ready", PATIENCE)
            victim.stop()
        died = moment(await victim.said("stopped at", PATIENCE))
        assert await victim.ended(PATIENCE) == -9
        if stop is None:
            unsent = await self._place.insert([TELLS])  # there is one to be sent, whatever the victim had sent
            self.man_ids += unsent
            rows = await asyncio.to_thread(self._place.store.by_ids, self.man_ids)
            unsent += [row.man_id for row in rows if row.status in (Status.NEW, Status.QUEUE)]
            self.took = await takes_over(self._place, heir, died, unsent)

    async def _start(self, stop: Stop | None) -> Headless:
        if stop is None or stop.step != "unsend":
            return await self._place.start(stop=stop)
        proxy = await self._stack.enter_async_context(Proxy(self._place.server.port))
        proxy.up.on_bytes = functools.partial(_delay_the_reply, proxy)
        return await self._place.start(stop=stop, database_port=proxy.port)

    async def _insert(self, stop: Stop) -> None:
        """Rows for an engine that is to come to this stop."""
        # Calls that last, where it is to be killed a second later.
        channel = "Local/631@default/n" if stop.step == "lease renewed" else "Local/630@default/n"
        lot = [call(channel, exten="630", callerid=f"V{number % 7}") for number in range(ROWS)]
        lot[5] = dataclasses.replace(TELLS, callerid="V1")  # in line behind a call
        if stop.step == "reject":
            lot[3] = NewAction("")
        man_ids = await self._place.insert(lot)
        self.man_ids += man_ids
        self.never |= {man_id for man_id, new in zip(man_ids, lot, strict=True) if not new.action}


async def takes_over(place: Place, heir: Headless, lost: float, unsent: Collection[int]) -> float:
    """Seconds from the loss of a holder until its heir has sent one of these rows, which the holder had not sent, as
    Asterisk sees it, and listens."""
    try:
        acted = await asyncio.to_thread(place.ground.witness.first, unsent, PATIENCE)
    except TimeoutError as error:
        rows = [(row.man_id, str(row.status)) for row in place.store.by_ids(list(unsent))]
        said = [one.get("message", one) for one in heir.log[-60:]]
        raise TimeoutError(f"{error}; they are {rows}; their heir {await heir.state()} and said last: {said}") from None
    listens = moment(await heir.said("listener: connected to", PATIENCE))
    return max(acted, listens) - lost


async def child_killed_at(step: str, at: Moment, ground: Ground, kind: Kind, chance: random.Random) -> Injection:
    """Kill the process of one child session at a write; its engine lives, and no more than its own row is in doubt: not
    even that before it was marked SENT or after it was answered."""
    stop = Stop(step, at, chance.randint(*PASSAGES[step]))
    async with ground.place(kind) as place:
        engine = await place.start(stop=stop, isolation="process")
        await engine.said("ready", PATIENCE)
        lot = [call("Local/630@default/n", exten="630", callerid=f"V{number % 7}") for number in range(ROWS)]
        man_ids = await place.insert(lot)
        await engine.said("stopped at", PATIENCE)
        died = time.monotonic()
        ended = await until_ended(place.store, man_ids, RESPONSE_TIMEOUT, PATIENCE)
        took = ended.at - died
        made = await asyncio.to_thread(ground.witness.made, man_ids)
        code = await engine.terminate(PATIENCE)
        wrong = f"it ended with code {code}" if code else ""
        return Injection(
            kind, account(ended.rows, ended.unknown, made), took, wrong, doubtful=1 if step == "action" else 0
        )


def _delay_the_reply(proxy: Proxy, _connection: int, data: bytes) -> None:
    """A row is being marked as SENT: whoever asked hears of it too late to write, and not too late to take it back."""
    if b"SET status = 'SENT'" in data:
        proxy.down.delay = LATE
        # This reply and no later one: with late renewals it would lose its lease before it is at its stop.
        asyncio.get_running_loop().call_later(SOON, setattr, proxy.down, "delay", 0.0)


def moment(line: dict[str, object]) -> float:
    """When a line was logged, in seconds of the day's clock."""
    return dt.datetime.fromisoformat(str(line["time"])).timestamp()
