"""The engine's end of the control socket. A console that is slow, dead or hostile costs the engine nothing but memory
that is bounded.

What is shown live is not pushed as it happens: each follower's feeds are looked at ten times a second, and what it
cannot take is left in the rings, from which it is told how much it missed. Where actions need the processors, the
engine gathers what is new once a second only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acqs_core.control import places
from acqs_core.control.desk import Desk
from acqs_core.control.feeds import NAMES, Feeds
from acqs_core.control.peers import GROUP, Peer, group_id
from acqs_core.control.wire import VERSION, Message, decode, encode, refusal
from acqs_core.crowd import Crowd, Pace
from acqs_core.errors import AcqsError, ControlError

log = logging.getLogger(__name__)

EVERY, SELDOM = 0.1, 0.95
"""Seconds between looks at what followers have not seen yet, and in a crowd between those that ask the database (one
look of ten, though none comes to the millisecond)."""

AFTER_FAILURE = 1.0
"""Seconds to the next look after one that failed."""

FULL = 512 << 10
"""Bytes that wait for a console to take them, beyond which it gets no feed: it is told later what it missed."""

REQUEST = 1 << 20
"""Bytes of a request at the most."""

AT_ONCE = 4
"""Requests of one console that are worked on side by side; more wait in its socket."""

HELLO = 5.0
"""Seconds in which a console must say who it is."""

MOST = 32
"""Consoles and commands that are served at a time; the next one is sent away."""


class ControlServer:
    """Answers consoles on sockets. `greeting` says who the engine is."""

    def __init__(self, desk: Desk, feeds: Feeds, greeting: Callable[[], Message], crowd: Crowd | None = None) -> None:
        self._desk, self._feeds, self._greeting = desk, feeds, greeting
        self._pace = Pace(crowd or Crowd(), SELDOM)
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._visitors: dict[asyncio.Task[None], Visitor] = {}

    @property
    def visitors(self) -> int:
        """How many consoles are connected."""
        return len(self._visitors)

    async def listen(self, path: Path) -> None:
        """Listen at this path, for our user, root and the group `acqs`. Raises ControlError."""
        try:
            _make_room(path)
            before = os.umask(0o117)
            try:
                self._server = await asyncio.start_unix_server(self._visit, path, limit=REQUEST)
            finally:
                os.umask(before)
            _give_to_group(path)
        except OSError as error:
            raise ControlError(f"no control socket at {path}: {error.strerror}; consoles cannot attach") from error
        self._path = path

    async def adopt(self, sock: socket.socket) -> asyncio.Task[None]:
        """Serve the console at the other end of a socket pair; the task is done when it has left."""
        return self._begin(*await asyncio.open_unix_connection(sock=sock, limit=REQUEST))

    async def run(self) -> None:
        """Show followers what is new, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            following = [visitor for visitor in self._visitors.values() if visitor.following]
            if not following:
                continue
            try:
                if self._pace.is_due():
                    await self._feeds.look(self._desk, {name for visitor in following for name in visitor.following})
                for visitor in following:
                    visitor.show()
            except Exception:
                # Consoles must not stand still with an old picture because one look at the engine failed.
                log.exception("what consoles are shown could not be gathered; the next look is in %g s", AFTER_FAILURE)
                await asyncio.sleep(AFTER_FAILURE)

    async def close(self) -> None:
        """Say goodbye to every console and remove the socket."""
        if self._server is not None:
            self._server.close()
        for task in list(self._visitors):
            task.cancel()
        await asyncio.gather(*self._visitors, return_exceptions=True)
        self._feeds.close()
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()
        self._desk.close()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer.of(writer.get_extra_info("socket"))
        if peer.may_attach:
            self._begin(reader, writer)
            return
        error = ControlError(f"{peer.name} may not attach to this engine; be root or a member of the group {GROUP}")
        log.warning("control: %s", error)
        writer.write(encode(refusal(error)))
        writer.close()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> asyncio.Task[None]:
        visitor = Visitor(reader, writer, self._desk, self._feeds)
        serving = visitor.serve(self._greeting(), crowded=len(self._visitors) >= MOST)
        task = asyncio.create_task(serving, name=f"console of {visitor.actor}")
        self._visitors[task] = visitor
        task.add_done_callback(lambda done: self._visitors.pop(done, None))
        return task


