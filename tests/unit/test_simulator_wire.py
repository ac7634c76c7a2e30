"""What the simulated server makes of bytes: cutting them into requests, masks, filters, caller ids, patterns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqs_core.simulator import filters
from acqs_core.simulator.channel import Party
from acqs_core.simulator.dialplan import Dialplan, standard
from acqs_core.simulator.originate import parse_callerid
from acqs_core.simulator.wire import INPUT_BUFFER, LINE_TOO_LONG, TOO_MANY_LINES, Reader, encode

CALL = filters.CLASSES["call"]
SYSTEM = filters.CLASSES["system"]


@given(st.lists(st.text("abc: \xe9", min_size=1, max_size=8), min_size=1, max_size=6), st.data())
def test_requests_are_the_same_however_the_stream_is_cut(lines: list[str], data: st.DataObject) -> None:
    stream = ("\r\n".join(lines) + "\r\n\r\n").encode() * 2
    cut = data.draw(st.integers(0, len(stream)))
    reader = Reader()
    found = reader.feed(stream[:cut]) + reader.feed(stream[cut:])
    assert [request.lines for request in found] == [lines, lines]


def test_bytes_that_are_not_utf8_come_back_as_they_were() -> None:
    (request,) = Reader().feed(b"Action: Ping\nActionID: caf\xe9\n\n")
    assert encode(request.get("actionid")) == b"caf\xe9"


def test_a_line_of_1022_bytes_passes_and_one_of_1024_spoils_its_message_only() -> None:
    reader = Reader()
    fits, spoilt, after = reader.feed(
        b"X: " + b"y" * 1019 + b"\r\n\r\n" + b"X: " + b"y" * 1021 + b"\r\n\r\n" + b"Action: Ping\r\n\r\n"
    )
    assert (fits.fault, spoilt.fault, after.fault) == ("", LINE_TOO_LONG, "")
    assert len(fits.lines[0]) == 1022


def test_a_line_without_end_takes_no_more_memory_than_a_buffer() -> None:
    reader = Reader()
    for _ in range(100):
        assert reader.feed(b"x" * 65536) == []
        assert len(reader._rest) <= INPUT_BUFFER
    (request,) = reader.feed(b"\r\n\r\n")
    assert request.fault == LINE_TOO_LONG


def test_a_message_has_at_most_128_headers() -> None:
    reader = Reader()
    (full,) = reader.feed(b"X: y\r\n" * 128 + b"\r\n")
    (over,) = reader.feed(b"X: y\r\n" * 100_000 + b"\r\n")
    assert (full.fault, over.fault, len(over.lines)) == ("", TOO_MANY_LINES, 128)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("on", filters.ALL),
        ("off", 0),
        ("call", CALL),
        ("system, call", SYSTEM | CALL),
        ("nonsense", 0),
        ("2", CALL),
    ],
)
def test_a_mask_is_read_as_asterisk_reads_it(text: str, expected: int | None) -> None:
    assert filters.mask(text) == expected


NEWSTATE = "Event: Newstate\r\nPrivilege: call,all\r\nChannel: PJSIP/ans-00000001\r\n"
HANGUP = "Event: Hangup\r\nPrivilege: call,all\r\nChannel: Local/600@default-00000001;1\r\n"
REQUEST = "Event: HangupRequest\r\nPrivilege: call,all\r\nChannel: PJSIP/ans-00000001\r\n"


@pytest.mark.parametrize(
    ("criteria", "value", "passing"),
    [
        ("", "Event: Hangup", ["Hangup", "HangupRequest"]),
        ("", "^Event: (Newstate|Hangup)[[:cntrl:]]", ["Newstate", "Hangup"]),
        ("", "!Channel: Local/", ["Newstate", "HangupRequest"]),
        ("name(Hangup)", "", ["Hangup"]),
        ("action(exclude),name(Hangup)", "", ["Newstate", "HangupRequest"]),
        ("name(Newstate),header(Channel),method(starts_with)", "Local/", []),
        ("header(Channel),method(starts_with)", "PJSIP/", ["Newstate", "HangupRequest"]),
        ("header(Channel),method(ends_with)", ";1", ["Hangup"]),
        ("header(Channel)", "ans|600", ["Newstate", "Hangup", "HangupRequest"]),
    ],
)
def test_a_filter_lets_through_what_it_names(criteria: str, value: str, passing: list[str]) -> None:
    one = filters.parse_filter(criteria, value)
    offered = {"Newstate": NEWSTATE, "Hangup": HANGUP, "HangupRequest": REQUEST}
    assert [name for name, text in offered.items() if filters.passes([one], name, text)] == passing


@pytest.mark.parametrize(
    ("criteria", "value", "why"),
    [("", "(", "compile"), ("name(X),", "[", "compile"), ("nonsense(x)", "", "formatted"), ("", "", "formatted")],
)
def test_a_filter_that_asterisk_would_not_take_is_refused_in_its_words(criteria: str, value: str, why: str) -> None:
    with pytest.raises(filters.BadFilter, match=why):
        filters.parse_filter(criteria, value)


def test_several_filters_together_widen_what_passes() -> None:
    both = [filters.parse_filter("name(Hangup)", ""), filters.parse_filter("name(Newstate)", "")]
    assert filters.passes(both, "Newstate", NEWSTATE)
    assert filters.passes(both, "Hangup", HANGUP)
    assert not filters.passes(both, "HangupRequest", REQUEST)


@pytest.mark.parametrize(
    ("text", "party"),
    [
        ('"V0123" <3125551234>', Party("3125551234", "V0123")),
        ('"" <102>', Party("102", "")),
        ("103", Party("103", "")),
        ("DL40130172253cc160", Party("", "DL40130172253cc160")),
        ('"<x> <y>" <106>', Party("106", "<x> <y>")),
        ("", Party()),
    ],
)
def test_a_caller_id_is_a_name_a_number_or_both(text: str, party: Party) -> None:
    assert parse_callerid(text) == party


def test_a_pattern_takes_the_numbers_it_describes_and_an_exact_number_wins() -> None:
    plan = Dialplan({("c", "_9[12]NX!"): (("Wait", "1"),), ("c", "9123"): (("Answer", ""),)})
    assert plan.step("c", "9129", 1) == ("Wait", "1")
    assert plan.step("c", "922100", 1) == ("Wait", "1")
    assert plan.step("c", "9123", 1) == ("Answer", "")
    assert plan.step("c", "9119", 1) is None
    assert plan.step("c", "9123", 2) is None
    assert standard().steps("default", "917275551212")
