"""A session in another process, as the sender uses it: the same as one in a task, and every deadline is kept here.

What a process may do wrong is die, stop or hang. Until it says that it writes now, that is no harm: nothing was sent,
and its row goes back. After that the outcome is unknown. In each case it is killed, so that it can never write late.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time

from acqs_core.ami.endpoint import Endpoint
from acqs_core.ami.protocol import NotWritten
from acqs_core.ami.wire import AmiMessage, parse
from acqs_core.errors import AmiError, ChildLost, ResponseTimeout, SessionLost
from acqs_core.sender.process.frames import Frame, Kind, connect, encode, error_in, read
from acqs_core.sender.process.server import Process

READY_TIMEOUT = 2.0
"""Seconds until a child must be ready after its fork, which takes a few milliseconds."""

SILENCE = 1.0
"""Seconds without a sign of life after which a child that logs in is taken to be stopped or to hang. It has one of the
few turns to log in, which others wait for."""

WRITE_WITHIN = 1.5
"""Seconds after which a child that was given an action to write must not write it any more."""

GRACE = 0.5
"""Seconds that a child has beyond each deadline that it keeps itself, to tell of it."""


class RemoteSession:
    """One child process and what is known of its session; logged in by `log_in`. The sender's ChildSession."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process, self._writer = process, writer
        self.pid = process.pid
        self.banner = ""
        self.knows_channel_id = True
        self._ended = asyncio.get_running_loop().create_future()
        self._error: AmiError | None = None
        self._answers = asyncio.Queue[Frame | None]()
        self._reading = asyncio.create_task(self._read(reader), name=f"child process {self.pid}")
        self._released = False

    @classmethod
    async def of(cls, process: Process) -> RemoteSession:
        """One whose process is ready for `log_in`. Raises ChildLost."""
        try:
            streams = await connect(process.connection)
        except BaseException:
            process.connection.close()
            process.kill()
            process.release()
            raise
        session = cls(process, *streams)
        try:
            await session._answer(READY_TIMEOUT, READY_TIMEOUT, "did not become ready")
        except BaseException:
            session.abort()
            raise
        return session

    async def log_in(self, endpoint: Endpoint) -> None:
        """Connect and log in. Raises as ami.session.Session.open does, and ChildLost."""
        fields = {field.name: getattr(endpoint, field.name) for field in dataclasses.fields(endpoint)}
        self._tell(encode(Kind.OPEN, **fields))
        opened = await self._answer(endpoint.patience + GRACE, SILENCE, "did not log in")
        if error := error_in(opened.head):
            raise error
        self.banner, self.knows_channel_id = opened.head["banner"], opened.head["knows_channel_id"]

    async def _answer(self, seconds: float, silence: float, failing: str) -> Frame:
        """What the child says next but that it is alive, before anything was written. Raises ChildLost after so many
        seconds, or so many of silence."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        try:
            while (answer := await self._next(min(silence, until - clock()))) is not None:
                if answer.kind is not Kind.ALIVE:
                    return answer
        except TimeoutError:
            raise ChildLost(f"the process {self.pid} of a session {failing} in time; nothing was sent") from None
        raise ChildLost(f"the process {self.pid} of a session died; nothing was sent")

    # What the sender uses.

    @property
    def is_open(self) -> bool:
        """Whether an action can still be written. True of a process that is stopped, or hangs."""
        return not (self._ended.done() or self._writer.is_closing()) and self._process.lives

    async def perform(self, payload: bytes, action_id: str, timeout: float) -> AmiMessage:
        """As ami.session.Session.perform. A child that says nothing in time is killed."""
        if not self.is_open:
            raise NotWritten(f"{self._error or f'the process {self.pid} died'}; the action was not written")
        before = time.monotonic() + WRITE_WITHIN
        self._tell(encode(Kind.PERFORM, payload, action_id=action_id, timeout=timeout, before=before))
        try:
            if not await self._may_write():
                self.abort()
                raise NotWritten(f"the process {self.pid} of its session died or hung; the action was not written")
            answer = await self._next(timeout + GRACE)
        except TimeoutError:
            self.abort()
            raise ResponseTimeout(
                f"the process {self.pid} of its session did not answer in time and was killed; "
                "whether the action was carried out is unknown"
            ) from None
        if answer is None:
            raise SessionLost(
                f"the process {self.pid} of its session died; whether the action was carried out is unknown"
            )
        if error := error_in(answer.head):
            raise error
        return parse(answer.body)

    async def _may_write(self) -> bool:
        """Whether the child may write, or have written: it says so first. One that is dead, and never said so, has not
        written and never will. Raises TimeoutError when it neither says so nor dies."""
        try:
            said = await self._next(WRITE_WITHIN + 0.1)
        except TimeoutError:
            if not self._released:
                self._process.kill()
            said = await self._next(GRACE)
        return said is not None

    async def _next(self, seconds: float) -> Frame | None:
        """What the child says next; None when it is dead. Raises TimeoutError, and SessionLost when we end it."""
        async with asyncio.timeout(seconds):
            said = await self._answers.get()
        if said is None and self._released:
            raise SessionLost(
                f"the process {self.pid} of its session was ended; whether the action was carried out is unknown"
            )
        return said

    async def closed(self) -> Exception | None:
        """As ami.session.Session.closed."""
        error: Exception | None = await asyncio.shield(self._ended)
        return error

    async def logoff(self, timeout: float = 1.0) -> None:
        """As ami.session.Session.logoff; then the process ends."""
        self._tell(encode(Kind.LEAVE, timeout=timeout))
        await asyncio.wait((self._reading,), timeout=timeout + GRACE)
        self.abort()

    def abort(self) -> None:
        """Kill the process, unless it has ended by itself, and forget it."""
        if self._released:
            return
        self._released = True
        self._process.kill()
        self._process.release()
        self._reading.cancel()
        self._end(None)
        self._answers.put_nowait(None)
        self._writer.transport.abort()

    # What is said.

    def _tell(self, frame: bytes) -> None:
        if not self._writer.is_closing():  # the end of one that died is heard in `_read`
            self._writer.write(frame)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while (frame := await read(reader)) is not None:
            if frame.kind is Kind.ENDED:
                self._end(error_in(frame.head))
            else:
                self._answers.put_nowait(frame)
        self._end(SessionLost(f"the process {self.pid} of a session died"))
        self._answers.put_nowait(None)

    def _end(self, error: AmiError | None) -> None:
        if not self._ended.done():
            self._error = error
            self._ended.set_result(error)
