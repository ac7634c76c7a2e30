"""The daemon's metrics as Prometheus and a supervisor meet them: over HTTP, from outside, on real parts."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from acqs_core.action import call
from tests.integration.headless import Fleet
from tests.integration.stand import Stand
from tests.lab.ports import free_port

CALLERID = "V1123581321"


async def test_a_daemon_tells_over_http_what_it_did_and_no_secret(stand: Stand, tmp_path: Path) -> None:
    port = free_port()
    async with Fleet(stand, tmp_path, metrics={"port": port}) as fleet:
        engine = await fleet.start()
        await engine.wait_ready()
        await _until(port, "/readyz", lambda body: json.loads(body)["state"] == "ready")
        man_id = stand.produce(call("Local/630@default/n", exten="630", callerid=CALLERID))
        await stand.until_dead(man_id)
        scraped = await _until(port, "/metrics", lambda body: _samples(body)["acqs_rows DEAD"] == 1)
        told = _samples(scraped)
        assert told["acqs_actions_sent_total"] == told["acqs_actions_total answered"] == 1
        assert told["acqs_claim_to_sent_seconds_count"] == told["acqs_insert_to_sent_seconds_count"] == 1
        assert told["acqs_events_total heard"] > 0
        assert told["acqs_lease_token sender"] >= 1
        everything = scraped + "".join([await _get(port, path) for path in ("/readyz", "/healthz", "/")])
        secrets = [stand.asterisk.secret(user) for user in ("acqs_send", "acqs_listen")]
        for private in (*secrets, stand.server.password("acqs"), CALLERID):
            assert private not in everything
        assert await engine.terminate() == 0
        following = await fleet.start()
        await following.wait_ready()
        assert json.loads(await _get(port, "/healthz"))["healthy"], "the port is free again at once"


def _samples(text: str) -> dict[str, float]:
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def _get(port: int, path: str) -> str:
    def ask() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    return await asyncio.to_thread(ask)


async def _until(port: int, path: str, wanted: Callable[[str], bool], seconds: float = 15.0) -> str:
    """The answer once it is as wanted: what is told is up to a few seconds old."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not wanted(body := await _get(port, path)):
        assert asyncio.get_running_loop().time() < deadline, body
        await asyncio.sleep(0.1)
    return body
