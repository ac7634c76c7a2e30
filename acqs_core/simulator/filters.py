"""Which events a session gets: Asterisk's event classes, the mask of `Events:` and the filters of the Filter action."""

from __future__ import annotations

import dataclasses
import re

_NAMED = (
    "system,call,log,verbose,command,agent,user,config,dtmf,reporting,cdr,dialplan,originate,agi,hookresponse,cc,aoc,"
    "test,security"
)
CLASSES = {name: 1 << bit for bit, name in enumerate(_NAMED.split(","))} | {"message": 1 << 30}
"""The bit of every event class (Asterisk 22, include/asterisk/manager.h)."""

ALL = (1 << 31) - 1
"""The mask of `Events: on`."""

_TRUE = frozenset(("yes", "true", "y", "t", "1", "on"))
_FALSE = frozenset(("no", "false", "n", "f", "0", "off"))


def mask(text: str) -> int | None:
    """The mask that an `Events:` or `EventMask:` value means; None for an empty one.

    A word that is no class adds nothing, so a misspelt mask means no events at all (case `eventmask`).
    """
    if not text:
        return None
    if text.isdigit():
        return int(text)
    word = text.lower()
    if word in _FALSE:
        return 0
    if word in _TRUE:
        return ALL
    bits = 0
    for name in word.split(","):
        bits |= ALL if name.strip() == "all" else CLASSES.get(name.strip(), 0)
    return bits


def told(mask: int) -> str:
    """A mask in the words of `manager show user`."""
    names = [name for name, bit in CLASSES.items() if bit & mask and name != "hookresponse"]
    return ",".join([*names, "all"] if mask == ALL else names) or "<none>"


_CRITERION = re.compile(r"(action|name|header|method)\(([^)]*)\)\s*,?\s*")
_POSIX = {"cntrl": r"\x00-\x1f\x7f", "space": r"\s", "digit": "0-9", "alpha": "A-Za-z", "alnum": "0-9A-Za-z"}
_POSIX_CLASS = re.compile(r"\[:(\w+):\]")


class BadFilter(ValueError):
    """A filter that Asterisk refuses, with what it answers."""


@dataclasses.dataclass(frozen=True, slots=True)
class EventFilter:
    """One filter: `matches` is asked for every event of its session. `include` false means that a match is dropped."""

    include: bool = True
    name: str = ""
    header: str = ""
    method: str = "none"
    value: str = ""
    pattern: re.Pattern[str] | None = None

    def matches(self, name: str, text: str) -> bool:
        """Whether the event `name` with the wire text `text` is one that this filter speaks of."""
        if self.name and self.name != name:
            return False
        return any(self._value_matches(subject) for subject in self._subjects(text))

    def _subjects(self, text: str) -> list[str]:
        if not self.header:
            return [text]
        start = self.header.lower() + ":"
        return [line[len(start) :].strip() for line in text.split("\r\n") if line.lower().startswith(start)]

    def _value_matches(self, subject: str) -> bool:
        match self.method:
            case "regex":
                return self.pattern is not None and self.pattern.search(subject) is not None
            case "exact":
                return subject == self.value
            case "starts_with":
                return subject.startswith(self.value)
            case "ends_with":
                return subject.endswith(self.value)
            case "contains":
                return self.value in subject
        return True


def parse_filter(criteria: str, value: str) -> EventFilter:
    """A filter from the MatchCriteria and Filter headers. Raises BadFilter.

    Without criteria it is the legacy form: a regular expression over the whole event, `!` in front to exclude. With
    criteria the method is `regex` unless it is named or there is nothing to match.
    """
    if not criteria:
        if not value:
            raise BadFilter(_MALFORMED)
        include = not value.startswith("!")
        return _compile(include, "", "", "regex", value.removeprefix("!"))
    found = dict(_CRITERION.findall(criteria))
    if _CRITERION.sub("", criteria).strip():
        raise BadFilter(_MALFORMED)
    method = found.get("method", "regex" if value else "none")
    return _compile(
        found.get("action", "include") == "include", found.get("name", ""), found.get("header", ""), method, value
    )


_MALFORMED = "Filter was formatted incorrectly.  Check the syntax of the filter given."


def _compile(include: bool, name: str, header: str, method: str, value: str) -> EventFilter:
    pattern = None
    if method == "regex":
        try:
            pattern = re.compile(_POSIX_CLASS.sub(lambda found: _POSIX.get(found[1], ""), value))
        except re.error:
            raise BadFilter("Filter did not compile.  Check the syntax of the filter given.") from None
    return EventFilter(include, name, header, method, value, pattern)


def passes(filters: list[EventFilter], name: str, text: str) -> bool:
    """Whether a session with these filters gets an event: excluded by none, and included by one if any includes."""
    if any(not one.include and one.matches(name, text) for one in filters):
        return False
    including = [one for one in filters if one.include]
    return not including or any(one.matches(name, text) for one in including)
