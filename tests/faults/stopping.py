"""Kills or stops a program at a named step of an action's life: `python -m tests.faults.stopping 'mark sent:within:2'
run --config FILE` is `acqs-core run`, and SIGKILLs itself when its second marking as SENT is with the database whose
reply it has not read.

The steps are statements and socket writes as they leave the process, seen at the driver and at the transport, so that
the programs themselves need no hook and pay nothing.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any, Literal, Self, get_args

Moment = Literal["before", "within", "after"]
"""Before a byte of it has left; when the statement is with the database and its reply is not read, or the action is
written by half; after a statement that changed something, or after the whole write."""

MOMENTS: tuple[Moment, ...] = get_args(Moment)

_ROW = r"UPDATE vicidial_manager\b[^=]*? SET "

STATEMENTS = {
    "claim": _ROW + r"status = 'QUEUE'",
    "claim of blank rows": _ROW + r"status = 'QUEUE', server_ip",
    "mark sent": _ROW + r"status = 'SENT'",
    "requeue": _ROW + r"status = 'NEW' WHERE man_id IN",
    "unsend": _ROW + r"status = 'NEW' WHERE man_id =",
    "reject": r"UPDATE vicidial_manager m JOIN acqs_outcome",
    "answer": _ROW + r"response = 'Y'",
    "transitions": r"UPDATE vicidial_manager m JOIN \(SELECT",
    "outcomes": r"INSERT INTO acqs_outcome \(man_id, outcome",
    "journal": r"INSERT INTO acqs_journal",
    "lease taken": r"UPDATE acqs_lease SET token|INSERT INTO acqs_lease",
    "lease renewed": r"UPDATE acqs_lease SET expires_at",
    "lease given up": r"UPDATE acqs_lease SET holder = ''",
}
"""How each kind of statement begins, as it is sent to MariaDB."""

DEEDS = {
    "retry begun": r"INSERT INTO acqs_journal\b.*'retrying'",
    "row ended": r"UPDATE vicidial_manager m JOIN acqs_outcome",
    "ending told": r"INSERT INTO acqs_journal\b.*'discarded",
    "copy": r"INSERT INTO vicidial_manager \(uniqueid",
    "copy told": r"INSERT INTO acqs_journal\b.*'retried'",
}
"""The same for the statements of an operator's deeds, in a process of their own."""

WRITES = {
    "login": rb"Action: Login\r\n",
    "action": rb"(?!Action: (Login|Logoff|Challenge)\r\n)",
    "logoff": b"Action: Logoff\r\n",
}
"""How each kind of write to Asterisk by a child session begins."""


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    """Where a program ends: the `passage`-th time that it comes to this moment of this step."""

    step: str
    moment: Moment
    passage: int = 1
    by: Literal["KILL", "STOP"] = "KILL"

    @classmethod
    def parse(cls, text: str) -> Self:
        """`mark sent:within:2`, or `mark sent:within:2:STOP`. Raises ValueError for what no program comes to."""
        step, moment, passage, *by = text.split(":")
        if step not in (*STATEMENTS, *DEEDS, *WRITES) or moment not in MOMENTS or by not in ([], ["KILL"], ["STOP"]):
            raise ValueError(f"{text!r} is no step; the steps are {', '.join((*STATEMENTS, *DEEDS, *WRITES))}")
        return cls(step, moment, int(passage), "STOP" if by == ["STOP"] else "KILL")

    def __str__(self) -> str:
        return f"{self.step}:{self.moment}:{self.passage}:{self.by}"


class _Count:
    """Passages of one stop, over all threads and all forks of this process."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._passages = multiprocessing.get_context("fork").Value("i", 0)

    def comes(self, step: str | None, moment: Moment) -> bool:
        """Whether the program, which is here, has come to the place."""
        if step != self._stop.step or moment != self._stop.moment:
            return False
        with self._passages.get_lock():
            self._passages.value += 1
            return bool(self._passages.value == self._stop.passage)

    def end(self) -> None:
        """To say so is the last that it does."""
        at = dt.datetime.now(dt.UTC).isoformat()
        os.write(2, json.dumps({"time": at, "message": f"stopped at {self._stop}"}).encode() + b"\n")
        os.kill(os.getpid(), signal.SIGKILL if self._stop.by == "KILL" else signal.SIGSTOP)

    def passes(self, step: str | None, moment: Moment) -> None:
        """The program is here; it ends when this is the place."""
        if self.comes(step, moment):
            self.end()


def install(stop: Stop) -> None:
    """Have this process end there."""
    count = _Count(stop)
    if stop.step not in WRITES:
        _watch_statements(count, stop.step)
    else:
        _watch_writes(count)
        _watch_forks(stop)


def _watch_statements(count: _Count, watched: str) -> None:
    from pymysql import connections

    driver: Any = connections.Connection  # whose insides have no types

    begin = re.compile({**STATEMENTS, **DEEDS}[watched])
    query: Callable[..., int] = driver.query
    read: Callable[..., int] = driver._read_query_result
    steps: dict[int, str | None] = {}

    def watched_query(self: Any, sql: str, unbuffered: bool = False) -> int:
        step = watched if begin.match(sql) else None
        count.passes(step, "before")
        steps[id(self)] = step
        changed = query(self, sql, unbuffered)
        if changed:
            count.passes(step, "after")
        return changed

    def watched_read(self: Any, unbuffered: bool = False) -> int:
        count.passes(steps.pop(id(self), None), "within")
        return read(self, unbuffered)

    driver.query, driver._read_query_result = watched_query, watched_read


def _watch_writes(count: _Count) -> None:
    from acqs_core.ami.protocol import QueueProtocol

    kinds = {step: re.compile(begin, re.IGNORECASE) for step, begin in WRITES.items()}
    write = QueueProtocol._write

    def watched_write(self: QueueProtocol, payload: bytes) -> None:
        # The listener logs in and asks, too; what it writes is no step of an action.
        child = self._owner.config["events"] == "off"
        step = next((step for step, begin in kinds.items() if begin.match(payload)), None) if child else None
        count.passes(step, "before")
        sizes: dict[Moment, int] = {"within": len(payload) // 2, "after": len(payload)}
        for moment, size in sizes.items():
            if count.comes(step, moment):
                # Now, and not when the loop has its turn: uvloop gathers what is written until then.
                sent = os.write(self.transport.get_extra_info("socket").fileno(), payload[:size])
                count.end()
                payload = payload[sent:]
        if payload:
            write(self, payload)

    QueueProtocol._write = watched_write  # type: ignore[method-assign]


def _watch_forks(stop: Stop) -> None:
    """With `isolation = "process"` a write is its child's own, and it is the child that ends there."""
    from acqs_core.sender.process import server

    server.COMMAND = (sys.executable, "-m", "tests.faults.stopping", str(stop), "forkserver")


def main() -> None:
    """The program's own command line behind the stop."""
    stop, *arguments = sys.argv[1:]
    install(Stop.parse(stop))
    sys.argv = ["acqs-core", *arguments]
    if arguments[0] == "forkserver":
        from acqs_core.sender.process import forkserver

        sys.argv = arguments
        forkserver.main()
    else:
        from acqs_core.__main__ import main as acqs_core

        acqs_core()


if __name__ == "__main__":
    main()
