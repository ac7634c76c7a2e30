"""The console on a scripted engine, and pictures of it that are the same on every machine, for the snapshots."""

from __future__ import annotations

import asyncio
import contextlib
import html
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from rich.cells import cell_len
from textual._context import visible_screen_stack
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input, TextArea

from acqs_core.settings import ConsoleSettings, ControlSettings, Settings
from acqs_tui.app import Console
from tests.tui import scene
from tests.tui.driving import PATIENCE, heard, until
from tests.tui.scripted import Clock, Script, night, nobody_else, telling

SETTLING = 0.05
"""Seconds between two looks at a screen: a scroll bar comes a layout later than what makes it necessary."""

HISTORY = 40
"""Seconds of rates that a picture shows."""

Size = tuple[int, int]


@contextlib.asynccontextmanager
async def showing(
    size: Size, *, theme: str = "acqs-dark", paused: bool = False, read_only: bool = False
) -> AsyncIterator[Pilot[int]]:
    """A console of this size that has shown all that the script tells, at scene.NOW."""
    past = Clock(scene.NOW - HISTORY)
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder, in_utc():
        script = night(past, paused=paused)
        settings = Settings(
            server_ip=scene.SERVER, control=ControlSettings(folder=folder), console=ConsoleSettings(theme=theme)
        )
        async with telling(script, Path(folder), crowd=nobody_else()):
            console = Console(
                settings, read_only=read_only, crowd=nobody_else(),
                clock=lambda: scene.NOW, wall=lambda: scene.BEGAN.timestamp() + scene.NOW,
            )  # fmt: skip
            console.counters._clock = past  # the rates alone have a history
            console.animation_level = "none"
            async with console.run_test(size=size, notifications=True) as pilot:
                await until(pilot, lambda: has_told(console, script))
                for second in range(HISTORY + 1):
                    past.now = scene.NOW - HISTORY + second
                    console.feed.status = console.feed.status | script.status()
                    console.frame()
                await at_rest(pilot)
                yield pilot
                await console.feed.close()


def has_told(console: Console, script: Script) -> bool:
    """Whether all that the script has is shown."""
    rows, events = console.queue_pane.lines.window, console.events_pane.lines.window
    sessions = len(script.living) + script.telemetry.failures.total
    return (
        len(rows.records) == len(script.rows)
        and not console.feed.loading
        and len(events.records) == script.telemetry.frames.total
        and len(console.sessions_pane.lines.window.records) == sessions
        and console.feed.status.get("unknown") is not None
        and bool(console.feed.status.get("depth"))
    )


async def at_rest(pilot: Pilot[int]) -> None:
    """Wait until nothing on the screen changes any more."""
    before: list[Strip] = []
    async with asyncio.timeout(PATIENCE):
        while True:
            for box in (*pilot.app.screen.query(Input), *pilot.app.screen.query(TextArea)):
                box.cursor_blink = False
            await heard(pilot)
            await asyncio.sleep(SETTLING)
            visible_screen_stack.set(pilot.app._background_screens)
            now = pilot.app.screen._compositor.render_strips()
            if now == before:
                return
            before = now


async def picture(pilot: Pilot[int]) -> str:
    """What is on the screen once it has come to rest, as SVG without fonts from elsewhere."""
    await at_rest(pilot)
    return plain(pilot.app.export_screenshot(simplify=True))


CELL, FONT = 12.2, "DejaVu Sans Mono, Menlo, Consolas"
"""Width of a character in Rich's SVG, and a font of the machine that it is looked at."""

_TEXT = re.compile(r'<text class="(t-r\d+)" x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+"[^>]*>([^<]*)</text>')

_RECT = re.compile(r'<rect fill="([^"]*)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"[^>]*/>')
_RECTS = re.compile(rf"(?:{_RECT.pattern})+")


def plain(svg: str) -> str:
    """The SVG with nothing to fetch, and half as long: without clips, and each text where its first letter is."""
    svg = re.sub(r"\bterminal-\d+-", "t-", svg)
    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg)
    svg = re.sub(r"\s*<clipPath id=.*?</clipPath>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' clip-path="[^"]*"', "", svg)
    # DejaVu is 0.602 em wide: at this size it fills the cells exactly, also where textLength is not understood.
    svg = svg.replace("Fira Code", FONT).replace("font-size: 20px", "font-size: 20.26px")
    # Between two backgrounds a converter that smooths their edges shows what is below: a hairline in every line.
    svg = svg.replace("</style>", "rect:not([rx]) { shape-rendering: crispEdges }\n    </style>", 1)
    svg = _RECTS.sub(_joined, svg)
    return _TEXT.sub(_placed, re.sub(r"\n\s*\n+", "\n", svg))


def _joined(found: re.Match[str]) -> str:
    """Backgrounds that stand side by side as one."""
    joined: list[tuple[str, float, str, float, str]] = []
    for fill, x, y, width, height in _RECT.findall(found[0]):
        last = joined[-1] if joined else ("", 0.0, "", 0.0, "")
        if (fill, y) == (last[0], last[2]):
            joined[-1] = (fill, last[1], y, float(x) + float(width) - last[1], height)
        else:
            joined.append((fill, float(x), y, float(width), height))
    return "".join(
        f'<rect fill="{fill}" x="{x:g}" y="{y}" width="{width:g}" height="{height}"/>'
        for fill, x, y, width, height in joined
    )


def _placed(found: re.Match[str]) -> str:
    style, x, y, text = found.groups()
    text = text.replace("&#160;", "\N{NO-BREAK SPACE}")
    shown = text.strip("\N{NO-BREAK SPACE}")
    if not shown:
        return ""
    at = float(x) + CELL * (len(text) - len(text.lstrip("\N{NO-BREAK SPACE}")))
    length = CELL * cell_len(html.unescape(shown))
    return f'<text class="{style}" x="{at:g}" y="{y}" textLength="{length:g}">{shown}</text>'


@contextlib.contextmanager
def in_utc() -> Iterator[None]:
    """Times of day as in Greenwich."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
