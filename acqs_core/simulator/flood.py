"""Events on demand, as a busy box sends them: what a listener must throw away faster than they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from acqs_core.simulator import events
from acqs_core.simulator.channel import Channel, State

MAX_RATE = 100_000
"""Events a second that may be asked for; far above what an Asterisk was ever seen to send."""

STEP = 0.01
"""Seconds between two handfuls."""

CALL_EVENTS = 20
"""Events about one made-up call before the next one's begin."""


async def flood(publish: Callable[[events.Event], None], events_per_second: float, seconds: float) -> int:
    """Publish for `seconds` at this rate; says how many it were. What it falls behind is skipped, not made up for.

    Raises ValueError for a rate outside 0 to MAX_RATE.
    """
    if not 0 < events_per_second <= MAX_RATE:
        raise ValueError(f"a flood of {events_per_second:g} events a second: ask for more than 0, at most {MAX_RATE}")
    loop = asyncio.get_running_loop()
    made = _chatter()
    began = turn = loop.time()
    sent = 0
    owed = 0.0
    while turn < began + seconds:
        await asyncio.sleep(turn + STEP - loop.time())
        now = min(loop.time(), began + seconds)
        owed += min(now - turn, 10 * STEP) * events_per_second
        turn = now
        while owed >= 1:
            publish(next(made))
            sent, owed = sent + 1, owed - 1
    return sent


def _chatter() -> Iterator[events.Event]:
    number = 0
    while True:
        uniqueid = f"{int(time.time())}.{900_000 + number}"
        name = f"SIP/flood{number % 100:02d}-{number:08x}"
        ch = Channel(name, uniqueid, uniqueid, "default", "flood", name.partition("-")[0], time.time(), State.UP)
        for step in range(CALL_EVENTS):
            kind = step % 4
            if kind == 0:
                ch.priority, ch.application, ch.data = 1 + step // 4, "Set", f"STEP={step}"
                yield events.newexten(ch)
            elif kind == 3:
                yield events.device_state(ch.device, "INUSE" if step < CALL_EVENTS - 1 else "NOT_INUSE")
            else:
                yield events.varset(ch, f"STEP{kind}", str(step))
        number += 1
