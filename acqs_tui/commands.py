"""Everything that can be done, in one table: keys, footer, palette, help and the names for a keymap come from here."""

from __future__ import annotations

import dataclasses

from textual.binding import Binding


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
    Command("pane_queue", "1", "Queue", "Go to the queue.", "Move", footer=False),
    Command("pane_sessions", "2", "Sessions", "Go to the child sessions.", "Move", footer=False),
    Command("pane_events", "3", "Events", "Go to the AMI events.", "Move", footer=False),
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


def unknown_in(keymap: dict[str, str]) -> list[str]:
    """The names of a keymap that no command has."""
    return [name for name in keymap if name not in BY_ID]
