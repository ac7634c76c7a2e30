"""Engines as an operator runs them: real processes, started, watched by their log, killed, and always reaped.

What a crash leaves behind can only be seen from outside the program that crashed; a task cancelled inside the test's
own interpreter still runs its `finally` and closes its sockets in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from acqs_core.action import LINE_COLUMNS, NewAction, Row, Status
from acqs_core.errors import QueueUnavailable
from tests.integration.stand import Stand
from tests.lab.client import Frame
from tests.lab.recorder import Recorder

ROOT = Path(__file__).parents[2]


class Daemon(Protocol):
    """What is used of a process, however it was started (asyncio.subprocess.Process, faults.nursery.Fork)."""

    @property
    def pid(self) -> int: ...

    @property
    def stderr(self) -> asyncio.StreamReader | None: ...

    def send_signal(self, signal: int, /) -> None: ...

    def kill(self) -> None: ...

    async def wait(self) -> int: ...


class Headless:
    """One `acqs-core` daemon and the lines it logs."""

    def __init__(self, process: Daemon) -> None:
        self._process = process
        self.log: list[dict[str, Any]] = []
        """What it has logged so far, one JSON object a line; a line that is none is kept as its message."""
        self._logged = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait_ready(self, seconds: float = 20.0) -> None:
        """Return once it says that it serves."""
        await self.said("ready", seconds)

    async def said(self, start: str | tuple[str, ...], seconds: float = 20.0) -> dict[str, Any]:
        """The first line whose message begins so, waiting for it when need be; fails when the process ends first."""

        def found() -> dict[str, Any] | None:
            return next((line for line in self.log if str(line["message"]).startswith(start)), None)

        try:
            async with asyncio.timeout(seconds), self._logged:
                while (line := found()) is None:
                    assert not self._reading.done(), f"it {await self.state()} without saying {start!r}: {self.log}"
                    await self._logged.wait()
        except TimeoutError:
            raise AssertionError(f"it did not say {start!r} within {seconds:g} s: {self.log}") from None
        return line

    async def terminate(self, seconds: float = 30.0) -> int:
        """SIGTERM; the exit code once it has ended by itself. AssertionError when it had ended before."""
        try:
            self.stop()
        except ProcessLookupError:
            raise AssertionError(f"it had ended before, with {await self.ended(1)}: {self.log[-3:]}") from None
        return await self.ended(seconds)

    async def ended(self, seconds: float = 30.0) -> int:
        """Its exit code once it has ended, by whatever."""
        return await asyncio.wait_for(self._process.wait(), seconds)

    async def state(self) -> str:
        """Whether it lives, in words."""
        try:
            return f"has ended with {await self.ended(0.1)}"
        except TimeoutError:
            return "lives"

    async def kill(self) -> None:
        """SIGKILL, and reap it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading

    def stop(self) -> None:
        """SIGTERM; it drains and ends by itself."""
        self._process.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP: it does nothing, and its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for raw in self._process.stderr:
            text = raw.decode(errors="replace").rstrip("\n")
            try:
                line = json.loads(text)
            except ValueError:
                line = {"message": text}
            async with self._logged:
                self.log.append(line)
                self._logged.notify_all()
        async with self._logged:
            self._logged.notify_all()


