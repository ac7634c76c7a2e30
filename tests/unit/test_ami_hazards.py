"""The fourteen hazards of panoramisk 1.4, one test each, that they are gone.

Where it can be shown in a few lines, the same input is given to panoramisk's own classes too: a test that passes for
both would prove nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import panoramisk
import pytest
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

from acqs_core.ami.manager import QueueManager
from acqs_core.ami.protocol import QueueProtocol
from acqs_core.ami.session import AmiMessage, NotWritten, Session
from acqs_core.ami.transmission import Transmission
from acqs_core.ami.wire import Framer, parse
from acqs_core.errors import ActionInvalid, LoginRefused, ResponseTimeout, SessionLost
from tests.unit.ami_server import AmiServer, Peer, Received, silent

STREAM = (Path(__file__).parents[1] / "traces" / "22.10.1" / "originate_answered_local.ami").read_bytes()
ORIGINATE = b"Action: Originate\r\nActionID: acqs-1-beef\r\nChannel: Local/1@default\r\n\r\n"
QUEUED = "Message: Originate successfully queued"


def test_the_parts_are_still_panoramisks() -> None:
    assert issubclass(QueueProtocol, AMIProtocol)
    assert issubclass(QueueManager, panoramisk.Manager)
    assert issubclass(Transmission, Action)
    assert issubclass(AmiMessage, Message)


async def test_hazard_1_an_originate_without_async_gets_its_response() -> None:
    async def answered(peer: Peer, action: Received) -> None:
        await peer.respond(action, "Success", QUEUED)

    original = Action({"Action": "Originate"})
    with pytest.raises(KeyError, match="async"):
        original.add_message(Message({"Response": "Success", "Message": "Originate successfully queued"}))
    async with AmiServer(answered) as server:
        session = await Session.open(server.endpoint())
        assert (await session.perform(ORIGINATE, "acqs-1-beef", 5)).message == "Originate successfully queued"
        await session.logoff()


async def test_hazard_2_an_action_whose_connection_was_lost_is_not_sent_again() -> None:
    async def cut(peer: Peer, action: Received) -> None:
        peer.hang_up()

    async with AmiServer(cut) as server:
        session = await Session.open(server.endpoint())
        with pytest.raises(SessionLost):
            await session.perform(ORIGINATE, "acqs-1-beef", 5)
        assert not session._manager.awaiting_actions
        again = await Session.open(server.endpoint(), events="on")
        await server.peers[1].say(b"Event: FullyBooted\r\nStatus: Fully Booted")
        await again.logoff()
        await server.until(lambda s: s.left == 2)
        # Nor did anybody but us connect: panoramisk's own Manager comes back by itself.
        assert (len(server.peers), server.actions()) == (2, ["Originate"])


async def test_hazard_3_an_async_originate_ends_with_its_response_or_its_deadline() -> None:
    async def half(peer: Peer, action: Received) -> None:
        if action["ActionID"] == "first":
            await peer.respond(action, "Success", QUEUED)  # and never an OriginateResponse

    async with AmiServer(half) as server:
        session = await Session.open(server.endpoint())
        with_async = ORIGINATE.replace(b"Channel", b"Async: true\r\nChannel")
        assert (await session.perform(with_async.replace(b"acqs-1-beef", b"first"), "first", 5)).success
        assert not session._protocol._outstanding
        with pytest.raises(ResponseTimeout):
            await session.perform(with_async, "acqs-1-beef", 0.05)
        for number in range(200):
            with pytest.raises(ResponseTimeout):
                await session.ask("Ping", f"Number: {number}", timeout=0)
        assert len(session._protocol._outstanding) < 100
        session.abort()


async def test_hazard_4_a_half_dead_peer_is_noticed_and_pings_do_not_pile_up() -> None:
    async with AmiServer(silent) as server:
        session = await Session.open(server.endpoint())
        await asyncio.wait_for(session.keepalive(interval=0.02, timeout=0.1), 5)
        assert not session.is_open
        await server.until(lambda s: s.left == 1)
        assert server.actions() == ["Ping"]


async def test_hazard_5_a_refused_login_is_told_once_and_not_tried_again() -> None:
    async with AmiServer() as server:
        with pytest.raises(LoginRefused):
            await Session.open(server.endpoint(secret="wrong"))
        await server.until(lambda s: s.left == 1)
        assert [received.action for received in server.received] == ["Login"]
        assert len(server.peers) == 1
        assert not [task for task in asyncio.all_tasks() if "connect" in repr(task.get_coro())]


async def test_hazard_6_no_value_starts_a_second_action_and_headers_keep_order_and_repetition() -> None:
    evil = "1\r\n\r\nAction: Originate"
    assert str(Action({"Action": "Ping", "X": evil})).count("Action: ") == 2
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        for attempt in (
            session.ask("Ping", f"X: {evil}"),
            session.ask(f"Ping\r\n\r\n{evil}"),
            session.perform(f"Action: Ping\r\nX: {evil}\r\n\r\n".encode(), "x", 1),
        ):
            with pytest.raises(ActionInvalid):
                await attempt
        with pytest.raises(ActionInvalid):
            session._manager.send_action({"Action": "Ping", "X": evil})
        await session.ask("Originate", "Variable: z=1", "Channel: c", "Variable: a=2", "variable: a=2", "Async: true")
        await session._manager.send_action({"Action": "Setvar", "Value": "v", "Channel": "c", "More": ["2", "1"]})
        first, second = server.received[1:]
        assert first.lines[2:6] == ["Variable: z=1", "Channel: c", "Variable: a=2", "variable: a=2"]
        assert second.lines[2:6] == ["Value: v", "Channel: c", "More: 2", "More: 1"]
        await session.logoff()


async def test_hazard_7_a_character_cut_by_a_read_reaches_the_listener_whole() -> None:
    names: list[str] = []

    async def shout(peer: Peer, action: Received) -> None:
        await peer.say("Event: NewCallerid\r\nCallerIDName: Zoë ☎ 你好".encode(), piece=1)
        await peer.respond(action)

    async with AmiServer(shout) as server:
        session = await Session.open(
            server.endpoint(), events="call", on_event=lambda event: names.append(event.get("CallerIDName"))
        )
        await session.ask("Ping")
        assert names == ["Zoë ☎ 你好"]
        await session.logoff()


def test_hazard_8_eight_megabytes_without_an_end_cost_little_time_and_no_memory() -> None:
    framer = Framer()
    begun = time.process_time()
    for _ in range(8 * 1024 * 1024 // 4096):
        framer.feed(b"x" * 4096)
    assert time.process_time() - begun < 1  # panoramisk: 9.7 s
    assert framer.pending <= 1 << 20


async def test_hazard_9_an_error_in_a_callback_loses_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def fragile(event: AmiMessage) -> None:
        heard.append(event.get("Number"))
        if event.get("Number") in ("0", "3", "4", "5", "6"):
            raise RuntimeError("the listener's own mistake")

    def frame_fragile(frame: bytes) -> None:
        if b"Number: 7" in frame:
            raise ValueError("another")

    async def burst(peer: Peer, action: Received) -> None:
        await peer.say(*(f"Event: Newstate\r\nNumber: {number}".encode() for number in range(10)))
        await peer.respond(action)

    async with AmiServer(burst) as server:
        session = await Session.open(server.endpoint(), events="on", on_event=fragile, on_frame=frame_fragile)
        assert (await session.ask("Ping")).success
        assert heard == [str(number) for number in range(10)]
        assert session.stats.callback_errors == 6
        assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 3  # the 1st, 2nd and 4th: no flood
        await session.logoff()


def test_hazard_10_headers_without_a_blank_and_empty_last_headers_are_kept() -> None:
    frame = b"Event: Hangup\r\nChannel:Local/1\r\nCause-txt:"
    assert "channel" not in Message.from_line(frame.decode())
    message = parse(frame)
    assert message.get("Channel") == "Local/1"
    assert "Cause-txt" in message
    (framed,) = Framer().feed(b"Event: Hangup\r\nAccountCode: \r\n\r\n")
    assert "AccountCode" in parse(framed)


def test_hazard_11_a_second_event_header_changes_nothing() -> None:
    message = parse(b"Event: UserEvent\r\nEvent: Hangup\r\nUserEvent: x")
    assert message.event == "UserEvent"
    assert message.event.lower() == "userevent"  # panoramisk hands over a list here


async def test_hazard_12_what_cannot_be_encoded_or_written_is_said_at_once() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        with pytest.raises(ActionInvalid, match="surrogate"):
            await session.ask("Ping", "X: \ud800")
        await session.logoff()
        for attempt in (session.ask("Ping"), session.perform(ORIGINATE, "acqs-1-beef", 5)):
            with pytest.raises(NotWritten):
                await attempt
        assert not session._protocol._outstanding
        assert server.actions() == []


async def test_hazard_13_events_are_told_apart_several_times_faster_than_by_panoramisk(
    record_property: Callable[[str, object], None],
) -> None:
    events = [frame for frame in Framer().feed(STREAM.partition(b"\r\n")[2]) if frame.startswith(b"Event: ")]
    repeat = 65536 // len(STREAM)
    chunk = b"".join(frame + b"\r\n\r\n" for frame in events) * repeat
    wanted = ("Newstate", "Hangup", "NewCallerid", "OriginateResponse", "Shutdown")
    heard = {"ours": 0, "theirs": 0}

    def hear_ours(event: AmiMessage) -> None:
        heard["ours"] += 1

    def hear_theirs(manager: object, event: object) -> None:
        heard["theirs"] += 1

    theirs = AMIProtocol()
    theirs.connection_made(None)
    theirs.version, theirs.factory = "11.0.0", panoramisk.Manager()
    for name in wanted:
        theirs.factory.register_event(name, hear_theirs)

    def rate(feed: Callable[[bytes], None]) -> float:
        best = 0.0
        for _ in range(5):
            begun = time.process_time()
            for _ in range(5):
                feed(chunk)
            best = max(best, 5 * repeat * len(events) / (time.process_time() - begun))
        return best

    async with AmiServer() as server:
        listening = await Session.open(
            server.endpoint(), wanted=frozenset(name.encode() for name in wanted), on_event=hear_ours
        )
        deaf = await Session.open(server.endpoint(), wanted=frozenset({b"Shutdown"}), on_event=hear_ours)
        rates = {
            "panoramisk": rate(theirs.data_received),
            "mixed": rate(listening._protocol.data_received),
            "unwanted": rate(deaf._protocol.data_received),
        }
        await asyncio.gather(listening.logoff(), deaf.logoff())
    for name, value in rates.items():
        record_property(f"{name}_events_per_second", round(value))
    print({name: round(value) for name, value in rates.items()})
    assert heard["ours"] == heard["theirs"] > 0
    assert rates["unwanted"] >= 4 * rates["panoramisk"]
    assert rates["mixed"] >= 4 * rates["panoramisk"]


def test_hazard_14_the_one_version_whose_parts_are_overridden_is_pinned_and_installed() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert "panoramisk == 1.4" in project["dependencies"]
    assert version("panoramisk") == "1.4"
    overridden = {
        AMIProtocol: (
            QueueProtocol,
            "connection_made data_received send handle_message connection_lost close",
        ),
        panoramisk.Manager: (
            QueueManager,
            "connect connection_made connection_lost login ping dispatch register_event send_awaiting_actions",
        ),
        Action: (Transmission, "multi completed add_message __str__"),
        Message: (AmiMessage, "id action_id success"),
    }
    for theirs, (ours, names) in overridden.items():
        for name in names.split():
            assert name in vars(theirs), f"panoramisk no longer has {theirs.__name__}.{name}"
            assert name in vars(ours), f"{ours.__name__} leaves {name} to panoramisk"
