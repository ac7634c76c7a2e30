"""The dashboard and the alerts ask for what a live engine exports, and Grafana has what it needs to import the one."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from acqs_core.action import call
from acqs_core.engine import Engine
from acqs_core.exporter import exported
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.settings import MetricsSettings, Settings
from acqs_core.simulator import Simulator

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "acqs.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
ALERTS = (DEPLOY / "prometheus" / "alerts.yml").read_text()

NAME = re.compile(r"\b(?:acqs|process)_[a-z_]+")
SELECTOR = re.compile(r"\b((?:acqs|process)_[a-z_]+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)(=~|!=|=)"([^"]*)"')

Samples = dict[str, list[dict[str, str]]]
"""The labels of each sample, by its name."""


def queries() -> Iterator[tuple[str, str]]:
    """Every expression: where it stands, and what it says."""
    for panel in PANELS:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        yield variable["name"], variable["query"]["query"]
    yield from re.findall(r"- alert: (\w+)\n +expr: (.*?)\n +(?:for|labels):", ALERTS, re.DOTALL)


async def _scrape() -> str:
    with tempfile.TemporaryDirectory() as folder:
        async with Simulator(speed=10.0) as simulator:
            host, port = simulator.address
            url = f"sqlite:///{folder}/queue.sqlite3"
            schema.init(Database(url, pool_size=1))
            asterisk = {"host": host, "port": port, "username": "acqs", "secret": "acqs"}
            engine = Engine(Settings.model_validate({"queue": {"url": url}, "asterisk": asterisk}))
            running = asyncio.create_task(engine.run())
            async with exported(engine, MetricsSettings(port=0)) as address:
                await engine.insert(call("Local/600@default", exten="600"))
                text = ""
                async with asyncio.timeout(20):
                    while "acqs_actions_sent_total 1.0" not in text or 'acqs_rows{status="NEW"}' not in text:
                        await asyncio.sleep(0.2)
                        answer = await asyncio.to_thread(urllib.request.urlopen, f"{address}/metrics")
                        text = answer.read().decode()
            engine.stop()
            await asyncio.wait_for(running, 20)
    return text


@pytest.fixture(scope="module")
def live() -> Samples:
    """What an engine exports that has sent an action."""
    found: Samples = {}
    for family in text_string_to_metric_families(asyncio.run(_scrape())):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def test_every_metric_that_is_asked_for_is_one_that_a_live_engine_exports(live: Samples) -> None:
    asked = {name: where for where, query in queries() for name in NAME.findall(query)}
    assert len(asked) > 20
    assert {name: where for name, where in asked.items() if name not in live} == {}


def test_every_label_that_is_asked_for_is_one_that_its_metric_has(live: Samples) -> None:
    """A misspelt value would be a panel without data and an alert that never comes."""
    checked = 0
    for where, query in queries():
        for name, matchers in SELECTOR.findall(query):
            for label, how, value in MATCHER.findall(matchers):
                if label in ("instance", "job"):  # which Prometheus itself adds
                    continue
                checked += 1
                values = {labels.get(label) for labels in live[name]}
                assert None not in values, (where, name, label)
                assert how == "=~" or value in values, (where, name, label, value)
    assert checked > 4


def test_what_an_engine_exports_of_its_own_is_shown_but_for_a_few(live: Samples) -> None:
    """A histogram is asked for by its buckets."""
    ours = {name for name in live if name.startswith("acqs_") and not name.endswith(("_sum", "_count"))}
    asked = {name for _, query in queries() for name in NAME.findall(query)}
    assert ours - asked == {
        "acqs_actions_claimed_total",
        "acqs_actions_unsent_total",
        "acqs_lease_token",
        "acqs_listener_read_bytes_total",
        "acqs_loop_lag_seconds",
    }


def test_every_query_of_the_dashboard_is_of_the_chosen_instances() -> None:
    for panel in PANELS:
        for target in panel.get("targets", []):
            names, chosen = NAME.findall(target["expr"]), target["expr"].count('instance=~"$instance"')
            assert len(names) == chosen, panel["title"]


def test_grafana_is_told_what_it_needs_to_import_the_dashboard() -> None:
    (given,) = DASHBOARD["__inputs"]
    assert (given["name"], given["type"], given["pluginId"]) == ("DS_PROMETHEUS", "datasource", "prometheus")
    assert DASHBOARD["id"] is None, "else an import would replace whatever has that id"
    assert DASHBOARD["schemaVersion"] >= 38
    used = {panel["type"] for panel in PANELS if panel["type"] != "row"}
    assert {one["id"] for one in DASHBOARD["__requires"] if one["type"] == "panel"} == used
    drawn = [panel for panel in PANELS if panel["type"] != "row"]
    asking = [*drawn, *DASHBOARD["templating"]["list"], *(target for panel in drawn for target in panel["targets"])]
    assert {json.dumps(one["datasource"]) for one in asking} == {'{"type": "prometheus", "uid": "${DS_PROMETHEUS}"}'}
    assert all(panel["title"] and panel["description"] for panel in drawn)
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["server_ip", "instance"]


def test_no_panel_has_the_id_or_the_place_of_another() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))
    for one, other in itertools.combinations([panel["gridPos"] for panel in PANELS], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert all(at["x"] >= 0 and at["x"] + at["w"] <= 24 for at in (panel["gridPos"] for panel in PANELS))


def test_every_alert_has_a_severity_and_tells_what_to_do() -> None:
    rules = ALERTS.split("- alert: ")[1:]
    assert len(rules) == len([where for where, _ in queries() if where.startswith("Acqs")]) == 6
    for rule in rules:
        assert re.search(r"labels: \{severity: (critical|warning)\}", rule)
        assert re.search(r"^ +summary: .", rule, re.MULTILINE)
        assert re.search(r"^ +description: .", rule, re.MULTILINE)
