"""The filter language, on records as panes and command line have them."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqs_core.action import Row, Status
from acqs_core.errors import FilterInvalid
from acqs_core.filter import ROW_FIELDS, Fields, of_row, parse

ROW = of_row(
    Row(
        4711,
        "Originate",
        "DC0906",
        ("Channel: Local/8600011@demo", "Exten: 8600011"),
        Status.SENT,
        server_ip="10.0.0.5",
        channel="SIP/100-0001",
        age=75.25,
    ),
    "unknown",
)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("originate", True),
        ("ORIGINATE sip/", True),
        ("originate zap/", False),
        ("!zap/", True),
        ("!originate", False),
        ("/^Local|DC09/", True),
        ("/dc09/", False),
        ("/dc09/i", True),
        ("!/dc09/i", False),
        ("status:sent", True),
        ("status:SENT outcome:unknown", True),
        ("status:=sen", False),
        ("status:=SENT", True),
        ("!status:NEW", True),
        ("uniqueid:", None),
        ('uniqueid:""', True),
        ('channel:""', False),
        ('!uniqueid:""', False),
        ("callerid:/^DC/", True),
        ("callerid:/^C/", False),
        ("age:>60", True),
        ("age:>=75.25", True),
        ("age:<60", False),
        ("man_id:<=4711", True),
        ("channel:>5", False),
        ('"Channel: Local"', True),
        ('"originate sip"', False),
        (r'"say \"hi\""', False),
        (r"/SIP\/100/", True),
        ("STATUS:sent", True),
        ("   status:sent    dc0906  ", True),
    ],
)
def test_a_filter_lets_pass_what_it_says(text: str, passes: bool | None) -> None:
    if passes is None:
        with pytest.raises(FilterInvalid):
            parse(text, ROW_FIELDS)
    else:
        assert parse(text, ROW_FIELDS)(ROW) is passes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("statsu:NEW", r"did you mean status:\?"),
        ("zzz:1", "there are: man_id"),
        ("/(/", "no regular expression"),
        ('"open', "a quote that is not closed"),
        ("a /open", r"a /regex/ that is not closed"),
        ("channel:/open", r"a /regex/ that is not closed"),
        ("age:>old", "write for example age:>60"),
        ("age:>/5/", "leave the > out"),
        ("status:", r"status: has no value; write status:text, or status:\"\""),
        ("!", "is no term"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_to_write(text: str, says: str) -> None:
    with pytest.raises(FilterInvalid, match=says):
        parse(text, ROW_FIELDS)


def test_raw_events_are_filtered_by_whatever_header_they_have() -> None:
    event = Fields(event="Newstate", channelstatedesc="Ringing")
    assert parse("event:newstate ChannelStateDesc:=ringing")(event)
    assert not parse("event:newstate exten:600")(event)
    assert parse("!exten:600")(event)


def test_an_empty_filter_says_that_it_is_none() -> None:
    assert not parse("  ")
    assert parse("a")


def test_a_filter_tells_for_which_fields_it_asks() -> None:
    assert parse('AGE:>60 !status:new age "x:y" /x:y/', ROW_FIELDS).fields == {"age", "status"}


@given(st.text())
def test_any_text_is_understood_or_refused_and_never_breaks(text: str) -> None:
    with contextlib.suppress(FilterInvalid):
        assert parse(text, ROW_FIELDS)(ROW) in (True, False)


@given(st.text(min_size=1).filter(lambda text: not re.search(r'[\\"]', text)))
def test_quoted_text_is_found_wherever_a_field_holds_it(text: str) -> None:
    assert parse(f'"{text}"')(Fields(field=f"x{text}y"))
