"""200 actions at once: how fast the queue passes them on, beside bare sockets, and each exactly once."""

from __future__ import annotations

import asyncio
import time

from acqs_core.action import channel_id
from tests.bench import bare
from tests.bench.figure import Figure, figure, load, say
from tests.bench.scene import CALL, LINGER, Scene
from tests.bench.witness import Witness

ACTIONS = 200


async def measure(scene: Scene, bursts: int = 5, isolation: str = "task") -> Figure:
    """Actions a second from the INSERT's commit until the last call began at Asterisk; bare sockets in between."""
    before = load()
    ours, theirs = [], []
    async with scene.engine(isolation=isolation):
        with Witness(scene.asterisk) as witness:
            quiet = scene.sessions()
            theirs.append(await _bare(scene, witness))
            for _ in range(bursts):
                await until_quiet(scene, quiet)
                ours.append(await burst_rate(scene, witness))
                await until_quiet(scene, quiet)
                theirs.append(await _bare(scene, witness))
                say(f"burst ({isolation}): {ours[-1]:.0f}/s beside bare {theirs[-2]:.0f} and {theirs[-1]:.0f}/s")
    name = "burst" if isolation == "task" else f"burst_{isolation}"
    return figure(name, "actions/s", ours, theirs, load=before, **scene.versions)


async def burst_rate(scene: Scene, witness: Witness) -> float:
    """Actions a second of one burst."""
    with scene.producer() as insert:
        man_ids, start = insert([CALL] * ACTIONS)
    return await _rate(witness, [channel_id(man_id) for man_id in man_ids], start)


async def _bare(scene: Scene, witness: Witness) -> float:
    uniqueids = scene.names(ACTIONS)
    payloads = [bare.originate(CALL, uniqueid) for uniqueid in uniqueids]
    start = time.monotonic()
    await bare.send_all(scene.user, payloads)
    return await _rate(witness, uniqueids, start)


async def _rate(witness: Witness, uniqueids: list[str], start: float) -> float:
    await asyncio.to_thread(witness.await_calls, uniqueids)
    if not witness.only_once(uniqueids):
        raise RuntimeError("an action reached Asterisk more than once")
    return len(uniqueids) / (max(witness.began[one][0] for one in uniqueids) - start)


async def until_quiet(scene: Scene, sessions: int) -> None:
    """No call and no session of before takes anything from what is measured next."""
    async with asyncio.timeout(LINGER + 20):
        while scene.asterisk.active_channels() or scene.sessions() > sessions:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
