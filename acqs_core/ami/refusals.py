"""What Asterisk says when it refuses, and which right it wants: its words stand here once."""

from __future__ import annotations

from acqs_core.ami.forms import Form

SHUTTING_DOWN = "Asterisk is shutting down"
"""The answer to every action, Login and Ping too, while it stops gracefully (13 and later, facts/ami.md). It is given
before the action is looked at: what is answered so was certainly not carried out."""

IN_USE = "Login Already In Use"

DENIED = "Permission denied"
"""The user has none of the write classes that allow the action."""

CLASSES = {
    "originate": "originate", "redirect": "call", "hangup": "call", "setvar": "call", "getvar": "call",
    "atxfer": "call", "playdtmf": "call", "status": "call", "monitor": "call", "stopmonitor": "call",
    "changemonitor": "call", "pausemonitor": "call", "unpausemonitor": "call", "mixmonitor": "system",
    "stopmixmonitor": "system", "command": "command", "userevent": "user", "coreshowchannels": "reporting",
    "coresettings": "reporting", "filter": "system",
}  # fmt: skip
"""The narrowest class that allows an action (facts/ami.md, and ListCommands of 16.28 and 22.10)."""


def class_for(action: str, form: Form) -> str | None:
    """The write class to give a user for an action; None where we do not know it."""
    if action.lower() == "originate" and form.is_old:
        return "call"  # it has a class of its own since 1.6
    return CLASSES.get(action.lower())


def missing_right(action: str, form: Form) -> str:
    """What to do about an action that was answered with DENIED."""
    needed = class_for(action, form)
    write = f"write = {needed}" if needed else f"the write class that `manager show command {action}` names"
    return f"the send user may not do {action}: give it {write} in manager.conf, then `asterisk -rx 'manager reload'`"
