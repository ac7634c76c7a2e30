"""The whole of the model: a database file, an Asterisk, the programs that run, the operator, and the time."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from acqs_core.action import NewAction, Row, Status
from acqs_core.errors import Refused
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.store import Store
from acqs_core.sender.delivery import MARK_DEADLINE
from acqs_core.settings import Settings
from tests.faults.model.box import Box, ModelOpener, Verdict
from tests.faults.model.laws import Broken, Laws
from tests.faults.model.process import Fault, Killed, Process, Threads

SERVER_IP = "10.0.0.1"
RESPONSE_TIMEOUT = 4.0

BEGIN = 1000.0
"""What the model's clock shows when a world begins, in seconds."""

A_WHILE = 0.05
"""Seconds of the model's clock that an idle program is given: the longest of its polls."""

HANG_UP, LAST_ROUNDS = 12, 100
"""Rounds of a second after which all calls are hung up, and after which a healed world is at rest or never will be."""

_MOVES = """
CREATE TABLE moves (man_id INTEGER, old TEXT, new TEXT);
CREATE TRIGGER moved AFTER UPDATE OF status ON vicidial_manager WHEN old.status IS NOT new.status
BEGIN INSERT INTO moves VALUES (new.man_id, old.status, new.status); END;
"""
"""Every step of every row, whoever makes it, as the database itself saw it."""


@cache
def _template() -> Path:
    """An empty queue that writes down every step; made once, copied for each world."""
    path = Path(tempfile.mkdtemp(prefix="acqs-model-")) / "empty.sqlite3"
    database = Database(f"sqlite:///{path}", pool_size=1)
    schema.init(database)
    database.dispose()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(_MOVES + "PRAGMA wal_checkpoint(TRUNCATE);")
    return path


