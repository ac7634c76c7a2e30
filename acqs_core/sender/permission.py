"""Whether a message may be written at all, seen with the eyes of somebody who can INSERT rows and wants the box.

Judged is the message as it goes out, header by header, and every header of a name: Asterisk takes the first of some
and the last of others. A name that Asterisk itself would pass over, such as `Application :`, is judged as if it did
not: refusing too much costs a row that could not have worked. Pure. Attempts were run on Asterisk 22.10.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from acqs_core import harmless
from acqs_core.action import Message
from acqs_core.settings import SenderSettings

_EXPRESSION = re.compile(r"\$[{\[]")

_PARTING = re.compile("[,|]")
"""What parts the variables of a list: commas, on Asterisk 1.4 `|`."""

_NAMED = re.compile(r"(?:\A|[,|])\s*([^=,|()\s]+)\s*(?==|\Z)")
"""A plain variable, in either. No two parts of it take the same character: a row chosen to be slow must not be."""

_QUOTING = re.compile(r'["\\]')
"""What Asterisk takes out of a list of variables before it reads it."""

_IN_SHELL = re.compile(r"[^\w./+:=@%# -]")
"""What a name of a recording may not hold: Asterisk writes it between quotes into a line for the shell (Monitor), and
into a list of arguments whose third is a command (MixMonitor: `File: a.wav,,COMMAND` ran it)."""


class Permission:
    """The `allow_…` lists of the settings."""

    def __init__(self, settings: SenderSettings) -> None:
        self._actions = _Allowed("allow_actions", settings.allow_actions)
        self._applications = _Allowed("allow_applications", settings.allow_applications)
        self._functions = _Allowed("allow_functions", settings.allow_functions)
        self._commands = _Allowed("allow_commands", settings.allow_commands)

    def refusal(self, message: Message) -> str | None:
        """Why this message may not be written, in a sentence; None when it may."""
        return next(self._objections(message), None)

    def _objections(self, message: Message) -> Iterator[str]:
        action = message.action.lower()
        if not self._actions.has(action):
            yield self._actions.refuses(f"the action {message.action}")
        headers = [_split(line) for line in message.lines[1:]]
        of_all = action in ("setvar", "getvar") and not any(name == "channel" and value for name, value in headers)
        if of_all and not self._functions.has("global"):
            yield self._functions.refuses("a variable of no channel (GLOBAL)")
        for name, value in headers:
            if not self._functions.all and _EXPRESSION.search(value):
                yield self._functions.refuses(f"{name} with a dialplan expression (${{…}})")
            if name == "application" and action == "originate" and value and not self._applications.has(value):
                yield self._applications.refuses(f"the application {value}")
            if name == "command" and action == "command" and not self._commands.has_start_of(value):
                yield self._commands.refuses(f"the command {value}")
            if name in ("variable", "variables"):
                yield from self._objections_to_variables(action, value)
            if "monitor" in action:
                yield from self._objections_to_recording(name, value)

    def _objections_to_variables(self, action: str, value: str) -> Iterator[str]:
        text = _QUOTING.sub("", value)
        for name, arguments in _assigned(text) if action == "originate" else _read(text):
            function = name.strip().lstrip("_")
            if not self._functions.has(function):
                yield self._functions.refuses(f"the function {function}")
            if not self._functions.all and "(" in arguments:
                yield self._functions.refuses(f"a function inside the function {function}")
        if self._applications.all:
            return
        for variable in _NAMED.findall(text):
            plain = variable.lstrip("_")
            if plain.upper() in harmless.VARIABLES_THAT_RUN:
                yield self._applications.refuses(f"the variable {plain}, which Asterisk runs as a program")

    def _objections_to_recording(self, name: str, value: str) -> Iterator[str]:
        if self._applications.all:
            return
        if name == "command" and value:
            yield self._applications.refuses("a recording that runs a command")
        if name in ("file", "options", "format") and _IN_SHELL.search(value.replace("(", "").replace(")", "")):
            yield f"{name} of the recording holds a character that can end as a command; use letters, digits and -_./"


class _Allowed:
    """One list of names."""

    def __init__(self, setting: str, names: Iterable[str]) -> None:
        self._setting = setting
        self._names = frozenset(" ".join(name.lower().split()) for name in names)
        self.all = harmless.ALL in self._names

    def has(self, name: str) -> bool:
        return self.all or name.strip().lower() in self._names

    def has_start_of(self, text: str) -> bool:
        """Whether the text begins with one of these, word by word."""
        said = " ".join(text.lower().split()) + " "
        return self.all or any(said.startswith(f"{name} ") for name in self._names if name)

    def refuses(self, what: str) -> str:
        return f"{what} is not allowed; add it to [sender] {self._setting} if producers may do that"


def _assigned(text: str) -> Iterator[tuple[str, str]]:
    """Names and arguments of each `NAME(args)=` in a list of variables. Asterisk ends a name at the first `=`, and
    takes one that ends with `)` for a function.

    By hand, and in time that grows as the text does: as a regular expression it grew as its square.
    """
    *heads, _ = f",{text}".split("=")
    for head in heads:
        first, end = _PARTING.search(head), head.rstrip()
        opening = head.find("(", first.end()) if first is not None else -1
        if first is not None and opening >= 0 and end.endswith(")"):
            yield _PARTING.split(head[first.end() : opening])[-1], end[opening + 1 : -1]


def _read(text: str) -> Iterator[tuple[str, str]]:
    """Names and arguments of each `NAME(args)` in the `Variable` of Setvar, Getvar and Status, which assign nothing;
    the last may lack its `)`. By hand as `_assigned` is."""
    at = 0
    while (opening := text.find("(", at)) >= 0:
        closing = text.find(")", opening)
        end = closing if closing >= 0 else len(text)
        yield _PARTING.split(text[at:opening])[-1], text[opening + 1 : end]
        at = end


def _split(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return "".join(name.lower().split()), value.strip()
