"""Every action that is simulated, and the classes of which one gives the right to send it."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from acqs_core.simulator import actions, authentication, console, filters
from acqs_core.simulator.wire import Request

if TYPE_CHECKING:
    from acqs_core.simulator.server import Simulator
    from acqs_core.simulator.session import Session

Handler = Callable[["Simulator", "Session", Request], Awaitable[None] | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Action:
    """One action. `classes` are those of facts/ami.md; with none of them it is everybody's."""

    name: str
    summary: str
    perform: Handler
    classes: tuple[str, ...] = ()

    def allowed(self, write_mask: int) -> bool:
        """Whether a user with these write classes may send it."""
        return not self.classes or any(filters.CLASSES[one] & write_mask for one in self.classes)


def list_commands(simulator: Simulator, session: Session, request: Request) -> None:
    """The actions that this user may send, in the form of Asterisk 22."""
    lines = []
    for _, one in sorted(ACTIONS.items()):
        if one.allowed(session.write_mask):
            needed = ",".join((*one.classes, "all")) if one.classes else "<none>"
            lines.append((one.name, f"{one.summary}.  (Priv: {needed})"))
    session.respond(request, "Success", *lines)


_REPORT = ("system", "reporting")

ACTIONS = {
    one.name.lower(): one
    for one in (
        Action("Challenge", "Generate Challenge for MD5 Auth", authentication.challenge),
        Action("Command", "Execute Asterisk CLI Command", console.command, ("command",)),
        Action("CoreSettings", "Show PBX core settings (version etc)", actions.core_settings, _REPORT),
        Action("CoreShowChannels", "List currently active channels", actions.core_show_channels, _REPORT),
        Action("CoreStatus", "Show PBX core status variables", actions.core_status, _REPORT),
        Action("Events", "Control Event Flow", actions.set_events),
        Action("Filter", "Dynamically add filters for the current manager session", actions.add_filter, ("system",)),
        Action("Getvar", "Gets a channel variable or function value", actions.getvar, ("call", "reporting")),
        Action("Hangup", "Hangup channel", actions.hang_up, ("system", "call")),
        Action("ListCommands", "List available manager commands", list_commands),
        Action("Login", "Login Manager", authentication.login),
        Action("Logoff", "Logoff Manager", authentication.logoff),
        Action("Originate", "Originate a call", actions.place_call, ("originate",)),
        Action("Ping", "Keepalive command", actions.ping),
        Action("Redirect", "Redirect (transfer) a call", actions.redirect, ("call",)),
        Action("Setvar", "Sets a channel variable or function value", actions.setvar, ("call",)),
        Action("Status", "List channel status", actions.status, ("system", "call", "reporting")),
        Action("UserEvent", "Send an arbitrary event", actions.user_event, ("user",)),
    )
}
"""By their names in lower case."""
