"""A running engine asked over HTTP how it is, by those who are quick, slow, many, or ask when it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from acqs_core import exporter, httpd
from acqs_core.action import call
from acqs_core.engine import Engine
from acqs_core.errors import SettingsError
from acqs_core.exporter import exported
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.settings import MetricsSettings, Settings
from acqs_core.simulator import Simulator

ANY_PORT = MetricsSettings(port=0)


def settings(folder: Path, asterisk: tuple[str, int]) -> Settings:
    url = f"sqlite:///{folder}/queue.sqlite3"
    database = Database(url, pool_size=1)
    schema.init(database)
    database.dispose()
    host, port = asterisk
    tree = {
        "server_ip": "10.1.1.1",
        "queue": {"url": url},
        "asterisk": {"host": host, "port": port, "username": "acqs", "secret": "acqs"},
        "sender": {"linger": 0.1},
    }
    return Settings.model_validate(tree)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """One that runs on the simulator."""
    async with Simulator(speed=10.0) as simulator:
        engine = Engine(settings(tmp_path, simulator.address))
        task = asyncio.create_task(engine.run())
        yield engine
        engine.stop()
        await asyncio.wait_for(task, 20)


@pytest.fixture
async def idle(tmp_path: Path) -> Engine:
    """One that does not run."""
    return Engine(settings(tmp_path, ("127.0.0.1", 9)))


def get(url: str) -> tuple[int, str]:
    """Status and body of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def until(url: str, wanted: Callable[[int, str], bool], seconds: float = 15.0) -> str:
    """The answer once it is as wanted: the board is renewed every second and tells nobody."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        code, body = await asyncio.to_thread(get, url)
        if wanted(code, body):
            return body
        assert asyncio.get_running_loop().time() < deadline, (code, body)
        await asyncio.sleep(0.1)


def samples(text: str) -> dict[str, float]:
    """Values by name and labels."""
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_scrape_tells_what_a_running_engine_did(engine: Engine) -> None:
    async with exported(engine, ANY_PORT) as url:
        await until(f"{url}/readyz", lambda code, _: code == 200)
        for _ in range(3):
            await engine.insert(call("Local/600@default", exten="600"))
        body = await until(f"{url}/metrics", lambda _, body: samples(body)["acqs_rows DEAD"] == 3)
        told = samples(body)
        assert told["acqs_actions_sent_total"] == told["acqs_actions_total answered"] == 3
        assert told["acqs_claim_to_sent_seconds_count"] == told["acqs_sent_to_answered_seconds_count"] == 3
        assert told["acqs_insert_to_sent_seconds_bucket 5.0"] == 3
        assert told["acqs_change_to_written_seconds_count"] >= 6, "answered, and up or down, of each"
        assert told["acqs_events_total heard"] > 9
        assert told["acqs_ready"] == told["acqs_lease_held listener"] == 1
        assert told["process_resident_memory_bytes"] > 10e6
        assert (await asyncio.to_thread(get, f"{url}/healthz"))[0] == 200


async def test_who_is_not_ready_says_why(idle: Engine) -> None:
    async with exported(idle, ANY_PORT) as url:
        code, body = await asyncio.to_thread(get, f"{url}/readyz")
        assert code == 503
        assert "not connected to Asterisk yet" in json.loads(body)["reasons"]
        assert (await asyncio.to_thread(get, f"{url}/healthz"))[0] == 200, "waiting is not a reason to be restarted"


async def test_other_paths_are_not_found_and_other_methods_not_allowed(idle: Engine) -> None:
    async with exported(idle, ANY_PORT) as url:
        code, body = await asyncio.to_thread(get, f"{url}/")
        assert (code, "/metrics" in body) == (404, True)
        request = urllib.request.Request(f"{url}/metrics", data=b"x", method="POST")
        with pytest.raises(urllib.error.HTTPError, match="405"):
            await asyncio.to_thread(urllib.request.urlopen, request)


async def test_a_loop_that_hangs_is_told_while_it_hangs(idle: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "HANGS_AFTER", 0.2)
    answers: list[tuple[int, str]] = []
    async with exported(idle, ANY_PORT) as url:

        def ask() -> None:
            while not answers or answers[-1][0] != 503:
                answers.append(get(f"{url}/healthz"))
            answers.append(get(f"{url}/metrics"))

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(10)  # the loop itself stands here
    (code, body), scrape = answers[-2:]
    assert (code, "has not turned" in body, scrape[0]) == (503, True, 200)


async def test_a_client_that_says_nothing_keeps_nobody_waiting_and_is_let_go(
    idle: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpd._Handler, "timeout", 0.3)
    async with exported(idle, ANY_PORT) as url:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=5) as silent:
            assert (await asyncio.to_thread(get, f"{url}/healthz"))[0] == 200
            assert await asyncio.to_thread(silent.recv, 100) == b"", "it was closed"


async def test_clients_that_trickle_are_let_go_and_keep_nobody_out(
    idle: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpd, "SLOWEST_CLIENT", 0.3)
    async with exported(idle, ANY_PORT) as url, asyncio.TaskGroup() as tasks:
        port = int(url.rpartition(":")[2])
        for _ in range(httpd.MAX_REQUESTS):
            tasks.create_task(trickle(port))
        assert json.loads(await until_served(f"{url}/healthz"))["healthy"]


async def trickle(port: int) -> None:
    """Send a request, a byte at a time and without an end, until we are cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    gone = asyncio.create_task(reader.read())
    writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
    async with asyncio.timeout(8):
        while not gone.done():
            writer.write(b"x")
            await asyncio.wait((gone,), timeout=0.05)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await gone


async def test_clients_beyond_the_limit_are_closed_and_hold_no_socket_of_ours(idle: Engine) -> None:
    async with exported(idle, ANY_PORT) as url:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(socket.create_connection(address)) for _ in range(httpd.MAX_REQUESTS)]
            one_more = stack.enter_context(socket.create_connection(address, timeout=5))
            assert await asyncio.to_thread(one_more.recv, 100) == b""
            assert len(held) == httpd.MAX_REQUESTS
        body = await until_served(f"{url}/healthz")
        assert json.loads(body)["healthy"]


async def until_served(url: str) -> str:
    """The answer once a place is free again."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                return (await asyncio.to_thread(get, url))[1]


async def test_a_port_in_use_is_an_error_of_the_settings(idle: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            SettingsError, match=rf"\[metrics\] 127.0.0.1:{port} cannot be served.*in use.*another port"
        ):
            await exported(idle, MetricsSettings(port=port)).__aenter__()


async def test_an_address_that_others_reach_is_warned_of(idle: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with exported(idle, ANY_PORT):
            assert not caplog.messages
        async with exported(idle, MetricsSettings(host="0.0.0.0", port=0)):
            pass
    assert "without a password" in caplog.messages[0]


async def test_it_can_be_served_on_ipv6(idle: Engine) -> None:
    try:
        async with exported(idle, MetricsSettings(host="::1", port=0)) as url:
            assert (await asyncio.to_thread(get, f"{url}/healthz"))[0] == 200
    except SettingsError as error:
        pytest.skip(f"no IPv6 here: {error}")
