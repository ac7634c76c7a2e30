"""A session in a process of its own: what it may do wrong at each moment of its life."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from acqs_core.ami.session import NotWritten, Session
from acqs_core.errors import ChildLost, LoginRefused, ResponseTimeout, SessionLost, TlsFailed
from acqs_core.sender.process import remote
from acqs_core.sender.process import server as keeping
from acqs_core.sender.process.remote import SILENCE
from tests.unit.ami_server import BANNER, AmiServer, ping, silent
from tests.unit.child_processes import KILL, STOP, on_uvloop, opening_at

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy")
event_loop_policy = on_uvloop


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds for which a child may wait with its write, fewer than usual."""
    monkeypatch.setattr(remote, "WRITE_WITHIN", 0.5)
    return 0.5


async def test_an_action_is_written_byte_for_byte_and_its_response_comes_back() -> None:
    payload = b"Action: Originate\r\nActionID: acqs-7-beef\r\nVariable: b=Jos\xc3\xa9\r\nVariable: a=1\r\nX:y\r\n\r\n"
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        assert (session.banner, session.knows_channel_id) == ("Asterisk Call Manager/11.0.0", True)
        response = await session.perform(payload, "acqs-7-beef", 5)
        assert (response.response, response.action_id, response.message) == ("Success", "acqs-7-beef", "done")
        assert server.received[1].raw == payload
        await session.logoff()
        assert [received.action for received in server.received] == ["Login", "Originate", "Logoff"]


async def test_a_refused_login_is_the_error_that_it_is_in_a_task() -> None:
    async with AmiServer() as server, opening_at(server.endpoint("wrong")) as openings:
        with pytest.raises(LoginRefused, match="refused the login of 'acqs'"):
            await openings.open()


async def test_a_tls_ca_that_can_be_read_no_longer_is_told_with_its_name_as_in_a_task(tmp_path: Path) -> None:
    """It was there when the engine started; a fork server that is started anew needs it again."""
    async with AmiServer() as server, opening_at(server.endpoint(tls=True, tls_ca=f"{tmp_path}/gone.pem")) as openings:
        with pytest.raises(TlsFailed, match=r"tls_ca: .*gone\.pem.* cannot be read.*nothing was sent"):
            await openings.open()
        with pytest.raises(TlsFailed, match=r"tls_ca: .*gone\.pem.* cannot be read.*nothing was sent"):
            await Session.open(server.endpoint(tls=True, tls_ca=f"{tmp_path}/gone.pem"))


@pytest.mark.parametrize("fault", [STOP, KILL])
async def test_a_child_lost_before_it_connects_has_sent_nothing(fault: signal.Signals) -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        hit: list[float] = []

        def lose(pid: int) -> None:
            os.kill(pid, fault)
            hit.append(time.monotonic())

        openings.on_turn = lose
        with pytest.raises(ChildLost, match="nothing was sent"):
            await openings.open()
        assert time.monotonic() - hit[0] < SILENCE + 1, "others wait for its turn to log in"
        assert server.received == []


HANGS = """
import time
from acqs_core.sender.process import child, forkserver
async def hang(*_, **__):
    time.sleep(60)
{} = hang
forkserver.main()
"""
"""A fork server whose children, at one point, no longer come back to their loop."""


async def test_a_child_that_hangs_in_its_login_is_killed_and_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "COMMAND", (sys.executable, "-c", HANGS.format("child.Session.open")))
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        with pytest.raises(ChildLost, match="nothing was sent"):
            await openings.open()


@pytest.mark.usefixtures("hasty")
async def test_a_child_that_hangs_when_it_is_to_write_is_killed_and_the_outcome_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "COMMAND", (sys.executable, "-c", HANGS.format("child._perform")))
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        with pytest.raises(ResponseTimeout, match="unknown"):
            await session.perform(*ping("p"), 0.1)
        await openings.until_gone()
        assert server.actions() == []


async def test_an_asterisk_that_is_slow_to_greet_is_waited_for() -> None:
    async with AmiServer(banner=None) as server, opening_at(server.endpoint()) as openings:
        opening = asyncio.create_task(openings.open())
        await server.until(lambda server: len(server.peers) == 1)
        await asyncio.sleep(SILENCE + 0.3)
        server.peers[0].writer.write(BANNER)
        await (await opening).logoff()


async def test_a_child_stopped_before_the_write_has_written_nothing_and_never_will(hasty: float) -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        os.kill(session.pid, STOP)
        begun = time.monotonic()
        with pytest.raises(NotWritten, match="was not written"):
            await session.perform(*ping("p"), 30)
        assert time.monotonic() - begun < hasty + 1
        await openings.until_gone()
        assert server.actions() == []


async def test_a_child_that_wakes_too_late_does_not_write(hasty: float) -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        os.kill(session.pid, STOP)
        performing = asyncio.create_task(session.perform(*ping("p"), 30))
        # Awake after its own deadline and before ours, which is a tenth of a second later.
        await asyncio.sleep(hasty + 0.03)
        os.kill(session.pid, signal.SIGCONT)
        with pytest.raises(NotWritten):
            await performing
        await session.logoff()
        assert server.actions() == []


async def test_a_child_killed_before_the_write_has_written_nothing() -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        os.kill(session.pid, KILL)
        await openings.until_gone()
        assert not session.is_open
        with pytest.raises(NotWritten):
            await session.perform(*ping("p"), 5)
        session.abort()
        assert server.actions() == []


@pytest.mark.usefixtures("hasty")
async def test_a_child_stopped_after_the_write_leaves_the_outcome_unknown_at_the_deadline() -> None:
    async with AmiServer(silent) as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        performing = asyncio.create_task(session.perform(*ping("p"), 1.0))
        await server.until(lambda server: server.actions() == ["Ping"])
        os.kill(session.pid, STOP)
        begun = time.monotonic()
        with pytest.raises(ResponseTimeout, match="unknown"):
            await performing
        assert time.monotonic() - begun < 2.5


async def test_a_child_killed_after_the_write_leaves_the_outcome_unknown_at_once() -> None:
    async with AmiServer(silent) as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        performing = asyncio.create_task(session.perform(*ping("p"), 30))
        await server.until(lambda server: server.actions() == ["Ping"])
        os.kill(session.pid, KILL)
        with pytest.raises(SessionLost, match="unknown") as lost:
            await performing
        assert not isinstance(lost.value, NotWritten)
        assert await session.closed() is not None
        session.abort()


async def test_an_asterisk_that_does_not_answer_is_told_of_by_the_child_itself() -> None:
    async with AmiServer(silent) as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        with pytest.raises(ResponseTimeout, match="did not answer Ping"):
            await session.perform(*ping("p"), 0.2)
        assert session.is_open
        await session.logoff()


@pytest.mark.parametrize("fault", [STOP, KILL])
async def test_a_lingering_child_that_is_lost_holds_nobody_up(fault: signal.Signals) -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        await session.perform(*ping("p"), 5)
        os.kill(session.pid, fault)
        async with asyncio.timeout(1.0):
            await session.logoff(0.2)


async def test_a_session_that_asterisk_ends_is_closed_here_too() -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        server.peers[0].hang_up()
        async with asyncio.timeout(2):
            assert isinstance(await session.closed(), SessionLost)
        with pytest.raises(NotWritten, match="it closed the connection"):
            await session.perform(*ping("p"), 5)
        session.abort()
