"""The command palette: the table of commands once more, for those who know a name and not the key."""

from __future__ import annotations

import functools
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import ModalScreen

from acqs_tui.commands import COMMANDS, Command

if TYPE_CHECKING:
    from acqs_tui.app import Console


class Palette(Provider):
    """What can be done now."""

    async def discover(self) -> Hits:
        """All of it, in the table's order."""
        for command in self._possible():
            yield DiscoveryHit(command.label, self._doing(command), help=self._help(command))

    async def search(self, query: str) -> Hits:
        """What is called so, or is helped with in such words."""
        matcher = self.matcher(query)
        for command in self._possible():
            score = max(matcher.match(command.label), matcher.match(command.help) / 2)
            if score > 0:
                yield Hit(score, matcher.highlight(command.label), self._doing(command), help=self._help(command))

    @property
    def _console(self) -> Console:
        return cast("Console", self.app)

    def _possible(self) -> Iterator[Command]:
        if isinstance(self.screen, ModalScreen):
            return  # a dialog is answered first
        for command in COMMANDS:
            if self._console.check_action("do", (command.id,)):
                yield command

    def _doing(self, command: Command) -> functools.partial[Coroutine[Any, Any, None]]:
        return functools.partial(self._console.action_do, command.id)

    def _help(self, command: Command) -> str:
        return f"{self._console.views.shown_key(command)}  {command.help}"
