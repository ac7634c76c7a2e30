"""The lines above the panes: whether calls flow, told in one second and never by colour alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.content import Content
from textual.widgets import Static

from acqs_core.action import Status
from acqs_tui.panes.queue import STUCK, ages
from acqs_tui.rates import Quantiles, Rate, sparkline
from acqs_tui.rows import GLYPHS

STATES = {
    "RUNNING": ("●", "success"),
    "PAUSED": ("‖", "warning"),
    "DRAINING": ("▼", "warning"),
    "STANDBY": ("◌", "accent"),
    "STARTING": ("◔", "accent"),
    "NO ENGINE": ("✕", "error"),
}

CAP = 1000


class StatusBar(Static):
    """Who is served, by whom, and what is wrong, in words."""

    def tell(self, status: dict[str, Any], greeting: dict[str, Any], problem: str, how: str, frozen: list[str]) -> None:
        """What the engine says; `how` is ATTACHED, EMBEDDED or DEMO."""
        state = "NO ENGINE" if problem else status.get("state", "STARTING")
        glyph, colour = STATES.get(state, ("·", "accent"))
        line: list[tuple[str, str]] = []
        line.append((f" {glyph} {state} ", f"bold reverse ${colour}"))
        line.append((f" {status.get('server_ip') or self.app.settings.server_ip}", "bold"))  # type: ignore[attr-defined]
        line.append((f" {greeting.get('profile', '')}  {how}", "$text-muted"))
        if status and not problem:
            for name, up in status.get("up", {}).items():
                line.append((f"  {name} ", "$text-muted"))
                line.append(("✓ up" if up else "✕ away", "$success" if up else "$error"))
            if status.get("asterisk"):
                line.append((f" {status['asterisk']}", ""))
            held = [role for role, token in status.get("leases", {}).items() if token is not None]
            line.append(("  lease ", "$text-muted"))
            line.append((f"{'+'.join(held) or 'none'} {greeting.get('host', '')}:{greeting.get('pid', '')}", ""))
        if frozen:
            line.append((f"  ❄ {', '.join(frozen)} frozen", "bold $warning"))
        says = problem or "; ".join(status.get("trouble", [])) or paused_in_words(status)
        if says:
            line.append((f"\n ▲ {says}", "bold $error" if problem or not status.get("ready") else "bold $warning"))
        self.set_class(bool(says), "-trouble")
        self.update(Content.assemble(*line))


def paused_in_words(status: dict[str, Any]) -> str:
    """By whom and since when sending is paused; empty when it is not."""
    pause = status.get("pause")
    if not status.get("paused") or not pause:
        return "sending is paused" if status.get("paused") else ""
    since = f" since {pause['at'][:19].replace('T', ' ')} UTC" if pause.get("at") else ""
    reason = f": {pause['reason']}" if pause.get("reason") else ""
    return f"sending is paused by {pause.get('actor') or 'nobody'}{since}{reason}"


class Counters(Static):
    """Rows by status, rates, latencies, the oldest NEW row."""

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._actions, self._events, self._took = Rate(), Rate(), Quantiles()
        self._ages: Rate = Rate()
        self._told: Any = None

    def tell(self, status: dict[str, Any], loaded: str) -> None:
        """What the engine says; `loaded` tells of the window."""
        if not status:
            return
        if status is not self._told:
            self._told = status
            self._learn(status)
        self.update(self._drawn(status, loaded))

    def _learn(self, status: dict[str, Any]) -> None:
        now = self._clock()
        self._actions.tell(now, status["counters"]["sent"])
        self._events.tell(now, status["counters"]["events"])
        self._took.tell(now, status["latencies"]["claim_to_sent"]["counts"])

    def _drawn(self, status: dict[str, Any], loaded: str) -> Content:
        dim, width = "$text-muted", self.size.width
        depth = status.get("depth") or {"counts": {}, "oldest_new_age": 0.0}
        line: list[tuple[str, str]] = [(" ", "")]
        for one, colour in zip(Status, ("accent", "secondary", "warning", "success", "foreground"), strict=True):
            count = depth["counts"].get(str(one), 0)
            line.append((f"{GLYPHS[one]} {one} ", f"${colour}"))
            line.append((f"{f'{CAP}+' if count > CAP else count}  ", "bold"))
        unknown = status.get("unknown", 0)
        line.append((f"? unknown {unknown}  ", "bold $error" if unknown else dim))
        oldest = depth["oldest_new_age"]
        alarm = oldest > STUCK
        line.append(("oldest NEW ", dim))
        line.append((f"{'▲ ' if alarm else ''}{ages(oldest) if oldest else '-'}",
                    "bold $error" if alarm else "bold"))  # fmt: skip
        line.append(("\n ", ""))
        room = 20 if width >= 120 else 8
        for rate, name, colour in ((self._actions, "actions/s", "success"), (self._events, "events/s", "primary")):
            line.append((f"{rate.now:6.1f} ", "bold"))
            line.append((f"{name} ", dim))
            line.append((f"{sparkline(rate.points, room)}  ", f"${colour}"))
        bounds = status["latencies"]["claim_to_sent"]["bounds"]
        line.append(("claim→sent ", dim))
        line.append(
            (f"p50 {_ms(self._took.quantile(0.5, bounds))} p99 {_ms(self._took.quantile(0.99, bounds))}", "bold")
        )
        line.append((f"  {loaded}", dim))
        return Content.assemble(*line)


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return ">30s" if seconds == float("inf") else f"≤{seconds * 1000:g}ms"
