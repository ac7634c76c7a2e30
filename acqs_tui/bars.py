"""The lines above the panes: whether calls flow, told in one second and never by colour alone."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from textual.content import Content
from textual.widgets import Static

from acqs_core.action import Status
from acqs_tui.events import printable
from acqs_tui.feed import LOOKING
from acqs_tui.fitting import Part, Span, Spans, fit
from acqs_tui.panes.queue import STUCK, ages
from acqs_tui.rates import Growth, Quantiles, Rate, sparkline
from acqs_tui.rows import GLYPHS
from acqs_tui.themes import MUTED

STATES = {
    "RUNNING": ("●", "success"),
    "PAUSED": ("‖", "warning"),
    "DRAINING": ("▼", "warning"),
    "STANDBY": ("◌", "accent"),
    "STARTING": ("◔", "accent"),
    "NO ENGINE": ("✕", "error"),
}

COLOURS = dict(zip(Status, ("accent", "secondary", "warning", "success", "foreground"), strict=True))

CAP = 1000
"""Where the engine stops counting rows."""


class StatusBar(Static):
    """Who is served, by whom, and what is wrong, in words."""

    def __init__(self, wall: Callable[[], float] = time.time, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._wall = wall
        self._shown: object = None

    def tell(self, status: dict[str, Any], greeting: dict[str, Any], problem: str, how: str, frozen: list[str]) -> None:
        """What the engine says; `how` is ATTACHED, EMBEDDED or DEMO; `frozen` are panes that stand still."""
        server_ip = str(status.get("server_ip") or self.app.settings.server_ip)  # type: ignore[attr-defined]
        now = self._wall()
        says = problem or in_words(status, now)
        parts = status_parts(status, greeting, server_ip, problem, how, frozen, now)
        line = fit(parts, self.size.width - 1)
        if says:
            bad = problem != LOOKING and (problem or not status.get("ready"))
            line.append((f"\n ▲ {says}", "bold $error" if bad else "bold $warning"))
        if (line, self.size.width) != self._shown:
            self._shown = (line, self.size.width)
            self.set_class(bool(says), "-trouble")
            self.update(Content.assemble(*line))


def status_parts(
    status: dict[str, Any],
    greeting: dict[str, Any],
    server_ip: str,
    problem: str,
    how: str,
    frozen: list[str],
    now: float,
) -> list[Part]:
    """What the status line tells at `now` (time of day, seconds). `problem`: why there is no engine."""
    state = "NO ENGINE" if problem and problem != LOOKING else str(status.get("state", "STARTING"))
    glyph, colour = STATES.get(state, ("·", "accent"))
    profile = str(greeting.get("profile", ""))
    attached = how.removesuffix(" READ-ONLY")
    parts = [
        Part(0, ([(f" {glyph} {state} ", f"bold reverse ${colour}"), (f" {printable(server_ip)}", "bold")],)),
        Part(8, ([(profile, MUTED)], [])),
        Part(3, ([(attached, MUTED)],)),
    ]
    if how != attached:
        parts.append(Part(1, ([("READ-ONLY", "bold $warning")],)))
    if status and not problem:
        parts += [*_both_sides(status, now), _lease(status)]
    if frozen:
        parts.append(Part(2, ([(f"❄ {', '.join(frozen)} frozen", "bold $warning")], [("❄ frozen", "bold $warning")])))
    return parts


def _both_sides(status: dict[str, Any], now: float) -> list[Part]:
    """Database and Asterisk: up or away, which, since when."""
    up = status.get("up", {})
    name = printable(str(status.get("database") or ""))
    found: list[Part] = []
    if "database" in up:
        mark = _mark(up["database"])
        long: Spans = [mark, (" database ", MUTED), (name, "")]
        found.append(Part(5, (long, [mark, (" database", MUTED)], [mark, (" db", MUTED)])))
    if "asterisk" in up:
        peer = status.get("asterisk") or {}
        version = printable(str(peer.get("version") or peer.get("banner") or "").strip())
        mark = _mark(up["asterisk"])
        bare: Spans = [mark, (" Asterisk", MUTED)]
        named: Spans = [*bare, (f" {version}", "")] if version else bare
        since: Spans = [*named, (f" since {clock(peer['since'], now)}", MUTED)] if peer.get("since") else named
        found.append(Part(6, (since, named, bare)))
    return found


def _mark(up: bool) -> Span:
    return ("✓", "bold $success") if up else ("✕ away:", "bold $error")


def _lease(status: dict[str, Any]) -> Part:
    """Who holds the leases: one engine as a rule, and if two, both."""
    holders: dict[str, list[str]] = {}
    for role, holder in status.get("holders", {}).items():
        holders.setdefault(printable(str(holder).rpartition(":")[0]), []).append(role)
    holders.pop("", None)
    if not holders:
        return Part(7, ([("lease ", MUTED), ("nobody's", "$warning")], []))
    if len(holders) == 1:
        (place,) = holders
        return Part(7, ([("lease ", MUTED), (place, "")], []))
    both = ", ".join(f"{'+'.join(roles)} {place}" for place, roles in holders.items())
    return Part(7, ([("lease ", MUTED), (both, "")], []))


def in_words(status: dict[str, Any], now: float) -> str:
    """What is wrong or unusual, in words; empty while all is well. `now` is the time of day in seconds."""
    trouble = [*status.get("trouble", []), paused_in_words(status, now)]
    return printable("; ".join(text for text in trouble if text) or "; ".join(status.get("warnings", [])))


def paused_in_words(status: dict[str, Any], now: float) -> str:
    """By whom, since when and why sending is paused; empty when it is not."""
    if not status.get("paused"):
        return ""
    pause = status.get("pause") or {}
    who = f" by {pause['actor']}" if pause.get("actor") else ""
    since = ""
    if pause.get("at"):
        at = dt.datetime.fromisoformat(pause["at"]).timestamp()
        since = f" since {clock(at, now)} ({ages(now - at)})"
    reason = f": {pause['reason']}" if pause.get("reason") else ""
    return f"sending is paused{who}{since}{reason}"


def clock(at: float, now: float) -> str:
    """A time of day (seconds) as an operator's watch shows it, with its day when that is not today."""
    then, today = dt.datetime.fromtimestamp(at), dt.datetime.fromtimestamp(now)
    return f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M}"


