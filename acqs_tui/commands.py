"""Everything that can be done, in one table: keys, footer, palette, help and the names for a keymap come from here."""

from __future__ import annotations

import dataclasses
import difflib

from textual.binding import Binding
from textual.keys import Keys, _character_to_key

from acqs_core.errors import SettingsError


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """One thing that can be done. The app does it in `do_<id>`, and says in `can_<id>`, where it has one, whether it
    can be done now."""

    id: str
    """Its name, also for the keymap."""
    key: str
    label: str
    """What the footer and the palette call it."""
    help: str
    group: str
    changes: bool = False
    """Whether it changes what is sent: a read-only console does not have it."""
    footer: bool = True


COMMANDS = (
    Command(
        "inject",
        "i",
        "Inject",
        "Insert a test action: a call, redirect, hangup, command or raw lines, with a preview "
        "of the exact AMI message; its row is followed until it ends.",
        "Queue",
        changes=True,
    ),
    Command(
        "pause",
        "p",
        "Pause",
        "Stop sending for this server_ip, for every program, until it is resumed. Rows stay "
        "NEW; calls that are up go on.",
        "Queue",
        changes=True,
    ),
    Command(
        "resume",
        "u",
        "Resume",
        "Send again. Shows what has waited, by age, and can discard what is stale first.",
        "Queue",
        changes=True,
    ),
    Command(
        "retry",
        "t",
        "Retry",
        "End the selected or marked rows and insert a copy of each as NEW. One whose outcome "
        "is unknown may call twice.",
        "Queue",
        changes=True,
    ),
    Command(
        "discard",
        "d",
        "Discard",
        "End the selected or marked NEW, QUEUE or SENT rows: they are never sent (again). "
        "It stops nothing at Asterisk.",
        "Queue",
        changes=True,
    ),
    Command(
        "detail",
        "o",
        "Detail",
        "All that is known of the selected row or event, as a ladder; r shows it raw.",
        "Look",
        footer=False,
    ),
    Command(
        "filter",
        "slash",
        "Filter",
        "Show only what matches: text, /regex/, field:value, age:>60, ! before what must not be. Esc shows all again.",
        "Look",
    ),
    Command(
        "sort",
        "s",
        "Sort",
        "Sort the queue by the next column: id, age, status, outcome, action, caller id, channel.",
        "Look",
        footer=False,
    ),
    Command(
        "freeze",
        "f",
        "Freeze",
        "Let the focused pane stand still. What comes is kept and shown when it goes on.",
        "Look",
    ),
    Command(
        "follow", "end", "Follow", "To the newest, and stay there. Scrolling up stops following.", "Look", footer=False
    ),
    Command("whole", "w", "Whole", "Show AMI events whole, or folded to a line each.", "Look", footer=False),
    Command(
        "mark_all",
        "M",
        "Mark all",
        "Mark all rows that tab and filter show, for Retry and Discard.",
        "Look",
        footer=False,
    ),
    Command("unmark", "m", "Unmark", "Take all marks away (space marks a row).", "Look", footer=False),
    Command("copy", "y", "Copy", "Copy the selected row or event to the terminal's clipboard.", "Look", footer=False),
    Command(
        "export",
        "e",
        "Export",
        "Write what the focused pane shows to a file: CSV, JSON or raw AMI.",
        "Look",
        footer=False,
    ),
    Command(
        "servers",
        "v",
        "Servers",
        "Every server_ip of the table: backlog, oldest NEW row, lease holders, pause.",
        "Look",
    ),
    Command("tab_next", "right_square_bracket", "Next tab", "The queue pane's next status.", "Move", footer=False),
    Command(
        "tab_previous", "left_square_bracket", "Previous tab", "The queue pane's previous status.", "Move", footer=False
    ),
    Command("pane_queue", "1", "Queue", "Go to the queue; again: give it the room.", "Move", footer=False),
    Command(
        "pane_sessions",
        "2",
        "Sessions",
        "Go to the child sessions; again: give them all the room.",
        "Move",
        footer=False,
    ),
    Command("pane_events", "3", "Events", "Go to the AMI events; again: give them the room.", "Move", footer=False),
    Command(
        "attach", "a", "Attach", "Look for an engine again, or take over by starting one.", "Console", footer=False
    ),
    Command("theme", "T", "Theme", "The other of light and dark.", "Console", footer=False),
    Command("help", "question_mark", "Help", "What can be done here, with its keys.", "Console"),
    Command("quit", "q", "Quit", "Leave. If this console started the engine, asks what becomes of it.", "Console"),
)
"""In the order of footer, palette and help."""

BY_ID = {command.id: command for command in COMMANDS}


def bindings() -> list[Binding]:
    """The keys of all commands; each has its command's id, by which a keymap changes it."""
    return [Binding(c.key, f"do('{c.id}')", c.label, show=c.footer, id=c.id, tooltip=c.help) for c in COMMANDS]


RESERVED = {
    "up": "lists", "down": "lists", "k": "lists", "j": "lists", "pageup": "lists", "pagedown": "lists",
    "home": "lists", "G": "lists", "enter": "lists", "space": "lists", "escape": "filter", "tab": "moving on",
    "shift+tab": "moving back", "ctrl+p": "the palette", "ctrl+c": "Textual", "ctrl+q": "leaving",
    "ctrl+z": "suspending",
}  # fmt: skip
"""Keys that are no command's, and whose they are."""


def keys(keymap: dict[str, str]) -> dict[str, list[str]]:
    """The keys of every command, by its id, after the user's keymap."""
    return {c.id: [_named(key) for key in keymap.get(c.id, c.key).split(",")] for c in COMMANDS}


def demand(keymap: dict[str, str]) -> None:
    """Refuse a keymap with a command that there is not, a key that there is not, or one key for two things.

    Raises SettingsError.
    """
    for name in keymap:
        if name not in BY_ID:
            near = difflib.get_close_matches(name, BY_ID, 1)
            says = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(BY_ID)}"
            raise SettingsError(f"console.keymap: no command is called {name!r}; {says}")
    taken = {key: f"is for {whose}" for key, whose in RESERVED.items()}
    for name, chosen in keys(keymap).items():
        for key in chosen:
            if not _is_key(key):
                raise SettingsError(f"console.keymap: {name} = {keymap[name]!r} is no key; write s, S, f5 or ctrl+s")
            if key in taken and taken[key] != f"is {name}'s":
                raise SettingsError(f"console.keymap: {name} cannot have the key {key!r}: it {taken[key]}")
            taken[key] = f"is {name}'s"


def _named(key: str) -> str:
    """A key as Textual calls it: slash for /."""
    *held, last = key.strip().split("+") if len(key.strip()) > 1 else [key.strip()]
    if len(last) == 1 and not last.isalnum():
        last = _character_to_key(last)
    return "+".join([*held, last])


def _is_key(key: str) -> bool:
    *held, last = key.split("+")
    known = len(last) == 1 or last in _NAMES
    return known and all(one in ("ctrl", "alt", "shift", "super", "hyper", "meta") for one in held)


_NAMES = {key.value for key in Keys} | {_character_to_key(chr(code)) for code in range(33, 127)}
