"""A peer that vanishes without a word is noticed in every state of a session, with TLS and without."""

from __future__ import annotations

import asyncio
import ssl
import time

import pytest
import trustme

from acqs_core.ami import vanished
from acqs_core.ami.session import Session
from acqs_core.errors import SessionLost
from tests.unit.ami_server import AmiServer, ping, silent
from tests.unit.child_processes import on_uvloop
from tests.vanishing import vanish

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy")
event_loop_policy = on_uvloop

AFTER = 3.0
"""As short as whole seconds allow."""

LONG = 600.0
"""Seconds for which an Originate may keep a session waiting."""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vanished.AFTER < 20, "the promise"
    monkeypatch.setattr(vanished, "AFTER", AFTER)


def secured() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_a_peer_that_vanishes_is_noticed_be_it_owing_an_answer_or_nothing() -> None:
    async with AmiServer(silent) as clear, AmiServer(silent, tls=secured()) as tls, asyncio.TaskGroup() as tasks:
        for server in (clear, tls):
            endpoint = server.endpoint(tls=server is tls, tls_verify=False)
            for state in (_idle, _waiting, _written_to):
                tasks.create_task(state(server, await Session.open(endpoint)))


async def _idle(server: AmiServer, session: Session) -> None:
    await _noticed(server, session, asyncio.create_task(session.closed()))


async def _waiting(server: AmiServer, session: Session) -> None:
    """The action was taken, and is answered when a call is."""
    performing = asyncio.create_task(session.perform(*ping("waits"), LONG))
    await server.until(lambda server: any(one["ActionID"] == "waits" for one in server.received))
    await _noticed(server, session, performing)


async def _written_to(server: AmiServer, session: Session) -> None:
    """The action is written to nobody."""
    _vanish(server, session)
    performing = asyncio.create_task(session.perform(*ping("lost"), LONG))
    await _noticed(server, session, performing)
    assert "lost" not in {one["ActionID"] for one in server.received}


async def _noticed(server: AmiServer, session: Session, waiting: asyncio.Task[object]) -> None:
    begun = time.monotonic()
    _vanish(server, session)
    async with asyncio.timeout(AFTER + 5):
        assert isinstance(await session.closed(), SessionLost)
        await asyncio.wait((waiting,))
    assert time.monotonic() - begun > AFTER - 1, "it was not noticed, it was told"
    error = waiting.exception() or waiting.result()
    assert isinstance(error, SessionLost)


def _vanish(server: AmiServer, session: Session) -> None:
    ours = session._protocol.transport.get_extra_info("sockname")
    (peer,) = [peer for peer in server.peers if peer.writer.get_extra_info("peername") == ours]
    vanish(peer.writer.get_extra_info("socket"))
