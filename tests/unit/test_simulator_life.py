"""How a simulated Asterisk begins, ends, comes back and overflows, and what of it a client sees."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from acqs_core.simulator import Simulator
from tests.unit.simulator_client import CALL, LOGIN, Client, connect, log_in


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(speed=20) as running:
        yield running


async def test_stopping_ends_calls_and_connections_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    simulator = Simulator()
    await simulator.start()
    client = await log_in(simulator, "on")
    client.send(CALL + "Async: true")
    await client.until(Event="OriginateResponse")
    assert len(simulator.active_channels) == 2
    await simulator.stop()
    assert not simulator.active_channels
    assert asyncio.all_tasks() == before
    await client.end()
    await simulator.stop()


async def test_without_a_banner_the_connection_ends_at_once(simulator: Simulator) -> None:
    simulator.no_banner = True
    assert await (await connect(simulator)).end() == b""
    simulator.no_banner = False
    await log_in(simulator)


async def test_too_many_connections_before_login_get_no_banner() -> None:
    async with Simulator(auth_limit=2) as simulator:
        one, two = await connect(simulator), await connect(simulator)
        for client in (one, two):
            client.send(LOGIN)
            await client.until(Message="Authentication accepted")
        strangers = [await connect(simulator), await connect(simulator)]
        assert await (await connect(simulator)).end() == b""
        left = [session.gone for session in simulator.sessions if not session.user]
        for client in strangers:
            client.close()
        await asyncio.gather(*left)
        await log_in(simulator)


async def test_logins_are_refused_on_demand_and_with_a_wrong_secret(simulator: Simulator) -> None:
    for refuse, secret in ((True, "acqs"), (False, "wrong")):
        simulator.refuse_logins = refuse
        client = await connect(simulator)
        client.send(f"Action: Login\r\nUsername: acqs\r\nSecret: {secret}")
        assert b"Authentication failed" in await client.end()


async def test_a_shutdown_is_announced_and_a_restarted_one_takes_connections_again(simulator: Simulator) -> None:
    client = await log_in(simulator, "system,call")
    client.send(CALL + "Async: true")
    await client.until(Event="OriginateResponse")
    await simulator.shutdown(restart=True)
    messages = await client.until(Event="Shutdown")
    assert sum(message.get("Event") == "Hangup" for message in messages) == 2
    assert messages[-1]["Restart"] == "True"
    assert await client.end() == b""
    assert not simulator.active_channels
    await log_in(simulator)


async def test_while_it_shuts_down_everything_is_refused(simulator: Simulator) -> None:
    client = await log_in(simulator)
    simulator.shutting_down = True
    client.send("Action: Ping")
    assert (await client.message())["Message"] == "Asterisk is shutting down"


async def test_a_connection_that_does_not_log_in_in_time_is_closed_and_one_that_does_stays() -> None:
    async with Simulator(auth_timeout=0.3) as simulator:
        client, silent = await log_in(simulator), await connect(simulator)
        assert await silent.end() == b"Asterisk Call Manager/11.0.0\r\n"
        client.send("Action: Ping\r\nActionID: alive")
        assert (await client.message())["ActionID"] == "alive"


async def test_a_graceful_stop_waits_for_the_last_call_and_refuses_all_else(simulator: Simulator) -> None:
    listener = await log_in(simulator, "call,system")
    listener.send(CALL.replace("620@default/n", "610@default").replace("Exten: 620", "Exten: 610") + "Async: true")
    await listener.until(Event="OriginateResponse")
    stopping = asyncio.create_task(simulator.stop_gracefully())
    late = await connect(simulator)
    late.send(LOGIN)
    assert (await late.message())["Message"] == "Asterisk is shutting down"
    seen = await listener.until(Event="Shutdown")
    assert [one["Cause"] for one in seen if one["Event"] == "Hangup"] == ["16", "16"]
    await stopping
    assert simulator.sessions == []


async def test_after_a_restart_it_counts_anew_and_knows_no_extension_until_it_has_booted(simulator: Simulator) -> None:
    listener = await log_in(simulator, "call,system")
    listener.send(CALL + "Async: true\r\nChannelId: before")
    first = (await listener.until(Event="OriginateResponse"))[-1]["Channel"]
    await simulator.restart(boot_time=10)
    again = await log_in(simulator, "call,system")
    again.send(CALL + "Async: true")
    assert (await again.message())["Message"] == "Extension does not exist."
    await again.until(Event="FullyBooted")
    again.send(CALL + "Async: true\r\nChannelId: before")
    assert (await again.until(Event="OriginateResponse"))[-1]["Channel"] == first


@pytest.mark.parametrize("channel", ["PJSIP/ring", "Local/602@default", "Local/615@default/n", "Local/617@default"])
async def test_a_stop_hangs_up_calls_that_ring_and_calls_that_talk(simulator: Simulator, channel: str) -> None:
    listener = await log_in(simulator, "call,system")
    listener.send(CALL.replace("Local/620@default/n", channel) + "Async: true")
    begun = await listener.until(Event="BridgeEnter" if "61" in channel else "DialBegin")
    await simulator.shutdown(restart=True)
    seen = begun + await listener.until(Event="Shutdown")
    born, gone = ([one["Uniqueid"] for one in seen if one.get("Event") == name] for name in ("Newchannel", "Hangup"))
    assert sorted(born) == sorted(gone)


async def test_a_crash_takes_calls_and_connections_without_a_word(simulator: Simulator) -> None:
    listener = await log_in(simulator, "call,system")
    listener.send(CALL + "Async: true")
    await listener.until(Event="OriginateResponse")
    await simulator.crash()
    assert b"Hangup" not in await listener.end()
    assert not simulator.active_channels
    await log_in(simulator)


async def test_a_flood_has_the_asked_rate_and_is_told_to_those_who_want_it(simulator: Simulator) -> None:
    wants, wants_not = await log_in(simulator, "on"), await log_in(simulator, "user")
    sent = await simulator.flood(5000, 0.5)
    assert 500 < sent <= 2500  # what a loaded machine falls behind is not made up for
    wants.send("Action: Ping\r\nActionID: end")
    names = [one["Event"] for one in (await wants.until(ActionID="end"))[:-1]]
    assert {name: names.count(name) for name in ("Newexten", "VarSet", "DeviceStateChange")} == {
        "Newexten": (sent + 3) // 4, "VarSet": (sent + 2) // 4 + (sent + 1) // 4, "DeviceStateChange": sent // 4,
    }  # fmt: skip
    wants_not.send("Action: Ping\r\nActionID: end")
    assert (await wants_not.message())["ActionID"] == "end"
    with pytest.raises(ValueError, match="ask for more than 0"):
        await simulator.flood(0, 1)


async def test_a_simulator_with_a_certificate_speaks_tls() -> None:
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    simulator = Simulator()
    await simulator.start(tls=serving)
    try:
        client = Client(*await asyncio.open_connection(*simulator.address, ssl=trusting))
        client.send(LOGIN)
        assert (await client.message())["Message"] == "Authentication accepted"
        client.close()
    finally:
        await simulator.stop()
