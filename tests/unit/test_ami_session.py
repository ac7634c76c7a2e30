"""A session against a server on a real socket: what each end of it is called, and that none of them leaves anything."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import time

import pytest

from acqs_core.ami.session import AmiMessage, Endpoint, NotWritten, Session
from acqs_core.errors import (
    ActionInvalid,
    AmiError,
    ConnectFailed,
    LoginRefused,
    ResponseTimeout,
    SessionLost,
    SettingsError,
)
from tests.unit.ami_server import SECRET, AmiServer, Peer, Received, polite, silent

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy")


@pytest.fixture(params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """The programs run on uvloop, which calls a protocol in another order than asyncio's own loop does."""
    if request.param == "asyncio":
        return asyncio.DefaultEventLoopPolicy()
    policy: asyncio.AbstractEventLoopPolicy = pytest.importorskip("uvloop").EventLoopPolicy()
    return policy


def ping(action_id: str) -> tuple[bytes, str]:
    return f"Action: Ping\r\nActionID: {action_id}\r\n\r\n".encode(), action_id


# Opening


async def test_opening_waits_for_the_banner_and_logs_in_with_the_event_mask() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint(), events="call,system")
        assert session.banner == "Asterisk Call Manager/11.0.0"
        assert session.ami_version == (11, 0, 0)
        assert session.is_open
        (login,) = server.received
        assert login.lines[:5] == [
            "Action: Login",
            "ActionID: acqs-login",
            "Username: acqs",
            f"Secret: {SECRET}",
            "Events: call,system",
        ]
        await session.logoff()
        assert not session.is_open
        assert await session.closed() is None
        assert [received.action for received in server.received] == ["Login", "Logoff"]


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        (b"Asterisk Call Manager/2.10.6\r\n", (2, 10, 6)),
        (b"Asterisk Call Manager/1.0\r\n", (1, 0)),
        (b"Asterisk Call Manager\r\n", ()),
        (b"Asterisk Call Manager/7.0.3-patched\r\n", (7, 0)),
    ],
)
async def test_any_version_in_the_banner_is_taken(banner: bytes, version: tuple[int, ...]) -> None:
    async with AmiServer(banner=banner) as server:
        session = await Session.open(server.endpoint())
        assert session.ami_version == version
        await session.logoff()


async def test_nobody_listening_is_a_failed_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = Endpoint("127.0.0.1", taken.getsockname()[1], "acqs", SECRET)
        with pytest.raises(ConnectFailed, match=r"is it running\?"):
            await Session.open(endpoint)


async def test_a_host_that_swallows_the_connection_fails_within_the_connect_timeout() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]  # a full backlog leaves the next connection without an answer
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        begun = time.monotonic()
        with pytest.raises(ConnectFailed, match=r"within 0\.3 s"):
            await Session.open(Endpoint("127.0.0.1", address[1], "acqs", SECRET, connect_timeout=0.3))
        assert time.monotonic() - begun < 2
        for filler in fillers:
            filler.close()


async def test_silence_instead_of_a_banner_fails_within_the_banner_timeout_and_no_secret_is_sent() -> None:
    async with AmiServer(banner=None) as server:
        with pytest.raises(ConnectFailed, match="no banner in time"):
            await Session.open(server.endpoint(banner_timeout=0.1))
        assert server.received == []


async def test_a_full_house_that_closes_before_the_banner_is_a_failed_connection() -> None:
    async with AmiServer(banner=None) as server:
        opening = asyncio.create_task(Session.open(server.endpoint()))
        await server.until(lambda s: bool(s.peers))
        server.peers[0].hang_up()
        with pytest.raises(ConnectFailed, match="no banner"):
            await opening


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"<html>" + b"x" * 100, b"Asterisk" + b"k" * 5000])
async def test_something_that_is_not_asterisk_gets_no_secret(banner: bytes) -> None:
    async with AmiServer(banner=banner) as server:
        with pytest.raises(ConnectFailed, match="no Asterisk manager"):
            await Session.open(server.endpoint())
        assert server.received == []


