"""One soak: three engines on one database and one simulated Asterisk, a producer, troubles, and the reckoning."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acqs_core.action import NewAction, Row, Status, call
from acqs_core.errors import QueueUnavailable
from acqs_core.listener.calls import REMEMBERED
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.store import Store
from tests.faults.load import Tap
from tests.faults.proxy import Proxy
from tests.integration.headless import write_settings
from tests.lab.database import DatabaseServer
from tests.soak.measure import Sample, Watched, growth
from tests.soak.parts import SECRET, Kept, Simulated
from tests.soak.troubles import Troubles

RESPONSE_TIMEOUT = 3.0
"""Seconds without an answer until an outcome is unknown."""

DRAIN = 180.0
"""Seconds in which everything must have ended when nothing is broken any more and nobody inserts."""

EVERY = 0.5
"""Seconds between two INSERTs of a producer, and between two samples."""

MOST_WAITING = 3000
"""Rows waiting for an engine beyond which its producer holds back, as a dialer does: what a slow machine cannot send
would only be sent later."""

CALL = call("Local/630@default/n", exten="630")


@dataclasses.dataclass(frozen=True)
class Lane:
    """An engine, and its part of the load."""

    name: str
    server_ip: str
    share: float
    sender: dict[str, Any]


LANES = (
    Lane("steady", "10.1.1.1", 0.80, {"max_sessions": 100}),
    Lane("killed", "10.1.1.2", 0.15, {"max_sessions": 50}),
    Lane("processes", "10.1.1.3", 0.05, {"max_sessions": 20, "isolation": "process"}),
)


@dataclasses.dataclass
class Report:
    """What a soak found."""

    seconds: float
    rate: float
    troubles: Counter[str]
    inserted: int = 0
    held_back: int = 0
    """Actions that a producer did not insert because too many waited."""
    held: Counter[str] = dataclasses.field(default_factory=Counter)
    """Handfuls for which each lane's producer held back; there is one EVERY."""
    put_off: int = 0
    """Actions that were inserted later because the database was away."""
    outcomes: Counter[str] = dataclasses.field(default_factory=Counter)
    unknown: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)
    """Every promise that did not hold."""
    drained: float = 0.0
    engines: dict[str, Watched] = dataclasses.field(default_factory=lambda: {lane.name: Watched() for lane in LANES})
    """What each held."""
    open_after: int = 0
    """Connections to Asterisk when all was over."""
    lives: dict[str, int] = dataclasses.field(default_factory=dict)

    def growth(self, name: str) -> float | None:
        """MB of an engine with 10,000 actions, once as many calls have ended as a listener remembers. Of one that is
        killed there is none to tell: each of its lives begins anew."""
        return None if name == "killed" else growth(self.engines[name].samples, warm=REMEMBERED)


async def soak(
    server: DatabaseServer, directory: Path, *, seconds: float, rate: float, seed: int, logins: bool
) -> Report:
    """Run one. With `logins` Asterisk refuses them once, for which a run must be minutes long."""
    database = await asyncio.to_thread(server.fresh_database)
    url = server.url(database)
    db = Database(url, pool_size=3)
    await asyncio.to_thread(schema.init, db)
    stores = {lane.name: Store(db, lane.server_ip, serve_blank=False) for lane in LANES}
    async with Simulated(directory) as simulated, Proxy(simulated.port) as proxy:
        tap = Tap(proxy)
        engines = {lane.name: Kept(_settings(directory, lane, url, proxy.port)) for lane in LANES}
        chance = random.Random(seed)
        troubles = Troubles(
            chance, database=server, simulated=simulated, proxy=proxy,
            killed=engines["killed"], processes=engines["processes"],
        )  # fmt: skip
        report = Report(seconds, rate, troubles.made)
        try:
            await asyncio.gather(*(engine.start() for engine in engines.values()))
            await _load(report, engines, stores, troubles, seconds, rate, logins)
            began = time.monotonic()
            await _drained(stores, report)
            report.drained = time.monotonic() - began
            await _reckon(stores, tap, report)
            await _look_at_the_end(report, engines, proxy)
            for name, engine in engines.items():
                report.lives[name] = len(engine.lives)
                if (code := await engine.terminate()) != 0:
                    report.wrong.append(f"engine {name} ended with {code} when it was told to end")
        finally:
            await asyncio.gather(*(engine.close() for engine in engines.values()))
            db.dispose()
    return report


def _settings(directory: Path, lane: Lane, url: str, port: int) -> Path:
    path = directory / f"{lane.name}.toml"
    sockets = directory / lane.name
    sockets.mkdir()
    write_settings(path, {
        "server_ip": lane.server_ip, "serve_blank": False, "queue": {"url": url},
        "asterisk": {"host": "127.0.0.1", "port": port, "username": "acqs", "secret": SECRET},
        "sender": {"linger": 0.2, "response_timeout": RESPONSE_TIMEOUT, **lane.sender},
        "control": {"folder": str(sockets)},
    })  # fmt: skip
    return path


