"""A recorded case played to the simulator: the same bytes, each action when as many events had come as before it."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator
from types import TracebackType
from typing import Self

from acqs_core.simulator import Simulator
from acqs_core.simulator.events import Event
from tests.simulated.cases import USERS, Case
from tests.simulated.streams import CHANNEL, TRACES, Frame, Names, event, is_event, parse, recorded, value

PATIENCE = 20.0
"""Seconds after which a replay that waits for something has failed."""

SIDE_BY_SIDE = 6
"""Cases at a time: few enough that each keeps its times."""


class Client:
    """A connection that keeps all it reads and lets one wait for a number of responses or events."""

    def __init__(self, case: Case, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._case, self._reader, self._writer = case, reader, writer
        self._data = b""
        self.frames: list[Frame] = []

    @classmethod
    async def open(cls, case: Case, simulator: Simulator) -> Client:
        return cls(case, *await asyncio.open_connection(*simulator.address))

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def until(self, *, responses: int = 0, events: int = 0) -> None:
        async with asyncio.timeout(PATIENCE):
            while self._responses < responses or sum(map(is_event, self.frames)) < events:
                assert await self._read(), f"closed before {responses} responses and {events} events: {self.frames}"

    async def everything(self) -> list[Frame]:
        async with asyncio.timeout(PATIENCE):
            while await self._read():
                pass
        return self.close()

    def close(self) -> list[Frame]:
        self._writer.close()
        return self.frames

    @property
    def _responses(self) -> int:
        return sum(frame[0][0] == "Response" for frame in self.frames)

    async def _read(self) -> bool:
        try:
            data = await self._reader.read(65536)
        except ConnectionResetError:  # a restart cuts connections, with or without a FIN first
            return False
        self._data += data
        end = self._data.rfind(b"\r\n\r\n") + 4 if b"\r\n\r\n" in self._data else self._data.find(b"\n") + 1
        self.frames = self._case.kept(parse(self._data[:end]))
        return bool(data)


class Replay:
    """One case and the simulator that it is played to; an async context manager."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.simulator = Simulator(users=USERS, speed=case.speed, **case.options)
        self.names = Names()
        self.expected = [self.names.canonical(frame) for frame in case.kept(recorded(f"{case.name}.ami"))]
        self.senders: list[tuple[str, asyncio.Task[list[Frame]]]] = []
        self._aside: list[asyncio.Task[None]] = []
        self._told = asyncio.Event()
        self._publish = self.simulator.exchange.publish
        self.simulator.exchange.publish = self._hear

    async def __aenter__(self) -> Self:
        await self.simulator.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for task in (*self._aside, *(task for _, task in self.senders)):
                task.cancel()
        await asyncio.gather(*self._aside, return_exceptions=error is not None)
        await self.simulator.stop()

    # What a case's console may use

    async def aside(self, work: Coroutine[object, object, None]) -> None:
        """Begin `work` and let it go on beside the replay; it must have ended when the case has."""
        self._aside.append(asyncio.create_task(work))
        await asyncio.sleep(0)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until something holds; asked after every event of a channel."""
        async with asyncio.timeout(PATIENCE):
            while not reached():
                self._told.clear()
                await self._told.wait()

    def _hear(self, told: Event) -> None:
        self._publish(told)
        self._told.set()

    # Playing

    async def run(self) -> list[Frame]:
        """Everything that the listening client got, in canonical form."""
        frames = await (self._talk() if self.case.talk else self._step_by_step())
        names = Names()
        return [names.canonical(frame) for frame in frames]

    async def _talk(self) -> list[Frame]:
        client = await Client.open(self.case, self.simulator)
        client.send(self._bytes(""))
        return await client.everything()

    async def _step_by_step(self) -> list[Frame]:
        listener = await Client.open(self.case, self.simulator)
        messages = [text + b"\r\n\r\n" for text in self._bytes("").split(b"\r\n\r\n") if text]
        answered = 0
        for step, after in self._agenda():
            await listener.until(responses=answered, events=after)
            if step == "console":
                assert self.case.console is not None
                await self.case.console.do(self)
            elif step == "listener":
                listener.send(self._translate(messages[answered], listener))
                answered += 1
            elif step.startswith("sender"):
                text = self._translate(self._bytes(f".{step}"), listener)
                self.senders.append((step, asyncio.create_task(self._send(step, text))))
        for text in messages[answered:]:  # what a restart left unanswered
            listener.send(self._translate(text, listener))
        return await listener.everything()

    def _agenda(self) -> Iterator[tuple[str, int]]:
        """Who acts next (the listener, a sender that logs in, or the console) and after how many events."""
        steps = [f"sender{n}" for n in ("", 2, 3) if (TRACES / f"{self.case.name}.sender{n}.txt").exists()]
        console = self.case.console
        logins = events = 0
        for frame in self.expected:
            if console is not None and console.seen(frame):
                yield "console", events
                console = None
            if frame[0][0] == "Response":
                yield "listener", events
            if event(frame) in ("SuccessfulAuth", "SessionLimit"):
                logins += 1
                if logins > 1:
                    yield steps[logins - 2], events
            events += is_event(frame)
        yield "end", events

    def _bytes(self, step: str) -> bytes:
        return (TRACES / f"{self.case.name}{step}.txt").read_bytes()

    def _translate(self, text: bytes, listener: Client) -> bytes:
        """Recorded channel names to those that the simulator gave out, and the answer to its own challenge."""
        ours = Names()
        for frame in listener.frames:
            ours.canonical(frame)

        def own(found: re.Match[str]) -> str:
            return f"{found[1]}-{ours.own(found[1], self.names.number(found[1], found[2]))}"

        text = re.sub(r"(?m)" + CHANNEL.pattern.replace("$", "\r?$"), own, text.decode("latin-1")).encode("latin-1")
        return text.replace(_key(recorded(f"{self.case.name}.ami")), _key(listener.frames))

    async def _send(self, step: str, text: bytes) -> list[Frame]:
        client = await Client.open(self.case, self.simulator)
        client.send(text)
        answers = len(recorded(f"{self.case.name}.{step}.ami")) - 1
        if answers < text.count(b"\r\n\r\n"):  # this client had gone before all was answered
            await client.until(responses=answers)
            return client.close()[: answers + 1]
        return await client.everything()

    async def sent(self) -> list[tuple[str, list[Frame], list[Frame]]]:
        """For each sender its name, what it got and what was recorded, both in canonical form."""
        found = []
        for step, task in self.senders:
            ours, theirs = Names(), Names()
            wanted = [theirs.canonical(frame) for frame in recorded(f"{self.case.name}.{step}.ami")]
            found.append((step, [ours.canonical(frame) for frame in await task], wanted))
        return found


@dataclasses.dataclass(frozen=True)
class Played:
    """What a case brought: what its listener got and what was recorded, and the same for each sender by its name."""

    frames: list[Frame]
    expected: list[Frame]
    sent: list[tuple[str, list[Frame], list[Frame]]]


async def play(case: Case) -> Played:
    """Play one case to a simulator of its own."""
    async with Replay(case) as replay:
        return Played(await replay.run(), replay.expected, await replay.sent())


async def play_all(cases: Iterable[Case]) -> dict[str, Played | BaseException]:
    """Play cases side by side, since most of the time is waiting; what one raised stands in its place."""
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def in_turn(case: Case) -> Played:
        async with room:
            return await play(case)

    names = {case.name: in_turn(case) for case in cases}
    return dict(zip(names, await asyncio.gather(*names.values(), return_exceptions=True), strict=True))


def _key(frames: list[Frame]) -> bytes:
    """The right answer to the challenge of a stream; bytes that occur nowhere when there is none."""
    challenge = next((value(frame, "Challenge") for frame in frames if value(frame, "Challenge")), "")
    secret = USERS["cron"].secret
    return hashlib.md5((challenge + secret).encode(), usedforsecurity=False).hexdigest().encode()
