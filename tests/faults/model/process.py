"""A program of the model: a real Engine in an event loop of its own, which runs only when it is told to.

Its threads are jobs that wait until the test has them carried out, one statement at a time if it likes. So the program
can be killed, stopped, or lose the reply of the database at every point where a real one could: between any two
statements, before and after each, and between a statement's effect and the moment its caller hears of it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import sqlite3
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Literal

from acqs_core.engine import Engine

if TYPE_CHECKING:
    from tests.faults.model.world import World

TURNS = 12
"""Rounds of the event loop that a program is given at a time: what it can do without waiting for anybody."""

A_STATEMENT_TAKES = 0.002
"""Seconds of the model's clock."""


MOVES_TO_QUEUE = frozenset({"claim", "dead_callerids", "release_queue", "unanswered_callerids"})
"""Statements of a claim or a take-over: while one is on its way, rows are in QUEUE that nobody has in his hands yet."""


class Killed(BaseException):
    """The program is no more: nothing that follows in it is carried out."""


@dataclasses.dataclass(slots=True)
class Fault:
    """What befalls the next job: its `at`-th statement is cut `before` or `after` it takes effect."""

    when: Literal["before", "after"]
    at: int
    kills: bool = False
    """The program dies of it; else it hears that the database is away."""
    seen: int = 0
    killed: bool = False

    def meets(self, when: str) -> None:
        """A statement is about to be, or was, carried out. Raises what becomes of it."""
        if when != self.when:
            return
        self.seen += 1
        if self.seen == self.at:
            self.killed = self.kills
            raise Killed if self.kills else sqlite3.OperationalError("the model cut the connection")


@dataclasses.dataclass(slots=True)
class Job:
    """Work that a thread of the program would do."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    done: concurrent.futures.Future[Any] = dataclasses.field(default_factory=concurrent.futures.Future)

    @property
    def name(self) -> str:
        """What it does, by the name of the function."""
        return getattr(self.work, "__name__", "work")

    def end(self, result: object) -> None:
        """Tell what came of it, if anybody still waits: a thread that works is not stopped by who waits no longer."""
        if not self.done.set_running_or_notify_cancel():
            return
        if isinstance(result, Exception):
            self.done.set_exception(result)
        else:
            self.done.set_result(result)


class Threads:
    """The program's thread pools: an Executor that only remembers."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.alive = True

    def submit(self, work: Callable[..., Any], /, *arguments: Any) -> concurrent.futures.Future[Any]:
        job = Job(work, arguments)
        if self.alive:
            self.jobs.append(job)
        return job.done

    def shutdown(self, **_: object) -> None:
        self.alive = False


class Process:
    """One run of the program, from its start until it is killed or ends."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.threads = Threads()
        self.frozen = False
        self.connections: list[sqlite3.Connection] = []
        self.loop = asyncio.SelectorEventLoop()
        world.starting = self
        self.engine = Engine(world.settings_of(name))
        self.task = self.loop.create_task(self.engine.run())

    def turn(self) -> None:
        """Let it do what it can without waiting, unless it is stopped."""
        if not self.frozen:
            self.loop.run_until_complete(_rounds())

    @property
    def ready(self) -> list[Job]:
        """Jobs that the database could carry out now."""
        return [job for job in self.threads.jobs if job.name != "await_new" or self.world.sees_new()]

    def has(self, man_id: int) -> bool:
        """Whether it has this row in its hands, or knows that such a row may have to be given back."""
        if self.engine.sender is None:
            return False
        deliveries = self.engine.sender._deliveries
        unwritten = deliveries._unwritten
        return bool(man_id in {*deliveries.children, *unwritten._rows, *unwritten.ending} or unwritten._doubts)

    def has_taken_over(self, tokens: Collection[int]) -> bool:
        """Whether it sends by one of these tokens, and every row that it moved to or found in QUEUE is known to it."""
        sender = self.engine.sender
        busy = self.frozen or any(job.name in MOVES_TO_QUEUE for job in self.threads.jobs)
        return sender is not None and sender._clearance.token in tokens and not busy

    def do(self, job: Job, fault: Fault | None = None) -> None:
        """Carry a job out; whoever asked for it hears of it at the program's next turn. Raises Killed."""
        self.threads.jobs.remove(job)
        self.world.pass_time(A_STATEMENT_TAKES)
        if job.name == "await_new":
            job.end(True)
            return
        with self.world.cutting(self, fault):
            told: object
            try:
                told = job.work(*job.arguments)
            except Killed:
                raise
            except Exception as error:  # noqa: BLE001 - as a thread does, it tells whoever asked
                told = error
            if fault is not None and fault.killed:
                raise Killed  # what the program wanted to do about it is not done any more
            job.end(told)

    def let_look_out_end(self) -> None:
        """The thread that looks out for NEW rows comes back by itself after a while."""
        for job in [job for job in self.threads.jobs if job.name == "await_new"]:
            self.threads.jobs.remove(job)
            job.end(False)

    def end(self) -> None:
        """Whatever it was at, nothing more of it takes effect."""
        self.threads.alive = False
        self.threads.jobs.clear()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        for _ in range(5):
            self.loop.run_until_complete(_rounds())
        self.loop.close()
        for connection in self.connections:
            connection.close()
        if not self.task.cancelled():
            self.task.exception()  # the laws have told of it


async def _rounds() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
