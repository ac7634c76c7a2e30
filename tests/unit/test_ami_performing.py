"""Performing an action: written once, matched to its response, and each end called what it means for the action."""

from __future__ import annotations

import asyncio
import time

import pytest

from acqs_core.ami.session import AmiMessage, NotWritten, Session
from acqs_core.errors import (
    ActionInvalid,
    ResponseTimeout,
    SessionLost,
)
from tests.unit.ami_server import AmiServer, Peer, Received, both_loops, ping, silent

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy")
event_loop_policy = both_loops


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


async def test_a_response_that_never_came_is_no_longer_awaited_once_a_later_action_was_answered() -> None:
    async def ignore_the_first(peer: Peer, action: Received) -> None:
        if len(peer.received) > 2:
            await peer.respond(action)

    async with AmiServer(ignore_the_first) as server:
        session = await Session.open(server.endpoint())
        with pytest.raises(ResponseTimeout):
            await session.perform(*ping("same"), 0.05)
        assert (await session.perform(*ping("other"), 5)).action_id == "other"
        assert (await session.perform(*ping("same"), 5)).action_id == "same"
        await session.logoff()


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
