"""What an operator does, from the key to the report: asked about, done again checked, told of until it is over.

Each deed goes through the control socket with what the operator saw of the row; the engine refuses it when that is so
no longer, and journals it under the name of the socket's peer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from textual.content import Content

from acqs_core.action import NewAction
from acqs_core.errors import AcqsError, ControlError
from acqs_tui.rows import RowRecord
from acqs_tui.screens.confirm import Bulk, ConfirmScreen, ReportScreen
from acqs_tui.screens.inject import InjectScreen
from acqs_tui.screens.leaving import DrainScreen, QuitScreen, TakeOverScreen
from acqs_tui.screens.pausing import PauseScreen, ResumeScreen
from acqs_tui.strip import Followed
from acqs_tui.themes import MUTED

if TYPE_CHECKING:
    from acqs_tui.app import Console

LINGER = 15.0
"""Seconds for which the end of an injected row stays on the screen."""

DEMO_VALUES = {"call": {"channel": "Local/600@default", "exten": "610", "callerid": "TEST"}}


class Deeds:
    """The deeds of one console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._values: dict[str, dict[str, str]] = {k: dict(v) for k, v in DEMO_VALUES.items()} if console.demo else {}
        """What was last typed, by form and field."""
        self._followed: Followed | None = None
        self._until = 0.0
        self._bulk: asyncio.Task[None] | None = None
        self._is_cut = False
        """The bulk deed shall end with the row it is at."""
        self._progress: Content | None = None

    @property
    def status(self) -> dict[str, Any]:
        """The engine's latest word."""
        return self._console.feed.status

    @property
    def living(self) -> list[Any]:
        """The engine's living child sessions."""
        return list(self._console.feed.sessions.get("living", []))

    async def ask(self, do: str, **given: Any) -> Any:
        """Ask the engine, or have it do something. Raises AcqsError."""
        return await self._console.feed.ask(do, **given)

    # What was begun and is not over.

    def see(self, rows: Iterable[RowRecord]) -> None:
        """Rows that came with this frame."""
        followed, now = self._followed, asyncio.get_running_loop().time()
        if followed is not None:
            self._follow_on(followed, rows, now)
            if followed.has_ended and now > self._until:
                self._followed = None
        self._console.strip.tell(self._progress or (None if self._followed is None else self._followed.drawn()))

    def follow(self, man_id: int) -> None:
        """Select this row when it comes, or is there already, and tell its way until it ends."""
        self._followed = Followed(man_id)
        record = self._console.queue_pane.lines.newest(man_id)
        if record is not None:
            self.see([record])  # it may have ended before the word of its insertion came, and nothing more comes of it

    def unfollow(self) -> None:
        """Tell no more of the row that is followed."""
        self._followed = None
        self._console.strip.tell(self._progress)

    def _follow_on(self, followed: Followed, rows: Iterable[RowRecord], now: float) -> None:
        ended = followed.has_ended
        for record in rows:
            if record.id == followed.man_id:
                first = not followed.steps
                followed.see(record)
                if first:
                    lines = self._console.queue_pane.lines
                    lines.following = False
                    lines.select(followed.man_id)
        if followed.has_ended and not ended:
            self._until = now + LINGER

    def abilities(self) -> list[bool]:
        """What can be done now: when it changes, the footer does."""
        return [self.can_pause(), self.can_resume(), self.can_retry()]

    # Inject.

    def can_inject(self) -> bool:
        """With an engine."""
        return self._console.feed.connected

    def do_inject(self) -> None:
        """Ask for an action."""
        selected = self._console.queue_pane.lines.selected_record
        channel = "" if selected is None or selected.status.value != "UPDATED" else selected.view.row.channel
        form = self._values.get("form", {}).get("id", "call")
        self._console.push_screen(InjectScreen(self, form, self._values, channel), self._injected)

    async def insert(self, new: NewAction) -> int:
        """Insert it; its man_id. Raises AcqsError."""
        return int(await self.ask("insert", action=new.action, callerid=new.callerid, lines=list(new.lines)))

    def _injected(self, man_id: int | None) -> None:
        if man_id is not None:
            self.follow(man_id)

    # Pause and resume.

    def can_pause(self) -> bool:
        """While it is not paused, as far as is known."""
        return self._console.feed.connected and self.status.get("paused") is not True

    def can_resume(self) -> bool:
        """While it is paused, or that is not known."""
        return self._console.feed.connected and self.status.get("paused") is not False

    def do_pause(self) -> None:
        """Ask for the reason."""
        self._console.push_screen(PauseScreen(self._server_ip), self._pause)

    def _pause(self, reason: str | None) -> None:
        if reason is not None:
            self._work(self._carry_out("pause", "the queue is stopped; u resumes", reason=reason))

    def do_resume(self) -> None:
        """Show what has waited."""
        self._console.push_screen(ResumeScreen(self, self._server_ip), self._say)

    async def _carry_out(self, do: str, says: str, **given: Any) -> None:
        try:
            await self.ask(do, **given)
        except AcqsError as error:
            self._say_error(error)
        else:
            self._say(says)

    # Retry and discard.

    def can_retry(self) -> bool:
        """With a row and an engine, one bulk deed at a time."""
        return self._console.feed.connected and self._bulk is None and self._console.queue_pane.has_chosen

    can_discard = can_retry

    def do_retry(self) -> None:
        """Ask about the marked rows, or the selected one."""
        self.confirm("retry", self._console.queue_pane.chosen())

    def do_discard(self) -> None:
        """Ask about the marked rows, or the selected one."""
        self.confirm("discard", self._console.queue_pane.chosen())

    def confirm(self, deed: str, rows: list[RowRecord]) -> None:
        """Ask about these rows, then do it."""
        self._console.push_screen(ConfirmScreen(deed, rows), self._begin)

    def _begin(self, bulk: Bulk | None) -> None:
        if bulk is not None and self._bulk is None:
            self._is_cut = False
            self._bulk = asyncio.create_task(self._do_all(bulk), name=bulk.deed)

    def cancel(self) -> bool:
        """Stop a bulk deed between two rows; whether there was one."""
        if self._bulk is None:
            return False
        self._is_cut = True
        return True

    async def _do_all(self, bulk: Bulk) -> None:
        """Row by row, each only if it is still what was seen; what is refused is told at the end."""
        done: list[int] = []
        refused: list[tuple[int, str]] = []
        cut = ""
        try:
            for row in bulk.rows:
                if self._is_cut:
                    cut = "; stopped, the rest was not touched"
                    break
                self._tell_progress(bulk, len(done) + len(refused))
                try:
                    done.append(await self._do_one(bulk, row))
                except ControlError as error:
                    refused.append((row.id, f"{row.id}: {error}"))
                    cut = "; the engine is gone, the rest was not touched"
                    break
                except AcqsError as error:
                    refused.append((row.id, str(error)))
                self._console.queue_pane.lines.marked.discard(row.id)
        finally:
            self._bulk, self._progress = None, None
        self._report(bulk, done, refused, cut)

    async def _do_one(self, bulk: Bulk, row: RowRecord) -> int:
        seen = {"man_id": row.id, "expect": str(row.status)}
        if bulk.deed == "retry":
            return int(await self.ask("retry", may_call_twice=bulk.may_call_twice, **seen))
        await self.ask("discard", **seen)
        return row.id

    def _tell_progress(self, bulk: Bulk, number: int) -> None:
        if len(bulk.rows) > 1:
            part = f" {bulk.deed} {number:,} of {len(bulk.rows):,}"
            self._progress = Content.assemble((part, "bold"), ("  Esc stops", MUTED))

    def _report(self, bulk: Bulk, done: list[int], refused: list[tuple[int, str]], cut: str) -> None:
        word = "retried" if bulk.deed == "retry" else "discarded"
        rows = f"row {bulk.rows[0].id}" if len(bulk.rows) == 1 else f"{len(done):,} of {len(bulk.rows):,} rows"
        if bulk.deed == "retry" and len(done) == 1:
            self.follow(done[0])
        if not refused:
            copy = f", its copy is row {done[0]}" if bulk.deed == "retry" and len(bulk.rows) == 1 and done else ""
            self._say(f"{rows} {word}{copy}{cut}")
        elif len(bulk.rows) == 1 or len(self._console.screen_stack) > 1:
            more = f" (and {len(refused) - 1:,} more refused)" if len(refused) > 1 else ""
            self._say(f"not {word}: {refused[0][1]}{more}{cut}", "error")
        else:
            self._console.push_screen(ReportScreen(f"{rows} {word}, {len(refused):,} refused{cut}.", refused))

    # Leaving and taking over.

    def can_attach(self) -> bool:
        """While there is no engine."""
        return not self._console.feed.connected

    async def do_attach(self) -> None:
        """Attach to an engine that is there, else offer to start one."""
        console = self._console
        if await console.feed.reachable() or console.demo:
            console.connection.take_over()
        elif console.read_only:
            self._say("no engine is here, and a read-only console starts none", "warning")
        else:
            console.push_screen(TakeOverScreen(self._server_ip), self._take_over)

    def _take_over(self, wanted: bool | None) -> None:
        if wanted:
            self._console.connection.take_over()

    async def do_quit(self) -> None:
        """Leave; ask first what becomes of an engine that a console started."""
        console, feed = self._console, self._console.feed
        if console.demo:
            await self._leave(stop=True)
        elif feed.connected and feed.may_stop and not console.read_only:
            screen = QuitScreen(self._server_ip, int(feed.greeting.get("pid", 0)), is_own=feed.embedded)
            console.push_screen(screen, self._quit)
        else:
            await self._leave(stop=False)

    def _quit(self, choice: str | None) -> None:
        if choice == "stop":
            waiting = self._work(self._leave(stop=True))
            self._console.push_screen(DrainScreen(self), lambda _: _cancel(waiting))
        elif choice == "leave":
            self._work(self._leave(stop=False))

    async def _leave(self, *, stop: bool) -> None:
        self._console.connection.leaving = True
        self.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._console.feed.close(stop=stop)
        self._console.exit(0)

    # Small change.

    @property
    def _server_ip(self) -> str:
        return str(self._console.feed.greeting.get("server_ip") or self._console.settings.server_ip)

    def _work(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._working = task  # kept, or it might be collected before it is done
        return task

    def _say(self, says: str | None, severity: Any = "information") -> None:
        if says:
            self._console.notify(says, severity=severity, markup=False)

    def _say_error(self, error: AcqsError) -> None:
        self._say(str(error), "error")


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
