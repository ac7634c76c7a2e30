"""Where actions need the processors, what is only looked at stands back, and nothing is lost."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import time
from pathlib import Path
from typing import Any

from acqs_core.control.client import Client
from acqs_core.control.server import SELDOM
from acqs_core.crowd import Crowd
from acqs_core.settings import ControlSettings, Settings
from acqs_tui.feed import NEWER_SELDOM, PAGE, PAGE_SELDOM, Feed
from tests.tui import scene
from tests.tui.driving import comes
from tests.tui.scripted import Clock, Script, ScriptedDesk, nobody_else, telling

EVENTS = 12


def crowd(*, here: bool) -> Crowd:
    """A crowd that never leaves, or that is never there."""
    if not here:
        return nobody_else()
    waits, began = itertools.count(), iter([time.monotonic() - 1.0])
    return Crowd(lambda: float(next(waits)), lambda: next(began, time.monotonic()))


class Looked(Script):
    """A script that knows when its sessions were looked at."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.looks: list[float] = []

    def sessions(self) -> list[dict[str, object]]:
        """None; the look is noted."""
        self.looks.append(time.monotonic())
        return []


async def looks_during_events(folder: Path, *, crowded: bool) -> list[float]:
    """When an engine looked at its sessions while it told one event after another."""
    script, told = Looked(), asyncio.Queue[str]()
    async with telling(script, folder, crowd=crowd(here=crowded)):
        client = await Client.attach(scene.SERVER, str(folder))

        def take(message: dict[str, Any]) -> None:
            if message["feed"] == "events":
                for _, text in message["items"]:
                    told.put_nowait(text)

        client.on_feed = take
        await client.follow("sessions", "events")
        for number in range(EVENTS):
            script.telemetry.frames.add((0.0, b"Event: Number%d" % number))
            assert await asyncio.wait_for(told.get(), 10) == f"Event: Number{number}"
        await client.close()
    return script.looks


async def test_an_engine_tells_every_event_and_gathers_the_rest_once_a_second(folder: Path) -> None:
    looks = await looks_during_events(folder, crowded=True)
    assert looks
    assert all(later - earlier >= SELDOM for earlier, later in itertools.pairwise(looks))


async def test_an_engine_with_processors_to_spare_gathers_all_several_times_a_second(folder: Path) -> None:
    looks = await looks_during_events(folder, crowded=False)
    assert len(looks) >= 4


async def asked_while_loading(folder: Path, pages: int, *, crowded: bool) -> dict[str, list[float]]:
    """When a console asked for pages of its window and for newer rows, until the window was full."""
    script, asked = Script(Clock()), dict[str, list[float]](page=[], newer=[])
    view = scene.rows()[0]
    script.rows = {
        man_id: dataclasses.replace(view, row=dataclasses.replace(view.row, man_id=man_id))
        for man_id in range(1, pages * PAGE + 1)
    }
    desk = ScriptedDesk(script)

    def noted(do: str) -> Any:
        def answer(**given: Any) -> Any:
            asked[do].append(time.monotonic())
            return getattr(desk, do)(**given)

        return answer

    script.answers = {do: noted(do) for do in asked}
    async with telling(script, folder):
        settings = Settings(server_ip=scene.SERVER, control=ControlSettings(folder=str(folder)))
        feed = Feed(settings, crowd=crowd(here=crowded))
        await feed.connect()
        await comes(lambda: feed.loaded == pages * PAGE and not feed.loading)
        rows, _ = feed.take_rows()
        assert len(rows) == pages * PAGE
        await feed.close()
    return asked


async def test_a_window_fills_by_two_pages_a_second_and_newer_rows_are_seldom_looked_for(folder: Path) -> None:
    asked = await asked_while_loading(folder, 7, crowded=True)
    assert len(asked["page"]) == 7
    assert all(after - before >= PAGE_SELDOM * 0.9 for before, after in itertools.pairwise(asked["page"]))
    assert all(after - before >= NEWER_SELDOM * 0.9 for before, after in itertools.pairwise(asked["newer"]))
    assert len(asked["newer"]) >= 2


async def test_a_window_fills_at_once_where_there_are_processors_to_spare(folder: Path) -> None:
    asked = await asked_while_loading(folder, 7, crowded=False)
    assert min(after - before for before, after in itertools.pairwise(asked["page"])) < PAGE_SELDOM / 2
