"""The fork server as the sender keeps it: started, asked for children, retired, ended. Nothing here blocks the loop."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import acqs_core
from acqs_core.errors import ConnectFailed
from acqs_core.sender.process.frames import VERSION

START_TIMEOUT = 10.0
"""Seconds until a fork server must have started: an interpreter that loads asyncio, on a busy machine."""

FORK_TIMEOUT = 2.0
"""Seconds without a single fork, which takes milliseconds, after which a fork server is taken to be stopped."""

AT_ONCE = 16
"""Requests under way at a time: far fewer than the socket holds, so that writing one never waits."""

COMMAND: tuple[str, ...] = (sys.executable, "-m", "acqs_core.sender.process.forkserver")


class ForkServerLost(ConnectFailed):
    """The fork server died, or does not fork: nothing was sent, and another is started."""


@dataclasses.dataclass(slots=True)
class Process:
    """A child process: its pid, a handle that never names another, and our end of its socket pair."""

    pid: int
    handle: int
    connection: socket.socket
    server: ForkServer

    def kill(self) -> None:
        """SIGKILL: whatever it was at, it does not go on."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    @property
    def lives(self) -> bool:
        """Whether it has not ended, be it stopped."""
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return not poll.poll(0)

    def release(self) -> None:
        """Forget it; it must have ended or been killed."""
        os.close(self.handle)
        self.server.left()


class ForkServer:
    """One running fork server; make one with `start`."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process, self._control = process, control
        self._loop = asyncio.get_running_loop()
        self._handle = os.pidfd_open(process.pid)
        self._reaped = asyncio.Event()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[int, int]]] = {}
        self._hello: asyncio.Future[int] = self._loop.create_future()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._children = 0
        self._heard = self._loop.time()
        self.usable = True
        """Whether it may be asked for another child."""
        self._loop.add_reader(control, self._read)
        self._loop.add_reader(self._handle, self._reap)

    @classmethod
    async def start(cls, *trust: str) -> ForkServer:
        """Start one, with the Endpoint's `trust`; raises ForkServerLost. It is no part of our terminal's session: a key
        there ends us, not it."""
        control, theirs = _socketpair(socket.SOCK_SEQPACKET)
        control.setblocking(False)
        try:
            with theirs:
                server = cls(_spawn(theirs.fileno(), trust), control)
        except OSError as error:
            control.close()
            raise _none_left(error.strerror) from None
        try:
            async with asyncio.timeout(START_TIMEOUT):
                version = await server._hello
        except TimeoutError:
            await server.close()
            raise ForkServerLost(
                f"the fork server did not start within {START_TIMEOUT:g} s; is the machine overloaded?"
            ) from None
        if version != VERSION:
            await server.close()
            raise ForkServerLost("the program was changed on disk while it ran; restart it")
        return server

    @property
    def pid(self) -> int:
        return self._process.pid

    async def fork(self) -> Process:
        """A new child process, which awaits its orders. Raises ForkServerLost."""
        async with self._turns:
            if not self.usable:
                raise ForkServerLost(f"the fork server (pid {self.pid}) is no more")
            ours, theirs = _socketpair(socket.SOCK_STREAM)
            number = next(self._numbers)
            reply = self._waiting[number] = self._loop.create_future()
            try:
                with theirs:
                    socket.send_fds(self._control, [json.dumps({"id": number}).encode()], [theirs.fileno()])
                pid, handle = await self._reply(reply)
            except BaseException as error:
                ours.close()
                if not isinstance(error, OSError):
                    raise
                self.retire()  # it is stopped or hangs; its living children are none the worse
                raise ForkServerLost(f"the fork server (pid {self.pid}) did not take a request in time") from None
            finally:
                del self._waiting[number]
        self._children += 1
        return Process(pid, handle, ours, self)

    async def _reply(self, reply: asyncio.Future[tuple[int, int]]) -> tuple[int, int]:
        """Wait for it as long as others come."""
        while True:
            await asyncio.wait((reply,), timeout=FORK_TIMEOUT)
            if reply.done():
                return reply.result()
            if self._loop.time() - self._heard >= FORK_TIMEOUT:
                raise TimeoutError

    def left(self) -> None:
        """One of its children is no more."""
        self._children -= 1
        self._end_when_childless()

    def retire(self) -> None:
        """Ask it for nothing any more. It is killed after its last child, which would die with it."""
        self.usable = False
        self._end_when_childless()

    async def close(self) -> None:
        """End it, its children with it, and reap it."""
        self._lost()
        self._process.kill()
        await self._reaped.wait()

    def _end_when_childless(self) -> None:
        if not self.usable and self._children == 0:
            self._process.kill()

    def _reap(self) -> None:
        """It has ended."""
        self._loop.remove_reader(self._handle)
        os.close(self._handle)
        self._process.wait()
        self._lost()
        self._reaped.set()

    def _read(self) -> None:
        """Take one reply; a socket that ends says that the server has."""
        try:
            message, handles, _, _ = socket.recv_fds(self._control, 4096, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            message, handles = b"", []
        if not message:
            self._lost()
            return
        self._heard = self._loop.time()
        reply = json.loads(message)
        if "version" in reply:
            self._hello.set_result(reply["version"])
            return
        waiting = self._waiting.get(reply["id"])
        if waiting is None or waiting.done():
            # It came too late for whoever asked, who has closed that child's socket: it ends by itself.
            for handle in handles:
                os.close(handle)
        elif "error" in reply:
            waiting.set_exception(_none_left(reply["error"]))
        elif not handles:  # the kernel had no file descriptor left for it; its child ends with its socket
            waiting.set_exception(_none_left(os.strerror(errno.EMFILE)))
        else:
            waiting.set_result((reply["pid"], handles[0]))

    def _lost(self) -> None:
        if self._control.fileno() < 0:
            return
        self.usable = False
        self._loop.remove_reader(self._control)
        self._control.close()
        waiting: tuple[asyncio.Future[Any], ...] = (*self._waiting.values(), self._hello)
        for one in waiting:
            if not one.done():
                one.set_exception(ForkServerLost("the fork server ended; what it wrote on stderr says why"))
                one.exception()  # nobody may wait for a hello any more


def _socketpair(kind: socket.SocketKind) -> tuple[socket.socket, socket.socket]:
    try:
        return socket.socketpair(socket.AF_UNIX, kind)
    except OSError as error:
        raise _none_left(error.strerror) from None


def _none_left(why: str | None) -> ForkServerLost:
    """The machine is at a limit: rows wait until it is not."""
    return ForkServerLost(
        f"no process for a session can be had: {why}; raise the limit (LimitNOFILE, TasksMax, memory) or lower "
        "[sender] max_sessions"
    )


def _spawn(control: int, trust: Sequence[str]) -> subprocess.Popen[bytes]:
    """By vfork and exec: a few milliseconds, in the loop's own thread, as the server dies with the thread that started
    it. Not by the loop's means: uvloop runs Python between fork and exec, which a program with threads may not survive.
    """
    return subprocess.Popen(
        (*COMMAND, str(control), *trust), pass_fds=(control,), env=_environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def _environment() -> dict[str, str]:
    """Ours, without settings (they may hold secrets), and with this very tree first among what can be imported."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ACQS_")}
    above = str(Path(acqs_core.__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (above, environment.get("PYTHONPATH"))))
    return environment
