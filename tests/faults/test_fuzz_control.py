"""What comes over a control socket, at either end: nothing of it ends an engine or a console, costs them more memory
than their caps, or reaches another console of the same engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acqs_core.control import places
from acqs_core.control.client import Client
from acqs_core.control.feeds import NAMES
from acqs_core.engine import Engine
from acqs_core.errors import AcqsError, ControlError
from acqs_tui.rows import unpack
from tests.faults.effort import FUZZING, LONGER

SEED = int(os.environ.get("ACQS_FUZZ_SEED", "0"))
ROUNDS = 60 * (LONGER if FUZZING else 1)

DOES = ["page", "newer", "rows", "counts", "unknown", "timeline", "waiting", "servers", "pause", "resume", "retry",
        "discard", "discard_stale", "insert", "stop", "follow", "answer", "__init__", ""]  # fmt: skip
GIVEN = ["before", "limit", "status", "than", "man_ids", "cap", "man_id", "over", "actor", "reason", "expect",
         "older_than", "action", "callerid", "lines", "feeds", "self", "may_call_twice"]  # fmt: skip
HELLO = b'{"acqs":1,"read_only":false}\n'


def value(chance: random.Random, depth: int = 3) -> Any:
    """Anything that JSON can say."""
    kind = chance.randrange(10 if depth else 7)
    plain = [None, True, chance.randint(-5, 5), 10 ** chance.randrange(40), chance.choice([1.5, float("nan"), 1e308]),
             chance.choice([*DOES, *NAMES, "NEW", "\ud800", "\0", "x" * 3000]), -1]  # fmt: skip
    if kind < 7:
        return plain[kind]
    if kind == 7:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice([*GIVEN, "id", "do", "with", "x"]): value(chance, depth - 1) for _ in range(3)}


def said_by_a_console(chance: random.Random) -> bytes:
    """One message of a console's that is anything but what it should be."""
    kinds: list[Callable[[], bytes]]
    with_these = {chance.choice(GIVEN): value(chance) for _ in range(chance.randrange(4))}
    request = {"id": value(chance), "do": chance.choice(DOES), "with": chance.choice([with_these, value(chance)])}
    line = json.dumps(request).encode()
    kinds = [
        lambda: line + b"\n",
        lambda: line[: chance.randrange(len(line))],
        lambda: json.dumps(value(chance)).encode() + b"\n",
        lambda: chance.randbytes(chance.randrange(300)) + b"\n",
        lambda: b'{"id":' + b"[" * 900 + b"]" * 900 + b',"do":"counts","with":{}}\n',
        lambda: b"[" * 100_000 + b"\n",
        lambda: b"x" * (2 << 20),
        lambda: json.dumps({"acqs": value(chance)}).encode() + b"\n",
    ]  # fmt: skip
    return chance.choice(kinds)()


async def torment(path: Path, chance: random.Random) -> None:
    """One console that speaks otherwise, and leaves in whatever way."""
    reader, writer = await asyncio.open_unix_connection(path)
    with contextlib.suppress(ConnectionError, TimeoutError):
        if chance.random() < 0.8:
            writer.write(HELLO)
        for _ in range(chance.randrange(1, 6)):
            writer.write(said_by_a_console(chance))
        if chance.random() < 0.5:
            async with asyncio.timeout(0.05):
                await reader.read(1 << 16)
    (writer.transport.abort if chance.random() < 0.5 else writer.close)()


async def test_consoles_that_say_anything_cost_an_engine_and_its_other_consoles_nothing(
    engine: Engine, folder: Path
) -> None:
    chance = random.Random(SEED)
    path = places.own(folder, "127.0.0.1")
    fed = asyncio.Event()
    async with await Client.attach("127.0.0.1", str(folder)) as witness:
        await witness.ask("pause")
        witness.on_feed = lambda message: fed.set()
        await witness.follow("status")
        tracemalloc.start()
        try:
            for number in range(ROUNDS):
                await asyncio.gather(*(torment(path, chance) for _ in range(4)))
                assert isinstance(await witness.ask("counts"), dict), f"round {number}, seed {SEED}"
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        fed.clear()
        await asyncio.wait_for(fed.wait(), 10)
    assert peak < 64 << 20, f"{peak >> 20} MB, seed {SEED}"
    assert engine.state in ("RUNNING", "PAUSED")


