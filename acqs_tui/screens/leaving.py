"""Leaving a console that may stop its engine, and taking over from an engine that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from acqs_tui.screens.dialog import Dialog, Keys

if TYPE_CHECKING:
    from acqs_tui.deeds import Deeds

Choice = Literal["stop", "leave"]


class QuitScreen(Dialog[Choice]):
    """What becomes of the engine."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l,enter", "choose('leave')", "Leave it running", show=False),
        Binding("s", "choose('stop')", "Stop sending", show=False),
    ]

    def __init__(self, server_ip: str, pid: int, *, is_own: bool) -> None:
        super().__init__()
        self._server_ip, self._pid, self._is_own = server_ip, pid, is_own

    def compose(self) -> ComposeResult:
        """The two ways."""
        whose = "This console" if self._is_own else "A console"
        with Vertical(classes="box") as box:
            box.border_title = "Leave"
            yield Static(
                Content.assemble(
                    (f"{whose} started the engine of ", ""),
                    (self._server_ip, "bold"),
                    (f" (process {self._pid}).\nWhat becomes of it?\n\n", ""),
                    (" l ", "bold $accent"),
                    ("leave it running: a daemon to which the next console attaches\n", ""),
                    (" s ", "bold $accent"),
                    ("stop sending: it awaits the answers it is owed, then ends", ""),
                ),
                classes="says",
            )
            yield Keys(("Enter", "leave it running"), ("Esc", "stay here"))

    def action_choose(self, choice: Choice) -> None:
        """This way."""
        self.dismiss(choice)


class DrainScreen(Dialog[None]):
    """Shown while the engine ends; Esc leaves the console and lets it end by itself."""

    def __init__(self, deeds: Deeds) -> None:
        super().__init__()
        self._deeds = deeds

    def compose(self) -> ComposeResult:
        """How far it is."""
        with Vertical(classes="box -danger") as box:
            box.border_title = "▼ The engine stops"
            yield Static(id="progress", classes="says")
            yield Keys(("Esc", "do not wait: it ends by itself"))

    def on_mount(self) -> None:
        """Say it, and again."""
        self._say()
        self.set_interval(0.2, self._say)

    def _say(self) -> None:
        left = len(self._deeds.living)
        waits = (
            f"{left} child session{'' if left == 1 else 's'} wait for answers" if left else "it writes what it knows"
        )
        self.query_one("#progress", Static).update(Content(f"Nothing more is sent; {waits}…"))


class TakeOverScreen(Dialog[bool]):
    """Whether this console shall start an engine."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "go", "Start", show=False)]

    def __init__(self, server_ip: str) -> None:
        super().__init__()
        self._server_ip = server_ip

    def compose(self) -> ComposeResult:
        """What it means."""
        with Vertical(classes="box -danger") as box:
            box.border_title = "Take over"
            yield Static(
                Content.assemble(
                    ("No engine that serves ", ""),
                    (self._server_ip, "bold"),
                    (" can be reached here. Start one?\n\n", ""),
                    ("It sends what waits in the table, unless the queue is paused. If an engine elsewhere holds "
                     "the lease it stands by (◌ STANDBY) and takes over when that one is gone.", ""),
                ),
                classes="says",
            )  # fmt: skip
            yield Keys(("Enter", "start an engine"), ("Esc", "go on looking for one"))

    def action_go(self) -> None:
        """Start."""
        self.dismiss(True)
