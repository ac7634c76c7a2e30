"""All that is known of one row: why it is where it is, its ladder, the text that was sent, the answer, its events.

It stays live: it asks the engine again when the row is touched, and once a second, because the journal is written in
batches that may come after the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from acqs_core.action import Outcome, Status
from acqs_core.control.wire import RowView
from acqs_core.errors import AcqsError
from acqs_tui import ladder
from acqs_tui.commands import BY_ID
from acqs_tui.events import EventRecord, printable
from acqs_tui.related import belongs, ids_of
from acqs_tui.rows import GLYPHS, RowRecord
from acqs_tui.screens.dialog import Dialog, Keys
from acqs_tui.themes import MUTED

if TYPE_CHECKING:
    from acqs_tui.looks import Looks

AGAIN = 1.0
"""Seconds between looks at the row."""

NOT_SENT = frozenset({Outcome.DEAD_CALL, Outcome.EXPIRED, Outcome.INVALID, Outcome.NOT_ALLOWED})
"""Outcomes of rows that the sender ended instead of sending them."""

MOST_EVENTS = 300
"""Events of one row that are shown at the most, the newest."""


class DetailScreen(Dialog[None]):
    """The detail of a row."""

    DEFAULT_CSS = """
    DetailScreen > .box { width: 96%; height: 94%; }
    DetailScreen #why { height: auto; margin: 0 0 1 0; text-style: bold; }
    DetailScreen #body { height: 1fr; scrollbar-size-vertical: 1; }
    DetailScreen #told { height: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "raw", "Raw", show=False),
        *(Binding(BY_ID[name].key, name, BY_ID[name].label, show=False, id=name) for name in ("retry", "discard")),
        Binding(BY_ID["copy"].key, "copy", "Copy", show=False, id="copy"),
    ]

    def __init__(self, looks: Looks, man_id: int) -> None:
        super().__init__()
        self.man_id = man_id
        self.record: RowRecord | None = None
        """The row as it was when it was last asked for."""
        self.events: list[EventRecord] = []
        """The AMI events that belong to it."""
        self.is_raw = False
        self._looks = looks
        self._told: dict[str, Any] | None = None
        self._ids: frozenset[str] = frozenset()
        self._seen = 0

    def compose(self) -> ComposeResult:
        """The sentence, the rest, the keys."""
        own = ("copy",) if self._looks.read_only else ("copy", "retry", "discard")
        pairs = ((self._looks.key(name), name) for name in own)
        with Vertical(classes="box") as box:
            box.border_title = f"Row {self.man_id}"
            yield Static(Content("asking the engine…"), id="why")
            with VerticalScroll(id="body"):
                yield Static(id="told")
            yield Keys(("r", "raw"), *pairs, ("↑↓", "scroll"), ("Esc", "close"))

    def on_mount(self) -> None:
        """Ask now, and again."""
        self.query_one("#body").focus()
        self.set_interval(AGAIN, self.ask)
        self.ask()

    def on_resize(self) -> None:
        """The ladder has another width."""
        self.call_after_refresh(self._draw)

    @work(exclusive=True, group="detail")
    async def ask(self) -> None:
        """Ask the engine for the row, and draw it if anything is new."""
        boxes = self.query(".box")
        if not boxes:
            return  # the screen is being taken down
        box = boxes.first()
        try:
            told = await self._looks.ask("timeline", man_id=self.man_id)
        except AcqsError as error:
            box.border_subtitle = Content(f"▲ {printable(str(error))}").markup
            if self._told is None:
                self.query_one("#why", Static).update(Content(f"▲ {printable(str(error))}"))
            return
        if not box.is_attached:
            return
        box.border_subtitle = ""
        came = self._take_events(told)
        before, self._told = self._told, told
        self.record = self._looks.record(RowView.unpack(told["row"]))
        if came or before is None or any(before[name] != told[name] for name in ("journal", "why", "outcome")):
            self._draw()

    def action_raw(self) -> None:
        """Everything as it is, or the ladder."""
        self.is_raw = not self.is_raw
        self._draw()

    def action_copy(self) -> None:
        """The text that is shown, to the clipboard."""
        if self._told is not None:
            self._looks.copy(self._content(100).plain, f"row {self.man_id}")

    def action_retry(self) -> None:
        """Ask about this row."""
        self._looks.confirm("retry", self.record)

    def action_discard(self) -> None:
        """Ask about this row."""
        self._looks.confirm("discard", self.record)

    def _take_events(self, told: dict[str, Any]) -> bool:
        """Look at the events that came since the last look, or at all when the row has ids that it had not."""
        record = self._looks.record(RowView.unpack(told["row"]))
        ids = ids_of(record, _sent(told))
        if ids != self._ids:
            self._ids, self._seen, self.events = ids, 0, []
        fresh = self._looks.events_after(self._seen)
        self._seen = max((event.id for event in fresh), default=self._seen)
        callerid = record.view.row.callerid if record.view.row.matches_by_callerid else ""
        since = self._looks.entered(record)
        found = [event for event in fresh if belongs(event, ids, callerid, since)]
        self.events = (self.events + found)[-MOST_EVENTS:]
        return bool(found)

    def _draw(self) -> None:
        if self._told is None or self.record is None:
            return
        outcome = f" · {self.record.outcome}" if self.record.outcome else ""
        status = self.record.status
        self.query_one(".box").border_title = f"Row {self.man_id} · {GLYPHS[status]} {status}{outcome}"
        self.query_one("#why", Static).update(Content(printable(self._told["why"])))
        self.query_one("#told", Static).update(self._content(self.query_one("#body").size.width - 1))

    def _content(self, width: int) -> Content:
        assert self._told is not None
        assert self.record is not None
        if self.is_raw:
            return Content.assemble(*raw(self._told, self.events))
        steps = ladder.steps(self._told, self.events, self._looks.entered(self.record))
        return Content.assemble(*whole(self._told, self.record, steps, width))


