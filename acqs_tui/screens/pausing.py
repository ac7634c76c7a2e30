"""Pause: stop the queue, for every program. Resume: what has waited, by age, and what of it shall not go out."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Label, Static

from acqs_core.errors import AcqsError
from acqs_tui.events import printable
from acqs_tui.panes.queue import ages
from acqs_tui.screens.dialog import Dialog, Keys
from acqs_tui.themes import MUTED

if TYPE_CHECKING:
    from acqs_tui.deeds import Deeds

BAR = 30
"""Cells of the longest bar of a backlog."""

EVERY = 1.0
"""Seconds between counts while the dialog is open."""

REST = 3.0
"""So much longer than a count took, none follows: a backlog of a million rows is not read all the time."""

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class PauseScreen(Dialog[str]):
    """Gives the reason, which may be empty."""

    def __init__(self, server_ip: str) -> None:
        super().__init__()
        self._server_ip = server_ip

    def compose(self) -> ComposeResult:
        """What it does, and why it shall."""
        with Vertical(classes="box -danger") as box:
            box.border_title = "‖ Stop the queue"
            yield Static(
                Content.assemble(
                    ("Nothing more is sent for ", ""),
                    (self._server_ip, "bold"),
                    (" by any program, until somebody resumes.\n", ""),
                    ("Rows stay NEW, calls that are up go on, events are heard.\n\n", ""),
                    ("This is not f, which freezes what a pane shows, nor scrolling up, which stops following.",
                     MUTED),
                ),
                classes="says",
            )  # fmt: skip
            with Horizontal(classes="row"):
                yield Label("Reason")
                yield Input(placeholder="for those who find it paused", max_length=250, id="reason")
            yield Keys(("Enter", "stop the queue"), ("Esc", "leave it running"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Pause."""
        event.stop()
        self.dismiss(event.value.strip())


