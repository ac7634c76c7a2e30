"""A listener under a flood of events: how many it takes a second beside a bare reader, and what it loses and holds when
its database stands still meanwhile. Nothing may be lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from acqs_core.action import call
from acqs_core.ami.wire import END
from acqs_core.queue.types import OutcomeRecord
from tests.bench.figure import Figure, figure, load, say
from tests.bench.scene import Scene
from tests.bench.traffic import Expected, expected
from tests.integration.headless import ROOT, Fleet, Headless, burst
from tests.integration.stand import Stand

RATE = 20_000
"""Events a second."""

STALL = 5.0
"""Seconds for which the database stands still."""

EVENTS_A_CALL = 36
"""Of the traffic, on the average."""

Wrong = tuple[Expected, Expected]
"""How a row must be, and how it is."""

_ROW = call("Local/600@default/n", exten="600")


class Flood:
    """A replayer process, and the rows whose calls it tells of: SENT, and not answered yet."""

    def __init__(self, process: asyncio.subprocess.Process, hello: dict[str, Any], man_ids: list[int]) -> None:
        self._process = process
        self.man_ids = man_ids
        self.port: int = hello["port"]
        self.events: int = hello["events"]

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, stand: Stand, calls: int, living: int) -> AsyncIterator[Flood]:
        """One for so many new rows, of which the last `living` have calls that go on."""
        man_ids = await asyncio.to_thread(burst, stand, [_ROW] * calls)
        await asyncio.to_thread(
            stand.server.client, f"UPDATE vicidial_manager SET status = 'SENT' WHERE man_id >= {man_ids[0]}",
            stand.database,
        )  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.replayer", *map(str, (man_ids[0], calls, living)),
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield cls(process, await _line(process), man_ids)
        finally:
            process.kill()
            await process.wait()

    async def ask(self, command: str) -> dict[str, Any]:
        """Have it told; what the replayer says of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        return await _line(self._process)

    @property
    def settings(self) -> dict[str, Any]:
        """The [asterisk] of a listener to it."""
        return {"port": self.port, "listen_username": "acqs", "listen_secret": "acqs", "tls": False}


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the replayer ended; what it wrote on stderr says why")
    told: dict[str, Any] = json.loads(line)
    return told


