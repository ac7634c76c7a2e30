"""What Asterisk, or whoever answers in its place, may send: nothing of it ends a reader, costs it more memory than its
cap, or reaches a neighbour."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqs_core.ami.session import Session
from acqs_core.ami.wire import MAX_FRAME, Framer, action_id_of, event_name, parse
from acqs_core.errors import AmiError
from acqs_core.listener.calls import Calls
from acqs_core.listener.listener import Listener
from acqs_core.listener.old_calls import OLD_WANTED, OldCalls
from acqs_core.queue import schema
from acqs_core.queue.writer import Writer
from acqs_core.settings import ListenerSettings
from acqs_core.telemetry import Telemetry
from tests.contract.backend import Backend
from tests.faults.effort import effort
from tests.unit.ami_server import BANNER, AmiServer, Peer, Received, polite
from tests.unit.hearsay import originate, redirect

TRACES = sorted((Path(__file__).parents[1] / "traces").glob("*/*.ami"))

MANY = 10_000
"""Headers of one message."""

ENDLESS = 64 << 20
"""Bytes without an end."""

junk = st.one_of(st.binary(max_size=30), st.sampled_from([b"\0", b"\r\n", b"\r\n\r\n", b"\n", b"\xff\xfe", b": ", b""]))
strokes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), junk), max_size=30)


def mutated(stream: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """The stream with some bytes of it replaced by junk."""
    out = bytearray(stream)
    for where, count, instead in changes:
        at = int(where * len(out))
        out[at : at + count] = instead
    return bytes(out)


def hear(calls: Calls, stream: bytes, piece: int) -> None:
    framer = Framer()
    for at in range(0, len(stream), piece):
        for frame in framer.feed(stream[at : at + piece]):
            action_id_of(frame)
            message = parse(frame)
            if event_name(frame) in OLD_WANTED:
                calls.event(message.event, message.get)


@effort(100)
@given(st.sampled_from(TRACES), strokes, st.sampled_from([7, 500, 65536]), st.sampled_from([Calls, OldCalls]))
def test_a_mutated_recording_is_heard_to_its_end(
    path: Path, changes: list[tuple[float, int, bytes]], piece: int, memory: type[Calls]
) -> None:
    calls = memory()
    calls.found([originate(1, "V1"), redirect(2, "V1")])
    hear(calls, mutated(path.read_bytes()[:20_000], changes), piece)


ODD = st.one_of(
    st.sampled_from(["", "1.²", "²", "٣", "9" * 5000, "-1", "1e999", "<unknown>", "Up", "Ringing", "Local/"]),
    st.sampled_from(["acqs-0000000001", "acqs-0000000001;2", "acqs-1-beef", "acqs-9999999999-beef", "V1",
                     "Local/x;2", "Local/x;1"]),
    st.text(max_size=20),
)  # fmt: skip
HEADERS = ("Uniqueid", "Linkedid", "Channel", "ChannelStateDesc", "CallerIDName", "Cause", "Reason", "ActionID",
           "Response", "Newname", "Oldname", "State", "SrcUniqueID", "DestUniqueID")  # fmt: skip
events = st.tuples(st.sampled_from(sorted(OLD_WANTED)), st.dictionaries(st.sampled_from(HEADERS), ODD))


@effort(150)
@given(st.lists(events, max_size=12), st.sampled_from([Calls, OldCalls]))
def test_whatever_stands_in_a_header_it_is_heard(told: list[tuple[bytes, dict[str, str]]], memory: type[Calls]) -> None:
    calls = memory()
    calls.watch(originate(1, "V1"), action_id="acqs-1-beef")
    for name, headers in told:
        calls.event(name.decode(), lambda key, headers=headers: headers.get(key, ""))  # type: ignore[misc]
    calls.found([redirect(2, "V1"), originate(3, "V1", uniqueid="1.²")])


def nulls() -> bytes:
    return b"Event: Newstate\r\nUniqueid: \0\0\r\nChannel\0: x\r\n\r\n" * 100


HAZARDS: dict[str, Callable[[], bytes]] = {
    "ten_thousand_headers": lambda: b"Event: Newstate\r\n" + b"".join(b"H%d: x\r\n" % n for n in range(MANY)) + b"\r\n",
    "one_header_ten_thousand_times": lambda: b"Event: Newstate\r\n" + b"Uniqueid: x\r\n" * MANY + b"\r\n",
    "nuls": nulls,
    "no_utf8": lambda: b"Event: Newstate\r\nUniqueid: \xff\xfe\xc3\x28\r\nCallerIDName: \xed\xa0\x80\r\n\r\n" * 100,
    "endless": lambda: b"",
    "only_line_ends": lambda: b"\r\n" * 500_000,
    "endless_output": lambda: b"Response: Follows\r\nPrivilege: Command\r\n" + b"x\r\n\r\n" * 300_000,
}


@pytest.mark.parametrize("hazard", HAZARDS)
async def test_a_session_outlives_what_it_is_sent_and_so_does_its_neighbour(hazard: str) -> None:
    data = HAZARDS[hazard]() or b"x" * (1 << 20)
    times = ENDLESS // len(data) if hazard == "endless" else 1

    async def answer(peer: Peer, action: Received) -> None:
        if action.action != "Flood":
            await polite(peer, action)
            return
        for _ in range(times):
            peer.writer.write(data)
            await peer.writer.drain()
        end = b"--END COMMAND--\r\n\r\n" if hazard == "endless_output" else b"\r\n\r\n"
        peer.writer.write(end)
        await polite(peer, action)

    heard: list[str] = []
    async with AmiServer(answer) as server:
        neighbour = await Session.open(server.endpoint())
        session = await Session.open(server.endpoint(), events="on", on_event=lambda event: heard.append(event.event))
        tracemalloc.start()
        try:
            flooding = asyncio.create_task(session.ask("Flood", timeout=60))
            while not flooding.done():
                assert (await neighbour.ask("Ping", timeout=20)).success
            assert (await flooding).success
            assert (await session.ask("Ping")).success
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert session.stats.bytes >= times * len(data)
        # A message of nothing but line ends is made of a string for each of them, at some 40 bytes a piece.
        assert peak < 48 * MAX_FRAME, f"{peak >> 20} MB"
        await session.logoff()
        await neighbour.logoff()


@effort(25)
@given(st.binary(max_size=400), st.sampled_from(["banner", "login", "later"]))
def test_random_bytes_end_a_session_or_do_nothing(data: bytes, when: str) -> None:
    async def answer(peer: Peer, action: Received) -> None:
        peer.writer.write(data)
        await polite(peer, action)
        peer.hang_up()

    async def converse() -> None:
        banner = {"banner": data, "login": b"Asterisk Call Manager/11.0.0\r\n" + data}.get(when)
        async with AmiServer(answer, banner=BANNER if banner is None else banner) as server:
            with contextlib.suppress(AmiError):
                endpoint = server.endpoint(banner_timeout=0.05, login_timeout=0.05)
                session = await Session.open(endpoint, events="on", on_event=lambda event: None)
                try:
                    await session.ask("Ping", timeout=0.05)
                finally:
                    session.abort()

    asyncio.run(converse())


async def test_strangers_with_endless_names_do_not_fill_the_listener_s_memory(tmp_path: Path) -> None:
    """Who calls from outside chooses the caller id name."""
    names, size = 1000, 30_000

    async def answer(peer: Peer, action: Received) -> None:
        if action.action == "CoreSettings":
            for number in range(names):
                event = f"Uniqueid: {number}.1\r\nCallerIDName: {number:09d}{'x' * size}".encode()
                await peer.say(b"Event: Newchannel\r\n" + event, b"Event: Hangup\r\n" + event)
            await peer.say(b"Event: FullyBooted")
            told.set()
        await polite(peer, action)

    told, telemetry = asyncio.Event(), Telemetry()
    backend = Backend("sqlite", f"sqlite:///{tmp_path / 'queue.sqlite3'}")
    schema.init(backend.db)
    with ThreadPoolExecutor(2) as threads:
        async with AmiServer(answer) as server:
            writer = Writer(backend.store(), threads, telemetry)
            listener = Listener(
                backend.store(), writer, threads, server.endpoint(), ListenerSettings(filter=False), telemetry
            )
            tracemalloc.start()
            try:
                listening = asyncio.create_task(listener.run())
                await asyncio.wait_for(told.wait(), 30)
                await asyncio.wait_for(listener.booted.wait(), 30)
                held = tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()
                listening.cancel()
                await asyncio.wait((listening,))
            assert telemetry.counters.events >= 2 * names
    backend.close()
    assert held < 30 << 20, f"{held >> 20} MB"
