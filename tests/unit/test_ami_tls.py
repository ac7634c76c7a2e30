"""A session over TLS: whom it trusts, what it says of the others, and that it ends as one in clear does."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from acqs_core.ami.session import Endpoint, Session
from acqs_core.errors import AmiError, ConnectFailed, NoBanner, SessionLost, SettingsError, TlsFailed
from acqs_core.settings import AsteriskSettings
from tests.unit.ami_server import BANNER, SECRET, AmiServer, Answer, Peer, Received, both_loops, ping, polite, silent

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy")
event_loop_policy = both_loops

AUTHORITY = trustme.CA()
TWO_DAYS = dt.timedelta(days=2)


def speaks(*names: str, since: dt.timedelta = -TWO_DAYS, until: dt.timedelta = TWO_DAYS) -> ssl.SSLContext:
    """What a server needs to answer for these names, from and until so long from now."""
    now = dt.datetime.now(dt.UTC)
    certificate = AUTHORITY.issue_cert(*(names or ("127.0.0.1",)), not_before=now + since, not_after=now + until)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(path)
    return str(path)


@asynccontextmanager
async def secured(ca: str, answer: Answer = polite, **limits: Any) -> AsyncIterator[tuple[AmiServer, Session]]:
    """A server over TLS and a session with it."""
    async with AmiServer(answer, tls=speaks()) as server:
        session = await Session.open(server.endpoint(tls=True, tls_ca=ca, **limits))
        try:
            yield server, session
        finally:
            session.abort()


@pytest.mark.parametrize("auth", ["plain", "md5"])
async def test_a_session_over_tls_logs_in_acts_and_leaves(ca: str, auth: str) -> None:
    async with AmiServer(tls=speaks()) as server:
        session = await Session.open(server.endpoint(tls=True, tls_ca=ca, auth=auth))
        assert session.banner == BANNER.decode().strip()
        assert (await session.perform(*ping("p"), 5)).success
        begun = time.monotonic()
        await session.logoff(timeout=5)
        assert time.monotonic() - begun < 1
        assert await session.closed() is None
        await server.until(lambda s: s.left == 1)


# Whom it trusts.


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: speaks("pbx.example"), "not for '127.0.0.1'.*tls_server_name"),
        (lambda: speaks(since=-2 * TWO_DAYS, until=-TWO_DAYS), "has expired; renew"),
        (lambda: speaks(since=TWO_DAYS, until=2 * TWO_DAYS), "not valid yet; look at the clocks"),
    ],
    ids=["another's name", "expired", "not valid yet"],
)
async def test_a_certificate_that_is_not_good_is_told_with_its_mend_and_gets_no_secret(
    ca: str, made: Callable[[], ssl.SSLContext], says: str
) -> None:
    async with AmiServer(tls=made()) as server:
        with pytest.raises(TlsFailed, match=says):
            await Session.open(server.endpoint(tls=True, tls_ca=ca))
        assert server.received == []


async def test_a_certificate_of_an_unknown_authority_is_told_with_the_setting_that_mends_it() -> None:
    async with AmiServer(tls=speaks()) as server:
        with pytest.raises(TlsFailed, match=r"signed by nobody who is trusted here.*\[asterisk\] tls_ca"):
            await Session.open(server.endpoint(tls=True))
        assert server.received == []


async def test_the_name_to_be_checked_may_be_another_than_the_host(ca: str) -> None:
    async with AmiServer(tls=speaks("pbx.example")) as server:
        session = await Session.open(server.endpoint(tls=True, tls_ca=ca, tls_server_name="pbx.example"))
        await session.logoff()


async def test_asterisks_own_certificate_may_be_what_is_trusted(tmp_path: Path) -> None:
    certificate = AUTHORITY.issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "own.pem")
    async with AmiServer(tls=context) as server:
        session = await Session.open(server.endpoint(tls=True, tls_ca=str(tmp_path / "own.pem")))
        await session.logoff()


async def test_without_verification_any_certificate_will_do() -> None:
    async with AmiServer(tls=speaks("pbx.example", until=-TWO_DAYS / 2)) as server:
        session = await Session.open(server.endpoint(tls=True, tls_verify=False))
        await session.logoff()


@pytest.mark.parametrize("text", [None, "no certificate at all\n"], ids=["missing", "not PEM"])
def test_a_tls_ca_that_cannot_be_read_is_told_before_anything_is_opened(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    settings = AsteriskSettings.model_validate({"tls": True, "tls_ca": path})
    with pytest.raises(SettingsError, match=r"tls_ca: .*ca\.pem.* cannot be read as PEM"):
        Endpoint.of(settings, "send")


def test_the_settings_of_tls_and_of_each_role_reach_its_endpoint(ca: str) -> None:
    tree = {"auth": "md5", "tls": True, "tls_ca": ca, "tls_verify": False, "tls_server_name": "n", "port": 5039}
    users = {"username": "u", "secret": "s", "send_username": "us", "send_secret": "ss"}
    settings = AsteriskSettings.model_validate(tree | users)
    same = {"auth": "md5", "tls": True, "tls_ca": ca, "tls_verify": False, "tls_server_name": "n"}
    assert Endpoint.of(settings, "send") == Endpoint("127.0.0.1", 5039, "us", "ss", **same)  # type: ignore[arg-type]
    assert Endpoint.of(settings, "listen") == Endpoint("127.0.0.1", 5039, "u", "s", **same)  # type: ignore[arg-type]


# What is no TLS.


async def test_a_port_that_speaks_in_clear_is_told_and_gets_no_secret(ca: str) -> None:
    async with AmiServer() as server:
        with pytest.raises(TlsFailed, match=r"does not speak TLS on that port.*tlsbindaddr"):
            await Session.open(server.endpoint(tls=True, tls_ca=ca))
        assert server.received == []


async def test_silence_instead_of_a_handshake_fails_within_the_banner_timeout(ca: str) -> None:
    async with AmiServer(banner=None) as server:
        begun = time.monotonic()
        with pytest.raises(ConnectFailed, match="no TLS handshake in time"):
            await Session.open(server.endpoint(tls=True, tls_ca=ca, banner_timeout=0.2))
        assert time.monotonic() - begun < 2
        await server.until(lambda s: s.left == 1)


async def test_a_connection_that_is_closed_in_the_handshake_is_a_failure_of_tls(ca: str) -> None:
    async with AmiServer(banner=None) as server:
        opening = asyncio.create_task(Session.open(server.endpoint(tls=True, tls_ca=ca)))
        await server.until(lambda s: bool(s.peers))
        server.peers[0].hang_up()
        with pytest.raises(TlsFailed, match="broke off the TLS handshake"):
            await opening


async def test_a_tls_port_asked_in_clear_hints_at_the_setting() -> None:
    async with AmiServer(tls=speaks()) as server:
        with pytest.raises(NoBanner, match=r"speaks TLS on that port \(\[asterisk\] tls = true\)"):
            await Session.open(server.endpoint(banner_timeout=0.2))


async def test_silence_after_the_handshake_is_no_banner(ca: str) -> None:
    async with AmiServer(banner=None, tls=speaks()) as server:
        with pytest.raises(NoBanner, match="no banner in time: it is stuck; "):
            await Session.open(server.endpoint(tls=True, tls_ca=ca, banner_timeout=0.2))


@pytest.mark.parametrize("banner", [b"", BANNER], ids=["before", "after"])
@pytest.mark.parametrize("over", ["tls", "clear"])
async def test_a_connection_that_ends_right_before_or_after_its_banner_is_told_at_once(
    ca: str, over: str, banner: bytes
) -> None:
    def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        writer.close()

    tls = over == "tls"
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=speaks() if tls else None)
    endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1], "acqs", SECRET, tls=tls, tls_ca=ca)
    for _ in range(20):  # the end races with the banner
        with pytest.raises(ConnectFailed) as failed:
            async with asyncio.timeout(1):
                await Session.open(endpoint)
        assert isinstance(failed.value, NoBanner) or banner, failed.value
    server.close()


# What is written.


class Wiretap:
    """Carries bytes to a server, and knows how long each TLS record of application data was that went there."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._seen = bytearray()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Its port."""
        server = await asyncio.start_server(self._carry_both, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()

    async def _carry_both(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(
            self._carry(reader, there_writer, self._seen), self._carry(there_reader, writer, bytearray())
        )

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray) -> None:
        while data := await reader.read(65536):
            seen += data
            writer.write(data)
            await writer.drain()
        writer.close()

    def records(self) -> list[int]:
        """Plain bytes in each record of application data: TLS 1.3 adds a byte of type and 16 that authenticate."""
        sizes, at = [], 0
        while at < len(self._seen):
            kind, length = self._seen[at], int.from_bytes(self._seen[at + 3 : at + 5])
            if kind == 23:
                sizes.append(length - 17)
            at += 5 + length
        return sizes


async def test_a_long_action_goes_out_in_records_of_whole_lines_that_asterisk_can_read(ca: str) -> None:
    lines = ["Action: Originate", "ActionID: long", *(f"Variable: v{i}={'x' * (97 * i % 700)}" for i in range(30))]
    lines.insert(20, "Variable: longest=" + "y" * (1022 - len("Variable: longest=")))
    payload = "".join(f"{line}\r\n" for line in [*lines, ""]).encode()
    async with AmiServer(tls=speaks()) as server:
        tap = Wiretap(server.port)
        async with tap.open() as port:
            session = await Session.open(Endpoint("127.0.0.1", port, "acqs", SECRET, tls=True, tls_ca=ca))
            before = len(tap.records())
            assert (await session.perform(payload, "long", 5)).success
            written = tap.records()[before:]
            await session.logoff()
        assert server.received[1].raw == payload
    assert len(payload) > 3000
    assert sum(written) == len(payload)
    assert max(written) == 1024
    assert [size for size in written if size > 1000] == [1024], "only a line that is longer by itself"
    ends = [sum(written[: n + 1]) for n in range(len(written))]
    assert all(payload[end - 2 : end] == b"\r\n" for end in ends), "each record ends with a line"


async def test_a_peer_that_takes_no_more_bytes_ends_the_session_within_the_write_timeout(ca: str) -> None:
    async def stop_reading(peer: Peer, action: Received) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await peer.respond(action)
        await asyncio.get_running_loop().create_future()

    async with secured(ca, stop_reading, write_timeout=0.3) as (_, session):
        await session.perform(*ping("p"), 5)
        big = b"Action: UserEvent\r\nActionID: big\r\n" + b"X: " + b"x" * 20_000_000 + b"\r\n\r\n"
        begun = time.monotonic()
        with pytest.raises(SessionLost, match="takes no more bytes"):
            await session.perform(big, "big", 30)
        assert time.monotonic() - begun < 5


async def test_a_write_that_was_taken_does_not_end_the_session_later(ca: str) -> None:
    async def slow(peer: Peer, action: Received) -> None:
        await asyncio.sleep(0.4)
        await peer.respond(action)

    async with secured(ca, slow, write_timeout=0.1) as (_, session):
        assert (await session.perform(*ping("p"), 5)).success
        assert session.is_open


# How it ends.


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_connection_that_the_other_side_ends_is_lost_at_once(ca: str, reset: bool) -> None:
    async with secured(ca) as (server, session):
        server.peers[0].hang_up(reset=reset)
        async with asyncio.timeout(1):
            assert isinstance(await session.closed(), SessionLost)


async def test_a_peer_that_says_nothing_delays_no_abort_and_no_logoff(ca: str) -> None:
    async with secured(ca, silent) as (_, session), secured(ca, silent) as (_, other):
        begun = time.monotonic()
        session.abort()
        assert await session.closed() is None
        other._protocol.leave(b"Action: Ping\r\n\r\n", 0.1)
        await other.closed()
        assert time.monotonic() - begun < 1


async def test_a_peer_that_died_silently_is_found_by_the_keepalive(ca: str) -> None:
    async with secured(ca, silent) as (_, session):
        async with asyncio.timeout(2):
            await session.keepalive(0.05, 0.1)
        assert isinstance(await session.closed(), AmiError)


def test_opening_may_take_as_long_as_all_its_limits_together() -> None:
    endpoint = Endpoint("h", 1, "u", "s", connect_timeout=1, banner_timeout=20, login_timeout=300)
    assert endpoint.patience == 321
    assert dataclasses.replace(endpoint, tls=True).patience == 341, "the handshake has a banner's time"
    assert dataclasses.replace(endpoint, auth="md5").patience == 621, "the challenge has a login's time"