async def test_a_banner_that_arrives_in_pieces_is_one_banner() -> None:
    async with AmiServer(banner=b"Asteri") as server:
        opening = asyncio.create_task(Session.open(server.endpoint()))
        await server.until(lambda s: bool(s.peers))
        for piece in (b"sk Call Mana", b"ger/11", b".0.0\r", b"\n"):
            server.peers[0].writer.write(piece)
            await server.peers[0].writer.drain()
            await asyncio.sleep(0.01)
        session = await opening
        assert session.banner == "Asterisk Call Manager/11.0.0"
        await session.logoff()


async def test_a_wrong_secret_is_a_refused_login_whose_message_does_not_show_it() -> None:
    async with AmiServer() as server:
        with pytest.raises(LoginRefused, match=r"'acqs': Authentication failed") as refused:
            await Session.open(server.endpoint(secret="tell-nobody"))
        assert "tell-nobody" not in str(refused.value)
        assert len(server.received) == 1


async def test_a_login_while_asterisk_shuts_down_may_be_tried_again_later() -> None:
    async def shutting_down(peer: Peer, action: Received) -> None:
        await peer.respond(action, "Error", "Message: Asterisk is shutting down")

    async with AmiServer(shutting_down, rude=True) as server:
        with pytest.raises(ConnectFailed, match="shutting down"):
            await Session.open(server.endpoint())


async def test_a_login_that_is_not_answered_fails_within_the_login_timeout() -> None:
    async with AmiServer(silent, rude=True) as server:
        with pytest.raises(ConnectFailed, match=r"did not answer Login .* within 0.1 s; nothing was sent"):
            await Session.open(server.endpoint(login_timeout=0.1))


async def test_a_connection_cut_before_the_login_was_answered_is_a_failed_connection() -> None:
    async def cut(peer: Peer, action: Received) -> None:
        peer.hang_up(reset=True)

    async with AmiServer(cut, rude=True) as server:
        with pytest.raises(ConnectFailed, match="nothing was sent"):
            await Session.open(server.endpoint())


async def test_cancelling_the_opening_closes_the_socket() -> None:
    async with AmiServer(banner=None) as server:
        opening = asyncio.create_task(Session.open(server.endpoint(banner_timeout=30)))
        await server.until(lambda s: bool(s.peers))
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await server.until(lambda s: s.left == 1)


@pytest.mark.parametrize("key", ["username", "secret"])
@pytest.mark.parametrize("value", ["a\r\nAction: Originate", "a\n", "a\0b", "x" * 2000, "\ud800"])
def test_credentials_that_would_not_be_one_line_are_refused_without_being_shown(key: str, value: str) -> None:
    username, secret = (value, "s") if key == "username" else ("u", value)
    with pytest.raises(SettingsError) as refused:
        Endpoint("h", 1, username, secret)
    assert value not in str(refused.value)


def test_an_endpoint_does_not_show_its_secret() -> None:
    assert "hush" not in repr(Endpoint("h", 1, "u", "hush"))


async def test_the_limits_of_opening_do_not_hold_for_the_open_session() -> None:
    async def slow(peer: Peer, action: Received) -> None:
        await asyncio.sleep(0.3)
        await peer.respond(action)

    async with AmiServer(slow) as server:
        session = await Session.open(server.endpoint(connect_timeout=0.2, banner_timeout=0.2, login_timeout=0.2))
        assert (await session.perform(*ping("p"), 5)).success
        await session.logoff()


# Performing


async def test_an_action_is_written_byte_for_byte_and_its_response_comes_back() -> None:
    payload = b"Action: Originate\r\nActionID: acqs-7-beef\r\nVariable: b=2\r\nVariable: a=1\r\nX:y\r\n\r\n"
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        response = await session.perform(payload, "acqs-7-beef", 5)
        assert (response.response, response.action_id, response.message) == ("Success", "acqs-7-beef", "done")
        assert server.received[1].raw == payload
        await session.logoff()


