"""The console: panes over a feed, drawn ten times a second, and the commands that act on them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Footer, Input

from acqs_core.crowd import Crowd, Pace
from acqs_core.errors import FilterInvalid
from acqs_core.filter import ROW_FIELDS, parse
from acqs_core.settings import Settings
from acqs_tui import memory, themes
from acqs_tui.bars import Counters, StatusBar
from acqs_tui.commands import BY_ID, bindings
from acqs_tui.connection import Connection
from acqs_tui.deeds import Deeds
from acqs_tui.feed import Feed
from acqs_tui.lines import Lines
from acqs_tui.looks import Looks
from acqs_tui.palette import Palette
from acqs_tui.panes.events import EventsPane
from acqs_tui.panes.queue import QueuePane
from acqs_tui.panes.sessions import SessionsPane
from acqs_tui.records import Window
from acqs_tui.strip import FollowStrip
from acqs_tui.terminal import heed_signals, obituary
from acqs_tui.views import Views

FRAMES, FRAMES_SLOW = 10, 2
"""Frames a second, and over a slow link."""

FRAME_SELDOM = 0.45
"""Seconds between two frames where calls need the processors: one of five, though none comes to the millisecond."""

FIELDS: dict[str, Sequence[str] | None] = {
    "queue": ROW_FIELDS,
    "sessions": ("man_id", "action", "state", "seconds", "pid", "why", "at"),
    "events": None,
}
"""The names by which each pane is filtered; an event has whatever headers Asterisk gives it."""

Pane = QueuePane | SessionsPane | EventsPane


class Console(App[int]):
    """`acqs-tui`. Ends with its exit code."""

    CSS_PATH = "acqs.tcss"
    TITLE = "ACQS"
    COMMANDS = {Palette}  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(), Binding("ctrl+z", "suspend_process", show=False)]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (150, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        settings: Settings,
        *,
        read_only: bool = False,
        demo: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        crowd: Crowd | None = None,
    ) -> None:
        super().__init__()
        self.settings, self.clock, self.wall = settings, clock, wall
        self.read_only, self.demo = read_only, demo
        self.crowd = crowd or Crowd()
        self.feed = Feed(settings, read_only=read_only, demo=demo, clock=clock, crowd=self.crowd)
        self.queue_pane = QueuePane(settings.console.window, clock)
        self.sessions_pane = SessionsPane(wall)
        self.events_pane = EventsPane()
        self.status_bar, self.counters = StatusBar(wall, id="status"), Counters(clock, id="counters")
        self.strip = FollowStrip(id="strip")
        self.connection = Connection(self)
        self.deeds, self.looks, self.views = Deeds(self), Looks(self), Views(self)
        self._could: list[bool] = []
        self._says: dict[Pane, str] = {}
        self._second = 0
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = settings.console.theme
        if settings.console.low_bandwidth:
            self.animation_level = "none"

    def compose(self) -> ComposeResult:
        """Status, counters, panes, filter, footer."""
        yield self.status_bar
        yield self.counters
        yield self.queue_pane
        with Horizontal(id="below"):
            yield self.sessions_pane
            yield self.events_pane
        yield Input(placeholder="filter: text  /regex/  field:value  age:>60  !not    Esc shows all", id="filter")
        yield self.strip
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Draw at once; the engine is looked for meanwhile."""
        heed_signals(self)
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))  # after fg the terminal is empty
        memory.look_seldom()
        self.set_keymap(self.settings.console.keymap)
        self.feed.stale = self.queue_pane.to_freshen
        frame = 1 / (FRAMES_SLOW if self.settings.console.low_bandwidth else FRAMES)
        self.set_interval(frame, self._paced(self.show_rows))
        # Half a frame later, so that a key waits for one of the two at the most.
        self.set_timer(frame / 2, lambda: self.set_interval(frame, self._paced(self.show_events)))
        self.queue_pane.lines.focus()
        self.run_worker(self.connection.keep(), name="feed", exclusive=True, exit_on_error=True)

    def _paced(self, draw: Callable[[], None]) -> Callable[[], None]:
        """Draws at each tick, or at one of five where calls need the processors. What a key does is drawn at once."""
        pace = Pace(self.crowd, FRAME_SELDOM)

        def tick() -> None:
            if pace.is_due():
                draw()

        return tick

    def on_resize(self, event: events.Resize) -> None:
        """A narrow footer has room for the commands alone; help tells of the palette."""
        footer, has_room = self.screen_stack[0].query_one(Footer), event.size.width >= 100
        if footer.show_command_palette is not has_room:
            footer.show_command_palette = has_room
            footer.refresh(recompose=True)

    async def go_to(self, server_ip: str) -> None:
        """Show the engine that serves another server_ip here."""
        self.workers.cancel_group(self, "default")
        await self.feed.close()
        self.settings = self.settings.model_copy(update={"server_ip": server_ip})
        self.feed = Feed(self.settings, read_only=self.read_only, clock=self.clock, crowd=self.crowd)
        self.feed.stale = self.queue_pane.to_freshen
        for pane in self.panes:
            pane.lines.clear()
        self.run_worker(self.connection.keep(start=False), name="feed", exclusive=True, exit_on_error=True)

    def _fatal_error(self) -> None:
        """Textual would show the values of all variables, and nobody could read it."""
        self._exit_renderables.append(obituary(self._exception))
        self._close_messages_no_wait()

    def frame(self) -> None:
        """Put all that came into the panes."""
        self.show_rows()
        self.show_events()

    def show_rows(self) -> None:
        """Put the rows that came into the queue pane, and all that is told of them elsewhere."""
        if not self.screen_stack:
            return  # it is being taken down, and its timer ticked once more
        feed = self.feed
        rows, gone = feed.take_rows()
        if rows:
            self.queue_pane.put(rows)
        self.queue_pane.forget(gone)
        self.queue_pane.grow_older()
        self.deeds.see(rows)
        self.looks.see(rows)
        if (can := self.deeds.abilities()) != self._could:
            self._could = can
            self.refresh_bindings()
        frozen = [str(pane.BORDER_TITLE) for pane in self.panes if pane.lines.frozen]
        self.status_bar.tell(feed.status, feed.greeting, feed.problem, self._how(), frozen)
        loaded = f"loading {feed.loaded:,}…" if feed.loading else f"{len(self.queue_pane.lines.window.records):,} rows"
        self.counters.tell(feed.status, loaded)
        self._subtitle(self.queue_pane)
        if int(self.clock()) != self._second:
            self._second = int(self.clock())
            self.queue_pane.lines.redraw()  # every row is a second older

    def show_events(self) -> None:
        """Put the events that came, and the child sessions, into their panes."""
        if not self.screen_stack:
            return
        events, missed = self.feed.take_events()
        self.events_pane.put(events, missed)
        self.sessions_pane.put(self.feed.sessions)
        self._subtitle(self.events_pane)
        self._subtitle(self.sessions_pane)

    @property
    def panes(self) -> list[Pane]:
        """All panes."""
        return [self.queue_pane, self.sessions_pane, self.events_pane]

    @property
    def pane(self) -> Pane:
        """The focused pane."""
        focused = self.focused
        return next(
            (pane for pane in self.panes if focused is not None and focused in pane.query("*")), self.queue_pane
        )

    def _how(self) -> str:
        if not self.feed.connected:
            return ""
        if self.demo:
            return "DEMO"
        return ("EMBEDDED" if self.feed.embedded else "ATTACHED") + (" READ-ONLY" if self.read_only else "")

    def _subtitle(self, pane: Pane) -> None:
        """Tell in the pane's lower border how much it shows."""
        lines = pane.lines
        held: Window[Any] = pane.events if isinstance(pane, EventsPane) else lines.window
        parts = [f"{len(held):,}"]
        if pane.filter:
            parts.append(f"filter {pane.filter.text}")
        if lines.marked:
            parts.append(f"{len(lines.marked):,} marked")
        if lines.frozen:
            parts.append(f"❄ frozen, {lines.waiting:,} wait")
        elif not lines.following:
            parts.append(f"pinned, +{lines.came:,} new" if lines.came else "pinned")
        if held.dropped:
            parts.append(f"{held.dropped:,} older let go")
        if missed := lines.unseen + (pane.missed if isinstance(pane, EventsPane) else 0):
            parts.append(f"{missed:,} not shown")
        says = " · ".join(parts).replace("[", "\\[")
        if says != self._says.get(pane):
            self._says[pane] = pane.border_subtitle = says  # draws the whole pane, changed or not

    # Commands.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take away what a read-only console does not have, grey what cannot be done now."""
        if action != "do":
            return super().check_action(action, parameters)
        command = BY_ID[str(parameters[0])]
        if command.changes and self.read_only:
            return False
        can = self._of(f"can_{command.id}")
        if can is None or can():
            return True
        return False if command.id in ("pause", "resume") else None  # one of the two is always there

    async def action_do(self, command: str) -> None:
        """Carry out a command of the table."""
        do = self._of(f"do_{command}")
        done = None if do is None else do()
        if asyncio.iscoroutine(done):
            await done

    async def action_quit(self) -> None:
        """Textual's own way out is ours, too."""
        await self.action_do("quit")

    def _of(self, name: str) -> Callable[[], Any] | None:
        """What the app does itself, or has somebody for."""
        for home in (self, self.deeds, self.looks, self.views):
            if (found := getattr(home, name, None)) is not None:
                return cast(Callable[[], Any], found)
        return None

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Enter, or a double click: the detail."""
        self.looks.open(event.lines, event.record_id)

    def do_filter(self) -> None:
        """Type a filter for the focused pane."""
        box = self.screen_stack[0].query_one("#filter", Input)
        box.value = self.pane.filter.text
        box.border_title = f"Filter {self.pane.BORDER_TITLE}"
        self._filtered = self.pane
        box.add_class("-open")
        self.screen_stack[0].set_focus(box)  # at once: the next key is no command any more

    def on_key(self, event: events.Key) -> None:
        """A letter that was typed before the filter's box had the focus went to the list; the box lets none through."""
        box = self.focused
        if isinstance(box, Input) and box.id == "filter" and event.is_printable and event.character:
            box.insert_text_at_cursor(event.character)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        if event.input.id == "filter" and event.input.has_class("-open"):
            self._apply(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the pane, with the filter."""
        if event.input.id == "filter":
            self._close_filter()

    def key_escape(self) -> None:
        """Stop a bulk deed that goes on; else show all again; else follow an injected row no further."""
        if len(self.screen_stack) > 1:
            return
        if self.screen_stack[0].query_one("#filter", Input).has_class("-open"):
            self._apply("")
            self._close_filter()
        elif self.deeds.cancel():
            return
        elif self.pane.filter:
            self.pane.apply(parse(""))
        else:
            self.deeds.unfollow()

    def _apply(self, text: str) -> None:
        box = self.screen_stack[0].query_one("#filter", Input)
        try:
            self._filtered.apply(parse(text, FIELDS[str(self._filtered.id)]))
        except FilterInvalid as error:
            box.border_subtitle = str(error).replace("[", "\\[")
            box.add_class("-invalid")
        else:
            box.border_subtitle = ""
            box.remove_class("-invalid")

    def _close_filter(self) -> None:
        self.screen_stack[0].query_one("#filter", Input).remove_class("-open")
        self.screen_stack[0].set_focus(self._filtered.lines)

    def do_sort(self) -> None:
        """Sort by the next column."""
        self.notify(f"sorted by {self.queue_pane.sort()}", timeout=2)

    def do_freeze(self) -> None:
        """Freeze the focused pane, or let it go on."""
        lines: Lines[Any] = self.pane.lines
        lines.freeze(not lines.frozen)

    def do_follow(self) -> None:
        """Follow the newest."""
        self.pane.lines.action_follow()

    def do_whole(self) -> None:
        """Events whole or folded."""
        self.events_pane.fold(not self.events_pane.is_whole)

    def can_mark_all(self) -> bool:
        """Where there are rows."""
        return len(self.queue_pane.lines.window) > 0

    def do_mark_all(self) -> None:
        """All that the queue shows."""
        lines = self.queue_pane.lines
        lines.mark_all()
        self.notify(f"{len(lines.marked):,} rows are marked", timeout=2)

    def do_unmark(self) -> None:
        """No marks."""
        self.queue_pane.lines.marked.clear()
        self.queue_pane.lines.refresh()

    def do_tab_next(self) -> None:
        """The next status."""
        self.queue_pane.step_tab(1)

    def do_tab_previous(self) -> None:
        """The previous status."""
        self.queue_pane.step_tab(-1)
