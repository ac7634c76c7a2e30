"""Starts many daemons quickly: forks of one process that has loaded the program, each in a few milliseconds.

To load it takes more than a second of processor time, and a run of faults starts hundreds. Whoever is forked is a
process like any other: it has a pid, is killed by the kernel when this interpreter ends, and its exit code is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import itertools
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]

_PR_SET_PDEATHSIG = 1


class Fork:
    """A daemon, as far as Headless uses an asyncio.subprocess.Process."""

    def __init__(self, pid: int, handle: int, stderr: asyncio.StreamReader) -> None:
        self.pid, self._handle = pid, handle
        self.stderr = stderr
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def send_signal(self, number: int) -> None:
        """Raises ProcessLookupError when it has ended."""
        signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """SIGKILL. Raises ProcessLookupError when it has ended."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Its exit code; the number of a signal is negative."""
        return await asyncio.shield(self._code)

    def ended(self, code: int) -> None:
        self._code.set_result(code)

    def release(self) -> None:
        os.close(self._handle)


class Nursery:
    """The process that forks, and those it has forked. None of them outlives the `async with`."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._born: dict[int, asyncio.Future[tuple[int, int]]] = {}
        self._living: dict[int, Fork] = {}
        self._codes: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("ACQS_")}
        with theirs:
            self._process = subprocess.Popen(  # noqa: ASYNC220 vfork and exec: a few milliseconds
                ("setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", __name__, str(theirs.fileno())),
                pass_fds=(theirs.fileno(),), cwd=ROOT, env={**ours, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        asyncio.get_running_loop().add_reader(self._control, self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        self._process.kill()  # and the kernel kills its children
        self._process.wait()
        for fork in self._living.values():
            fork.release()

    async def fork(self, *arguments: str, stop: str = "", environ: dict[str, str] | None = None) -> Fork:
        """Start `acqs-core` with these arguments, to end at `stop` (stopping.Stop)."""
        number = next(self._numbers)
        reading, writing = os.pipe()
        stderr = asyncio.StreamReader(limit=1 << 20)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stderr), os.fdopen(reading, "rb", 0))
        born = self._born[number] = loop.create_future()
        request = {"id": number, "arguments": arguments, "stop": stop, "environ": environ or {}}
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], [writing])
        finally:
            os.close(writing)
        async with asyncio.timeout(30):  # the first one waits until the program is loaded
            pid, handle = await born
        fork = self._living[pid] = Fork(pid, handle, stderr)
        if pid in self._codes:
            self._bury(pid, self._codes.pop(pid))
        return fork

    def _read(self) -> None:
        """A birth or a death."""
        try:
            message, handles, _, _ = socket.recv_fds(self._control, 1 << 16, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        if not message:
            asyncio.get_running_loop().remove_reader(self._control)
            for born in self._born.values():
                born.set_exception(RuntimeError("the nursery ended; what it wrote on stderr says why"))
            return
        told: dict[str, Any] = json.loads(message)
        if "code" not in told:
            self._born.pop(told["id"]).set_result((told["pid"], handles[0]))
        elif told["pid"] in self._living:
            self._bury(told["pid"], told["code"])
        else:
            self._codes[told["pid"]] = told["code"]

    def _bury(self, pid: int, code: int) -> None:
        self._living[pid].ended(code)


def _serve(control: socket.socket) -> None:
    """Fork for each request, and tell of each end."""
    import acqs_core.cli.app
    import acqs_core.cli.daemon
    import acqs_core.control.serving
    import acqs_core.engine
    import acqs_core.loop
    import acqs_core.notify
    import acqs_core.queue.schema
    import acqs_core.sender.process.opener
    from acqs_core.queue.database import Database

    # What is otherwise loaded when it is first used: the driver, its ciphers, the loop.
    Database("mysql://nobody:nothing@127.0.0.1:1/nowhere")
    acqs_core.loop.factory()
    wakes, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    gc.collect()
    gc.freeze()
    while True:
        ready, _, _ = select.select((control.fileno(), wakes), (), ())
        if wakes in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wakes, 512)
            _tell_of_ends(control)
        if control.fileno() in ready:
            message, handles, _, _ = socket.recv_fds(control, 1 << 16, 1)
            if not message:
                return
            request = json.loads(message)
            pid = os.fork()
            if not pid:
                os.close(wakes)
                os.close(woken)
                _live(control, handles[0], request)
            handle = os.pidfd_open(pid)
            reply = json.dumps({"id": request["id"], "pid": pid}).encode()
            socket.send_fds(control, [reply], [handle])
            os.close(handle)
            os.close(handles[0])


def _tell_of_ends(control: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            control.send(json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def _live(control: socket.socket, stderr: int, request: dict[str, Any]) -> None:
    """The whole life of a fork."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        control.close()
        os.dup2(stderr, 2)
        os.close(stderr)
        os.environ.update(request["environ"])
        sys.argv = ["acqs-core", *request["arguments"]]
        if request["stop"]:
            from tests.faults.stopping import Stop, install

            install(Stop.parse(request["stop"]))
        from acqs_core.cli.app import run

        code = run(sys.argv[1:])
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        logging.shutdown()  # its last words, which os._exit would not wait for
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
