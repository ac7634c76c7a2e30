"""Server processes that never outlive their purpose, and that are known by more than a pid.

A pid alone may belong to somebody else tomorrow: whatever is recorded to be stopped later carries the start time from
/proc as well, and nothing is ever ended by name.
"""

from __future__ import annotations

import concurrent.futures
import functools
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: its pid and its start time in clock ticks since boot (/proc/<pid>/stat, field 22)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Identity:
        """The identity of a living process. Raises ProcessLookupError."""
        ticks = _start_time(pid)
        if ticks is None:
            raise ProcessLookupError(f"no process {pid}")
        return cls(pid, ticks)

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return _start_time(self.pid) == self.started

    def end(self, grace: float, sig: signal.Signals = signal.SIGTERM) -> None:
        """End its process group: `sig`, then SIGKILL after `grace` seconds. Does nothing when it is gone."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if not self.alive():
                return
            os.killpg(self.pid, sig)
            if not select.select([handle], [], [], grace)[0]:
                os.killpg(self.pid, signal.SIGKILL)
                select.select([handle], [], [], 5.0)
        except ProcessLookupError:
            return
        finally:
            os.close(handle)


def _start_time(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


@functools.cache
def _starter() -> concurrent.futures.ThreadPoolExecutor:
    """The one thread that starts processes, alive as long as the interpreter.

    The kernel's parent-death signal goes off when the *thread* that started the child ends. A server (re)started from
    a worker thread of one test's event loop would die with that loop.
    """
    return concurrent.futures.ThreadPoolExecutor(1, "lab-starter")


class ServerFailed(RuntimeError):
    """A server did not come up; the text ends with the tail of its log."""


class Server:
    """One server process in a process group of its own, its output in a file.

    Unless `detached` it is killed by the kernel when this interpreter dies, however it dies; a detached one is left
    running on purpose (`python -m tests.lab up`).
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        *,
        detached: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self._detached = detached
        self._env = {**os.environ, **(env or {})}
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its pid. Raises RuntimeError when it was never started."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def identity(self) -> Identity:
        """Its pid and start time, to be recorded."""
        return Identity.of(self.pid)

    def start(self, ready: Callable[[], bool], timeout: float = 30.0) -> None:
        """Start it and return once `ready()`. Raises ServerFailed when it dies first or needs more than `timeout` s."""
        if self.running:
            raise RuntimeError(f"{self.name} is running already")
        self._process = _starter().submit(self._spawn).result()
        deadline = time.monotonic() + timeout
        while not (self._is_tied() and ready()):
            try:
                code = self._process.wait(0.02)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
                self.kill()
                raise ServerFailed(f"{self.name} was not ready within {timeout:g} s\n{self._tail()}") from None
            raise ServerFailed(f"{self.name} ended with code {code} at its start\n{self._tail()}")

    def stop(self, grace: float = 10.0, sig: signal.Signals = signal.SIGTERM) -> None:
        """End it and reap it: `sig`, then SIGKILL after `grace` seconds. Does nothing when it is not running."""
        if not self.running:
            return
        os.killpg(self.pid, signal.SIGCONT)
        os.killpg(self.pid, sig)
        try:
            self._reap(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole group, then reap it. Does nothing when it is not running."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            self._reap(10.0)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as with a hung server. Returns once every thread stands.

        Without that wait a thread may still answer what is asked right after: the signal only begins the stop.
        """
        os.killpg(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        os.killpg(self.pid, signal.SIGCONT)

    def _reap(self, timeout: float) -> None:
        assert self._process is not None
        self._process.wait(timeout)

    def _spawn(self) -> subprocess.Popen[bytes]:
        tie = [] if self._detached else ["setpriv", "--pdeathsig", "KILL", "--"]
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [*tie, *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=self._env,
                cwd=self._cwd,
            )

    def _is_tied(self) -> bool:
        """Whether setpriv has bound the process to this interpreter's life, and has become the server itself."""
        try:
            return not Path(f"/proc/{self.pid}/cmdline").read_bytes().startswith(b"setpriv\0")
        except (FileNotFoundError, ProcessLookupError):
            return True

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-15:])
