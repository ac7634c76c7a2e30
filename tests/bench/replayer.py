"""An Asterisk that only tells what it was given to tell, as fast as it is asked to: a process of its own.

`python -m tests.bench.replayer FIRST CALLS LIVING`: the traffic of so many calls of rows from the man_id FIRST on. Says
its port and how many events it has on stdout, then does what each line on stdin asks for and answers with a JSON line:

    replay RATE    tell all of it at so many events a second
    rush           tell all of it at once, close the connection, and wait until whoever read it all is back

It filters nothing, tells truly what channels live, and never cuts a reader who is slow; it says how slow.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import cast

from acqs_core.ami.wire import END, event_name, parse
from tests.bench.traffic import traffic

TICK = 0.01
"""Seconds between two handfuls of events."""

HANDFUL = 200
"""Events written together when there is no rate."""

SETTINGS = "AMIversion: 11.0.0\r\nAsteriskVersion: 22.10.1"


class Tape:
    """The events, how far they were told, and what lives by what was told."""

    def __init__(self, events: list[bytes]) -> None:
        self.events = events
        self.told = 0
        self._seen = 0
        self._living: dict[str, bytes] = {}

    def upto(self, end: int) -> bytes:
        """What comes next, up to the event of this number."""
        piece = b"".join(self.events[self.told : end])
        self.told = max(self.told, end)
        return piece

    def rewind(self) -> None:
        """Nothing was told yet."""
        self.told = self._seen = 0
        self._living.clear()

    def channels(self) -> list[bytes]:
        """The latest that was told of each channel that lives."""
        for frame in self.events[self._seen : self.told]:
            name = event_name(frame)
            if name in (b"Newchannel", b"Newstate", b"NewCallerid"):
                self._living[parse(frame).get("Uniqueid")] = frame
            elif name == b"Hangup":
                self._living.pop(parse(frame).get("Uniqueid"), None)
        self._seen = self.told
        return list(self._living.values())


class Reader(asyncio.Protocol):
    """A connection, and how long it left us waiting."""

    def __init__(self, tape: Tape, came: Callable[[Reader], None]) -> None:
        self._tape, self._came = tape, came
        self._asked = b""
        self._paused_at = 0.0
        self.longest = 0.0
        """Seconds for which it took nothing, at the most."""
        self.lost = ""
        """Why it reads no more."""
        self.may_write = asyncio.Event()
        self.may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=0)
        self.transport.write(b"Asterisk Call Manager/11.0.0\r\n")

    def pause_writing(self) -> None:
        self._paused_at = time.monotonic()
        self.may_write.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = f"the reader left ({exc or 'in order'})"
        self.may_write.set()

    def resume_writing(self) -> None:
        self.longest = max(self.longest, time.monotonic() - self._paused_at)
        self.may_write.set()

    def data_received(self, data: bytes) -> None:
        *actions, self._asked = (self._asked + data).split(END)
        for action in actions:
            self._answer(dict(line.partition(": ")[::2] for line in action.decode().split("\r\n")))

    def _answer(self, action: dict[str, str]) -> None:
        name, own = action["Action"].lower(), f"ActionID: {action.get('ActionID', '')}\r\n"
        if name == "filter":
            self._say(f"Response: Error\r\n{own}Message: Permission denied")
        elif name == "coresettings":
            self._say(f"Response: Success\r\n{own}{SETTINGS}")
        elif name == "coreshowchannels":
            self._list(own)
        else:
            self._say(f"Response: Success\r\n{own}Message: done")
        if name == "login":
            self._say("Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted")
            self._came(self)

    def _list(self, own: str) -> None:
        channels = self._tape.channels()
        self._say(f"Response: Success\r\n{own}EventList: start\r\nMessage: Channels will follow")
        for frame in channels:
            shown = frame.partition(b"\r\n")[2]
            self.transport.write(b"Event: CoreShowChannel\r\n" + own.encode() + shown)
        self._say(f"Event: CoreShowChannelsComplete\r\n{own}EventList: Complete\r\nListItems: {len(channels)}")

    async def take(self, data: bytes) -> None:
        """Have it read; returns when the kernel has all of it. Raises ConnectionError when the reader is gone."""
        self.transport.write(data)
        await self.may_write.wait()
        if self.lost:
            raise ConnectionError(self.lost)

    def _say(self, text: str) -> None:
        self.transport.write(text.encode() + END)


class Replayer:
    """Tells the tape to who came last."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._reader: Reader | None = None
        self._came = asyncio.Event()

    def reader(self) -> Reader:
        return Reader(self._tape, self._comes)

    async def replay(self, rate: float) -> dict[str, float]:
        """Tell it at so many events a second; what cannot be told in time is told as soon as it can."""
        reader = self._here()
        start, all_of_it = time.monotonic(), len(self._tape.events)
        while self._tape.told < all_of_it:
            await asyncio.sleep(TICK)
            await reader.take(self._tape.upto(int((time.monotonic() - start) * rate)))
        return {"events": all_of_it, "seconds": time.monotonic() - start, "longest": reader.longest}

    async def rush(self) -> dict[str, float]:
        """Tell it as fast as it is read, close, and wait for who has read to the end to be back."""
        reader = self._here()
        self._tape.rewind()
        self._came.clear()
        start, all_of_it = time.monotonic(), len(self._tape.events)
        while self._tape.told < all_of_it:
            await reader.take(self._tape.upto(self._tape.told + HANDFUL))
        reader.transport.close()
        await self._came.wait()
        return {"events": all_of_it, "seconds": time.monotonic() - start, "longest": reader.longest}

    def _here(self) -> Reader:
        if self._reader is None:
            raise RuntimeError("nobody has logged in")
        return self._reader

    def _comes(self, reader: Reader) -> None:
        self._reader = reader
        self._came.set()


async def main(first: int, calls: int, living: int) -> None:
    """Serve until stdin ends."""
    events = traffic(range(first, first + calls), living)
    replayer = Replayer(Tape(events))
    server = await asyncio.get_running_loop().create_server(replayer.reader, "127.0.0.1", 0)
    _tell({"port": server.sockets[0].getsockname()[1], "events": len(events), "bytes": sum(map(len, events))})
    while command := await asyncio.to_thread(sys.stdin.readline):
        verb, *given = command.split()
        _tell(await (replayer.replay(float(given[0])) if verb == "replay" else replayer.rush()))


def _tell(what: dict[str, float]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