Part = tuple[str, str] | Content


def whole(told: dict[str, Any], record: RowRecord, steps: list[ladder.Step], width: int) -> list[Part]:
    """The row's ladder, what was sent, what was answered."""
    row = record.view.row
    facts = (
        ("caller id", row.callerid),
        ("channel", row.channel),
        ("uniqueid", row.uniqueid),
        ("server", row.server_ip),
    )
    parts: list[Part] = [(printable(row.action), "bold $primary")]
    for name, value in facts:
        if value:
            parts += [(f"  {name} ", MUTED), (printable(value), "")]
    entered = f"  entered {row.entry_date:%Y-%m-%d %H:%M:%S}" if row.entry_date else ""
    parts += [(f"{entered}\n\n", MUTED), ladder.drawn(steps, width), ("\n", "")]
    sent = _sent(told)
    if sent:
        parts += _section("Sent to Asterisk", sent)
    else:
        how = "not sent" if was_never_sent(told, record) else "the journal does not tell of their sending"
        parts += _section(f"The row's lines; {how}", "\n".join([f"Action: {row.action}", *filter(None, row.lines)]))
    for entry in told["journal"]:
        if entry["event"] in ("answered", "refused", "not taken", "unanswered") and entry["detail"]:
            parts += _section(f"Asterisk: {entry['event']}", entry["detail"])
    return parts


def raw(told: dict[str, Any], events: list[EventRecord]) -> list[Part]:
    """The journal, the AMI text and the events as they are."""
    parts: list[Part] = []
    for entry in told["journal"]:
        parts += _section(f"{entry['at']}  {entry['event']}  {entry['actor']}".rstrip(), entry["detail"])
    for event in events:
        parts += _section(event.clock, event.raw.replace("\r\n", "\n"))
    return parts or [("nothing is journalled of it, and no event is known\n", MUTED)]


def was_never_sent(told: dict[str, Any], record: RowRecord) -> bool:
    """Whether it is known that it was not written. Of a row that was, the journal may have lost that in a crash."""
    if record.status in (Status.NEW, Status.QUEUE) or record.outcome in NOT_SENT:
        return True
    return any(entry["detail"] in (f"was {Status.NEW}", f"was {Status.QUEUE}") for entry in told["journal"])


def _sent(told: dict[str, Any]) -> str:
    """The AMI text that was written last; empty when none is known."""
    return next((str(entry["detail"]) for entry in reversed(told["journal"]) if entry["event"] == "sent"), "")


def _section(title: str, text: str) -> list[Part]:
    parts: list[Part] = [(f"\n{printable(title)}\n", f"bold {MUTED}")]
    for line in text.rstrip("\n").split("\n") if text.strip() else []:
        name, colon, value = printable(line.rstrip("\r")).partition(":")
        parts += [(f"  {name}{colon}", "$primary" if colon else ""), (f"{value}\n", "")]
    return parts


class EventScreen(Dialog[int]):
    """A whole AMI event, and the row it belongs to; gives that row's man_id when it is wanted."""

    DEFAULT_CSS = """
    EventScreen #body { height: auto; max-height: 1fr; scrollbar-size-vertical: 1; }
    EventScreen #told { height: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "jump", "To its row", show=False, priority=True),
        Binding(BY_ID["copy"].key, "copy", "Copy", show=False, id="copy"),
    ]

    def __init__(self, event: EventRecord, man_id: int | None, looks: Looks) -> None:
        super().__init__()
        self.event, self.man_id, self._looks = event, man_id, looks

    def compose(self) -> ComposeResult:
        """The event, its row, the keys."""
        row = "it belongs to no row that is known" if self.man_id is None else f"it belongs to row {self.man_id}"
        keys = [("Enter", f"to row {self.man_id}")] if self.man_id is not None else []
        with Vertical(classes="box") as box:
            box.border_title = Content(f"{self.event.clock}  {printable(self.event.name)}").markup
            yield Static(Content(row), classes="says")
            with VerticalScroll(id="body"):
                yield Static(Content.assemble(*_section("", self.event.raw.replace("\r\n", "\n"))[1:]), id="told")
            yield Keys(*keys, (self._looks.key("copy"), "copy"), ("Esc", "close"))

    def on_mount(self) -> None:
        """Keys scroll."""
        self.query_one("#body").focus()

    def action_jump(self) -> None:
        """To its row."""
        if self.man_id is not None:
            self.dismiss(self.man_id)

    def action_copy(self) -> None:
        """Its text as it was read, to the clipboard."""
        self._looks.copy(self.event.raw, "the event")
