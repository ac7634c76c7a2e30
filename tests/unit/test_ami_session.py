"""Asking, hearing, keeping alive and leaving, against a server on a real socket: nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import time

import pytest

from acqs_core.ami.session import AmiMessage, NotWritten, Session
from acqs_core.errors import (
    ActionInvalid,
    AmiError,
    ResponseTimeout,
    SessionLost,
)
from tests.unit.ami_server import SECRET, AmiServer, Peer, Received, both_loops, ping, polite, silent

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy")
event_loop_policy = both_loops


async def test_asking_makes_an_action_id_of_its_own_each_time() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        await session.ask("Ping")
        await session.ask("Filter", "Operation: Add", "Filter: Event: Hangup")
        _, first, second = server.received
        assert first["ActionID"] != second["ActionID"]
        assert second.lines[2:4] == ["Operation: Add", "Filter: Event: Hangup"]
        await session.logoff()


@pytest.mark.parametrize("line", ["Filter: a\r\nAction: Originate", "Filter: a\n", "Filter: \0", "X: " + "y" * 1100])
async def test_asking_refuses_a_line_that_would_be_more_than_one(line: str) -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        with pytest.raises(ActionInvalid):
            await session.ask("Filter", line)
        await session.logoff()
        assert server.actions() == []


async def list_channels(peer: Peer, action: Received) -> None:
    action_id = action["ActionID"]

    def event(name: str, *lines: str) -> bytes:
        return "\r\n".join([f"Event: {name}", f"ActionID: {action_id}", *lines]).encode()

    await peer.respond(action, "Success", "EventList: start", "Message: Channels will follow")
    await peer.say(
        event("CoreShowChannel", "Channel: Local/1", "Uniqueid: 1.1"),
        b"Event: Newstate\r\nChannel: Local/9",
        event("UserEvent", "UserEvent: CoreShowChannelsComplete"),
        b"Event: CoreShowChannel\r\nActionID: of another session\r\nChannel: Local/8",
        event("CoreShowChannel", "Channel: Local/2", "Uniqueid: 1.2"),
        event("CoreShowChannelsComplete", "EventList: Complete", "ListItems: 2"),
        b"Event: Hangup\r\nChannel: Local/9",
        piece=7,
    )


@pytest.mark.parametrize("wanted", [None, frozenset({b"Newstate", b"Hangup"})])
async def test_a_list_is_collected_past_the_filter_and_kept_apart_from_the_events(
    wanted: frozenset[bytes] | None,
) -> None:
    heard: list[str] = []
    done = asyncio.Event()

    def hear(message: AmiMessage) -> None:
        heard.append(message.event)
        if message.event == "Hangup":
            done.set()

    async with AmiServer(list_channels) as server:
        session = await Session.open(server.endpoint(), events="on", wanted=wanted, on_event=hear)
        items = await session.ask_list("CoreShowChannels")
        assert [(item.event, item.get("Channel")) for item in items] == [
            ("CoreShowChannel", "Local/1"),
            ("CoreShowChannel", "Local/2"),
        ]
        await asyncio.wait_for(done.wait(), 5)
        strangers = ["UserEvent", "CoreShowChannel"] if wanted is None else []
        assert heard == ["Newstate", *strangers, "Hangup"]
        await session.logoff()


async def test_a_list_that_is_refused_says_what_asterisk_said() -> None:
    async def deny(peer: Peer, action: Received) -> None:
        await peer.respond(action, "Error", "Message: Permission denied")

    async with AmiServer(deny) as server:
        session = await Session.open(server.endpoint())
        with pytest.raises(AmiError, match="refused CoreShowChannels: Permission denied"):
            await session.ask_list("CoreShowChannels")
        await session.logoff()


async def test_a_list_that_does_not_end_times_out_and_what_comes_late_is_an_event_like_any_other() -> None:
    heard: list[str] = []

    async def endless(peer: Peer, action: Received) -> None:
        if action.action == "Ping":
            late = f"Event: CoreShowChannel\r\nActionID: {peer.received[1]['ActionID']}\r\nLate: yes"
            await peer.say(late.encode())
        await peer.respond(action, "Success", "EventList: start")
        await peer.say(f"Event: CoreShowChannel\r\nActionID: {action['ActionID']}".encode())

    async with AmiServer(endless) as server:
        session = await Session.open(server.endpoint(), on_event=lambda event: heard.append(event.get("Late")))
        with pytest.raises(ResponseTimeout):
            await session.ask_list("CoreShowChannels", timeout=0.1)
        assert heard == []
        await session.ask("Ping")
        assert heard[:1] == ["yes"]
        session.abort()


async def test_unwanted_events_are_counted_and_never_decoded() -> None:
    heard: list[str] = []

    async def chatter(peer: Peer, action: Received) -> None:
        await peer.say(*[b"Event: VarSet\r\nValue: x"] * 50, b"Event: Hangup\r\nCause: 16", piece=100)
        await peer.respond(action)

    async with AmiServer(chatter) as server:
        frames: list[bytes] = []
        session = await Session.open(
            server.endpoint(),
            events="on",
            wanted=frozenset({b"Hangup"}),
            on_event=lambda message: heard.append(message.event),
            on_frame=frames.append,
        )
        await session.ask("Ping")
        assert heard == ["Hangup"]
        assert session.stats.filtered == 50
        assert session.stats.frames == len(frames) == 53
        assert session.stats.bytes == sum(len(frame) + 4 for frame in frames) + len(b"Asterisk Call Manager/11.0.0\r\n")
        await session.logoff()


async def test_a_message_over_the_cap_is_counted_and_the_session_goes_on() -> None:
    async def enormous(peer: Peer, action: Received) -> None:
        await peer.say(b"Event: VarSet\r\nValue: " + b"x" * (3 << 20))
        await peer.respond(action)

    async with AmiServer(enormous) as server:
        session = await Session.open(server.endpoint())
        assert (await session.ask("Ping")).success
        assert session.stats.oversize == 1
        await session.logoff()


async def test_a_response_nobody_waits_for_is_counted_and_harms_nothing() -> None:
    async def twice(peer: Peer, action: Received) -> None:
        await peer.say(b"Response: Error\r\nMessage: Missing action in request", b"Nonsense", b"X: y")
        await peer.respond(action)
        await peer.respond(action)

    async with AmiServer(twice) as server:
        session = await Session.open(server.endpoint())
        assert (await session.perform(*ping("a"), 5)).action_id == "a"
        assert (await session.perform(*ping("b"), 5)).action_id == "b"
        assert session.stats.unmatched >= 5
        await session.logoff()


async def test_the_end_of_a_listening_session_is_told_to_everyone_who_waits_for_it() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint(), events="on", on_event=lambda _: None)
        waiters = [asyncio.create_task(session.closed()) for _ in range(3)]
        waiters[0].cancel()
        await server.until(lambda s: bool(s.received))
        server.peers[0].hang_up(reset=True)
        ends = await asyncio.gather(*waiters, return_exceptions=True)
        assert isinstance(ends[0], asyncio.CancelledError)
        assert [type(end) for end in ends[1:]] == [SessionLost, SessionLost]


async def test_a_peer_that_answers_pings_is_kept() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        keeping = asyncio.create_task(session.keepalive(0.01, 1))
        await server.until(lambda s: s.actions().count("Ping") >= 5)
        assert session.is_open
        await session.logoff()
        await asyncio.wait_for(keeping, 2)


async def test_a_peer_that_died_silently_is_noticed_within_one_interval_and_one_timeout() -> None:
    async with AmiServer(silent) as server:
        session = await Session.open(server.endpoint())
        begun = time.monotonic()
        await asyncio.wait_for(session.keepalive(0.05, 0.1), 5)
        assert time.monotonic() - begun < 2
        with pytest.raises(SessionLost, match="did not answer a Ping"):
            raise await session.closed() or AssertionError("it did not end")
        assert server.actions() == ["Ping"]


async def test_leaving_lets_asterisk_close_first() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        port = server.peers[0].writer.get_extra_info("peername")[1]
        await session.logoff()
        # The end that closes first keeps the port in TIME_WAIT: it must be the server's.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
        with pytest.raises(NotWritten):
            await session.ask("Ping")


async def test_leaving_a_peer_that_does_not_let_go_takes_no_longer_than_the_timeout() -> None:
    async def deaf(peer: Peer, action: Received) -> None:
        if action.action == "Login":
            await polite(peer, action)

    async with AmiServer(deaf, rude=True) as server:
        session = await Session.open(server.endpoint())
        begun = time.monotonic()
        await session.logoff(timeout=0.1)
        assert 0.05 < time.monotonic() - begun < 2
        assert await session.closed() is None


async def test_leaving_that_is_cancelled_closes_at_once() -> None:
    async def deaf(peer: Peer, action: Received) -> None:
        if action.action == "Login":
            await polite(peer, action)

    async with AmiServer(deaf, rude=True) as server:
        session = await Session.open(server.endpoint())
        leaving = asyncio.create_task(session.logoff(timeout=60))
        await server.until(lambda s: s.received[-1].action == "Logoff")
        leaving.cancel()
        assert await asyncio.wait_for(session.closed(), 2) is None
        assert leaving.cancelled()


async def test_leaving_twice_or_after_the_end_is_no_error() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        await asyncio.gather(session.logoff(), session.logoff())
        await session.logoff()
        session.abort()
        assert [received.action for received in server.received] == ["Login", "Logoff"]


async def test_hundreds_of_sessions_leave_no_task_socket_or_timer_behind() -> None:
    loop = asyncio.get_running_loop()
    async with AmiServer() as server:

        async def live(number: int) -> None:
            session = await Session.open(server.endpoint())
            await session.perform(*ping(f"p{number}"), 5)
            await (session.logoff() if number % 3 else asyncio.sleep(0))
            session.abort()
            await session.closed()

        await live(0)
        await server.until(lambda s: s.left == 1)
        tasks, files = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
        for start in range(1, 301, 20):
            await asyncio.gather(*(live(number) for number in range(start, start + 20)))
        await server.until(lambda s: s.left == 301)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == tasks
        assert len(os.listdir("/proc/self/fd")) <= files + 2
        timers = [handle for handle in getattr(loop, "_scheduled", []) if not handle.cancelled()]
        assert len(timers) <= 2
        gc.collect()
        assert sum(isinstance(thing, Session) for thing in gc.get_objects()) <= 1


async def test_the_secret_is_in_no_log_repr_or_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)

    async def cut(peer: Peer, action: Received) -> None:
        peer.hang_up(reset=True)

    texts = []
    async with AmiServer() as server, AmiServer(cut, rude=True) as cutter, AmiServer(silent, rude=True) as mute:
        session = await Session.open(server.endpoint())
        texts += [repr(session), repr(vars(session)), repr(vars(session._protocol)), repr(vars(session._manager))]
        await session.logoff()
        bads = [cutter.endpoint(), mute.endpoint(login_timeout=0.05), server.endpoint(SECRET + "x")]
        for bad in [*bads, server.endpoint(SECRET + "x", auth="md5"), mute.endpoint(auth="md5", login_timeout=0.05)]:
            with pytest.raises(AmiError) as failed:
                await Session.open(bad)
            texts.append(repr(failed.value) + str(failed.getrepr(showlocals=True, style="long")))
    assert SECRET not in caplog.text
    assert not [text for text in texts if SECRET in text]
