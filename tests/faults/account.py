"""What became of every row: settled, in doubt and shown so, lost, or sent twice. Counted by witnesses, not believed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from acqs_core.action import Row, Status
from acqs_core.errors import QueueUnavailable
from acqs_core.queue.store import Store
from tests.lab.asterisk import Asterisk
from tests.lab.client import AmiClient, Frame


class Witness:
    """Counts which rows' actions Asterisk has carried out: an Originate ends in one OriginateResponse (facts/ami.md), a
    UserEvent is one with its ActionID. Of other actions Asterisk tells nobody but who sent them: a Tap counts those.

    A session of the lab's own client in a thread of its own; it hears nothing else, and so keeps up with any load.
    """

    def __init__(self, asterisk: Asterisk) -> None:
        self._session = asterisk.connect(events="on")
        for wanted in ("OriginateResponse", "UserEvent"):
            added = self._session.ask("Filter", Operation="Add", Filter=f"Event: {wanted}")
            assert added["Response"] == "Success", added
        self._session.connection.settimeout(None)
        self._made: Counter[int] = Counter()
        self._first: dict[int, float] = {}
        self._marks: set[str] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(self._session,), name="witness", daemon=True)
        self._thread.start()

    def made(self, man_ids: Collection[int]) -> dict[int, int]:
        """How often each of these was carried out, whatever Asterisk said before now."""
        mark = f"{id(self):x}-{len(self._marks)}"
        self._session.write("UserEvent", f"mark-{mark}", UserEvent="LabMark", Mark=mark)
        with self._changed:
            if not self._changed.wait_for(lambda: mark in self._marks, 20):
                raise TimeoutError("Asterisk has not told the witness within 20 s")
            return {man_id: self._made[man_id] for man_id in man_ids}

    def first(self, man_ids: Collection[int], seconds: float) -> float:
        """When the first of these was carried out, by the day's clock; waits for it. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._first.keys().isdisjoint(man_ids), seconds):
                raise TimeoutError(f"none of {len(man_ids)} rows was carried out within {seconds:g} s")
            return min(self._first[man_id] for man_id in man_ids if man_id in self._first)

    def close(self) -> None:
        """End the session and its thread."""
        with contextlib.suppress(OSError):
            self._session.connection.shutdown(socket.SHUT_RDWR)  # the thread blocks in recv: that wakes it
        self._thread.join()
        self._session.close()

    def _read(self, session: AmiClient) -> None:
        with contextlib.suppress(OSError):
            for frame in session.incoming:
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        with self._changed:
            if (man_id := _row_of(frame)) is not None:
                self._made[man_id] += 1
                self._first.setdefault(man_id, time.time())
            elif frame["Mark"]:
                self._marks.add(frame["Mark"])
            self._changed.notify_all()


def _row_of(frame: Frame) -> int | None:
    """The row whose action this event tells of, by our own ActionID."""
    parts = frame["ActionID"].split("-")
    told = frame.event in ("OriginateResponse", "UserEvent") and len(parts) == 3 and parts[0] == "acqs"
    return int(parts[1]) if told else None


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """The rows of one injection, each in exactly one of these."""

    settled: int = 0
    unknown: int = 0
    """SENT and in doubt, and shown to operators as that."""
    lost: tuple[str, ...] = ()
    """Neither: what the table holds of each, in words."""
    twice: tuple[int, ...] = ()
    """Written more than once; counted besides."""

    @property
    def rows(self) -> int:
        return self.settled + self.unknown + len(self.lost)


def is_over(row: Row) -> bool:
    """DEAD; or answered, where that is all there is to come."""
    return row.status is Status.DEAD or (
        row.status is Status.SENT and row.response == "Y" and row.action != "Originate"
    )


def account(
    rows: Mapping[int, Row], unknown: Collection[int], made: Mapping[int, int], never: Collection[int] = ()
) -> Account:
    """Judge rows that should have ended by how often each was carried out; `never` may not be sent at all."""
    lost = []
    for man_id, row in rows.items():
        times = made.get(man_id, 0)
        if is_over(row):
            if times != (0 if man_id in never else 1) and times < 2:
                lost.append(f"row {man_id} ended and was carried out {times} times")
        elif man_id not in unknown or row.status is not Status.SENT:
            lost.append(f"row {man_id} is {row.status}, response {row.response}, carried out {times} times")
    doubt = sum(man_id in unknown and not is_over(row) for man_id, row in rows.items())
    twice = tuple(man_id for man_id in rows if made.get(man_id, 0) > 1)
    return Account(len(rows) - doubt - len(lost), doubt, tuple(lost), twice)


GRACE = 8.0
"""Seconds in which a row that is in doubt may be settled by evidence: the listener's second look at what lives is over
by then (listener/reconcile.py)."""


class Ended(NamedTuple):
    """Rows as they are when each has ended or is in doubt."""

    rows: dict[int, Row]
    unknown: set[int]
    """Those that are shown as unknown."""
    at: float
    """When each had ended or was shown as unknown for the first time, on the monotonic clock."""


async def until_ended(
    store: Store, man_ids: list[int], response_timeout: float, seconds: float, grace: float = GRACE
) -> Ended:
    """Return as soon as each row is over, or is shown as unknown and stays so for `grace`; after `seconds` anyway.

    Shown twice in a row: a row that was marked SENT this instant has no sent_at yet, and is judged by its age.
    """
    rows: dict[int, Row] = {}
    unknown, before, at = set[int](), set[int](), 0.0
    deadline = time.monotonic() + seconds
    while (now := time.monotonic()) < (at + grace if at else deadline):
        with contextlib.suppress(QueueUnavailable):  # a database that went away took our connections with it
            found = await asyncio.to_thread(store.unknown, response_timeout, 1000)
            shown = {row.man_id for row, _ in found}
            unknown, before = shown & before, shown
            rows = {row.man_id: row for row in await asyncio.to_thread(store.by_ids, man_ids)}
            open_rows = [row for row in rows.values() if not is_over(row)]
            if len(rows) == len(man_ids) and all(row.man_id in unknown for row in open_rows):
                at = at or now
                if not open_rows:
                    break
        await asyncio.sleep(0.25)
    return Ended(rows, unknown, at or now)
