"""The engine's status as Prometheus metrics: names, units and help stand here once, and nothing is measured here.

Pure: a status and what was counted in the table come in, metrics go out. Labels are a few words of our own and the
server_ip; nothing that a row or Asterisk brings can become one.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import Metric

import acqs_core
from acqs_core.queue.types import Depth

COUNTED_TO = 1000
"""Rows of a status that are counted at the most, whatever the table holds (design §3); MyISAM keeps its writers waiting
meanwhile, and with more of them twice as long. How far behind a queue is, the age of its oldest row tells."""

COUNTERS = (
    ("actions_claimed", "claimed", "Rows taken from NEW to QUEUE."),
    ("actions_sent", "sent", "Actions written to Asterisk, or just about to be."),
    ("actions_unsent", "unsent", "Sent actions that turned out not to have been written, or not to have been taken."),
    ("actions_given_back", "given_back", "Rows returned to NEW because they were certainly not written."),
    ("logins_failed", "logins_failed", "Connections and logins of child sessions that Asterisk did not take."),
    ("breaker_opens", "breaker_opens", "Times that the sender began to leave Asterisk alone."),
    ("changes", "changes", "Row changes that the listener decided."),
    ("journal_dropped", "journal_dropped", "Journal entries given up because too many waited."),
)
"""Counters without a label: metric, counter of telemetry, help."""

LATENCIES = (
    ("claim_to_sent", "From the claim of a row until its action is written."),
    ("insert_to_sent", "From entry_date, which has whole seconds, until the action is written."),
    ("sent_to_answered", "From the write until Asterisk's answer; for an Originate without Async until its call's."),
    ("change_to_written", "From an event or answer that changes a row until the change is in the table."),
)
"""Histograms: name in telemetry, help."""


def metrics(status: Mapping[str, Any], depth: Depth | None, lag: float) -> Iterator[Metric]:
    """Every metric. `status` is Engine.status() and `lag` its age in seconds. Without a `depth`, when the table could
    not be read, what stands in the table has no sample, rather than an old one."""
    yield from _engine(status)
    yield _gauge("loop_lag_seconds", "Age of these figures; above a few seconds the engine hangs.", lag)
    yield from _table(depth)
    counters = status["counters"]
    for name, counter, says in COUNTERS:
        yield _counter(name, says, counters[counter])
    ends = {name: counters[name] for name in ("refused", "unknown", "rejected")}
    ends["answered"] = counters["answered"] - counters["refused"]
    yield _counter(
        "actions", "Actions by how they ended for the sender; rejected ones were never sent.", ends, "result"
    )
    batches = {"written": counters["batches"], "failed": counters["batches_failed"]}
    yield _counter("writer_batches", "Batches of row changes; a failed one is tried again.", batches, "result")
    if status["read"] is not None:
        yield from _listener(counters, status["read"])
    for name, says in LATENCIES:
        yield _histogram(f"{name}_seconds", says, status["latencies"][name])


def _engine(status: Mapping[str, Any]) -> Iterator[Metric]:
    about = Metric("acqs_build", "Which ACQS serves which server_ip.", "info")
    labels = {"version": acqs_core.__version__, "python": platform.python_version(), "server_ip": status["server_ip"]}
    about.add_sample("acqs_build_info", labels, 1)
    yield about
    yield _gauge("ready", "1 while actions are sent and heard of, or would be but for a pause.", status["ready"])
    paused = {} if status["paused"] is None else status["paused"]
    yield _gauge("paused", "1 while sending is paused; only who holds the sender's lease knows.", paused)
    yield _gauge("up", "1 while the other side answers.", status["up"], "peer")
    leases = status["leases"]
    held = {role: token is not None for role, token in leases.items()}
    yield _gauge("lease_held", "1 while this engine holds the lease of the role.", held, "role")
    tokens = {role: token for role, token in leases.items() if token is not None}
    yield _gauge("lease_token", "The token of a lease that is held; it rises at every take-over.", tokens, "role")
    yield _gauge("children", "Child sessions by what they are doing.", status["children"], "state")
    waiting = status["waiting_to_be_written"]
    yield _gauge("writer_waiting", "Row changes and journal entries that wait to be written.", waiting)


def _table(depth: Depth | None) -> Iterator[Metric]:
    rows = {} if depth is None else {status.value: count for status, count in depth.counts.items()}
    says = f"Rows of this server_ip, counted to {COUNTED_TO} a status: {COUNTED_TO + 1} says that there are more."
    yield _gauge("rows", says, rows, "status")
    age: float | Mapping[str, float] = {} if depth is None else depth.oldest_new_age
    yield _gauge("oldest_new_age_seconds", "Age of the oldest NEW row by its entry_date; 0 when there is none.", age)


def _listener(counters: Mapping[str, int], read: Mapping[str, int]) -> Iterator[Metric]:
    again = max(counters["listener_connects"] - 1, 0)
    yield _counter("listener_reconnects", "Connections of the listener after its first.", again)
    yield _counter("listener_read_bytes", "Bytes that the listener has read.", read["bytes"])
    came = {"heard": counters["events"], "filtered": read["filtered"]}
    yield _counter("events", "Events that came; the filtered were dropped by name.", came, "result")
    lost = {"oversize": read["oversize"], "unmatched": read["unmatched"], "failed": read["callback_errors"]}
    says = "Messages lost: longer than may be kept, answering nobody, or failed in handling."
    yield _counter("events_dropped", says, lost, "reason")


def _gauge(name: str, says: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    return _filled(Metric(f"acqs_{name}", says, "gauge"), "", value, label)


def _counter(name: str, says: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    return _filled(Metric(f"acqs_{name}", says, "counter"), "_total", value, label)


def _filled(metric: Metric, suffix: str, value: float | Mapping[str, float], label: str) -> Metric:
    """With one sample, or one for each word of the label."""
    if isinstance(value, Mapping):
        for word, one in value.items():
            metric.add_sample(metric.name + suffix, {label: word.replace(" ", "_")}, float(one))
    else:
        metric.add_sample(metric.name + suffix, {}, float(value))
    return metric


def _histogram(name: str, says: str, plain: Mapping[str, Any]) -> Metric:
    metric = Metric(f"acqs_{name}", says, "histogram")
    total = 0
    for bound, count in zip([*map(str, plain["bounds"]), "+Inf"], plain["counts"], strict=True):
        total += count
        metric.add_sample(f"acqs_{name}_bucket", {"le": bound}, float(total))
    metric.add_sample(f"acqs_{name}_count", {}, float(total))
    metric.add_sample(f"acqs_{name}_sum", {}, plain["sum"])
    return metric