class ResumeScreen(Dialog[str]):
    """Discards what is stale, if anything, then resumes; gives what was done, in words."""

    DEFAULT_CSS = """
    ResumeScreen .row > Label { width: 22; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "go", "Resume", show=False, priority=True)]

    def __init__(self, deeds: Deeds, server_ip: str) -> None:
        super().__init__()
        self._deeds, self._server_ip = deeds, server_ip
        self._waiting: dict[str, Any] | None = None
        self._counted: float | None = None
        """The age for which `stale` was counted, and when (monotonic seconds)."""
        self._counted_at = 0.0
        self._next = 0.0
        """When to count again (monotonic seconds)."""
        self._is_lost = False
        """The last count was refused, and that is what is said."""
        self._working = False

    def compose(self) -> ComposeResult:
        """The backlog, an age, the count, what will happen."""
        with Vertical(classes="box") as box:
            box.border_title = "▶ Resume the queue"
            yield Static("counting what has waited…", id="backlog", classes="says")
            with Horizontal(classes="row"):
                yield Label("Discard older than")
                yield Input(placeholder="nothing; or 90, 5m, 2h, 1d", id="age", restrict=r"[0-9.]*[smhd]?")
            with Horizontal(classes="row", id="confirm"):
                yield Label("Type their count")
                yield Input(id="count", restrict=r"[0-9]*")
            yield Static(id="error", classes="error")
            yield Keys(("Enter", "resume"), ("Esc", "stays paused"))

    def on_mount(self) -> None:
        """Count."""
        self.query_one("#confirm").display = False
        self.query_one("#age").focus()
        self._count()
        self.set_interval(EVERY, self._count_again)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Count again what is that old."""
        event.stop()
        if event.input.id == "age":
            self._count()
        else:
            self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Resume, or ask for what is missing."""
        event.stop()
        self.action_go()

    def action_go(self) -> None:
        """Discard and resume, once all that is asked for is given."""
        stale = self._stale
        if self._working:
            return
        if self._waiting is None or self._counted != self._age:
            self._tell("still counting what has waited")
            return
        if stale > 1 and self.query_one("#count", Input).value != str(stale):
            self.query_one("#count").focus()
            self._tell(f"type {stale} to discard so many rows")
            return
        self._working = True
        self._carry_out(self._age)

    @property
    def _age(self) -> float | None:
        """Seconds; None when nothing is to be discarded."""
        return seconds_of(self.query_one("#age", Input).value)

    @property
    def _stale(self) -> int:
        return int(self._waiting["stale"]) if self._waiting and self._age is not None else 0

    def _count_again(self) -> None:
        """More has come, and what waits is older; never two counts at a time, nor one after the other."""
        counts = (one for one in self.workers if one.group == "count")
        if not self._working and time.monotonic() >= self._next and all(one.is_finished for one in counts):
            self._count()

    @work(exclusive=True, group="count")
    async def _count(self) -> None:
        age, now = self._age, time.monotonic()
        try:
            waiting = await self._deeds.ask("waiting", over=age or 0.0)
        except AcqsError as error:
            self._is_lost = True
            self._tell(str(error))
            return
        took = time.monotonic() - now
        self._next = time.monotonic() + took * REST
        if self._waiting is not None and age == self._counted:
            # Those that were counted when the age was typed are discarded: their count may have been typed by now.
            waiting |= {"stale": self._waiting["stale"]}
        else:
            self._counted, self._counted_at = age, now
            self._is_lost = True  # whatever was said was said of another age
        self._waiting = waiting
        if self._is_lost:
            self._is_lost = False
            self._tell()
        else:
            self._show()

    @work(exclusive=True, group="carry out")
    async def _carry_out(self, age: float | None) -> None:
        """Nothing goes out before what is stale is gone; Esc between two batches leaves the queue paused."""
        discarded = 0
        try:
            more = age is not None
            while more:
                older_than = (age or 0.0) + time.monotonic() - self._counted_at  # the rows that were counted
                done = await self._deeds.ask("discard_stale", older_than=older_than, age=age)
                discarded, more = discarded + done["discarded"], done["more"]
                self._tell(f"{discarded:,} rows are discarded…")
            await self._deeds.ask("resume")
        except AcqsError as error:
            self._tell(f"{f'{discarded:,} rows are discarded; ' if discarded else ''}the queue stays paused: {error}")
            self._working = False
            return
        self.dismiss(f"sending goes on{f'; {discarded:,} stale rows were discarded' if discarded else ''}")

    def _tell(self, problem: str = "") -> None:
        if not self.query("#error"):
            return  # it is being closed: an answer came that nobody waits for
        self.query_one("#error", Static).update(Content(f"▲ {printable(problem)}" if problem else ""))
        self._show()

    def _show(self) -> None:
        if not self.query("#backlog"):
            return
        self.query_one("#confirm").display = self._stale > 1
        if self._waiting is not None:
            self.query_one("#backlog", Static).update(_backlog(self._waiting, self._server_ip, self._age, self._stale))


def seconds_of(text: str) -> float | None:
    """Seconds of an age as a person writes it: 90, 5m, 2h, 1d. None for nothing."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    return float(found[1]) * UNITS[found[2]] if found else None


def _backlog(waiting: dict[str, Any], server_ip: str, age: float | None, stale: int) -> Content:
    total, least = waiting["total"], "" if waiting["whole"] else "at least "
    oldest = f", the oldest for {ages(waiting['oldest'])}" if waiting["oldest"] else ""
    parts: list[tuple[str, str]] = [
        (f"{least}{total:,}", "bold"),
        (f" rows have waited for {server_ip}{oldest}\n\n", ""),
    ]
    most = max(1, *waiting["by_age"].values())
    for name, count in waiting["by_age"].items():
        if count or name != "of unknown age":
            late = name in ("under 1 h", "older") and count
            parts += (
                (f"  {name:<15}", MUTED),
                (f"{count:>9,} ", "bold"),
                ("█" * -(-count * BAR // most) + "\n", "$warning" if late else "$accent"),
            )
    parts.append(("\n", ""))
    if age is not None and stale:
        parts += ((f"{stale:,} are discarded", "bold $warning"), (" (NEW → DEAD), then ", ""))
    if total:
        parts += ((f"{max(0, total - stale):,} go out at once", "bold"), (", lowest id first.", ""))
    else:
        parts.append(("Nothing waits; new rows go out as they come.", ""))
    return Content.assemble(*parts)
