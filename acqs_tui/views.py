"""What changes only what is looked at: help, all servers, panes, theme."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.binding import Binding

from acqs_core.control import places
from acqs_tui.commands import Command, keys
from acqs_tui.screens.help import HelpScreen
from acqs_tui.screens.servers import ServersScreen

if TYPE_CHECKING:
    from acqs_tui.app import Console, Pane


class Views:
    """Of one console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def shown_key(self, command: Command) -> str:
        """A command's keys, after the user's keymap, as they are printed on a keyboard."""
        chosen = keys(self._console.settings.console.keymap)[command.id]
        return " ".join(self._console.get_key_display(Binding(key, "")) for key in chosen)

    # In a narrow or low terminal one of the two lower panes is shown; each can have all the room for itself.

    def do_pane_queue(self) -> None:
        """To the queue, or all the room to it."""
        self._show(self._console.queue_pane)

    def do_pane_sessions(self) -> None:
        """To the child sessions, or all the room to them."""
        self._show(self._console.sessions_pane)

    def do_pane_events(self) -> None:
        """To the events, or all the room to them."""
        self._show(self._console.events_pane)

    def _show(self, pane: Pane) -> None:
        console = self._console
        screen = console.screen_stack[0]
        again = console.pane is pane and screen.focused is pane.lines
        alone = again and not screen.has_class("-alone")
        screen.set_class(alone, "-alone")
        for one in console.panes:
            screen.set_class(one is pane, f"-at-{one.id}")
        if pane is not console.queue_pane:
            screen.set_class(pane is console.sessions_pane, "-sessions-below")
        if not again:
            screen.set_focus(pane.lines)  # at once: the next key is for this pane

    def do_help(self) -> None:
        """What can be done here."""
        console = self._console
        console.push_screen(HelpScreen(str(console.pane.id), self.shown_key, read_only=console.read_only))

    def can_servers(self) -> bool:
        """An engine must tell."""
        return self._console.feed.connected

    def do_servers(self) -> None:
        """Every server_ip."""
        console = self._console
        own = console.settings.server_ip
        console.push_screen(ServersScreen(lambda: console.feed.ask("servers"), own), self._go_to)

    async def _go_to(self, server_ip: str | None) -> None:
        console = self._console
        if not server_ip or server_ip == console.settings.server_ip:
            return
        folder = places.folder(console.settings.control.folder)
        if not await asyncio.to_thread(places.found, folder, server_ip):
            says = (
                f"no engine that serves {server_ip} can be reached here. Run acqs-tui where it runs, or start one "
                f"here: acqs-tui --server-ip {server_ip}"
            )
        elif console.demo or console.feed.embedded:
            says = (
                "this console started the engine that it shows, and stays with it. Open another: "
                f"acqs-tui --server-ip {server_ip}"
            )
        else:
            await console.go_to(server_ip)
            return
        console.notify(says, severity="warning", markup=False, timeout=10)

    def do_theme(self) -> None:
        """The other theme."""
        self._console.theme = "acqs-light" if self._console.current_theme.dark else "acqs-dark"
