"""What can be done here: what is focused first, then every command with its key, the filter language, the glyphs."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from acqs_core.filter import ROW_FIELDS
from acqs_tui.bars import COLOURS
from acqs_tui.commands import COMMANDS, Command
from acqs_tui.panes.sessions import GLYPHS as SESSION_GLYPHS
from acqs_tui.panes.sessions import STYLES as SESSION_STYLES
from acqs_tui.rows import GLYPHS
from acqs_tui.screens.dialog import Dialog, Keys

KEYS = 15
"""Cells of the column of keys."""

LISTS = (
    ("↑ ↓ j k", "A line up or down. Scrolling up pins the view: what comes is counted and nothing is lost."),
    ("PgUp PgDn Home", "A page up or down, to the first."),
    ("End G", "To the newest, and stay there."),
    ("Enter", "All that is known of it."),
    ("Tab", "To the next pane."),
    ("^p", "The command palette."),
    ("Esc", "Show all again, without the filter."),
)

PANES = {
    "queue": ("Queue", "Rows of vicidial_manager for this server_ip, the newest of them in memory: tabs, filter and "
              "order never reach the database. Space marks rows; what is done is done to the marked ones, else to the "
              "selected one. A click on a title sorts."),
    "sessions": ("Child sessions", "One line for each action that has a session with Asterisk of its own, and the "
                 "last that failed, with their reason."),
    "events": ("AMI events", "What the listener reads, after its filter. w shows events whole. Those that came faster "
               "than they could be shown are counted below the pane."),
}  # fmt: skip

FILTER = (
    ("text", "any field holds it, in any case; \"two words\" in quotes"),
    ("/regex/", "any field matches; /regex/i in any case"),
    ("field:text", "that field holds it; field:/regex/ too, field:\"\" is empty"),
    ("field:=text", "that field is exactly this"),
    ("field:>5", "compares as numbers: > >= < <=, as in age:>60"),
    ("!term", "not that; all terms must hold"),
)  # fmt: skip

MEANINGS = {
    "NEW": "waits to be sent",
    "QUEUE": "claimed, about to be sent",
    "SENT": "written to Asterisk",
    "UPDATED": "its call is up, with channel and uniqueid",
    "DEAD": "ended",
}


class HelpScreen(Dialog[None]):
    """Closed by Esc, ? or q."""

    DEFAULT_CSS = """
    HelpScreen > .box { width: 96; height: 90%; }
    HelpScreen VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    HelpScreen .keys { margin: 0; }
    """
    BINDINGS = [("question_mark,q", "leave", "Close")]  # noqa: RUF012

    def __init__(self, pane: str, key_of: Callable[[Command], str], *, read_only: bool) -> None:
        super().__init__()
        self._pane, self._key_of, self._read_only = pane, key_of, read_only

    def compose(self) -> ComposeResult:
        """All in one text that scrolls."""
        with Vertical(classes="box") as box:
            box.border_title = "? Help"
            with VerticalScroll(can_focus=True):
                yield Static(self.told())
            yield Keys(("↑ ↓", "scroll"), ("Esc", "close"))

    def told(self) -> Content:
        """The whole text."""
        title, about = PANES[self._pane]
        room = min(96, self.app.size.width) - KEYS - 7
        commands = [one for one in COMMANDS if not (one.changes and self._read_only)]
        groups = dict.fromkeys(one.group for one in commands)
        parts = [_head(title), Content(f"{about}\n"), _table(LISTS, room)]
        for group in groups:
            parts += [
                _head(group if group != "Queue" else "What changes the queue"),
                _table(
                    [(self._key_of(c), f"{c.label} ({c.id}). {c.help}") for c in commands if c.group == group], room
                ),
            ]
        parts += [_head("Filter"), _table((*FILTER, ("", f"fields of rows: {', '.join(ROW_FIELDS)}")), room)]
        parts += [_head("Rows"), _legend((str(s), GLYPHS[s], COLOURS[s], MEANINGS[s]) for s in GLYPHS)]
        parts += [_head("Child sessions"), _legend(
            (state, glyph, _COLOURS.get(SESSION_STYLES.get(state, ""), "foreground"), "")
            for state, glyph in SESSION_GLYPHS.items()
        )]  # fmt: skip
        parts += [_head("Keys of your own"), Content(
            "In the settings file, by the names in brackets above:\n  [console.keymap]\n  pause = \"ctrl+s\"\n"
        )]  # fmt: skip
        return Content("").join(parts)


_COLOURS = {"queue": "secondary", "sent": "warning", "good": "success", "alarm": "error"}


def _head(text: str) -> Content:
    return Content.assemble((f"\n{text}\n", "bold $primary"))


def _table(lines: Iterable[tuple[str, str]], room: int) -> Content:
    """Keys, and what they do, wrapped below itself."""
    parts: list[tuple[str, str]] = []
    for key, does in lines:
        first, *more = textwrap.wrap(does, room)
        parts.append((f"  {key:<{KEYS}}", "bold $accent"))
        parts.append((f"{first}\n", ""))
        parts += [(f"{'':{KEYS + 2}}{line}\n", "") for line in more]
    return Content.assemble(*parts)


def _legend(lines: Iterable[tuple[str, str, str, str]]) -> Content:
    return Content.assemble(*(
        part for name, glyph, colour, meaning in lines
        for part in ((f"  {glyph} {name:<14}", f"${colour}"), (f"{meaning}\n", ""))
    ))  # fmt: skip
