"""A console's end of the control socket: ask, do, follow.

async with await Client.attach("10.0.0.5") as engine:
    page = await engine.ask("page", limit=200)
    async for feed in engine.follow("status", "events"): …
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from acqs_core.control import places
from acqs_core.control.wire import MAX_LINE, VERSION, Message, decode, encode, error_of
from acqs_core.errors import ControlError, NoEngine

ANSWER = 20.0
"""Seconds that an answer may take: the database's own patience and some more."""

GREETING = 3.0
"""Seconds in which a living engine greets."""

SILENCE = 10.0
"""Seconds without a word from an engine whose status is followed, which it tells once a second at least: it was
stopped, or hangs."""


class Client:
    """One connection to one engine; it ends when the engine does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, greeting: Message) -> None:
        self._reader, self._writer = reader, writer
        self.greeting = greeting
        """Who the engine is: server_ip, profile, holder, pid, version."""
        self.on_feed: Callable[[Message], None] = lambda message: None
        """Called with each message of a feed, from the read itself."""
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._patience: float | None = None
        self._reading = asyncio.create_task(self._read(), name="control")

    @classmethod
    async def connect(cls, where: Path | socket.socket, *, read_only: bool = False, patience: float = GREETING) -> Self:
        """Connect to the engine that listens there, or is at the other end of a socket pair.

        Raises ControlError, also when it does not greet within `patience` seconds.
        """
        opened = contextlib.ExitStack()
        try:
            async with asyncio.timeout(patience):
                if isinstance(where, Path):
                    reader, writer = await asyncio.open_unix_connection(where, limit=MAX_LINE)
                else:
                    reader, writer = await asyncio.open_unix_connection(sock=where, limit=MAX_LINE)
                opened.callback(writer.close)
                greeting = _greeting(await reader.readline())
                opened.pop_all()
        except TimeoutError:
            raise ControlError(f"the engine at {where} does not answer; is it stopped or overloaded?") from None
        except PermissionError:
            raise ControlError(f"no right to attach to {where}; be root or a member of the group acqs") from None
        except OSError as error:
            raise ControlError(f"cannot attach to {where}: {error.strerror}") from None
        except ValueError:
            raise ControlError(f"what answers at {where} does not speak ACQS") from None
        finally:
            opened.close()
        writer.write(encode({"acqs": VERSION, "read_only": read_only}))
        return cls(reader, writer, greeting)

    @classmethod
    async def attach(cls, server_ip: str, folder: str = "", *, read_only: bool = False) -> Self:
        """Attach to the engine that serves this server_ip here: the one that holds a lease, before one that stands by.

        Raises NoEngine when there is none, ControlError when none that is there can be attached to.
        """
        place = places.folder(folder)
        clients, errors = [], list[str]()
        for path in places.found(place, server_ip):
            try:
                clients.append(await cls.connect(path, read_only=read_only))
            except ControlError as error:
                errors.append(str(error))
        if not clients:
            says = "; ".join(errors) or f"start one with acqs-core run (looked in {place})"
            kind = ControlError if errors else NoEngine
            raise kind(f"no engine that serves {server_ip} can be reached here: {says}")
        clients.sort(key=lambda client: not client.greeting.get("leases"))
        for other in clients[1:]:
            await other.close()
        return clients[0]

    async def ask(self, do: str, **given: Any) -> Any:
        """Ask or do something; the answer as plain data. Raises what the engine raised, and ControlError."""
        if self._reading.done():
            raise ControlError("the engine is gone")
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(encode({"id": number, "do": do, "with": given}))
            async with asyncio.timeout(ANSWER):
                return await answer
        except TimeoutError:
            raise ControlError(
                f"the engine did not answer {do} within {ANSWER:g} s; whether it is done is not known"
            ) from None
        finally:
            del self._waiting[number]

    async def follow(self, *feeds: str) -> None:
        """Have these feeds, and no others, given to `on_feed` from now on."""
        self._patience = SILENCE if "status" in feeds else None
        await self.ask("follow", feeds=list(feeds))

    async def gone(self) -> str:
        """Wait for the end of the connection; why it ended."""
        await asyncio.wait((self._reading,))
        return "" if self._reading.cancelled() else self._reading.result()

    async def close(self) -> None:
        """Leave."""
        self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await self._reading
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _read(self) -> str:
        why = "the engine has ended"
        try:
            while line := await self._line():
                self._take(decode(line))
        except TimeoutError:
            why = f"the engine has said nothing for {SILENCE:g} s; is it stopped or overloaded?"
        except (ConnectionError, ValueError, ControlError) as error:
            why = f"the connection to the engine was lost: {error}"
        except (TypeError, KeyError, AttributeError) as error:
            why = f"the engine sent what cannot be read ({error!r}); are both of one version?"
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ControlError(f"{why}; whether that was done is not known"))
        return why

    async def _line(self) -> bytes:
        async with asyncio.timeout(self._patience):
            return await self._reader.readline()

    def _take(self, message: Message) -> None:
        if "feed" in message:
            self.on_feed(message)
            return
        answer = self._waiting.get(message.get("id", 0))
        if answer is None:
            if "refused" in message and "id" not in message:
                raise ControlError(str(message.get("says")))
            return
        if not answer.done():
            if "refused" in message:
                answer.set_exception(error_of(message))
            else:
                answer.set_result(message.get("is"))


def _greeting(line: bytes) -> Message:
    """An engine's first line. Raises the error that it tells of, and ControlError."""
    greeting = decode(line)
    if "refused" in greeting:
        raise error_of(greeting)
    if greeting.get("acqs") != VERSION:
        raise ControlError(f"the engine speaks another version of the control socket ({greeting.get('acqs')})")
    return greeting
