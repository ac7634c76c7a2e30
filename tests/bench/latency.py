"""A row now and then: how much later its call begins than one originated on a session that is open already."""

from __future__ import annotations

import asyncio
import time

from acqs_core.action import channel_id
from tests.bench import bare
from tests.bench.figure import Figure, figure, load
from tests.bench.scene import CALL, Scene, sleep_until
from tests.bench.witness import Witness

GAP = 0.5
"""Seconds from one to the next: two rows a second."""


async def measure(scene: Scene, rows: int = 30) -> Figure:
    """Milliseconds from the INSERT's return to the call's first event; the yardstick's from its write. The figure's
    value is the queue's median; what is promised is of the difference of the two."""
    before = load()
    man_ids: dict[str, float] = {}
    written: dict[str, float] = {}
    names = scene.names(rows)
    async with scene.engine():
        with Witness(scene.asterisk) as witness, scene.asterisk.connect("acqs_send") as session:
            with scene.producer() as insert:
                clock = time.monotonic()
                for number, name in enumerate(names):
                    (man_id,), man_ids_at = await asyncio.to_thread(insert, [CALL])
                    man_ids[channel_id(man_id)] = man_ids_at
                    await sleep_until(clock + (number + 0.5) * GAP)
                    written[name] = time.monotonic()
                    session.connection.sendall(bare.originate(CALL, name))
                    await sleep_until(clock + (number + 1) * GAP)
            await asyncio.to_thread(witness.await_calls, [*man_ids, *written])
            if not witness.only_once([*man_ids, *written]):
                raise RuntimeError("an action reached Asterisk more than once")
            ours = [(witness.began[one][0] - at) * 1000 for one, at in man_ids.items()]
            theirs = [(witness.began[one][0] - at) * 1000 for one, at in written.items()]
    return figure("latency", "ms", ours, theirs, load=before, **scene.versions)
