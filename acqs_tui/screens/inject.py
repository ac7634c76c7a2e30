"""Inject: five forms, checked while they are typed, beside the exact message that will be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import ContentSwitcher, Input, Label, Static, Tab, Tabs, TextArea

from acqs_core.action import NewAction
from acqs_core.errors import AcqsError, ActionInvalid
from acqs_tui.events import printable
from acqs_tui.forms import BY_ID, FORMS, Field, Form, written
from acqs_tui.screens.dialog import Dialog, Keys, keys
from acqs_tui.themes import MUTED

if TYPE_CHECKING:
    from acqs_tui.deeds import Deeds


class InjectScreen(Dialog[int]):
    """Gives the man_id of the row that was inserted."""

    DEFAULT_CSS = """
    InjectScreen > .box { width: 100; height: auto; }
    InjectScreen #forms { width: 5fr; height: 11; }
    InjectScreen #forms > Vertical { height: auto; }
    InjectScreen #preview { width: 6fr; height: 11; margin: 0 0 0 1; padding: 0 1; background: $panel;
                            border-left: outer $accent; }
    InjectScreen TextArea { height: 8; }
    InjectScreen .row.-many { height: 8; }
    InjectScreen Tabs { margin: 0 0 1 0; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "inject", "Inject", show=False, priority=True),
        Binding("ctrl+t", "next_form", "Next form", show=False, priority=True),
    ]

    def __init__(self, deeds: Deeds, form: str, values: dict[str, dict[str, str]], channel: str = "") -> None:
        """`values` are those used last, by form and field, and are kept up; `channel` is the selected row's."""
        super().__init__()
        self._deeds, self._form, self._values = deeds, BY_ID[form], values
        if channel:
            for one in ("redirect", "hangup"):
                values.setdefault(one, {})["channel"] = channel
        self._inserting = False

    def compose(self) -> ComposeResult:
        """The forms at the left, the message at the right."""
        with Vertical(classes="box") as box:
            box.border_title = "Inject an action"
            yield Tabs(*(Tab(form.title, id=f"form-{form.id}") for form in FORMS), active=f"form-{self._form.id}")
            with Horizontal(classes="halves", id="halves"):
                with ContentSwitcher(id="forms", initial=self._form.id):
                    for form in FORMS:
                        with Vertical(id=form.id):
                            yield from self._asked(form)
                with VerticalScroll(id="preview", can_focus=False):
                    yield Static(id="message")
            yield Static(id="error", classes="error")
            yield Keys(id="hints")

    def _asked(self, form: Form) -> ComposeResult:
        for field in form.fields:
            value, name = self._value(form, field), f"{form.id}-{field.name}"
            with Horizontal(classes="row -many" if field.lines > 1 else "row"):
                yield Label(field.label)
                if field.lines > 1:
                    yield TextArea(value, id=name, placeholder=field.hint)
                else:
                    yield Input(value, placeholder=field.hint, id=name, select_on_focus=False)

    def on_mount(self) -> None:
        """Styles that depend on the rows, and the first field."""
        self.query_one("#halves").styles.height = "auto"
        self.query_one(Tabs).can_focus = False
        self._enter()

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        """The form of the tab that was clicked."""
        event.stop()
        self._go_to(BY_ID[event.tabs.active.removeprefix("form-")])

    def action_next_form(self) -> None:
        """The form after this one; at once, for the keys that are typed after this one."""
        following = FORMS[(FORMS.index(self._form) + 1) % len(FORMS)]
        self.query_one(Tabs).active = f"form-{following.id}"
        self._go_to(following)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Check and show at once."""
        event.stop()
        self._show()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Check and show at once."""
        event.stop()
        self._show()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter injects."""
        event.stop()
        await self.action_inject()

    async def action_inject(self) -> None:
        """Insert the row, unless it can never be sent."""
        new = self._show()
        if new is None or self._inserting:
            return
        self._inserting = True
        try:
            man_id = await self._deeds.insert(new)
        except AcqsError as error:
            self._says(str(error))
        else:
            self._values["form"] = {"id": self._form.id}
            self.dismiss(man_id)
        finally:
            self._inserting = False

    def _go_to(self, form: Form) -> None:
        if form is not self._form:
            self._form = form
            self.query_one("#forms", ContentSwitcher).current = form.id
            self._enter()

    def _enter(self) -> None:
        first = self._form.fields[0]
        self.set_focus(self.query_one(f"#{self._form.id}-{first.name}"))
        takes_enter = any(field.lines > 1 for field in self._form.fields)
        inject = "ctrl+s" if takes_enter else "Enter or ctrl+s"
        self.query_one("#hints", Static).update(keys((inject, "inject"), ("ctrl+t", "next form"), ("Esc", "leave")))
        self._show()

    def _show(self) -> NewAction | None:
        """The message as it will be written, or why it will not be."""
        given = {field.name: self._typed(field) for field in self._form.fields}
        self._values[self._form.id] = given
        try:
            new = self._form.make({name: text.strip() for name, text in given.items()})
            lines = written(new, with_channel_id=bool(self._deeds.status.get("channel_ids")))
        except ActionInvalid as error:
            self._says(str(error))
            self.query_one("#message", Static).update(Content.assemble(("nothing is sent like this", MUTED)))
            return None
        self._says("")
        self.query_one("#message", Static).update(_message(lines))
        return new

    def _says(self, error: str) -> None:
        self.query_one("#error", Static).update(Content(f"▲ {printable(error)}" if error else ""))

    def _typed(self, field: Field) -> str:
        widget = self.query_one(f"#{self._form.id}-{field.name}")
        return widget.text if isinstance(widget, TextArea) else widget.value if isinstance(widget, Input) else ""

    def _value(self, form: Form, field: Field) -> str:
        return self._values.get(form.id, {}).get(field.name, field.value)


def _message(lines: list[str]) -> Content:
    parts: list[tuple[str, str]] = []
    for line in lines:
        name, _, value = line.partition(": ")
        parts += ((f"{printable(name)}: ", MUTED), (f"{printable(value)}\n", ""))
    return Content.assemble(*parts, ("⏎", MUTED))
