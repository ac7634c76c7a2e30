"""`python -m acqs_core.sender.process.forkserver FD [TRUST]`: forks a child session for each request on that socket.

A fork of this takes some 3 ms where a new interpreter takes 200, and its children share its memory. It loads only what
a child needs, keeps no thread and no loop, and so may fork at any time. It ends when the sender does, by the end of the
socket or at the latest by the kernel's hand, and its children with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback

from acqs_core.ami import tls
from acqs_core.errors import SettingsError
from acqs_core.sender.process.child import live
from acqs_core.sender.process.frames import VERSION

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15


def main() -> None:
    """Serve the socket of the given file descriptor until its other end is closed. TRUST is an Endpoint's."""
    if trust := sys.argv[2:]:
        # Once here: to read all that the system trusts takes longer than the rest of a child's life.
        with contextlib.suppress(SettingsError):  # which a child tells
            tls.context(trust[0], trust[1] == str(True))
    server = ForkServer(socket.socket(fileno=int(sys.argv[1])))
    # Told by a terminal or a service manager to stop, only the sender stops: its children answer to it alone.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):  # the sender went while it was being told something
        server.serve()


class ForkServer:
    """Requests are `{"id": n}` with the child's end of its socket pair; replies `{"id": n, "pid": n}` with a pidfd, or
    `{"id": n, "error": text}`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._libc = ctypes.CDLL(None)
        self._wakes, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> None:
        """Fork until the sender is gone."""
        self._tie(os.getppid(), b"acqs-forkserver")
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page that holds an object
        self._control.send(json.dumps({"version": VERSION}).encode())
        while True:
            ready, _, _ = select.select((self._control.fileno(), self._wakes), (), ())
            if self._wakes in ready:
                self._reap()
            if self._control.fileno() in ready and not self._take_request():
                return

    def _take_request(self) -> bool:
        request, handles, _, _ = socket.recv_fds(self._control, 1024, 1)
        if not request:
            return False
        reply = {"id": json.loads(request)["id"]}
        try:
            pid, handle = self._fork(handles[0])
        except OSError as error:
            self._control.send(json.dumps(reply | {"error": str(error)}).encode())
        else:
            socket.send_fds(self._control, [json.dumps(reply | {"pid": pid}).encode()], [handle])
            os.close(handle)
        finally:
            os.close(handles[0])
        return True

    def _fork(self, handle: int) -> tuple[int, int]:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            # Not reaped before this: the pid is certainly still its own. One without a handle ends with its socket.
            return pid, os.pidfd_open(pid)
        try:
            self._tie(parent, b"acqs-child")
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for theirs in (self._wakes, self._woken):
                os.close(theirs)
            self._control.close()
            live(socket.socket(fileno=handle))
        except BaseException:  # noqa: BLE001 it is told, and this process ends here
            traceback.print_exc()
        finally:
            os._exit(0)

    def _tie(self, parent: int, name: bytes) -> None:
        """Have the kernel kill this process when its parent dies, even while it is stopped."""
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        self._libc.prctl(_PR_SET_NAME, name)
        if os.getppid() != parent:
            os._exit(0)

    def _reap(self) -> None:
        try:
            os.read(self._wakes, 512)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except (BlockingIOError, ChildProcessError):
            pass  # nothing to read, or nobody left


if __name__ == "__main__":
    main()
