"""The frame of every dialog: a box in the middle, a line of keys below, Esc leaves and changes nothing."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from acqs_tui.themes import MUTED

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A question over the panes. Gives None when it is left."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > .box { width: 76; max-width: 100%; height: auto; max-height: 100%; background: $surface; padding: 0 1;
                    border: round $primary; border-title-color: $primary; border-title-style: bold;
                    border-subtitle-color: $text-muted; }
    Dialog > .box.-danger { border: round $warning; border-title-color: $warning; }
    Dialog Input { height: 1; border: none; padding: 0 1; background: $panel; }
    Dialog Input:focus { border: none; background: $primary 30%; }
    Dialog Checkbox { border: none; padding: 0; background: $surface; }
    Dialog Checkbox:focus { border: none; background: $primary 20%; }
    Dialog ToggleButton > .toggle--button, Dialog ToggleButton.-on > .toggle--button {
        background: $foreground 30%; color: $foreground; text-style: bold; }
    Dialog TextArea { border: none; padding: 0 1; background: $panel; }
    Dialog .row { height: 1; }
    Dialog .row > Label { width: 11; color: $text-muted; }
    Dialog .row > Input { width: 1fr; }
    Dialog .says { height: auto; margin: 0 0 1 0; }
    Dialog .error { height: auto; min-height: 1; color: $error; }
    Dialog .keys { height: auto; color: $text-muted; margin: 1 0 0 0; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("ctrl+z", "app.suspend_process", show=False),  # no key of the app's own reaches a dialog
    ]

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)


class Keys(Static):
    """The keys of a dialog and what they do."""

    DEFAULT_CLASSES = "keys"

    def __init__(self, *pairs: tuple[str, str], id: str | None = None) -> None:
        super().__init__(keys(*pairs), id=id)


def keys(*pairs: tuple[str, str]) -> Content:
    """Keys and what they do, as a line."""
    parts: list[tuple[str, str]] = []
    for key, does in pairs:
        parts += ((f" {key} ", "bold $accent"), (f"{does}  ", MUTED))
    return Content.assemble(*parts)
