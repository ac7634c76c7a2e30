"""A soak on one page."""

from __future__ import annotations

import datetime as dt

from acqs_core.listener.calls import REMEMBERED
from tests.soak.measure import Sample
from tests.soak.run import LANES, RESPONSE_TIMEOUT, Report

MOST_GROWTH = 2.0
"""MB of memory with 10,000 actions at the most."""

MOST_MORE_SOCKETS = 16
"""Sockets that an engine may hold after a soak beyond those before it: its database connections are opened when they
are first needed, and kept."""


def faults_of(report: Report) -> list[str]:
    """Every promise that did not hold, in words; none when all is well."""
    found = list(report.wrong)
    if report.growth is not None and report.growth > MOST_GROWTH:
        found.append(f"memory grows by {report.growth:.2f} MB with 10,000 actions, {MOST_GROWTH:g} are allowed")
    if report.idle is not None and (more := report.idle[1].sockets - report.idle[0].sockets) > MOST_MORE_SOCKETS:
        found.append(f"the engine holds {more} sockets more than before the first action")
    if report.open_after > len(LANES):
        found.append(f"{report.open_after} connections to Asterisk are open, {len(LANES)} listeners are expected")
    if report.lives.get("steady") != 1:
        found.append(f"the engine that nobody ended had {report.lives.get('steady')} lives")
    return found


def page(report: Report, *, versions: str, seed: int, begun: dt.datetime) -> str:
    """Markdown."""
    faults = faults_of(report)
    done = report.inserted - report.unknown
    lines = [
        "# A soak: the queue for a long time under load and random faults",
        "",
        "Made by `make soak` (`python -m tests.soak`), never by hand: three engines on one real MariaDB (InnoDB) and "
        "one `acqs-core simulate`, each in processes of its own, and a proxy between them that counts what is written.",
        "",
        f"- {begun:%Y-%m-%d %H:%M} UTC, {versions}, seed {seed}",
        f"- {report.seconds / 60:.1f} minutes at {report.rate:g} actions/s: "
        + ", ".join(f"{lane.share:.0%} {_told(lane.name)}" for lane in LANES),
        "",
        f"## {'All is well' if not faults else 'Promises were broken'}",
        "",
        *([f"- {text}" for text in faults[:40]] or ["Every action was made once, or is held as an unknown outcome and "
           "shown as that, or ended with a reason; nothing was written twice."]),
        "",
        "| | |",
        "|---|---|",
        f"| actions inserted | {report.inserted:,} |",
        f"| not inserted because too many waited | {report.held_back:,} |",
        f"| ended, each with its reason | {done:,} |",
        f"| unknown outcomes, all shown to operators | {report.unknown:,} |",
        f"| seconds until the last had ended or (after {RESPONSE_TIMEOUT:g} s) was in doubt | {report.drained:.0f} |",
        *_memory(report),
        f"| connections to Asterisk at the end (listeners: {len(LANES)}) | {report.open_after} |",
        "",
        "How they ended: " + ", ".join(f"{name} {count:,}" for name, count in report.outcomes.most_common()) + ".",
        "",
        f"## {report.troubles.total()} faults",
        "",
        "| fault | times |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in sorted(report.troubles.items())),
        "",
        "Engines were started again after a second: " + ", ".join(f"{name} had {lives} lives" for name, lives in
        report.lives.items()) + ".",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _told(name: str) -> str:
    return {
        "steady": "by an engine that nobody ends (measured)",
        "killed": "by one that is killed and stopped",
        "processes": "by one whose sessions are processes, which are killed and stopped",
    }[name]


def _slope(report: Report) -> str:
    if report.growth is None:
        return f"not judged: the run was too short for the {REMEMBERED:,} ended calls that a listener remembers"
    return f"{report.growth:.2f}"


def _memory(report: Report) -> list[str]:
    if not report.samples or report.idle is None:
        return []
    before, after = report.idle
    highest = max(sample.rss for sample in report.samples)

    def held(what: str, one: Sample, other: Sample) -> str:
        most = max(getattr(sample, what) for sample in report.samples)
        return f"{getattr(one, what)} / {most} / {getattr(other, what)}"

    return [
        f"| memory (RSS, MB) before / at most / after | {before.rss:.1f} / {highest:.1f} / {after.rss:.1f} |",
        f"| growth with 10,000 actions, second half (MB) | {_slope(report)} |",
        f"| sockets before / at most / after | {held('sockets', before, after)} |",
        f"| descriptors before / at most / after | {held('fds', before, after)} |",
    ]
