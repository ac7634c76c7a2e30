"""Export: which format, to which file; a file that is there is only overwritten by who says so."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Label, RadioButton, RadioSet, Static

from acqs_tui import export
from acqs_tui.events import printable
from acqs_tui.screens.dialog import Dialog, Keys

NAMES = {"csv": "CSV", "json": "JSON", "ami": "raw AMI"}

SAYS = {
    "csv": "For a spreadsheet: a field that begins with = + - @ gets an apostrophe before it.",
    "json": "Each text exactly as it is.",
    "ami": "AMI messages, a blank line after each.",
}
"""What a format does to what is written."""


class Choice(RadioButton):
    """A format; the chosen one is told by its glyph, not by its colour alone."""

    BUTTON_INNER = " "

    def watch_value(self) -> None:
        """It is chosen, or is no longer."""
        self.BUTTON_INNER = "●" if self.value else " "
        super().watch_value()


class Formats(RadioSet, inherit_bindings=False):
    """The formats: the one gone to is chosen, and Enter is the dialog's, not theirs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,right", "choose_next", "Next", show=False),
        Binding("up,left", "choose_previous", "Previous", show=False),
    ]

    def action_choose_next(self) -> None:
        """Choose the format after this one."""
        self.action_next_button()
        self.action_toggle_button()

    def action_choose_previous(self) -> None:
        """Choose the format before this one."""
        self.action_previous_button()
        self.action_toggle_button()


class ExportScreen(Dialog[str]):
    """Writes what a pane shows, gives what was done in words."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go", "Write", show=False),
        Binding("ctrl+s", "go", "Write", show=False, priority=True),
    ]

    def __init__(self, kind: str, records: export.Records, now: Callable[[], dt.datetime], *, has_ami: bool) -> None:
        super().__init__()
        self._kind, self._records, self._now = kind, records, now()
        self._formats = export.FORMATS if has_ami else export.FORMATS[:-1]
        self._form = self._formats[0]
        self._asked: Path | None = None
        """The file that is there, and would be overwritten by another Enter."""
        self._is_writing = False

    def compose(self) -> ComposeResult:
        """Formats, the file, the keys."""
        with Vertical(classes="box") as box:
            box.border_title = "Export"
            shown = Content(
                f"{len(self._records):,} {self._kind}, as the pane shows them: its filter, its tab, its order."
            )
            yield Static(shown, classes="says")
            with Formats(id="format", compact=True):
                for form in self._formats:
                    yield Choice(NAMES[form], form == self._form, name=form, compact=True)
            yield Static(id="does", classes="says")
            with Horizontal(classes="row"):
                yield Label("File")
                yield Input(self._path(), id="path")
            yield Static(id="error", classes="error")
            yield Keys(("Enter", "write"), ("Tab ↑↓", "format"), ("Esc", "leave"))

    def on_mount(self) -> None:
        """The path is ready to be taken as it is."""
        self.query_one("#path").focus()
        self.query_one("#does", Static).update(Content(SAYS[self._form]))

    def on_radio_set_changed(self, event: RadioSet.Changed) -> None:
        """Another format: the default file has another ending, one that was typed stays."""
        event.stop()
        box, before = self.query_one("#path", Input), self._path()
        self._form = str(event.pressed.name)
        self.query_one("#does", Static).update(Content(SAYS[self._form]))
        if box.value == before:
            box.value = self._path()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another file: what was asked is asked again."""
        event.stop()
        self._asked = None
        self._error("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Write."""
        event.stop()
        self.action_go()

    def action_go(self) -> None:
        """Write, unless it is being written."""
        if not self._is_writing:
            self._write()

    @work(exclusive=True)
    async def _write(self) -> None:
        text = self.query_one("#path", Input).value.strip()
        if not text:
            self._error("a file is needed")
            return
        path, self._is_writing = Path(text), True
        try:
            path = await asyncio.to_thread(path.expanduser)
            overwrite = self._asked == path
            count = await asyncio.to_thread(export.write, path, self._form, self._records, overwrite=overwrite)
        except FileExistsError:
            self._asked = path
            self._error(f"{path} is there already; Enter again overwrites it")
        except (OSError, RuntimeError) as error:
            self._error(f"{path} was not written: {getattr(error, 'strerror', None) or error}")
        else:
            self.dismiss(f"{count:,} {self._kind} written to {path}")
        finally:
            self._is_writing = False

    def _path(self) -> str:
        return str(export.default_path(self._kind, self._form, self._now))

    def _error(self, says: str) -> None:
        self.query_one("#error", Static).update(Content(f"▲ {printable(says)}" if says else ""))