async def test_an_error_is_an_answer() -> None:
    async def deny(peer: Peer, action: Received) -> None:
        await peer.respond(action, "Error", "Message: Permission denied")

    async with AmiServer(deny) as server:
        session = await Session.open(server.endpoint())
        response = await session.perform(*ping("p"), 5)
        assert (response.success, response.message) == (False, "Permission denied")
        await session.logoff()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_responses_are_matched_by_action_id_in_whatever_order_they_come(order: tuple[int, ...]) -> None:
    async def hold(peer: Peer, action: Received) -> None:
        held = peer.received[1:]
        if len(held) == 3:
            for index in order:
                await peer.respond(held[index], "Success", f"Message: for {held[index]['ActionID']}")

    async with AmiServer(hold) as server:
        session = await Session.open(server.endpoint())
        names = ("acqs-1-aaaa", "my own id! with: colons", "A" * 64)
        answers = await asyncio.gather(*(session.perform(*ping(name), 5) for name in names))
        assert [answer.message for answer in answers] == [f"for {name}" for name in names]
        session.abort()


async def test_two_actions_with_one_action_id_get_their_responses_in_order() -> None:
    async def count(peer: Peer, action: Received) -> None:
        await peer.respond(action, "Success", f"Message: {len(peer.received) - 1}")

    async with AmiServer(count) as server:
        session = await Session.open(server.endpoint())
        first, second = await asyncio.gather(session.perform(*ping("same"), 5), session.perform(*ping("same"), 5))
        assert (first.message, second.message) == ("1", "2")
        await session.logoff()


async def test_two_sessions_may_use_one_action_id() -> None:
    async with AmiServer() as server:
        one, two = await asyncio.gather(*(Session.open(server.endpoint()) for _ in range(2)))
        answers = await asyncio.gather(*(session.perform(*ping("same"), 5) for session in (one, two)))
        assert [answer.action_id for answer in answers] == ["same", "same"]
        await asyncio.gather(one.logoff(), two.logoff())


async def test_blanks_that_asterisk_echoes_around_an_action_id_do_not_hide_the_response() -> None:
    async def spaced(peer: Peer, action: Received) -> None:
        await peer.say(b"Response: Success\r\nActionID: spaced out  \r\nPing: Pong")

    async with AmiServer(spaced) as server:
        session = await Session.open(server.endpoint())
        assert (await session.perform(b"Action: Ping\r\nActionID:   spaced out  \r\n\r\n", "spaced out", 5)).success
        session.abort()


async def test_an_event_with_the_action_id_is_never_taken_for_the_response() -> None:
    heard: list[AmiMessage] = []

    async def early(peer: Peer, action: Received) -> None:
        # 16 to 20 % of calls: the OriginateResponse overtakes what the sender waits for (facts/ami.md, 3).
        event = f"Event: OriginateResponse\r\nActionID: {action['ActionID']}\r\nResponse: Failure\r\nReason: 8"
        await peer.say(event.encode())
        await peer.respond(action, "Success", "Message: Originate successfully queued")

    async with AmiServer(early) as server:
        session = await Session.open(server.endpoint(), events="call", on_event=heard.append)
        response = await session.perform(b"Action: Originate\r\nActionID: o\r\nAsync: true\r\n\r\n", "o", 5)
        assert (response.response, response.message) == ("Success", "Originate successfully queued")
        assert [(event.event, event.response) for event in heard] == [("OriginateResponse", "Failure")]
        await session.logoff()


async def test_an_action_that_is_not_answered_times_out_with_an_unknown_outcome() -> None:
    async with AmiServer(silent) as server:
        session = await Session.open(server.endpoint())
        with pytest.raises(ResponseTimeout, match=r"did not answer Ping \(p\) within 0.05 s; .* unknown"):
            await session.perform(*ping("p"), 0.05)
        assert session.is_open
        session.abort()
        assert server.actions() == ["Ping"]


async def test_a_late_response_is_not_taken_for_that_of_a_later_action_with_the_same_id() -> None:
    async def answer_the_second_time(peer: Peer, action: Received) -> None:
        if len(peer.received) == 3:
            await peer.respond(action, "Success", "Message: late, for the first")
            await peer.respond(action, "Success", "Message: for the second")

    async with AmiServer(answer_the_second_time) as server:
        session = await Session.open(server.endpoint())
        with pytest.raises(ResponseTimeout):
            await session.perform(*ping("same"), 0.05)
        assert (await session.perform(*ping("same"), 5)).message == "for the second"
        session.abort()