class Fleet:
    """Every process started on one stand with one settings file; none of them outlives the `async with`."""

    def __init__(self, stand: Stand, directory: Path, **sections: Any) -> None:
        self._settings = directory / "acqs.toml"
        write_settings(self._settings, stand.flags(**sections))
        self._processes: list[Headless] = []
        # A short name: the path of a socket has 107 bytes at the most.
        self._sockets = tempfile.TemporaryDirectory(prefix="acqs-")
        self.sockets = Path(self._sockets.name)
        """Where consoles attach to its processes."""
        self._environ = {"ACQS_CONTROL__FOLDER": self._sockets.name}

    async def start(self, *command: str) -> Headless:
        """Start a daemon (`run` unless told otherwise); it need not be ready yet."""
        process = Headless(await self._spawn(command or ("run",)))
        self._processes.append(process)
        return process

    async def ask(self, *command: str) -> tuple[int, Any]:
        """Run a command with `--json`: its exit code, and what it printed."""
        process = await self._spawn((*command, "--json"))
        out, err = await asyncio.wait_for(process.communicate(), 30)
        code = process.returncode
        assert code is not None
        return code, json.loads(out) if out.strip() else err.decode()

    async def _spawn(self, command: tuple[str, ...]) -> asyncio.subprocess.Process:
        # However this interpreter ends, nothing of it goes on calling.
        tie = ("setpriv", "--pdeathsig", "KILL", "--")
        ours = {name: value for name, value in os.environ.items() if not name.startswith("ACQS_")}
        return await asyncio.create_subprocess_exec(
            *tie, sys.executable, "-m", "acqs_core", *command, "--config", str(self._settings),
            cwd=ROOT, env={**ours, **self._environ, "PYTHONPATH": str(ROOT)}, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            await process.kill()
        self._sockets.cleanup()


def write_settings(path: Path, tree: dict[str, Any]) -> None:
    """A TOML file with these settings, for its owner alone, as it holds secrets."""
    plain = [f"{key} = {json.dumps(value)}" for key, value in tree.items() if not isinstance(value, dict)]
    for section, values in tree.items():
        if isinstance(values, dict):
            plain += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    path.touch(mode=0o600)
    path.write_text("\n".join(plain) + "\n")


def burst(stand: Stand, news: list[NewAction], *, server_ip: str | None = None) -> list[int]:
    """Insert many actions by one positional INSERT, as a dialer's batch; their man_ids. For the stand's server_ip
    unless another is given, which may be blank."""
    where = stand.server_ip if server_ip is None else server_ip
    tuples = []
    for new in news:
        lines = [*new.lines, *[""] * (len(LINE_COLUMNS) - len(new.lines))]
        quoted = ",".join("'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
                          for text in (new.action, new.callerid, *lines))  # fmt: skip
        tuples.append(f"('','',NOW(),'NEW','N','{where}','',{quoted})")
    answer = stand.server.client(
        f"INSERT INTO vicidial_manager VALUES {','.join(tuples)}; SELECT LAST_INSERT_ID();", database=stand.database
    )
    first = int(answer.split()[-1])
    return list(range(first, first + len(news)))


async def until_rows(
    stand: Stand, man_ids: list[int], settled: Callable[[Row], bool], seconds: float = 30.0
) -> dict[int, Row]:
    """The rows once each is as wanted. A table tells nobody that it changed, so it is looked at."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        rows = {row.man_id: row for row in await asyncio.to_thread(stand.store.by_ids, man_ids)}
        waiting = [row for row in rows.values() if not settled(row)]
        if not waiting:
            assert len(rows) == len(man_ids)
            return rows
        assert asyncio.get_running_loop().time() < deadline, f"{len(waiting)} rows wait: {waiting[:5]}"
        await asyncio.sleep(0.1)


async def until_settled(
    stand: Stand, man_ids: list[int], response_timeout: float, seconds: float = 40.0
) -> tuple[dict[int, Row], set[int]]:
    """The rows once each is DEAD or shown as unknown to operators, and which are shown so.

    Shown twice in a row: an old row that was marked SENT this instant has no sent_at yet, and is judged by its age.
    """
    unknown, before = set[int](), set[int]()

    def settled(row: Row) -> bool:
        return row.status is Status.DEAD or (row.status is Status.SENT and row.man_id in unknown)

    async with asyncio.timeout(seconds):
        while True:
            with contextlib.suppress(QueueUnavailable):  # a database that was restarted closed our connections too
                found = await asyncio.to_thread(stand.store.unknown, response_timeout, 1000)
                shown = {row.man_id for row, _ in found}
                unknown, before = shown & before, shown
                rows = {row.man_id: row for row in await asyncio.to_thread(stand.store.by_ids, man_ids)}
                if all(settled(row) for row in rows.values()):
                    return rows, unknown
            await asyncio.sleep(0.2)


def man_id_of(frame: Frame) -> int | None:
    """The row whose Originate an OriginateResponse answers, by our own ActionID."""
    parts = frame["ActionID"].split("-")
    return int(parts[1]) if frame.event == "OriginateResponse" and len(parts) == 3 and parts[0] == "acqs" else None


def calls_made(recorder: Recorder) -> Counter[int]:
    """How many Originates of each row reached Asterisk, those included that it refused as duplicates of a channel."""
    return Counter(man_id for man_id in map(man_id_of, recorder.events) if man_id is not None)


def hung_up(recorder: Recorder) -> set[str]:
    """Uniqueids of the channels that have ended."""
    return {frame["Uniqueid"] for frame in recorder.events if frame.event == "Hangup"}


async def until_reached(recorder: Recorder, more: int, seconds: float = 30.0) -> None:
    """Return once `more` further calls of ours have begun at Asterisk."""
    count = itertools.count(1)

    def enough(frame: Frame) -> bool:
        ours = frame.event == "Newchannel" and frame["Uniqueid"].removeprefix("acqs-").isdigit()
        return ours and next(count) >= more

    await asyncio.to_thread(recorder.wait_for, enough, seconds, since=len(recorder.events))
