"""What only shows: help, all servers, the palette; and what a keymap changes in all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette, DiscoveryHit
from textual.pilot import Pilot
from textual.widgets import DataTable, OptionList
from textual.widgets._footer import FooterKey

from acqs_core.engine import Engine
from acqs_core.errors import SettingsError
from acqs_core.settings import ConsoleSettings, ControlSettings, Settings
from acqs_tui import commands, themes
from acqs_tui.app import Console
from acqs_tui.commands import BY_ID, COMMANDS
from acqs_tui.connection import Connection, missing
from acqs_tui.palette import Palette
from acqs_tui.screens.help import HelpScreen
from acqs_tui.screens.servers import ServersScreen, cells
from tests.hosted import running
from tests.tui.driving import console_of, painted, press, until
from tests.tui.pictures import showing

KEYMAP = {"pause": "ctrl+s", "inject": "p,f2"}


@pytest.fixture
async def pilot(engine: Engine) -> AsyncIterator[Pilot[int]]:
    """A console that is attached to it, with a keymap."""
    chosen = Settings(
        control=ControlSettings(folder=engine.settings.control.folder), console=ConsoleSettings(keymap=KEYMAP)
    )
    async with Console(chosen).run_test(size=(120, 40), notifications=True) as one:
        await until(one, lambda: bool(console_of(one).feed.status))
        yield one
        await console_of(one).feed.close()


async def test_help_tells_every_command_with_its_own_key(pilot: Pilot[int]) -> None:
    await press(pilot, "3", "question_mark")
    await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
    screen = pilot.app.screen
    assert isinstance(screen, HelpScreen)
    told = screen.told().plain
    assert told.lstrip().startswith("AMI events\n"), "what is focused comes first"
    assert all(f"{command.label} ({command.id})." in told for command in COMMANDS)
    assert "  ^s             Pause (pause)." in told
    assert "  p f2           Inject (inject)." in told
    assert all(len(line) <= 91 for line in told.splitlines() if line.startswith("  "))
    await press(pilot, "escape")
    await until(pilot, lambda: not isinstance(pilot.app.screen, HelpScreen))


async def test_the_palette_has_what_can_be_done_now_and_does_it(pilot: Pilot[int]) -> None:
    palette = Palette(pilot.app.screen)
    hits = [hit async for hit in palette.discover() if isinstance(hit, DiscoveryHit)]
    names = [str(hit.display) for hit in hits]
    assert names == [c.label for c in COMMANDS if console_of(pilot).check_action("do", (c.id,))]
    assert {"Pause", "Help"} <= set(names)
    assert not {"Resume", "Attach"} & set(names), "nothing is paused, and there is an engine"
    await press(pilot, "ctrl+p", *"all server")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
    await until(pilot, lambda: pilot.app.screen.query_one(OptionList).option_count > 0)


async def test_all_servers_are_shown_live_and_another_is_gone_to(engine: Engine, pilot: Pilot[int]) -> None:
    console, folder = console_of(pilot), Path(engine.settings.control.folder)
    await press(pilot, "v")
    await until(pilot, lambda: isinstance(pilot.app.screen, ServersScreen))
    table: DataTable[Any] = pilot.app.screen.query_one(DataTable)
    await until(pilot, lambda: table.row_count == 1)
    assert [str(cell) for cell in table.get_row_at(0)][:2] == ["▶ 127.0.0.1", "● served"]
    other = engine.store.__class__(engine.store._db, "10.9.9.9")
    other.pause(actor="ann", reason="[red]")
    await until(pilot, lambda: table.row_count == 2)
    assert [str(cell) for cell in table.get_row_at(0)] == ["  10.9.9.9", "‖ paused", "0", "", "-", "-", "ann: [red]"]
    await press(pilot, "up", "enter")
    await until(pilot, lambda: bool(pilot.app._notifications))
    assert "no engine that serves 10.9.9.9 can be reached here" in next(iter(pilot.app._notifications)).message
    async with running(Settings(server_ip="10.9.9.9"), folder):
        await console.views._go_to("10.9.9.9")
        await until(pilot, lambda: console.feed.status.get("server_ip") == "10.9.9.9")
        assert console.feed.greeting["server_ip"] == "10.9.9.9"


def test_what_is_the_matter_with_a_server_is_told_by_glyph_and_word() -> None:
    def told(backlog: int = 0, paused: bool = False, roles: tuple[str, ...] = ()) -> list[str]:
        leases = [{"role": role, "holder": "box:1:a", "live": True} for role in roles]
        control = {"paused": paused, "actor": "", "reason": ""}
        return [str(cell) for cell in cells({"server_ip": "10.0.0.5", "backlog": backlog, "oldest_age": 31.0,
                                             "control": control, "leases": leases}, "", {})][1:5]  # fmt: skip

    assert told(1001) == ["✕ nobody serves it", "1000+", "▲ 31s", "-"]
    assert told(roles=("sender",)) == ["◐ no listener", "0", "▲ 31s", "box:1"]
    assert told(roles=("sender", "listener"))[0] == "● served"
    assert told(paused=True, roles=("sender", "listener"))[0] == "‖ paused"


async def test_servers_have_the_colours_of_the_theme() -> None:
    async with showing((160, 48), theme="acqs-light") as pilot:
        await press(pilot, "v")
        await until(pilot, lambda: isinstance(pilot.app.screen, ServersScreen))
        table: DataTable[Any] = pilot.app.screen.query_one(DataTable)
        await until(pilot, lambda: table.row_count == 5)
        styles = [str(table.get_row_at(row)[1].style) for row in range(5)]
        light = themes.LIGHT
        assert styles == [light.success, light.success, light.success, light.warning, light.error]


@pytest.mark.parametrize(
    ("keymap", "says"),
    [({"puase": "x"}, "no command is called 'puase'; did you mean 'pause'?"),
     ({"pause": "i"}, "pause cannot have the key 'i': it is inject's"),
     ({"pause": "/"}, "filter cannot have the key 'slash': it is pause's"),
     ({"pause": "enter"}, "pause cannot have the key 'enter': it is for lists"),
     ({"pause": "ctlr+s"}, "is no key")],
)  # fmt: skip
def test_a_wrong_keymap_is_refused(keymap: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        commands.demand(keymap)
    assert says in str(refused.value)


def test_a_keymap_may_swap_keys_and_a_theme_must_be_there() -> None:
    commands.demand({"pause": "i", "inject": "p"})
    commands.demand({})
    themes.demand("nord")
    with pytest.raises(SettingsError, match="no theme is called 'acqs'"):
        themes.demand("acqs")


def test_every_command_is_done_by_somebody() -> None:
    console = Console(Settings())
    assert [name for name in BY_ID if console._of(f"do_{name}") is None] == []


def test_a_slow_link_is_not_animated() -> None:
    assert Console(Settings(console=ConsoleSettings(low_bandwidth=True))).animation_level == "none"
    assert Console(Settings()).animation_level == "full"


async def test_a_click_selects_a_title_sorts_and_the_wheel_pins(pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    await console.feed.ask("pause")
    await until(pilot, lambda: console.status_bar.region.height == 2)
    for number in range(60):
        await console.feed.ask("insert", action="Ping", lines=[f"ActionID: {number}"])
    lines = console.queue_pane.lines
    await until(pilot, lambda: len(lines.window) == 60 and lines.scroll_y == lines.max_scroll_y > 0)
    await pilot.pause()
    await pilot.click(lines, offset=(5, 3))
    first = round(lines.scroll_y)
    await until(pilot, lambda: lines.selected == lines.window[first + 2].id)
    assert not lines.following
    await pilot.click(lines, offset=(12, 0))
    await until(pilot, lambda: lines.sorted_by == "age")
    await press(pilot, "end")
    await until(pilot, lambda: lines.following)
    lines.scroll_up(animate=False)
    await until(pilot, lambda: not lines.following)
    await until(pilot, lambda: "pinned" in str(console.queue_pane.border_subtitle))


def shown(console: Console) -> set[str]:
    """The panes that have room on the screen."""
    return {str(pane.id) for pane in console.panes if pane.region.area}


async def test_a_low_terminal_shows_the_queue_and_one_of_the_others(engine: Engine) -> None:
    console = Console(Settings(control=ControlSettings(folder=engine.settings.control.folder)))
    async with console.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shown(console) == {"queue", "events"})
        await press(pilot, "2")
        await until(pilot, lambda: console.pane is console.sessions_pane)
        await until(pilot, lambda: shown(console) == {"queue", "sessions"})
        await press(pilot, "2")
        await until(pilot, lambda: shown(console) == {"sessions"})
        await press(pilot, "3")
        await until(pilot, lambda: shown(console) == {"queue", "events"})
        await press(pilot, "1", "1")
        await until(pilot, lambda: shown(console) == {"queue"})
        await pilot.resize_terminal(160, 48)
        await press(pilot, "1")
        await until(pilot, lambda: shown(console) == {"queue", "sessions", "events"})
        await console.feed.close()


async def test_the_footer_tells_of_the_palette_where_it_has_room(engine: Engine) -> None:
    console = Console(Settings(control=ControlSettings(folder=engine.settings.control.folder)))

    def is_told() -> bool:
        return "palette" in [key.description for key in console.query(FooterKey)]

    async with console.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(console.query(FooterKey)) > 0)
        assert not is_told()
        for width, told in ((160, True), (80, False), (120, True)):
            await pilot.resize_terminal(width, 24)
            await until(pilot, lambda: is_told() is told)  # noqa: B023
        await console.feed.close()


async def test_empty_panes_say_what_they_would_show(pilot: Pilot[int]) -> None:
    def says() -> str:
        return console_of(pilot).queue_pane.lines.render_line(1).text.strip()

    assert says() == "no rows yet: they come here as they are inserted, i injects a test action"
    await console_of(pilot).feed.ask("insert", action="Ping")
    await until(pilot, lambda: len(console_of(pilot).queue_pane.lines.window) == 1)
    await press(pilot, "slash", *"nobody")
    await until(pilot, lambda: says() == "none of 1 rows passes the filter, Esc shows all")
    await press(pilot, "escape", "left_square_bracket")
    await until(pilot, lambda: says() == "none of 1 rows is Unknown")


async def test_without_an_engine_the_remedy_is_shown_however_narrow_and_no_key_is_offered_that_does_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nobody(connection: Connection) -> None:
        why = "no engine can be reached, and this is why it is so: " + "because " * 50
        connection._console.feed.problem = missing(why)

    monkeypatch.setattr(Connection, "keep", nobody)
    console = Console(Settings())
    async with console.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: console.status_bar.region.height == 5)
        assert "press a to start one" in painted(console.status_bar)
        assert painted(console.queue_pane.lines).endswith("no rows yet: they come here as they are inserted")
    assert "press a" not in missing("it is gone", read_only=True)


async def test_pause_and_resume_take_each_others_place(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    assert (console.check_action("do", ("pause",)), console.check_action("do", ("resume",))) == (True, False)
    engine.store.pause(actor="ann")
    await until(pilot, lambda: console.check_action("do", ("resume",)) is True)
    assert console.check_action("do", ("pause",)) is False


async def test_a_read_only_console_has_no_deeds_and_all_looks(engine: Engine) -> None:
    chosen = Settings(control=ControlSettings(folder=engine.settings.control.folder))
    console = Console(chosen, read_only=True)
    async with console.run_test() as pilot:
        await until(pilot, lambda: bool(console.feed.status))
        has = {command.id: console.check_action("do", (command.id,)) for command in COMMANDS}
        assert not any(has[command.id] for command in COMMANDS if command.changes)
        assert all(has[name] for name in ("filter", "sort", "freeze", "servers", "help", "quit", "pane_events"))
        await console.feed.close()