async def measure(scene: Scene, seconds: float = 10.0) -> list[Figure]:
    """Events a second as fast as they are taken; then, at RATE with STALL: what is taken, lost and held."""
    return [await _rush(scene, int(RATE * seconds) // EVENTS_A_CALL), *await stalled(scene, seconds, STALL, 200)]


async def _rush(scene: Scene, calls: int, runs: int = 3) -> Figure:
    before, ours, theirs = load(), [], []
    for _ in range(runs):
        async with Flood.of(scene.stand, calls, 0) as flood:
            async with _listening(scene.stand, flood) as listener:
                ours.append(_rate(await flood.ask("rush")))
                if wrong := await _left_wrong(scene.stand, flood, 0):
                    raise RuntimeError(f"{len(wrong)} rows are not as they must be: {wrong[:3]}")
                await listener.terminate()
            reader = BareReader(flood.port)
            theirs.append(_rate(await flood.ask("rush")))
            await asyncio.to_thread(reader.join)
        say(f"listening: {ours[-1]:.0f}/s beside a bare reader's {theirs[-1]:.0f}/s")
    return figure("listening", "events/s", ours, theirs, load=before, **scene.versions)


async def stalled(scene: Scene, seconds: float, stall: float, living: int) -> list[Figure]:
    """What a listener takes a second, what it loses and what it holds when it is told RATE for so many seconds, in the
    middle of which the database stands still for `stall`."""
    before, calls = load(), int(RATE * seconds) // EVENTS_A_CALL
    async with Flood.of(scene.stand, calls, living) as flood, _listening(scene.stand, flood) as listener:
        idle = megabytes(listener.pid)
        told = await _replay_with_stall(scene.stand, flood, stall)
        thawed = time.monotonic()
        wrong = await _left_wrong(scene.stand, flood, living)
        say(
            f"listening: {told['events']} events in {told['seconds']:.1f} s, never more than {told['longest']:.2f} s "
            f"behind; {len(wrong)} rows were wrong {time.monotonic() - thawed:.1f} s after the last event {wrong[:3]}"
        )
        most = megabytes(listener.pid, "VmHWM")
        if (code := await listener.terminate()) != 0:
            raise RuntimeError(f"the listener ended with {code}: {listener.log[-3:]}")

    def made(bench: str, unit: str, ours: float, theirs: float) -> Figure:
        return figure(bench, unit, [ours], [theirs], load=before, **scene.versions)

    return [
        made("listening_stalled_rate", "events/s", _rate(told), RATE),
        made("listening_stalled_lost", "rows", len(wrong), calls),
        made("listening_stalled", "MB", most, idle),
    ]


@contextlib.asynccontextmanager
async def _listening(stand: Stand, flood: Flood) -> AsyncIterator[Headless]:
    """A ready `acqs-core listen` to the flood."""
    with tempfile.TemporaryDirectory(prefix="acqs-bench-") as directory:
        async with Fleet(stand, Path(directory), asterisk=flood.settings) as fleet:
            listener = await fleet.start("listen")
            await listener.wait_ready()
            yield listener


async def _replay_with_stall(stand: Stand, flood: Flood, seconds: float) -> dict[str, Any]:
    """All of it at RATE, in the middle of which the database stands still; what the replayer says of it."""
    telling = asyncio.create_task(flood.ask(f"replay {RATE}"))
    await asyncio.sleep((flood.events / RATE - seconds) / 2)
    stand.server.freeze()
    try:
        await asyncio.sleep(seconds)
    finally:
        stand.server.thaw()
    return await telling


async def _left_wrong(stand: Stand, flood: Flood, living: int, seconds: float = 30.0) -> list[Wrong]:
    """Returns once every row is as its call made it, or those that are not after so many seconds: they are lost."""
    wanted = expected(flood.man_ids, living)
    deadline = time.monotonic() + seconds
    while wrong := await asyncio.to_thread(_wrong, stand, wanted):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    return wrong


def _wrong(stand: Stand, wanted: Sequence[Expected]) -> list[Wrong]:
    """What must be and is not, with what is."""
    found = {}
    for begin in range(0, len(wanted), 500):
        man_ids = [one.man_id for one in wanted[begin : begin + 500]]
        outcomes = stand.store.outcomes(man_ids)
        for row in stand.store.by_ids(man_ids):
            outcome = outcomes.get(row.man_id, OutcomeRecord(row.man_id))
            shown = row.status, row.channel, row.uniqueid
            found[row.man_id] = Expected(row.man_id, *shown, outcome.outcome, outcome.cause)
    return [(one, found[one.man_id]) for one in wanted if found[one.man_id] != one]


class BareReader(threading.Thread):
    """The yardstick: takes all that comes, cuts it into events and does nothing with them, until the other side closes;
    then it logs in once more, as the listener does. Logged in when it is made."""

    def __init__(self, port: int) -> None:
        super().__init__(name="bench-bare-reader", daemon=True)
        self._port, self.events = port, 0
        self._connection = self._log_in()
        self.start()

    def run(self) -> None:
        """Read to the end."""
        held = b""
        while chunk := self._connection.recv(1 << 18):
            *whole, held = (held + chunk).split(END)
            self.events += len(whole)
        self._connection.close()
        self._log_in().close()

    def _log_in(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port))
        connection.sendall(b"Action: Login\r\nActionID: 1\r\nUsername: acqs\r\nSecret: acqs\r\nEvents: on\r\n\r\n")
        said = b""
        while b"FullyBooted" not in said:
            said += connection.recv(1 << 16)
        return connection


def _rate(told: dict[str, Any]) -> float:
    events: float = told["events"] / told["seconds"]
    return events


def megabytes(pid: int, what: str = "VmRSS") -> float:
    """Resident memory of a process in millions of bytes; VmHWM is the most that it ever was."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{what}:")).split()[1]) * 1024 / 1e6