def said_by_an_engine(chance: random.Random) -> bytes:
    """One message of an engine's that is anything but what it should be."""
    kinds: list[Callable[[], bytes]]
    row = [value(chance) for _ in range(chance.choice([14, 14, 3]))]
    feed = {"feed": chance.choice([*NAMES, value(chance)]), "items": chance.choice([[row], value(chance)])}
    kinds = [
        lambda: json.dumps(feed | {"missed": value(chance)}).encode() + b"\n",
        lambda: json.dumps({"id": value(chance), "is": value(chance)}).encode() + b"\n",
        lambda: json.dumps({"id": 1, "refused": value(chance), "says": value(chance)}).encode() + b"\n",
        lambda: json.dumps({"refused": value(chance)}).encode() + b"\n",
        lambda: json.dumps(value(chance)).encode() + b"\n",
        lambda: chance.randbytes(chance.randrange(300)) + b"\n",
        lambda: b"[" * 100_000 + b"\n",
    ]  # fmt: skip
    return chance.choice(kinds)()


GREETINGS: list[Callable[[random.Random], bytes]] = [
    lambda chance: b'{"acqs":1,"server_ip":"x"}\n',
    lambda chance: b'{"acqs":1,"server_ip":"x"}\n',
    said_by_an_engine,
    lambda chance: b'{"acqs":2}\n',
    lambda chance: b'{"acqs":1',
    lambda chance: b"",
]


async def test_an_engine_that_says_anything_ends_a_console_s_connection_in_words(folder: Path) -> None:
    chance = random.Random(SEED)

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            writer.write(chance.choice(GREETINGS)(chance))
            for _ in ("hello", "request"):
                await asyncio.wait_for(reader.readline(), 0.2)
            for _ in range(chance.randrange(5)):
                writer.write(said_by_an_engine(chance))
            await writer.drain()
        writer.close()

    def take(message: dict[str, Any]) -> None:
        unpack(message["items"], 0.0)

    server = await asyncio.start_unix_server(speak, folder / "engine.sock")
    for number in range(ROUNDS * 2):
        with contextlib.suppress(AcqsError):
            console = await Client.connect(folder / "engine.sock", patience=0.1)
            console.on_feed = take
            with contextlib.suppress(AcqsError):
                await console.ask("counts")
            assert await asyncio.wait_for(console.gone(), 5), f"round {number}, seed {SEED}"
            await console.close()
    server.close()


async def test_a_greeting_without_an_end_is_refused_in_words(folder: Path) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                writer.write(b"x" * (1 << 20))
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(speak, folder / "engine.sock")
    with pytest.raises(ControlError, match="does not speak ACQS"):
        await Client.connect(folder / "engine.sock", patience=20)
    server.close()


async def test_what_is_shown_goes_on_after_a_look_that_failed(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acqs_core.control.server.AFTER_FAILURE", 0.1)
    fed, failed = asyncio.Event(), asyncio.Event()
    status = engine.status

    def fail() -> dict[str, Any]:
        failed.set()
        raise RuntimeError("a bug")

    async with await Client.attach("127.0.0.1", str(folder)) as console:
        console.on_feed = lambda message: fed.set()
        await console.follow("status")
        await asyncio.wait_for(fed.wait(), 10)
        monkeypatch.setattr(engine, "status", fail)
        await asyncio.wait_for(failed.wait(), 10)
        monkeypatch.setattr(engine, "status", status)
        fed.clear()
        await asyncio.wait_for(fed.wait(), 10)
