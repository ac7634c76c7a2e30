"""A soak on one page."""

from __future__ import annotations

import datetime as dt

from acqs_core.engine import THREADS
from acqs_core.listener.calls import REMEMBERED
from tests.soak.measure import Watched
from tests.soak.run import EVERY, LANES, RESPONSE_TIMEOUT, Report

MOST_GROWTH = 2.0
"""MB of memory with 10,000 actions at the most."""

MOST_MORE_SOCKETS = THREADS
"""Sockets that an engine may hold after a soak beyond those before it: its database connections, which are opened when
they are first needed, and kept."""

MOST_MEMORY = 200.0
"""MB of any engine at any moment, also of one whose life is too short for a slope."""

LEAST_LOAD = 0.9
"""The part of the load that must have been inserted: without it a soak proves little."""

KILLS = "engine killed (kill -9)"


def faults_of(report: Report) -> list[str]:
    """Every promise that did not hold, in words; none when all is well."""
    return [*report.wrong, *_load_faults(report), *_engine_faults(report)]


def _load_faults(report: Report) -> list[str]:
    found, wanted = [], report.rate * report.seconds
    if report.inserted < LEAST_LOAD * wanted:
        found.append(
            f"{report.inserted:,} of {wanted:,.0f} actions were inserted: {report.held_back:,} were held back, as too "
            f"many waited already; {report.put_off:,} were put off, as the database was away"
        )
    for name, handfuls in report.held.items():
        if (held := handfuls * EVERY) > (1 - LEAST_LOAD) * report.seconds:
            found.append(f"the producer of {name} held back for {held:.0f} of {report.seconds:.0f} s")
    return found


def _engine_faults(report: Report) -> list[str]:
    found = []
    for name, engine in report.engines.items():
        grows = report.growth(name)
        if grows is not None and grows > MOST_GROWTH:
            found.append(f"memory of {name} grows by {grows:.2f} MB with 10,000 actions, {MOST_GROWTH:g} are allowed")
        if (highest := max((sample.rss for sample in engine.samples), default=0.0)) > MOST_MEMORY:
            found.append(f"{name} held {highest:.0f} MB, {MOST_MEMORY:g} are allowed")
        if (more := engine.more_sockets) is None:
            found.append(f"what {name} holds in the end is not known")
        elif more > MOST_MORE_SOCKETS:
            found.append(f"{name} holds {more} sockets more than before the first action")
    if report.open_after > len(LANES):
        found.append(f"{report.open_after} connections to Asterisk are open, {len(LANES)} listeners are expected")
    for name, lives in report.lives.items():
        if lives > (most := 1 + (report.troubles[KILLS] if name == "killed" else 0)):
            found.append(f"engine {name} had {lives} lives, {most} at the most are explained")
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
        f"| inserted later because the database was away | {report.put_off:,} |",
        f"| ended, each with its reason | {done:,} |",
        f"| unknown outcomes, all shown to operators | {report.unknown:,} |",
        f"| seconds until the last had ended or (after {RESPONSE_TIMEOUT:g} s) was in doubt | {report.drained:.0f} |",
        f"| connections to Asterisk at the end (listeners: {len(LANES)}) | {report.open_after} |",
        "",
        "Each engine before the first action / at most / after the last; memory is judged over the second half, once "
        f"the {REMEMBERED:,} ended calls that a listener remembers are there, and not of one that is killed:",
        "",
        *_engines(report),
        "",
        "How they ended: " + ", ".join(f"{name} {count:,}" for name, count in report.outcomes.most_common()) + ".",
        "",
        f"## {report.troubles.total()} faults",
        "",
        "| fault | times |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in sorted(report.troubles.items())),
        "",
        "An engine that was killed was started again after a second.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _told(name: str) -> str:
    return {
        "steady": "by an engine that nobody ends (measured)",
        "killed": "by one that is killed and stopped",
        "processes": "by one whose sessions are processes, which are killed and stopped",
    }[name]


def _slope(report: Report, name: str) -> str:
    grows = report.growth(name)
    return "not judged" if grows is None else f"{grows:.2f}"


def _engines(report: Report) -> list[str]:
    """What each held before the first action, at most, and after the last."""
    lines = [
        "| engine | lives | memory (RSS, MB) | growth with 10,000 actions (MB) | sockets | descriptors |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, engine in report.engines.items():
        held = [_held(engine, what) for what in ("rss", "sockets", "fds")]
        lines.append(
            f"| {name} | {report.lives.get(name, 0)} | {held[0]} | {_slope(report, name)} | {held[1]} | {held[2]} |"
        )
    return lines


def _held(engine: Watched, what: str) -> str:
    if engine.before is None or engine.after is None or not engine.samples:
        return "not known"
    most = max(getattr(sample, what) for sample in engine.samples)
    return " / ".join(f"{value:.0f}" for value in (getattr(engine.before, what), most, getattr(engine.after, what)))
