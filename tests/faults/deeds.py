"""An operator's retry or discard is killed, or cut off from the database, at each of its statements: the action and its
copy are found, neither is sent twice, and the row tells of a retry that was begun."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from acqs_core.action import Outcome, Row
from acqs_core.errors import Refused
from acqs_core.queue.operate import RETRYING
from tests.faults.account import account, until_ended
from tests.faults.ground import RESPONSE_TIMEOUT, Ground, Kind, Place
from tests.faults.kills import PATIENCE, Injection
from tests.faults.load import QUICK
from tests.faults.proxy import Proxy
from tests.faults.stopping import DEEDS, Moment, Stop

Deed = Literal["retry", "discard"]

End = Moment | Literal["reply lost"]
"""Killed there; or the statement took effect and its reply never came."""

STEPS: dict[Deed, tuple[str, ...]] = {
    "retry": ("retry begun", "row ended", "ending told", "copy", "copy told"),
    "discard": ("row ended", "ending told"),
}
"""A deed's statements in their order."""

ENDS: tuple[End, ...] = ("before", "within", "after", "reply lost")


async def interrupted_at(
    deed: Deed, step: str, ends: Sequence[End], ground: Ground, kind: Kind, chance: random.Random
) -> Injection:
    """One row for each of these ends of a deed's step, NEW until all deeds are over; then sending goes on."""
    async with ground.place(kind) as place:
        engine = await place.start()
        await engine.said("ready", PATIENCE)
        await asyncio.to_thread(lambda: place.store.pause(actor="faults"))
        lot = [dataclasses.replace(QUICK, callerid=f"D{number}") for number in range(len(ends))]
        man_ids = await place.insert(lot)
        for man_id, end in chance.sample(list(zip(man_ids, ends, strict=True)), len(ends)):
            await _interrupt(place, deed, man_id, step, end)
        await asyncio.to_thread(lambda: place.store.resume(actor="faults"))
        every = await asyncio.to_thread(_rows_of, place)
        ended = await until_ended(place.store, every, RESPONSE_TIMEOUT, PATIENCE)
        made = await asyncio.to_thread(ground.witness.made, every)
        known = await asyncio.to_thread(place.store.outcomes, every)
        never = {man_id for man_id, one in known.items() if one.outcome is Outcome.DISCARDED}
        wrong = [f"it ended with code {code}"] if (code := await engine.terminate(PATIENCE)) else []
        for man_id, end in zip(man_ids, ends, strict=True):
            told = [*_copies(deed, step, end, man_id, ended.rows, made), *_telling(place, deed, step, end, man_id)]
            wrong += [f"{end}: {text}" for text in told]
        return Injection(kind, account(ended.rows, ended.unknown, made, never), wrong="; ".join(wrong))


async def _interrupt(place: Place, deed: Deed, man_id: int, step: str, end: End) -> None:
    """Somebody begins the deed and does not come to its end."""
    command = ("queue", deed, str(man_id))
    if end != "reply lost":
        person = await place.begin(*command, stop=Stop(step, end))
        await person.said("stopped at", PATIENCE)
        assert await person.ended(PATIENCE) == -9
        return
    async with Proxy(place.server.port) as proxy:
        _lose_the_reply(proxy, re.compile(DEEDS[step].encode()))
        person = await place.begin(*command, database_port=proxy.port)
        await person.ended(PATIENCE)
        assert proxy.torn, f"{deed} {man_id} never came to {step}"


def _lose_the_reply(proxy: Proxy, statement: re.Pattern[bytes]) -> None:
    """Cut the connection when this statement's reply comes; whoever asked may connect again, and ask again."""

    def asked(_connection: int, data: bytes) -> None:
        if not proxy.torn and statement.search(data):
            proxy.down.cut_after = 0

    def replied(_connection: int, _data: bytes) -> None:
        if proxy.down.cut_after is not None:
            asyncio.get_running_loop().call_soon(proxy.mend)

    proxy.up.on_bytes, proxy.down.on_bytes = asked, replied


def _rows_of(place: Place) -> list[int]:
    """Every row there is, as the database itself tells."""
    told = place.server.client(
        f"SELECT man_id FROM vicidial_manager WHERE server_ip = '{place.server_ip}'", database=place.database
    )
    return [int(man_id) for man_id in told.split()]


def _copies(
    deed: Deed, step: str, end: End, man_id: int, rows: Mapping[int, Row], made: Mapping[int, int]
) -> list[str]:
    """What is wrong with a row and its copy, which share a caller id."""
    copies = [one for one in rows if one != man_id and rows[one].callerid == rows[man_id].callerid]
    wrong = []
    if deed == "retry" and (step == "copy told" or (step == "copy" and end in ("after", "reply lost"))):
        if len(copies) != 1:
            wrong.append(f"row {man_id} has {len(copies)} copies, one was made")
    elif copies and (step, end) != ("copy", "within"):
        wrong.append(f"row {man_id} has {len(copies)} copies, none was made")
    elif len(copies) > 1:
        wrong.append(f"row {man_id} has {len(copies)} copies")
    if (calls := sum(made[one] for one in (man_id, *copies))) > 1:
        wrong.append(f"row {man_id} and its copy made {calls} calls")
    return wrong


def _telling(place: Place, deed: Deed, step: str, end: End, man_id: int) -> list[str]:
    """What is wrong with what is told of a retry that was begun: `queue show` has it, and another needs force."""
    if deed != "retry" or (step == "retry begun" and end in ("before", "within")):
        return []
    if all(entry.event != RETRYING for entry in place.store.timeline(man_id).journal):
        return [f"row {man_id} does not tell that a retry was begun"]
    try:
        copy = place.store.retry(man_id, actor="faults")
    except Refused:
        return []
    return [f"row {man_id} was retried again without a word, as row {copy}"]