class Unforeseen(logging.Handler):
    """Collects what the programs log as an error or with a traceback: a failure that nobody foresaw."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.said.append(logging.Formatter().format(record))


class World:
    """Use it as a context: for its time the process's monotonic clock is the model's."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="acqs-model-")))
        self._file = self._folder / "queue.sqlite3"
        shutil.copy(_template(), self._file)
        self.now, self._begun = BEGIN, dt.datetime.now(dt.UTC)
        self.fault: Fault | None = None
        self.database_up = True
        self.starting: Process | None = None
        self.running: Process | None = None
        """Whose statements are carried out."""
        self.inserted: dict[int, NewAction] = {}
        self.laws = Laws(self)
        self.box = Box(self)
        self.processes: dict[str, Process] = {}
        self.errors = Unforeseen()
        self._patch()
        self.db = Database(f"sqlite:///{self._file}", pool_size=1)
        self.store = Store(self.db, SERVER_IP)
        self.raw = sqlite3.connect(self._file, isolation_level=None)

    def _patch(self) -> None:
        enter = self._stack.enter_context
        enter(mock.patch("time.monotonic", self._clock))
        for owner in ("engine", "tenure"):
            enter(mock.patch(f"acqs_core.{owner}.ThreadPoolExecutor", self._threads))
        enter(mock.patch("acqs_core.sender.opening.opener", return_value=ModelOpener(self.box)))
        enter(mock.patch("acqs_core.listener.listener.Session.open", self.box.listen))
        for when in ("before", "after"):
            hook = f"{when}_cursor_execute"
            listener = self._before if when == "before" else self._after
            sa.event.listen(sa.Engine, hook, listener)
            self._stack.callback(sa.event.remove, sa.Engine, hook, listener)
        sa.event.listen(sa.Engine, "connect", self._set_clock)
        self._stack.callback(sa.event.remove, sa.Engine, "connect", self._set_clock)
        logger = logging.getLogger("acqs_core")
        logger.addHandler(self.errors)
        self._stack.callback(logger.removeHandler, self.errors)

    def _set_clock(self, connection: sqlite3.Connection, _record: object) -> None:
        """The database's clock is the model's too: by it leases expire."""
        connection.create_function("strftime", -1, self._strftime)
        if self.running is not None:
            self.running.connections.append(connection)

    def _strftime(self, form: str, *more: str) -> str:
        offsets = [float(one.removesuffix(" seconds")) for one in more if one.endswith(" seconds")]
        moment = self._begun + dt.timedelta(seconds=self.now - BEGIN + sum(offsets))
        assert form == "%Y-%m-%d %H:%M:%f", "another form than the dialect's"
        return f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3]

    def close(self) -> None:
        """End everything that runs."""
        for name in list(self.processes):
            self.kill(name)
        self.raw.close()
        self.db.dispose()
        self._stack.close()

    # Programs.

    def settings_of(self, name: str) -> Settings:
        """What a program is started with."""
        return Settings.model_validate({
            "server_ip": SERVER_IP,
            "queue": {"url": f"sqlite:///{self._file}"},
            "asterisk": {"host": name, "username": "acqs", "secret": "acqs"},
            "sender": {"response_timeout": RESPONSE_TIMEOUT, "linger": 1.0, "max_sessions": 8},
        })  # fmt: skip

    def _threads(self, *_: object) -> Threads:
        assert self.starting is not None
        return self.starting.threads

    def start(self, name: str) -> Process:
        """Start a program under this name."""
        assert name not in self.processes
        self.processes[name] = process = Process(self, name)
        return process

    def kill(self, name: str) -> None:
        """kill -9: what it knew is gone, its sockets are closed."""
        process = self.processes.pop(name)
        for session in [one for one in self.box.sessions if one.loop is process.loop]:
            session.abort()
        for listener in [one for one in self.box.listeners if one.loop is process.loop]:
            listener.abort()
        process.end()

    def run(self, name: str, jobs: int, pick: int = 0, fault: Fault | None = None, idle: int = 3) -> None:
        """Let a program go on for so many jobs; the fault befalls the first of them. Where it has nothing to do it
        waits, `idle` times, for its next timer."""
        process = self.processes[name]
        while jobs > 0:
            process.turn()
            ready = process.ready
            if not ready:
                idle -= 1
                if idle < 0:
                    return
                self.pass_time(A_WHILE)
                continue
            jobs -= 1
            try:
                process.do(ready[min(pick, len(ready) - 1)], fault)
            except Killed:
                self.kill(name)
                return
            fault = None
        process.turn()

    # Database and time.

    def _clock(self) -> float:
        return self.now

    def pass_time(self, seconds: float) -> None:
        """The clock goes on."""
        self.now += seconds

    def sees_new(self) -> bool:
        """Whether a look-out would see a NEW row."""
        return bool(self.raw.execute("SELECT 1 FROM vicidial_manager WHERE status = 'NEW' LIMIT 1").fetchall())

    @contextlib.contextmanager
    def cutting(self, process: Process, fault: Fault | None) -> Iterator[None]:
        """The program's statements are carried out, and this befalls them."""
        self.running = process
        self.fault = fault if self.database_up else Fault("before", 1)
        try:
            yield
        finally:
            self.fault = self.running = None

    def _before(self, *_: Any) -> None:
        if self.fault is not None:
            self.fault.meets("before")

    def _after(self, _connection: Any, cursor: sqlite3.Cursor, *_: Any) -> None:
        if self.fault is None:
            return
        try:
            self.fault.meets("after")
        except BaseException:
            cursor.close()  # or the statement would not end before the traceback does
            raise

    def expire_leases(self) -> None:
        """The holders' renewals did not get through for longer than the leases live."""
        self.raw.execute("UPDATE acqs_lease SET expires_at = '2000-01-01 00:00:00.000'")

    # Producers and the table.

    def insert(self, action: NewAction) -> int:
        """A producer's INSERT."""
        man_id = self.store.insert(action)
        self.inserted[man_id] = action
        return man_id

    def rows(self) -> dict[int, Row]:
        """The whole table."""
        return {row.man_id: row for row in self.store.by_ids(list(self.inserted))}

    def is_in_hand(self, man_id: int) -> bool:
        """Whether a program has this row of QUEUE in its hands, or whoever sends has not looked for such rows yet."""
        found = self.raw.execute("SELECT token FROM acqs_lease WHERE role = 'sender'").fetchall()
        tokens = {int(token) for (token,) in found}
        living = list(self.processes.values())
        return any(one.has(man_id) for one in living) or not any(one.has_taken_over(tokens) for one in living)

    # The operator.

    @property
    def paused(self) -> bool:
        """What the table says, whoever looks."""
        found = self.raw.execute("SELECT paused FROM acqs_control").fetchall()
        return bool(found and found[0][0])

    @property
    def trouble(self) -> str:
        """What the programs' senders say of themselves."""
        senders = (process.engine.sender for process in self.processes.values())
        return next((sender.trouble for sender in senders if sender is not None and sender.trouble), "")

    @property
    def patience(self) -> float:
        """Seconds after which a sender has waited response_timeout for an answer, as it counts them: from the marking,
        which may take until its deadline."""
        return RESPONSE_TIMEOUT - MARK_DEADLINE

    def discard(self, man_id: int) -> None:
        """An operator's deed; refused where the row's status refuses it."""
        with contextlib.suppress(Refused):
            self.store.discard(man_id, actor="op")
            self.laws.ended_by_operator.add(man_id)

    def retry(self, man_id: int) -> None:
        """The same, with a copy."""
        with contextlib.suppress(Refused):
            copy = self.store.retry(man_id, actor="op", force=True)
            self.inserted[copy] = self.inserted[man_id]
            self.laws.ended_by_operator.add(man_id)

    # The end.

    def heal(self) -> None:
        """Everything works again and goes on until nothing moves: every row must have come to its end."""
        self.database_up = self.box.up = True
        self.store.resume(actor="op")
        self.expire_leases()  # of those that were killed; who lives renews its own
        for process in self.processes.values():
            process.frozen = False
        if not self.processes:
            self.start("a")
        lived = [call.man_id for call in self.box.calls if call.lives]
        for number in range(LAST_ROUNDS):
            self._go_on(hang_up=number > HANG_UP)
            self.pass_time(1.0)
            if number > HANG_UP and not self.box.is_busy and not self.unsettled(lived):
                return
        left = {man_id: str(row.status) for man_id, row in self.unsettled(lived).items()}
        raise Broken(f"all works again, and these rows do not come to their end: {left}")

    def _go_on(self, *, hang_up: bool) -> None:
        """One round of everything."""
        for name in self.processes:
            self.run(name, 12)
        for one in self.box.undecided:
            self.box.decide(one, Verdict.TAKEN)
        for one in self.box.unsaid:
            self.box.say(one)
        for call in self.box.calls:
            if call.lives and hang_up:
                self.box.move(call, "ended", 16)
        for listener in list(self.box.listeners):
            while may := listener.may_be_told():
                listener.tell(may[0])

    def unsettled(self, lived: Collection[int]) -> dict[int, Row]:
        """Rows that are where they cannot stay. `lived` had a call when all went well again."""
        return {man_id: row for man_id, row in self.rows().items() if not self._is_settled(row, lived)}

    def _is_settled(self, row: Row, lived: Collection[int]) -> bool:
        """DEAD; SENT and answered, if it is no call; or SENT, and its answer and its call were both missed for ever."""
        if row.status is Status.DEAD:
            return True
        if row.status is not Status.SENT:
            return False
        if row.response == "Y":
            return row.action != "Originate"
        return row.man_id not in lived and self.is_told_unknown(row)

    def is_told_unknown(self, row: Row) -> bool:
        """Whether `queue list --unknown` has it."""
        return any(one.man_id == row.man_id for one, _ in self.store.unknown(RESPONSE_TIMEOUT))