class Counters(Static):
    """Rows by status, rates, latencies, the oldest NEW row."""

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._actions, self._events, self._took, self._oldest = Rate(), Rate(), Quantiles(), Growth()
        self._told: Any = None
        self._shown: object = None

    def tell(self, status: dict[str, Any], loaded: str) -> None:
        """What the engine says; `loaded` tells of the window."""
        if not status:
            return
        if status is not self._told:
            self._told = status
            self._learn(status)
        width = self.size.width - 1
        rows = row_parts(status, self._oldest.grows)
        flow = flow_parts(status, self._actions, self._events, self._took, loaded)
        lines = [(" ", ""), *fit(rows, width), ("\n ", ""), *fit(flow, width)]
        if lines != self._shown:
            self._shown = lines
            self.update(Content.assemble(*lines), layout=False)

    def _learn(self, status: dict[str, Any]) -> None:
        now = self._clock()
        self._actions.tell(now, status["counters"]["sent"])
        self._events.tell(now, status["counters"]["events"])
        self._took.tell(now, status["latencies"]["claim_to_sent"]["counts"])
        self._oldest.tell(now, (status.get("depth") or {}).get("oldest_new_age", 0.0))


def row_parts(status: dict[str, Any], grows: bool) -> list[Part]:
    """Rows by status, unknown outcomes and the oldest NEW row's age; `grows`: it was not taken lately."""
    depth = status.get("depth") or {"counts": {}, "oldest_new_age": 0.0}
    parts = []
    for one, colour in COLOURS.items():
        number, style = depth["counts"].get(str(one), 0), f"${colour}"
        tight = (f"{GLYPHS[one]}{one} ", style)
        long: Spans = [(f"{GLYPHS[one]} {one} ", style), (capped(number), "bold")]
        parts.append(Part(3, (long, [tight, (capped(number), "bold")], [tight, (capped(number, "1k+"), "bold")])))
    unknown = status.get("unknown", 0)
    style = "bold $error" if unknown else MUTED
    parts.append(Part(4, ([(f"? unknown {capped(unknown)}", style)], [(f"? {capped(unknown, '1k+')}", style)])))
    oldest = depth["oldest_new_age"]
    alarm = oldest > STUCK or grows
    style = ("bold $warning" if status.get("paused") else "bold $error") if alarm else "bold"
    age = f"{'▲ ' if alarm else ''}{ages(oldest) if oldest else '-'}"
    long = [("oldest NEW ", MUTED), (f"{age}{' rising' if grows else ''}", style)]
    parts.append(Part(5, (long, [("oldest ", MUTED), (f"{age}{'↑' if grows else ''}", style)])))
    return parts


def flow_parts(status: dict[str, Any], actions: Rate, events: Rate, took: Quantiles, loaded: str) -> list[Part]:
    """What goes through: rates, latency, and how many rows the window holds."""
    bounds = status["latencies"]["claim_to_sent"]["bounds"]
    p50, p99 = (milliseconds(took.quantile(share, bounds)) for share in (0.5, 0.99))
    latency: Spans = [("p50 ", MUTED), (p50, "bold"), (" p99 ", MUTED), (p99, "bold")]
    return [
        _rate(actions, "actions/s", "success"),
        _rate(events, "events/s", "primary"),
        Part(4, ([("claim→sent ", MUTED), *latency], latency)),
        Part(1, ([(loaded, MUTED)], [])),
    ]


def _rate(rate: Rate, name: str, colour: str) -> Part:
    head: Spans = [(f"{rate.now:,.1f}" if rate.now < 1000 else f"{rate.now:,.0f}", "bold"), (f" {name}", MUTED)]
    forms = tuple([*head, (f" {sparkline(rate.points, room)}", f"${colour}")] for room in (30, 20, 12, 8))
    return Part(3, (*forms, head))


def capped(count: int, more: str = f"{CAP}+") -> str:
    """A count of rows as far as it was counted."""
    return more if count > CAP else str(count)


def milliseconds(seconds: float | None) -> str:
    """A histogram's bound."""
    if seconds is None:
        return "-"
    if seconds == float("inf"):
        return ">30s"
    return f"≤{seconds:g}s" if seconds >= 1 else f"≤{seconds * 1000:g}ms"
