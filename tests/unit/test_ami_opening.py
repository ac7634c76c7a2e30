"""Opening a session: every way in which it fails is told apart, and none of them shows the secret."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest

from acqs_core.ami.session import Endpoint, Session
from acqs_core.errors import (
    AlreadyInUse,
    AmiError,
    ConnectFailed,
    LoginRefused,
    NoBanner,
    SettingsError,
    ShuttingDown,
)
from tests.unit.ami_server import KEY, SECRET, AmiServer, Peer, Received, both_loops, ping, silent

TRACES = Path(__file__).parents[1] / "traces"

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy")
event_loop_policy = both_loops


async def test_opening_waits_for_the_banner_and_logs_in_with_the_event_mask() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint(), events="call,system")
        assert session.banner == "Asterisk Call Manager/11.0.0"
        assert session.form.ami == (11, 0, 0)
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
        (b"Asterisk Call Manager/7.0.3-patched\r\n", (7, 0, 3)),
    ],
)
async def test_any_version_in_the_banner_is_taken(banner: bytes, version: tuple[int, ...]) -> None:
    async with AmiServer(banner=banner) as server:
        session = await Session.open(server.endpoint())
        assert session.form.ami == version
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
        with pytest.raises(NoBanner, match="no banner in time"):
            await Session.open(server.endpoint(banner_timeout=0.1))
        assert server.received == []


async def test_a_full_house_that_closes_before_the_banner_is_a_failed_connection() -> None:
    async with AmiServer(banner=None) as server:
        opening = asyncio.create_task(Session.open(server.endpoint()))
        await server.until(lambda s: bool(s.peers))
        server.peers[0].hang_up()
        with pytest.raises(NoBanner, match="authlimit"):
            await opening


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"<html>" + b"x" * 100, b"Asterisk" + b"k" * 5000])
async def test_something_that_is_not_asterisk_gets_no_secret(banner: bytes) -> None:
    async with AmiServer(banner=banner) as server:
        with pytest.raises(ConnectFailed, match="no Asterisk manager") as refused:
            await Session.open(server.endpoint())
        assert type(refused.value) is ConnectFailed
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


@pytest.mark.parametrize(
    ("says", "kind", "told"),
    [
        ("Authentication failed", LoginRefused, "deny, permit or acl"),
        ("Login Already In Use", AlreadyInUse, "allowmultiplelogin"),
        ("Asterisk is shutting down", ShuttingDown, "nothing was sent"),
    ],
)
@pytest.mark.parametrize("auth", ["plain", "md5"])
async def test_each_refusal_of_a_login_has_an_error_of_its_own_that_says_what_to_mend(
    auth: str, says: str, kind: type[AmiError], told: str
) -> None:
    async def refuse(peer: Peer, action: Received) -> None:
        await peer.respond(action, "Error", f"Message: {says}")

    async with AmiServer(refuse, rude=True) as server:
        with pytest.raises(kind, match=told) as refused:
            await Session.open(server.endpoint(auth=auth))
        assert type(refused.value) is kind
        assert len(server.received) == 1


async def test_an_md5_login_proves_the_secret_and_never_writes_it() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint(auth="md5"), events="call")
        challenge, login = server.received
        assert challenge.lines[:3] == ["Action: Challenge", "ActionID: acqs-challenge", "AuthType: MD5"]
        assert login.lines[:6] == [
            "Action: Login",
            "ActionID: acqs-login",
            "Username: acqs",
            "AuthType: MD5",
            f"Key: {KEY}",
            "Events: call",
        ]
        assert SECRET.encode() not in challenge.raw + login.raw
        await session.logoff()


@pytest.mark.parametrize("version", ["1.4.44", "16.28.0", "22.10.1"])
async def test_an_md5_login_gives_the_key_that_each_recorded_asterisk_took(version: str) -> None:
    """The recorded server's secret was 1234."""
    banner, *answers = (TRACES / version / "login_md5.ami").read_text().splitlines()
    challenge = next(line for line in answers if line.startswith("Challenge: "))
    taken = (TRACES / version / "login_md5.txt").read_text().partition("Key: ")[2].split("\n")[0]

    async def as_recorded(peer: Peer, action: Received) -> None:
        refused = action.action == "Login" and action["Key"] != taken
        await peer.respond(action, "Error" if refused else "Success", challenge)

    async with AmiServer(as_recorded, banner=banner.encode() + b"\r\n", rude=True) as server:
        session = await Session.open(server.endpoint("1234", auth="md5"))
        session.abort()


async def test_a_wrong_secret_is_refused_over_md5_too() -> None:
    async with AmiServer() as server:
        with pytest.raises(LoginRefused):
            await Session.open(server.endpoint("wrong", auth="md5"))


async def test_the_limit_of_a_login_holds_for_its_challenge_too() -> None:
    async with AmiServer(silent, rude=True) as server:
        with pytest.raises(ConnectFailed, match=r"did not answer Challenge .* within 0.1 s; nothing was sent"):
            await Session.open(server.endpoint(auth="md5", login_timeout=0.1))


async def test_a_login_that_is_not_answered_fails_within_the_login_timeout() -> None:
    async with AmiServer(silent, rude=True) as server:
        with pytest.raises(ConnectFailed, match=r"did not answer Login .* within 0.1 s; nothing was sent"):
            await Session.open(server.endpoint(login_timeout=0.1))


async def test_a_connection_cut_before_the_login_was_answered_is_a_failed_connection() -> None:
    async def cut(peer: Peer, action: Received) -> None:
        peer.hang_up(reset=True)

    async with AmiServer(cut, rude=True) as server:
        with pytest.raises(ConnectFailed, match="nothing was sent") as failed:
            await Session.open(server.endpoint())
        assert type(failed.value) is ConnectFailed


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


async def test_a_connection_that_ended_before_anybody_looked_is_told_when_somebody_does() -> None:
    async with AmiServer() as server:
        session = await Session.open(server.endpoint())
        protocol = session._protocol
        await protocol.must_stand()
        server.peers[0].hang_up()
        await session.closed()
        for _ in range(2):
            with pytest.raises(AmiError, match="it closed the connection"):
                await protocol.must_stand()
