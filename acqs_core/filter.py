"""The one filter language, the same in every pane of the console and in `acqs-core queue list --filter`.

    text            any field holds it, in any case of letters; "two words" in quotes
    /regex/         any field matches; /regex/i in any case
    field:text      that field holds it; field:/regex/ too, field:"" is empty
    field:=text     that field is exactly this, in any case of letters
    field:>5        compares as numbers: > >= < <=
    !term           not that

All terms must hold. Pure: a filter looks at a record, which has fields by name and all of them as one text, and knows
no pane and no SQL. A pane filters 100,000 of them while somebody types, so a record may keep its text once it was made.
"""

from __future__ import annotations

import dataclasses
import difflib
import operator
import re
from collections.abc import Callable, Collection
from typing import Protocol

from acqs_core.action import LINE_COLUMNS, Row
from acqs_core.errors import FilterInvalid

Test = Callable[[str], bool]


class Record(Protocol):
    """What a filter looks at."""

    def field(self, name: str, /) -> str:
        """The text of a field, by its name in small letters; empty when it has none."""

    @property
    def text(self) -> str:
        """Every field's text, one a line."""

    @property
    def folded(self) -> str:
        """The same, for a comparison in any case of letters."""


class Fields(dict[str, str]):
    """A record that is a dict."""

    def field(self, name: str, /) -> str:
        """The text of a field, by its name in small letters; empty when it has none."""
        return self.get(name, "")

    @property
    def text(self) -> str:
        """Every field's text, one a line."""
        return "\n".join(self.values())

    @property
    def folded(self) -> str:
        """The same, for a comparison in any case of letters."""
        return self.text.casefold()


ROW_FIELDS = (
    "man_id", "age", "status", "response", "outcome", "action", "callerid", "channel", "uniqueid", "server_ip",
    "entry_date", *LINE_COLUMNS,
)  # fmt: skip
"""The fields of a row's record (`of_row`), by which it can be filtered."""

_TERM = re.compile(
    r"""\s*(?P<not>!?)
        (?:(?P<field>[A-Za-z_][\w.-]*):(?P<compare>[<>]=?|=)?)?
        (?: "(?P<quoted>(?:[^"\\]|\\.)*)"(?=\s|$)
          | /(?P<regex>(?:[^/\\]|\\.)*)/(?P<flag>i?)(?=\s|$)
          | (?P<bare>[^\s"/][^\s]*)? )""",
    re.VERBOSE,
)

_COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """A filter that was understood; call it with a record. An empty one lets everything pass."""

    text: str
    """As it was written."""
    terms: tuple[Callable[[Record], bool], ...]
    fields: frozenset[str] = frozenset()
    """The fields that it asks for by name: one that asks for the age passes others as time passes."""

    def __call__(self, record: Record) -> bool:
        return all(term(record) for term in self.terms)

    def __bool__(self) -> bool:
        return bool(self.terms)


def parse(text: str, fields: Collection[str] | None = None) -> Filter:
    """Understand a filter. `fields` are the names that records have; None takes any name (raw AMI events).

    Raises FilterInvalid saying which part was not understood, and what to write instead.
    """
    terms, asked, position = [], set(), 0
    while text[position:].strip():
        match = _TERM.match(text, position)
        assert match is not None  # every part of the expression may be empty
        if match["bare"] is None and match["quoted"] is None and match["regex"] is None:
            raise FilterInvalid(_not_understood(text[position:].strip(), match["field"]))
        terms.append(_term(match, fields))
        if match["field"] is not None:
            asked.add(match["field"].lower())
        position = match.end()
    return Filter(text.strip(), tuple(terms), frozenset(asked))


def of_row(row: Row, outcome: str = "") -> Fields:
    """The record of a row and its outcome; ages are in seconds."""
    record = Fields((name, str(getattr(row, name, ""))) for name in ROW_FIELDS[: -len(LINE_COLUMNS)])
    record["outcome"] = outcome
    record["age"] = "" if row.age is None else f"{row.age:.3f}"
    record["entry_date"] = "" if row.entry_date is None else f"{row.entry_date:%Y-%m-%d %H:%M:%S}"
    record.update(zip(LINE_COLUMNS, row.lines, strict=False))
    return record


def _term(match: re.Match[str], fields: Collection[str] | None) -> Callable[[Record], bool]:
    negated = bool(match["not"])
    if match["field"] is None:
        passes = _anywhere(match)
        return (lambda record: not passes(record)) if negated else passes
    key = match["field"].lower()
    if fields is not None and key not in fields:
        raise FilterInvalid(_no_field(match["field"], fields))
    test = _test(match)
    return lambda record: test(record.field(key)) != negated


def _no_field(name: str, fields: Collection[str]) -> str:
    near = difflib.get_close_matches(name.lower(), fields, 1)
    hint = f"did you mean {near[0]}:?" if near else f"there are: {', '.join(fields)}"
    return f'no field is called {name!r}; {hint} (to look for the text itself, quote it: "{name}:…")'


def _anywhere(match: re.Match[str]) -> Callable[[Record], bool]:
    """A term without a field: any of them, by one look at the whole text."""
    if match["regex"] is not None:
        search = _expression(match).search
        return lambda record: search(record.text) is not None
    folded = _wanted(match).casefold()
    return lambda record: folded in record.folded


def _test(match: re.Match[str]) -> Test:
    compare = match["compare"]
    if match["regex"] is not None:
        if compare:
            raise FilterInvalid(f"{compare}/{match['regex']}/ compares with an expression; leave the {compare} out")
        search = _expression(match).search
        return lambda value: search(value) is not None
    wanted = _wanted(match)
    if compare in _COMPARE:
        return _compares(compare, wanted)
    folded = wanted.casefold()
    if compare == "=" or not folded:
        return lambda value: value.casefold() == folded
    return lambda value: folded in value.casefold()


def _wanted(match: re.Match[str]) -> str:
    quoted = match["quoted"]
    return str(match["bare"]) if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def _expression(match: re.Match[str]) -> re.Pattern[str]:
    pattern = match["regex"]
    try:
        # Over several lines: ^ and $ are a field's beginning and end, also where all fields are one text.
        return re.compile(pattern.replace(r"\/", "/"), re.MULTILINE | (re.IGNORECASE if match["flag"] else 0))
    except re.error as error:
        raise FilterInvalid(f"/{pattern}/ is no regular expression: {error}") from None


def _compares(sign: str, wanted: str) -> Test:
    limit = _number(wanted)
    if limit is None:
        raise FilterInvalid(f"{sign}{wanted} does not compare with a number; write for example age:>60")
    holds = _COMPARE[sign]

    def test(value: str) -> bool:
        number = _number(value)
        return number is not None and holds(number, limit)

    return test


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _not_understood(part: str, field: str | None) -> str:
    if part.count('"') % 2:
        return f"{part!r} has a quote that is not closed"
    if part.lstrip("!").partition(":")[2 if field else 0].startswith("/"):
        return f'{part!r} has a /regex/ that is not closed; to look for a slash, quote it: "/"'
    if field:
        return f'{field}: has no value; write {field}:text, or {field}:"" for an empty one'
    return f"{part!r} is no term; write text, /regex/, field:value, and ! before what must not be"
