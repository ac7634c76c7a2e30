"""Rows of another process, which the listener finds by looking them up: also after a database that was long away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from acqs_core.action import Row, Status, call
from acqs_core.errors import QueueUnavailable
from acqs_core.listener.calls import ASKED_AGAIN, Calls
from acqs_core.listener.listener import Listener
from acqs_core.queue import schema
from acqs_core.queue.store import Store
from acqs_core.queue.types import Transition
from acqs_core.queue.writer import Writer
from acqs_core.settings import ListenerSettings
from acqs_core.telemetry import Telemetry
from tests.contract.backend import SERVER_IP, Backend
from tests.unit.ami_server import AmiServer, Peer, Received, polite
from tests.unit.hearsay import V1, Box

STRANGERS = 3 * ASKED_AGAIN

WITHOUT_CHANNEL_ID = b"Asterisk Call Manager/1.3\r\n"
"""Asterisk 11: a row's call is known by its caller id alone."""


class Away(Store):
    """A table that cannot be read for caller ids until all was heard, and then not for the first two times."""

    def __init__(self, backend: Backend, all_heard: Callable[[], bool]) -> None:
        super().__init__(backend.db, SERVER_IP)
        self._all_heard = all_heard
        self.asked: list[int] = []
        """How many names, each time that all was heard."""

    def candidates(self, callerids: Collection[str]) -> list[Row]:
        if self._all_heard():
            self.asked.append(len(callerids))
        if len(self.asked) <= 2:
            raise QueueUnavailable("the database is away")
        return super().candidates(callerids)


class Told(Writer):
    """A writer that only keeps what it is told."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.first: asyncio.Future[Transition] = asyncio.get_running_loop().create_future()

    def transition(self, new: Transition) -> None:
        self.first.set_result(new)


def event(name: str, number: int, caller: str) -> bytes:
    channel = f"Channel: SIP/{number}\r\nUniqueid: 10.{number}\r\nCallerIDName: {caller}"
    return f"Event: {name}\r\nChannelStateDesc: Ringing\r\n{channel}".encode()


async def test_what_is_looked_up_during_an_outage_is_bounded_and_who_lives_is_found_after_it(tmp_path: Path) -> None:
    backend = Backend("sqlite", f"sqlite:///{tmp_path / 'queue.sqlite3'}")
    schema.init(backend.db)
    telemetry = Telemetry()
    store = Away(backend, lambda: telemetry.counters.events >= 2 * STRANGERS)
    man_id = store.insert(call("PJSIP/x", exten="600", callerid=V1))
    backend.sql("UPDATE vicidial_manager SET status = 'SENT', response = 'Y'")

    async def answer(peer: Peer, action: Received) -> None:
        if action.action == "CoreSettings":
            await peer.say(event("Newstate", 0, V1))
            for number in range(1, STRANGERS):
                await peer.say(event("Newstate", number, f"Stranger {number}"), event("Hangup", number, ""))
            await peer.say(b"Event: FullyBooted")
        await polite(peer, action)

    with ThreadPoolExecutor(2) as threads:
        async with AmiServer(answer, banner=WITHOUT_CHANNEL_ID) as server:
            writer = Told(store, threads, telemetry)
            listener = Listener(store, writer, threads, server.endpoint(), ListenerSettings(filter=False), telemetry)
            listening = asyncio.create_task(listener.run())
            try:
                found = await asyncio.wait_for(writer.first, 20)
            finally:
                listening.cancel()
                await asyncio.wait((listening,))
    assert (found.man_id, found.status) == (man_id, Status.UPDATED)
    backend.close()
    assert store.asked[2] <= ASKED_AGAIN + 1, "all strangers but the last few are forgotten"


def test_of_what_could_not_be_looked_up_whatever_lives_is_kept() -> None:
    box = Box(Calls())
    living, ended = range(1, ASKED_AGAIN + 500), range(10_000, 10_000 + STRANGERS)
    for number in (*living, *ended):
        box.channel(f"acqs-{number:010d}", "Ringing")
        box.channel(f"10.{number}", "Ringing", f"Stranger {number}")
    for number in ended:
        box.hangup(f"acqs-{number:010d}")
        box.hangup(f"10.{number}")
    ids, names = set(box.calls.unknown_ids), set(box.calls.unknown_callers)
    assert len(ids) == len(names) == len(living) + len(ended)
    box.calls.unknown_ids.clear()
    box.calls.unknown_callers.clear()
    box.calls.put_back(ids, names)
    assert set(living) < box.calls.unknown_ids
    assert {f"Stranger {number}" for number in living} < box.calls.unknown_callers
    assert len(box.calls.unknown_ids) == len(box.calls.unknown_callers) == len(living) + ASKED_AGAIN
