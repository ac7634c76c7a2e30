"""Every way into a real Asterisk, and every way in which it keeps one out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Literal

import pytest

from acqs_core.ami.session import AmiMessage, Endpoint, Session
from acqs_core.errors import AlreadyInUse, AmiError, LoginRefused, NoBanner, TlsFailed
from acqs_core.settings import AsteriskSettings
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import obtain

WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "md5": {"auth": "md5"},
    "tls": {"tls": True},
    "tls and md5": {"tls": True, "auth": "md5"},
}


@pytest.fixture(params=["asterisk", "asterisk_16"])
def pbx(request: pytest.FixtureRequest) -> Asterisk:
    found: Asterisk = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def small_house() -> Iterator[Asterisk]:
    """An Asterisk that takes no more than three who have not logged in yet."""
    with obtain("asterisk", lambda: Asterisk(general={"authlimit": "3"})) as asterisk:
        yield asterisk


def endpoint(asterisk: Asterisk, username: str, **more: Any) -> Endpoint:
    port = asterisk.tls_port if more.get("tls") else asterisk.ami_port
    ca = {"tls_ca": str(asterisk.ca)} if more.get("tls") else {}
    return Endpoint("127.0.0.1", port, username, asterisk.secret(username), **{**ca, **more})


async def refusal(where: Endpoint) -> AmiError:
    """How the door is shut."""
    with pytest.raises(AmiError) as refused:
        await Session.open(where)
    assert where.secret not in str(refused.value)
    return refused.value


# Who comes in.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("role", ["send", "listen"])
async def test_each_role_logs_in_as_its_own_user(pbx: Asterisk, role: Literal["send", "listen"], way: str) -> None:
    tree = {"port": pbx.tls_port if "tls" in way else pbx.ami_port, "tls_ca": pbx.ca} | WAYS[way]
    for name in ("acqs_send", "acqs_listen"):
        tree |= {f"{name[5:]}_username": name, f"{name[5:]}_secret": pbx.secret(name)}
    session = await Session.open(Endpoint.of(AsteriskSettings.model_validate(tree), role), events="off")
    assert (await session.ask("Ping")).success
    users = await asyncio.to_thread(pbx.cli, "manager show connected")
    assert [word for word in users.split() if word.startswith("acqs_")] == [f"acqs_{role}"], users
    await session.logoff()


async def test_a_long_action_arrives_whole_over_tls(pbx: Asterisk) -> None:
    """Written in one piece it waits in Asterisk's TLS until something else comes (facts/ami.md §4)."""
    values = {f"V{number}": "x" * (50 * number) for number in range(1, 16)}
    values["Longest"] = "y" * (1022 - len("Longest: "))
    heard: asyncio.Future[AmiMessage] = asyncio.get_running_loop().create_future()
    session = await Session.open(endpoint(pbx, "admin", tls=True), events="user", on_event=heard.set_result)
    begun = asyncio.get_running_loop().time()
    answer = await session.ask("UserEvent", "UserEvent: Long", *(f"{name}: {value}" for name, value in values.items()))
    event = await asyncio.wait_for(heard, 5)
    took = asyncio.get_running_loop().time() - begun
    assert answer.success, answer
    assert took < 2.0
    assert {name: event.get(name) for name in values} == values
    await session.logoff()


# Who does not.


@pytest.mark.parametrize("way", WAYS)
async def test_a_wrong_secret_an_unknown_user_and_an_acl_are_refused_logins(pbx: Asterisk, way: str) -> None:
    good = endpoint(pbx, "acqs_send", **WAYS[way])
    refused = await asyncio.gather(
        refusal(dataclasses.replace(good, secret="not-this-one")),
        refusal(dataclasses.replace(good, username="nobody")),
        refusal(endpoint(pbx, "acqs_denied", **WAYS[way])),
    )
    assert {type(error) for error in refused} == {LoginRefused}
    assert all("Authentication failed" in str(error) and "manager.conf" in str(error) for error in refused)


@pytest.mark.parametrize("way", WAYS)
async def test_a_user_who_may_be_in_only_once_is_told_so_and_comes_in_later(pbx: Asterisk, way: str) -> None:
    once = endpoint(pbx, "acqs_once", **WAYS[way])
    session = await Session.open(once)
    refused = await refusal(once)
    assert type(refused) is AlreadyInUse
    assert "allowmultiplelogin" in str(refused)
    await session.logoff()
    again = await Session.open(once)
    await again.logoff()


@pytest.mark.parametrize("way", ["plain", "tls"])
async def test_a_full_house_gives_no_banner_and_takes_us_once_they_have_left(small_house: Asterisk, way: str) -> None:
    where = endpoint(small_house, "acqs_send", **WAYS[way])
    with ExitStack() as strangers:
        for _ in range(3):
            stranger = strangers.enter_context(socket.create_connection(("127.0.0.1", small_house.ami_port)))
            assert stranger.recv(100), "this one is in"
        refused = await refusal(where)
        assert type(refused) is NoBanner
        assert "authlimit" in str(refused)
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(NoBanner):  # until Asterisk has seen that they left
                session = await Session.open(where)
                break
    await session.logoff()


# TLS.


async def test_what_is_wrong_with_tls_is_told_with_its_mend(pbx: Asterisk) -> None:
    good = endpoint(pbx, "acqs_send", tls=True)
    unknown, strange, clear, no_tls = await asyncio.gather(
        refusal(dataclasses.replace(good, tls_ca="")),
        refusal(dataclasses.replace(good, tls_server_name="pbx.example")),
        refusal(dataclasses.replace(good, port=pbx.ami_port)),
        refusal(dataclasses.replace(good, tls=False, banner_timeout=0.5)),
    )
    assert [type(error) for error in (unknown, strange, clear, no_tls)] == [TlsFailed, TlsFailed, TlsFailed, NoBanner]
    assert "[asterisk] tls_ca" in str(unknown)
    assert "tls_server_name" in str(strange)
    assert "tlsbindaddr" in str(clear)
    assert "[asterisk] tls = true" in str(no_tls)


async def test_a_session_over_tls_ends_as_one_in_clear_does(pbx: Asterisk) -> None:
    clock = asyncio.get_running_loop().time
    where = endpoint(pbx, "acqs_send", tls=True)
    leaving, frozen, pinging = await asyncio.gather(*(Session.open(where) for _ in range(3)))
    begun = clock()
    await leaving.logoff(timeout=5)
    assert clock() - begun < 2.5, "Asterisk's close is taken for the end, without waiting for more"
    pbx.freeze()
    try:
        begun = clock()
        await frozen.logoff(timeout=0.3)
        await pinging.keepalive(0.1, 0.3)
        assert clock() - begun < 3
        assert "did not answer a Ping" in str(await pinging.closed())
    finally:
        pbx.thaw()
