"""What `isolation = "process"` costs in memory, and what children that are killed or stopped cost the other rows."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Sequence
from pathlib import Path

from acqs_core.action import channel_id
from tests.bench.figure import Figure, figure, load, say
from tests.bench.scene import CALL, LINGER, Scene, sleep_until
from tests.bench.witness import Witness
from tests.integration.sabotage import Saboteur, processes_named

GAP = 0.1
"""Seconds from one row to the next: what is measured is a row in the company of faults, not of a queue."""

ONE_IN = 10
"""One child of so many is killed or stopped, at one moment of its life or another."""


async def faults(scene: Scene, rows: int = 200) -> Figure:
    """Milliseconds from the INSERT's return to the call's first event, the 99th percentile, of rows whose own child is
    left alone while others' are not; the yardstick's of the same engine before and after, when all are."""
    before = load()
    sender = {"isolation": "process", "linger": LINGER, "response_timeout": 3.0}
    async with scene.stand.engine(sender=sender) as engine:
        saboteur = Saboteur(engine, _is_chosen)
        with Witness(scene.asterisk) as witness:
            theirs = [await _p99(scene, witness, rows)]
            async with saboteur.at_work():
                ours = await _p99(scene, witness, rows)
            theirs.append(await _p99(scene, witness, rows))
        say(f"faults: {len(saboteur.victims)} children hit: {_told(saboteur)}")
    return figure("faults_p99", "ms", [ours], theirs, load=before, **scene.versions)


async def memory(scene: Scene, children: int = 20) -> Figure:
    """MB of a lingering child's own share of memory (PSS); the yardstick's of its fork server."""
    before = load()
    async with scene.engine(isolation="process") as engine:
        with scene.producer() as insert, Witness(scene.asterisk) as witness:
            man_ids, _ = insert([CALL] * children)
            await asyncio.to_thread(witness.await_calls, [channel_id(man_id) for man_id in man_ids])
        (server,) = processes_named("acqs-forkserver", engine.pid)
        # COMPANY go on lingering of a burst: what a child takes is seen of those, not of one that ends meanwhile.
        shares = []
        for pid in processes_named("acqs-child", server):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                shares.append(_pss(pid))
        return figure("child_pss", "MB", shares, [_pss(server)], load=before, **scene.versions)


async def _p99(scene: Scene, witness: Witness, rows: int) -> float:
    inserted: dict[int, float] = {}
    with scene.producer() as insert:
        clock = time.monotonic()
        for number in range(rows):
            (man_id,), at = await asyncio.to_thread(insert, [CALL])
            inserted[man_id] = at
            await sleep_until(clock + (number + 1) * GAP)
    left_alone = {channel_id(man_id): at for man_id, at in inserted.items() if not _is_chosen(man_id)}
    await asyncio.to_thread(witness.await_calls, left_alone)
    if not witness.only_once(list(left_alone)):
        raise RuntimeError("an action reached Asterisk more than once")
    return percentile([(witness.began[one][0] - at) * 1000 for one, at in left_alone.items()], 99)


def _is_chosen(man_id: int) -> bool:
    return man_id % ONE_IN == 0


def percentile(samples: Sequence[float], percent: float) -> float:
    """The least sample that so many percent of them do not exceed."""
    return sorted(samples)[math.ceil(len(samples) * percent / 100) - 1]


def _pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


def _told(saboteur: Saboteur) -> str:
    hit = [f"{fault.signal.name} while {fault.state}" for fault in saboteur.victims.values()]
    return ", ".join(f"{hit.count(one)} {one}" for one in sorted(set(hit)))