class Visitor:
    """One console, as its engine sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, desk: Desk, feeds: Feeds) -> None:
        self._reader, self._writer, self._desk, self._feeds = reader, writer, desk, feeds
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._answering: set[asyncio.Task[None]] = set()
        self._read_only = True
        self.actor = Peer.of(writer.get_extra_info("socket")).name
        self.following: dict[str, int] = {}
        """Feeds, and how much of each was shown."""

    async def serve(self, greeting: Message, *, crowded: bool = False) -> None:
        """Greet, then answer until the console leaves."""
        try:
            if crowded:
                raise ControlError(f"{MOST} consoles are attached to this engine; close one of them")
            self._say({"acqs": VERSION, **greeting})
            await self._answer_all()
        except ControlError as error:
            log.info("the console of %s is sent away: %s", self.actor, error)
            self._say(refusal(error))
        except ConnectionError:
            log.debug("the console of %s is gone", self.actor)
        finally:
            for task in self._answering:
                task.cancel()
            self._writer.close()

    async def _answer_all(self) -> None:
        try:
            async with asyncio.timeout(HELLO):
                hello = await self._read()
        except TimeoutError:
            raise ControlError(f"no hello within {HELLO:g} s") from None
        if hello is None:
            return
        if hello.get("acqs") != VERSION:
            raise ControlError(f"this engine speaks version {VERSION} of the control socket; use its release's console")
        self._read_only = bool(hello.get("read_only"))
        while (request := await self._read()) is not None:
            await self._slots.acquire()
            task = asyncio.create_task(self._answer(request))
            self._answering.add(task)
            task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._slots.release()

    async def _read(self) -> Message | None:
        try:
            line = await self._reader.readline()
        except ValueError:
            raise ControlError(f"a request is longer than {REQUEST} bytes") from None
        return decode(line) if line else None

    async def _answer(self, request: Message) -> None:
        answer: Message
        try:
            answer = {"is": await self._do(request)}
        except AcqsError as error:
            answer = refusal(error)
        except Exception:
            # Whatever a console may ask, it is answered, and the engine goes on.
            log.exception("the request %r of %s failed", request.get("do"), self.actor)
            answer = refusal(ControlError("the engine failed at this; its log says why"))
        number = request.get("id")
        with contextlib.suppress(ConnectionError):
            self._say({"id": number if isinstance(number, int) else None, **answer})
            await self._writer.drain()

    async def _do(self, request: Message) -> Any:
        do, given = request.get("do"), request.get("with", {})
        if not isinstance(do, str) or not isinstance(given, dict):
            raise ControlError("a request needs do and with")
        if do == "follow":
            return self._follow(given.get("feeds"))
        return await self._desk.answer(do, given, actor=self.actor, read_only=self._read_only)

    def _follow(self, feeds: Any) -> None:
        if not isinstance(feeds, list) or not set(map(str, feeds)) <= set(NAMES):
            raise ControlError(f"there are the feeds {', '.join(NAMES)}")
        self.following = {name: self.following.get(name, self._feeds.begins(name)) for name in feeds}

    def show(self) -> None:
        """Write what is new of what it follows; nothing while it still has much to take."""
        for name, seen in self.following.items():
            if self._writer.transport.get_write_buffer_size() > FULL or self._writer.is_closing():
                return
            news, self.following[name] = self._feeds.news(name, seen)
            if news is not None:
                self._say(news)

    def _say(self, message: Message) -> None:
        self._writer.write(encode(message))


def _make_room(path: Path) -> None:
    """Make the folder of a socket, and see that it is nobody else's."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    if not places.is_ours(path.parent):
        raise ControlError(f"{path.parent} belongs to another user; name another folder as [control] folder")
    path.unlink(missing_ok=True)


def _give_to_group(path: Path) -> None:
    """Let the group in where there is one and we may; else only our own user and root can connect."""
    group = group_id()
    # Under our systemd unit it is the group's from the start, and every chown is refused.
    given = group is not None and path.stat().st_gid == group
    if group is not None and not given:
        with contextlib.suppress(PermissionError):
            os.chown(path, -1, group)
            given = True
    if not given:
        log.info("only this user and root can attach a console: there is no group %s that %s can be given", GROUP, path)
