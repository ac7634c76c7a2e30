"""A row's timeline as a ladder: what went from whom to whom, and when. Pure; drawn as text of any width.

Lanes stand side by side where there is room (each step an arrow between two of them); in a narrow terminal each step is
one line that names them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from textual.content import Content

from acqs_tui.events import EventRecord, printable
from acqs_tui.themes import MUTED

LANES = ("producer", "queue", "child", "Asterisk", "channel")

LANE = 10
"""Cells from one lane to the next."""

WIDE = 110
"""Cells from which on lanes stand side by side."""

PRODUCER, QUEUE, CHILD, ASTERISK, CHANNEL = range(5)

WAYS = {
    "inserted": (PRODUCER, QUEUE),
    "sent": (QUEUE, CHILD, ASTERISK),
    "answered": (ASTERISK, CHILD),
    "refused": (ASTERISK, CHILD),
    "not taken": (ASTERISK, CHILD),
    "unanswered": (CHILD, CHILD),
    "updated": (CHANNEL, QUEUE),
    "dead": (CHANNEL, QUEUE),
}
"""From whom to whom a journal entry goes, and through whom; all others are of the queue itself."""

STYLES = {
    "inserted": "$accent", "sent": "$warning", "answered": "$success", "updated": "$success", "dead": MUTED,
    "refused": "bold $error", "unanswered": "bold $error", "not taken": "bold $error", "rejected": "bold $error",
    "Hangup": "$error", "OriginateResponse": "$warning",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One step: when (seconds of the day's clock, None when nobody wrote it down), its way, its name, what it says."""

    at: float | None
    way: tuple[int, ...]
    name: str
    says: str = ""
    is_rough: bool = False
    """Its time is known to the second only."""


def steps(told: dict[str, Any], events: Iterable[EventRecord], entered: float | None = None) -> list[Step]:
    """All steps of a timeline as the engine tells it, and of the AMI events of its call, in order.

    Only what was inserted through ACQS is journalled as such; for a producer's own INSERT there is its entry_date,
    `entered` (time of day, seconds).
    """
    found = [_of_entry(entry) for entry in told["journal"]]
    found += [_of_event(event) for event in events]
    found.sort(key=lambda step: step.at or 0.0)
    if entered is not None and not any(step.name == "inserted" for step in found):
        found.insert(0, Step(entered, WAYS["inserted"], "inserted", "by its producer", is_rough=True))
    return found


def _of_entry(entry: dict[str, Any]) -> Step:
    name, detail = entry["event"], entry["detail"]
    if name == "sent":
        detail = detail.partition("\n")[0].removeprefix("Action: ")
    who = f"by {entry['actor']}" if entry["actor"] else ""
    says = " ".join(filter(None, (" ".join(detail.split()), who)))
    return Step(moment(entry["at"]), WAYS.get(name, (QUEUE, QUEUE)), name, says)


def _of_event(event: EventRecord) -> Step:
    lane = ASTERISK if event.name == "OriginateResponse" else CHANNEL
    return Step(event.at, (lane, lane), event.name, event.summary)


def moment(at: str | None) -> float | None:
    """Seconds since 1970 of a time that the engine told."""
    return dt.datetime.fromisoformat(at).timestamp() if at else None


def drawn(found: Sequence[Step], width: int) -> Content:
    """The ladder, a line each step, no wider than `width` cells."""
    is_wide = width >= WIDE
    parts: list[tuple[str, str]] = [(_head(is_wide) + "\n", f"bold {MUTED}")]
    before: Step | None = None
    for step in found:
        when = f"{_clock(step):<13}"
        parts += [(when, MUTED), (f"{_since(before, step):>8}  ", MUTED)]
        style = STYLES.get(step.name, "$primary")
        if is_wide:
            parts += _rung(step.way, style)
        else:
            parts.append((f"{_names(step.way):<20}", style))
        room = width - sum(len(text) for text, _ in parts[_last_line(parts) :]) - len(step.name) - 2
        parts += [(printable(step.name), f"bold {style.removeprefix('bold ')}"), ("  " + _cut(step.says, room), "")]
        parts.append(("\n", ""))
        before = step if step.at is not None else before
    return Content.assemble(*parts).rstrip()


def _last_line(parts: list[tuple[str, str]]) -> int:
    return 1 + max(number for number, (text, _) in enumerate(parts) if text.endswith("\n"))


def _head(is_wide: bool) -> str:
    head = f"{'time':<13}{'since':>8}  "
    if not is_wide:
        return f"{head}{'from → to':<20}what"
    return head + "".join(f"{lane:<{LANE}}" for lane in LANES) + "what"


def _rung(way: tuple[int, ...], style: str) -> list[tuple[str, str]]:
    """A line of the ladder: the lanes, and an arrow from one to another."""
    first, last = min(way), max(way)
    parts: list[tuple[str, str]] = []
    for lane in range(len(LANES)):
        inside = first <= lane < last
        if lane in way:
            arrow = "▶" if way[-1] > way[0] else "◀"
            mark = "●" if lane == way[0] else arrow if lane == way[-1] else "○"
        else:
            mark = "─" if first < lane < last else "│"
        parts.append((mark, style if first <= lane <= last else "$panel-lighten-2"))
        parts.append((("─" if inside else " ") * (LANE - 1), style))
    return parts


def _names(way: tuple[int, ...]) -> str:
    return LANES[way[0]] if way[0] == way[-1] else f"{LANES[way[0]]} → {LANES[way[-1]]}"


def _clock(step: Step) -> str:
    if step.at is None:
        return ""
    clock = f"{dt.datetime.fromtimestamp(step.at):%H:%M:%S}"
    return clock if step.is_rough else f"{clock}.{int(step.at % 1 * 1000):03d}"


def _since(before: Step | None, step: Step) -> str:
    if before is None or before.at is None or step.at is None:
        return ""
    delta = max(0.0, step.at - before.at)
    if delta >= 600:
        return f"+{delta / 60:.0f} min"
    if before.is_rough:
        return f"~{delta:.0f} s"
    return f"+{delta * 1000:.0f} ms" if delta < 1 else f"+{delta:.1f} s"


def _cut(text: str, room: int) -> str:
    text = printable(text)
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
