"""What is exported follows Prometheus' conventions and says what the engine's status says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from acqs_core.action import Status
from acqs_core.ami.session import Stats
from acqs_core.exporter import Board, Seen
from acqs_core.queue.types import Depth
from acqs_core.telemetry import Telemetry

UNITS = ("seconds", "bytes")
NOT_BASE_UNITS = ("milliseconds", "ms", "minutes", "percent", "kilobytes", "kb", "mb")


def status_of(telemetry: Telemetry, **changed: Any) -> dict[str, Any]:
    """A status as Engine.status() gives it."""
    status = {
        "server_ip": "10.1.1.1",
        "leases": {"sender": 7, "listener": None},
        "standing_by": ["listener"],
        "paused": False,
        "ready": False,
        "up": {"database": True, "asterisk": False},
        **telemetry.plain(),
        "read": {"bytes": 5000, "frames": 40, "filtered": 30, "oversize": 1, "unmatched": 2, "callback_errors": 0},
        "children": {"waiting": 2, "marking sent": 1},
        "waiting_to_be_written": 3,
        "trouble": ["listener: another engine serves 10.1.1.1; standing by"],
    }
    return status | changed


DEPTH = Depth(dict.fromkeys(Status, 4), 12.0)


def exported(seen: Seen, now: float = 100.0) -> dict[str, Metric]:
    """What a scrape reads, by metric as a query names it."""
    registry = CollectorRegistry()
    registry.register(Board(seen, clock=lambda: now))
    text = generate_latest(registry).decode()
    return {metric.name: metric for metric in text_string_to_metric_families(text)}


def seen(telemetry: Telemetry, depth: Depth | None = DEPTH, **changed: Any) -> Seen:
    return Seen(99.0, status_of(telemetry, **changed), [], depth)


def value(metrics: dict[str, Metric], name: str, **labels: str) -> float:
    """The value of one sample."""
    (found,) = [
        sample.value
        for metric in metrics.values()
        for sample in metric.samples
        if sample.name == name and sample.labels == labels
    ]
    return found


def test_names_types_units_and_help_follow_the_conventions() -> None:
    for name, metric in exported(seen(Telemetry())).items():
        assert re.fullmatch(r"acqs_[a-z]+(_[a-z]+)*", name), name
        assert metric.documentation.endswith("."), name
        assert not name.endswith(NOT_BASE_UNITS), name
        assert not name.endswith(("_count", "_sum", "_bucket")), name
        if metric.type == "histogram":
            assert name.endswith(UNITS), name
        for sample in metric.samples:
            assert sample.name.endswith("_total") == (metric.type == "counter"), sample
            assert set(sample.labels) <= {"peer", "role", "state", "status", "result", "reason", "le"} or (
                sample.name == "acqs_build_info"
            )
        keys = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in metric.samples]
        assert len(keys) == len(set(keys)), name


def test_every_number_of_the_status_is_exported() -> None:
    telemetry = Telemetry()
    for number, name in enumerate(telemetry.counters.__slots__, 101):
        setattr(telemetry.counters, name, number)
    counters = telemetry.counters
    metrics = exported(seen(telemetry))
    assert value(metrics, "acqs_actions_sent_total") == counters.sent
    assert value(metrics, "acqs_actions_total", result="answered") == counters.answered - counters.refused
    assert value(metrics, "acqs_actions_total", result="refused") == counters.refused
    assert value(metrics, "acqs_actions_total", result="unknown") == counters.unknown
    assert value(metrics, "acqs_listener_reconnects_total") == counters.listener_connects - 1
    assert value(metrics, "acqs_events_total", result="filtered") == 30
    assert value(metrics, "acqs_events_dropped_total", reason="oversize") == 1
    assert value(metrics, "acqs_children", state="marking_sent") == 1
    assert value(metrics, "acqs_lease_held", role="sender") == 1
    assert value(metrics, "acqs_lease_held", role="listener") == 0
    assert [sample.labels for sample in metrics["acqs_lease_token"].samples] == [{"role": "sender"}]
    assert value(metrics, "acqs_rows", status="NEW") == 4
    assert value(metrics, "acqs_oldest_new_age_seconds") == 12
    assert value(metrics, "acqs_up", peer="asterisk") == 0
    assert value(metrics, "acqs_loop_lag_seconds") == 1.0
    assert metrics["acqs_build_info"].samples[0].labels["server_ip"] == "10.1.1.1"
    told = {sample.value for metric in metrics.values() for sample in metric.samples}
    untold = {name for name in counters.__slots__ if getattr(counters, name) not in told}
    assert untold == {"answered", "listener_connects"}, "these two are told as differences"


def test_a_histogram_is_cumulative_and_ends_with_its_count() -> None:
    telemetry = Telemetry()
    for seconds in (0.0005, 0.03, 0.03, 99.0):
        telemetry.latencies.claim_to_sent.observe(seconds)
    samples = exported(seen(telemetry))["acqs_claim_to_sent_seconds"].samples
    buckets = [(float(s.labels["le"]), s.value) for s in samples if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert dict(buckets)[0.001] == 1
    assert dict(buckets)[0.05] == 3
    assert dict(buckets)[30.0] == 3
    assert buckets[-1] == (float("inf"), 4)
    assert [s.value for s in samples if s.name.endswith(("_count", "_sum"))] == [4, pytest.approx(99.0605)]


@pytest.mark.parametrize(("depth", "database"), [(None, True), (DEPTH, False)], ids=["not read", "database away"])
def test_a_table_that_cannot_be_read_has_no_sample_rather_than_an_old_one(depth: Depth | None, database: bool) -> None:
    metrics = exported(seen(Telemetry(), depth, up={"database": database}))
    assert metrics["acqs_rows"].samples == metrics["acqs_oldest_new_age_seconds"].samples == []


def test_who_does_not_know_of_a_pause_says_nothing_of_it() -> None:
    assert exported(seen(Telemetry(), paused=None))["acqs_paused"].samples == []
    assert value(exported(seen(Telemetry(), paused=True)), "acqs_paused") == 1


def test_an_engine_that_only_sends_exports_nothing_about_listening() -> None:
    metrics = exported(seen(Telemetry(), read=None, leases={"sender": 1}))
    assert not [name for name in metrics if "listener" in name or "events" in name]


def test_the_status_given_here_has_the_numbers_that_a_session_counts() -> None:
    assert set(status_of(Telemetry())["read"]) == set(Stats.__slots__)


def test_an_engine_is_ready_paused_or_standing_by_and_says_which() -> None:
    serving = seen(Telemetry(), ready=True, standing_by=[], trouble=[], paused=True)
    ready, told = Board(serving, clock=lambda: 100.0).readiness()
    assert (ready, told["state"], told["paused"], told["reasons"]) == (True, "ready", True, [])
    ready, told = Board(seen(Telemetry()), clock=lambda: 100.0).readiness()
    assert (ready, told["state"]) == (False, "standby")
    assert "another engine serves 10.1.1.1" in told["reasons"][0]


def test_a_loop_that_hangs_is_neither_healthy_nor_ready() -> None:
    serving = seen(Telemetry(), ready=True, standing_by=[], trouble=[])
    assert Board(serving, clock=lambda: 103.0).health()[0]
    board = Board(serving, clock=lambda: 111.0)
    assert board.health() == (
        False,
        {"healthy": False, "reasons": ["the event loop has not turned for 12 s"]},
    )
    assert board.readiness()[0] is False


def test_a_loop_that_waits_for_ever_in_a_thread_is_not_healthy() -> None:
    healthy, told = Board(Seen(99.0, status_of(Telemetry()), ["sender"]), clock=lambda: 100.0).health()
    assert not healthy
    assert "sender" in told["reasons"][0]