async def _load(
    report: Report,
    engines: dict[str, Kept],
    stores: dict[str, Store],
    troubles: Troubles,
    seconds: float,
    rate: float,
    logins: bool,
) -> None:
    """Producers at their rates, and troubles, for so long."""
    for name, engine in engines.items():
        report.engines[name].before = Sample.of(engine.pid, 0)
    inserted = Counter[str]()
    over = asyncio.Event()
    producing = [
        asyncio.create_task(_produce(stores[lane.name], lane, rate * lane.share, inserted, report, over))
        for lane in LANES
    ]
    sampling = asyncio.create_task(_sample(engines, inserted, report, over))
    try:
        if logins:
            await troubles.run(seconds / 4)
            await troubles.refuse_logins(2.0)
            await troubles.run(seconds * 3 / 4 - 5.0)
        else:
            await troubles.run(seconds)
    finally:
        over.set()
        await asyncio.gather(*producing, sampling)
        report.inserted = inserted.total()


async def _produce(
    store: Store, lane: Lane, rate: float, inserted: Counter[str], report: Report, over: asyncio.Event
) -> None:
    """Insert at a steady rate. What could not be inserted while the database was away is inserted when it is back, what
    was held back is not made up for."""
    owed, waiting, looked, begun = 0.0, 0, 0.0, time.monotonic()
    last = False
    while not last:
        last = over.is_set()
        now = time.monotonic()
        owed, begun = owed + rate * (now - begun), now
        handful = [_numbered(inserted[lane.name] + number) for number in range(int(owed))]
        try:
            if now - looked > 2.0:
                waiting, looked = (await asyncio.to_thread(store.counts, MOST_WAITING))[Status.NEW], now
            if waiting >= MOST_WAITING:
                report.held_back += len(handful)
                report.held[lane.name] += 1
            elif handful:
                await asyncio.to_thread(store.insert_many, handful)
                inserted[lane.name] += len(handful)
            owed -= len(handful)
        except QueueUnavailable:  # the dialer's INSERT fails; what it did is found in the table
            report.put_off += len(handful)
        if not last:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), EVERY)


def _numbered(number: int) -> NewAction:
    """Every tenth action shares a caller id with others, which go one after the other."""
    return dataclasses.replace(CALL, callerid=f"SOAK{number % 7}") if number % 10 == 0 else CALL


async def _sample(engines: dict[str, Kept], inserted: Counter[str], report: Report, over: asyncio.Event) -> None:
    while not over.is_set():
        for name, engine in engines.items():
            with contextlib.suppress(OSError):  # it was killed and is not started again yet
                report.engines[name].samples.append(Sample.of(engine.pid, inserted[name]))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), EVERY)


async def _drained(stores: dict[str, Store], report: Report) -> None:
    """Wait until every row has ended or is in doubt, or DRAIN is over."""
    until = time.monotonic() + DRAIN
    calm = 0
    while calm < 2 and time.monotonic() < until:
        await asyncio.sleep(1.0)
        with contextlib.suppress(QueueUnavailable):
            left = sum([await asyncio.to_thread(_unended, store) for store in stores.values()])
            calm = calm + 1 if not left else 0


def _unended(store: Store) -> int:
    """Rows that are neither DEAD nor shown as in doubt."""
    counts = store.counts(100_000)
    living = sum(counts[status] for status in (Status.NEW, Status.QUEUE, Status.SENT, Status.UPDATED))
    return living - len(store.unknown_ids(RESPONSE_TIMEOUT, 100_000))


async def _reckon(stores: dict[str, Store], tap: Tap, report: Report) -> None:
    """Every row in the table against what went over the wire."""
    seen = 0
    for lane, store in stores.items():
        unknown = {row.man_id for row, _ in await asyncio.to_thread(store.unknown, RESPONSE_TIMEOUT, 100_000)}
        for rows in await asyncio.to_thread(_all_rows, store):
            seen += len(rows)
            known = await asyncio.to_thread(store.outcomes, [row.man_id for row in rows])
            for row in rows:
                record = known.get(row.man_id)
                outcome = str(record.outcome) if record is not None and record.outcome is not None else ""
                report.wrong += [f"{lane}: {text}" for text in _judged(row, outcome, row.man_id in unknown, tap)]
                report.outcomes[outcome if row.status is Status.DEAD else str(row.status)] += 1
                report.unknown += row.man_id in unknown
    if seen < report.inserted:
        report.wrong.append(f"{report.inserted - seen} rows of those that were inserted are not there")
    report.inserted = seen


def _judged(row: Row, outcome: str, shown_unknown: bool, tap: Tap) -> Iterator[str]:
    """What is wrong with one row, in words."""
    written = tap.written[row.man_id]
    if written > 1:
        yield f"row {row.man_id} was written {written} times"
    if row.status is Status.DEAD:
        if not outcome:
            yield f"row {row.man_id} ended without a reason"
        if not written:
            yield f"row {row.man_id} ended ({outcome}) and was never written"
    elif not shown_unknown:
        yield f"row {row.man_id} is {row.status}, response {row.response}, written {written} times, and nobody is told"


def _all_rows(store: Store) -> list[list[Row]]:
    pages: list[list[Row]] = []
    while found := store.newer(pages[-1][-1].man_id if pages else 0):
        pages.append(found)
    return pages


async def _look_at_the_end(report: Report, engines: dict[str, Kept], proxy: Proxy) -> None:
    """What is still held when every session has had its time to leave."""
    await asyncio.sleep(2.0)
    for name, engine in engines.items():
        with contextlib.suppress(OSError):
            report.engines[name].after = Sample.of(engine.pid, 0)
    report.open_after = proxy.open