@pytest.mark.parametrize("reset", [True, False])
async def test_a_connection_lost_after_the_write_is_an_unknown_outcome(reset: bool) -> None:
    async def cut(peer: Peer, action: Received) -> None:
        await peer.say(b"Event: Newstate\r\nChannelState: 5")
        peer.hang_up(reset=reset)

    async with AmiServer(cut) as server:
        session = await Session.open(server.endpoint())
        with pytest.raises(SessionLost) as lost:
            await session.perform(*ping("p"), 5)
        assert not isinstance(lost.value, NotWritten | ResponseTimeout)
        assert isinstance(await session.closed(), SessionLost)
        assert not session.is_open


async def test_an_action_on_a_session_that_has_ended_is_known_not_to_be_written() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        server.peers[0].hang_up()
        assert isinstance(await session.closed(), SessionLost)
        with pytest.raises(NotWritten, match="was not written"):
            await session.perform(*ping("p"), 5)
        assert server.actions() == []


async def test_aborting_fails_what_waits() -> None:
    async with AmiServer(silent) as server:
        session = await Session.open(server.endpoint())
        waiting = asyncio.create_task(session.perform(*ping("p"), 30))
        await server.until(lambda s: s.actions() == ["Ping"])
        session.abort()
        with pytest.raises(SessionLost, match="closed by us"):
            await waiting
        assert await session.closed() is None


async def test_cancelling_one_action_disturbs_no_other() -> None:
    async def on_release(peer: Peer, action: Received) -> None:
        if action["ActionID"] == "b":
            for received in peer.received[1:]:
                await peer.respond(received)

    async with AmiServer(on_release) as server:
        session = await Session.open(server.endpoint())
        first = asyncio.create_task(session.perform(*ping("a"), 5))
        await server.until(lambda s: s.actions() == ["Ping"])
        first.cancel()
        assert (await session.perform(*ping("b"), 5)).action_id == "b"
        assert first.cancelled()
        await session.logoff()


async def test_a_peer_that_takes_no_more_bytes_ends_the_session_within_the_write_timeout() -> None:
    async def stop_reading(peer: Peer, action: Received) -> None:
        await asyncio.get_running_loop().create_future()

    async with AmiServer(stop_reading) as server:
        session = await Session.open(server.endpoint(write_timeout=0.2))
        big = b"Action: UserEvent\r\nActionID: big\r\n" + b"X: " + b"x" * 20_000_000 + b"\r\n\r\n"
        begun = time.monotonic()
        with pytest.raises(SessionLost, match="takes no more bytes"):
            await asyncio.gather(session.ask("Ping"), session.perform(big, "big", 30))
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "payload",
    [
        b"Action: Ping\r\n\r\nAction: Originate\r\n\r\n",
        b"Action: Ping\r\n",
        b"Action: Ping\nAction: Originate\r\n\r\n",
        b"Action: Ping\rX: y\r\n\r\n",
        b"Action: Ping\r\nX: \0\r\n\r\n",
        b"Ping\r\n\r\n",
        b"\r\n\r\n",
        b"",
    ],
)
async def test_bytes_that_are_not_exactly_one_action_are_not_written(payload: bytes) -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        with pytest.raises(ActionInvalid):
            await session.perform(payload, "x", 1)
        await session.logoff()
        assert server.actions() == []


# Asking


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


# Hearing


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


# Keeping alive and leaving


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
        for bad in (cutter.endpoint(), mute.endpoint(login_timeout=0.05), server.endpoint(secret=SECRET + "x")):
            with pytest.raises(AmiError) as failed:
                await Session.open(bad)
            texts.append(repr(failed.value) + str(failed.getrepr(showlocals=True, style="long")))
    assert SECRET not in caplog.text
    assert not [text for text in texts if SECRET in text]
