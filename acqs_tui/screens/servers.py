"""Every server_ip of the table: whose backlog grows, who serves it, who paused it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import DataTable, Static

from acqs_core.errors import AcqsError
from acqs_tui.bars import capped
from acqs_tui.events import printable
from acqs_tui.panes.queue import STUCK, ages
from acqs_tui.screens.dialog import Dialog, Keys

EVERY = 1.0
"""Seconds between looks."""

MOST = 100
"""Servers that are shown; more are counted."""

COLUMNS = ("server_ip", "state", "NEW", "oldest", "sender", "listener", "paused by")


class ServersScreen(Dialog[str]):
    """Gives the server_ip that the console shall go to."""

    DEFAULT_CSS = """
    ServersScreen > .box { width: 96%; height: auto; max-height: 90%; }
    ServersScreen DataTable { height: auto; max-height: 30; background: $surface; }
    ServersScreen #note { height: auto; color: $text-muted; }
    """
    BINDINGS = [("v,q", "leave", "Close")]  # noqa: RUF012

    def __init__(self, ask: Callable[[], Awaitable[Any]], own: str) -> None:
        super().__init__()
        self._ask, self._own = ask, own
        self._told: list[tuple[Text, ...]] = []

    def compose(self) -> ComposeResult:
        """The table."""
        with Vertical(classes="box") as box:
            box.border_title = "All servers"
            yield DataTable[Text](cursor_type="row", zebra_stripes=False)
            yield Static("looking…", id="note")
            yield Keys(("Enter", "go to that server"), ("Esc", "close"))

    def on_mount(self) -> None:
        """Look, and again."""
        self.query_one(DataTable).add_columns(*COLUMNS)
        self.set_interval(EVERY, self.look)
        self.look()

    @work(exclusive=True, group="servers")
    async def look(self) -> None:
        """Ask the engine and show what is new."""
        note = self.query_one("#note", Static)
        try:
            servers = await self._ask()
        except AcqsError as error:
            note.update(Text(f"▲ {printable(str(error))}"))
            return
        more = len(servers) - MOST
        note.update(Text(f"and {more} more" if more > 0 else f"{len(servers)} servers" if len(servers) > 1 else ""))
        theme, shown = self.app.current_theme, servers[:MOST]
        colours = {name: getattr(theme, name) or "" for name in ("success", "warning", "error")}
        self._show([cells(server, self._own, colours) for server in shown], [server["server_ip"] for server in shown])

    def _show(self, told: list[tuple[Text, ...]], names: list[str]) -> None:
        if told == self._told:
            return
        table: DataTable[Text] = self.query_one(DataTable)
        at = self._name_at(table.cursor_row) if self._told else self._own
        self._told = told
        table.clear()
        for name, row in zip(names, told, strict=True):
            table.add_row(*row, key=name)
        table.move_cursor(row=names.index(at) if at in names else 0)

    def _name_at(self, row: int) -> str:
        return str(self.query_one(DataTable).coordinate_to_cell_key((row, 0)).row_key.value)  # type: ignore[arg-type]

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Go there."""
        event.stop()
        self.dismiss(str(event.row_key.value))


def cells(server: dict[str, Any], own: str, colours: Mapping[str, str]) -> tuple[Text, ...]:
    """A server's line; `colours` are the theme's, by name: Rich's own would be the terminal's."""
    live = {lease["role"]: lease["holder"] for lease in server["leases"] if lease["live"]}
    control, oldest = server["control"], server["oldest_age"]
    glyph, says, style = state(server, live)
    stuck = (oldest or 0) > STUCK
    reason = f": {control['reason']}" if control["reason"] else ""
    return (
        Text(f"{'▶' if server['server_ip'] == own else ' '} {printable(server['server_ip']) or '(blank)'}", "bold"),
        Text(f"{glyph} {says}", colours.get(style, style)),
        Text(capped(server["backlog"]), justify="right"),
        Text(
            f"{'▲ ' if stuck else ''}{ages(oldest)}",
            f"bold {colours.get('error', '')}" if stuck else "",
            justify="right",
        ),
        *(Text(printable(str(live.get(role, "-")).rpartition(":")[0]) or "-") for role in ("sender", "listener")),
        Text(printable(f"{control['actor']}{reason}") if control["paused"] else ""),
    )


def state(server: dict[str, Any], live: dict[str, str]) -> tuple[str, str, str]:
    """Glyph, words and colour of what is the matter with a server."""
    if server["control"]["paused"]:
        return "‖", "paused", "warning"
    if not server["server_ip"]:
        return "·", "no server's own", "dim"
    if "sender" in live and "listener" in live:
        return "●", "served", "success"
    if live:
        return "◐", f"no {'listener' if 'sender' in live else 'sender'}", "warning"
    return "✕", "nobody serves it", "error" if server["backlog"] else "dim"
