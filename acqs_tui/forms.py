"""The forms of an injected action, without a widget: what is asked for, what becomes of it, how it will be written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from acqs_core.action import NewAction, Row, call, channel_id, command, compose, hangup, raw, redirect
from acqs_core.errors import ActionInvalid

Values = Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked for."""

    name: str
    label: str
    hint: str = ""
    value: str = ""
    lines: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """One kind of action. `make` raises ActionInvalid."""

    id: str
    title: str
    fields: tuple[Field, ...]
    make: Callable[[Values], NewAction]


def _seconds(text: str) -> float:
    try:
        return float(text or 30)
    except ValueError:
        raise ActionInvalid(f"the ring time {text!r} is no number of seconds") from None


def _call(given: Values) -> NewAction:
    if not given["channel"]:
        raise ActionInvalid("give the channel to call, such as PJSIP/100")
    if bool(given["exten"]) == bool(given["application"]):
        raise ActionInvalid("give one target: an extension (with its context), or an application")
    takes_exten = bool(given["exten"])
    return call(
        given["channel"],
        context=given["context"] if takes_exten else "",
        exten=given["exten"],
        application=given["application"],
        data=given["data"],
        callerid=given["callerid"],
        timeout=_seconds(given["timeout"]),
        variables=[variable.strip() for variable in given["variables"].split(",") if variable.strip()],
    )


def _redirect(given: Values) -> NewAction:
    if not given["channel"] or not given["exten"]:
        raise ActionInvalid("give the channel to move and the extension to move it to")
    return redirect(
        given["channel"],
        context=given["context"] or "default",
        exten=given["exten"],
        priority=given["priority"] or "1",
        callerid=given["callerid"],
    )


def _hangup(given: Values) -> NewAction:
    cause = given["cause"]
    if not given["channel"]:
        raise ActionInvalid("give the channel to end: its name, its Uniqueid or our ChannelId")
    if cause and not (cause.isdecimal() and 0 < int(cause) < 128):
        raise ActionInvalid(f"the cause {cause!r} is no Q.850 code (1 to 127), such as 16, normal clearing")
    return hangup(given["channel"], cause=int(cause) if cause else None)


def _command(given: Values) -> NewAction:
    if not given["command"]:
        raise ActionInvalid("give a command of Asterisk's console, such as core show uptime")
    return command(given["command"])


def _raw(given: Values) -> NewAction:
    lines = [line for line in given["lines"].split("\n") if line.strip()]
    for line in lines:
        if ":" not in line:
            raise ActionInvalid(f"{line[:30]!r} is no header: write Name: value")
    return raw(given["action"], lines, callerid=given["callerid"])


FORMS = (
    Form(
        "call",
        "Call",
        (
            Field("channel", "Channel", "PJSIP/100"),
            Field("exten", "Extension", "610"),
            Field("context", "Context", "default", "default"),
            Field("application", "or App.", "Playback"),
            Field("data", "App. data", "demo-congrats"),
            Field("callerid", "Caller id", "", "TEST"),
            Field("timeout", "Ring, s", "30", "30"),
            Field("variables", "Variables", "a=1, b=2"),
        ),
        _call,
    ),
    Form(
        "redirect",
        "Redirect",
        (
            Field("channel", "Channel", "PJSIP/100-00000001"),
            Field("exten", "Extension", "600"),
            Field("context", "Context", "default", "default"),
            Field("priority", "Priority", "1", "1"),
            Field("callerid", "Caller id"),
        ),
        _redirect,
    ),
    Form(
        "hangup",
        "Hangup",
        (Field("channel", "Channel", "PJSIP/100-00000001"), Field("cause", "Cause", "16")),
        _hangup,
    ),
    Form("command", "Command", (Field("command", "Command", "core show uptime", "core show uptime"),), _command),
    Form(
        "raw",
        "Raw",
        (
            Field("action", "Action", "Ping", "Ping"),
            Field("callerid", "Caller id"),
            Field("lines", "Lines", "Name: value", lines=8),
        ),
        _raw,
    ),
)

BY_ID = {form.id: form for form in FORMS}


def written(new: NewAction, *, with_channel_id: bool) -> list[str]:
    """The lines that go to Asterisk; its number and the ActionID's last four digits are not known yet.

    Raises ActionInvalid.
    """
    message = compose(Row(0, new.action, new.callerid, new.lines), nonce="", with_channel_id=with_channel_id)
    names = {
        "ActionID: acqs-0-": "ActionID: acqs-<man_id>-…",
        f"ChannelId: {channel_id(0)}": "ChannelId: acqs-<man_id>",
    }
    return [names.get(line, line) for line in message.lines]
