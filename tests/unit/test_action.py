"""A row becomes exactly one action on the wire, or none: judged by a reader that cuts lines as Asterisk does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acqs_core import action
from acqs_core.action import MAX_HEADERS, MAX_LINE_BYTES, NewAction, Row, compose, header
from acqs_core.ami.transmission import refuse_unless_one_action
from acqs_core.errors import ActionInvalid

SEED = (
    "Channel: local/8600011@demo",
    "Context: default",
    "Exten: 917275551212",
    "Priority: 1",
    "Callerid: DL40130172253cc160",
    *[""] * 5,
)


def row(name: str = "Originate", *lines: str, man_id: int = 7) -> Row:
    return Row(man_id, name, "DL40130172253cc100", lines)


def sent(of: Row, *, with_channel_id: bool = True) -> list[str]:
    return compose(of, nonce="beef", with_channel_id=with_channel_id).encode().decode().split("\r\n")[:-2]


def as_asterisk_reads(data: bytes) -> list[list[bytes]]:
    """Messages as lists of lines: a LF ends a line, a CR before it is no part of it, an empty line ends a message."""
    messages: list[list[bytes]] = []
    lines: list[bytes] = []
    assert data.endswith(b"\n")
    for line in data.split(b"\n")[:-1]:
        line = line.removesuffix(b"\r").split(b"\0")[0]
        if line:
            lines.append(line)
        else:
            messages.append(lines)
            lines = []
    assert lines == []
    return messages


def asterisk_header(lines: list[bytes], name: bytes) -> bytes | None:
    """The first header whose name is followed by a colon at once, without the blanks before its value."""
    for line in lines:
        if line[: len(name) + 1].lower() == name.lower() + b":":
            return line[len(name) + 1 :].lstrip(b" \t")
    return None


def test_a_colon_is_followed_by_the_blank_that_asterisk_1_4_needs() -> None:
    tight = row("Originate", "Channel:Local/600@default", "Variable:A=x:y", "Data:", "Account:  a", "Priority: 1")
    assert sent(tight)[3:-1] == [
        "Channel: Local/600@default",
        "Variable: A=x:y",
        "Data:",
        "Account:  a",
        "Priority: 1",
    ]


def test_the_seeds_own_row_goes_out_as_it_stands_with_its_identity_added() -> None:
    assert sent(row("Originate", *SEED)) == [
        "Action: Originate",
        "ActionID: acqs-7-beef",
        "ChannelId: acqs-0000000007",
        "Channel: local/8600011@demo",
        "Context: default",
        "Exten: 917275551212",
        "Priority: 1",
        "Callerid: DL40130172253cc160",
        "Async: true",
    ]


def test_the_bytes_are_utf8_lines_with_crlf_and_a_blank_line_at_the_end() -> None:
    message = compose(row("Setvar", "Value: José 📞"), nonce="beef", with_channel_id=True)
    assert message.encode() == "Action: Setvar\r\nActionID: acqs-7-beef\r\nValue: José 📞\r\n\r\n".encode()


def test_only_an_originate_gets_async_and_a_channel_id() -> None:
    assert sent(row("Redirect", "Channel: c")) == ["Action: Redirect", "ActionID: acqs-7-beef", "Channel: c"]
    assert "Async: true" in sent(row(" oRiGiNaTe "))


def test_no_channel_id_is_added_where_asterisk_or_the_profile_has_none() -> None:
    assert header(sent(row(), with_channel_id=False), "ChannelId") is None


@pytest.mark.parametrize("own", ["Async: false", "async: no", "ASYNC: true", "Async:"])
def test_what_the_row_says_about_async_stands(own: str) -> None:
    lines = sent(row("Originate", own))
    assert [line for line in lines if line.lower().startswith("async")] == [own]


def test_a_line_asterisk_would_not_know_as_async_does_not_keep_async_away() -> None:
    lines = [line.encode() for line in sent(row("Originate", "Async : false", " Async: false"))]
    assert asterisk_header(lines, b"Async") == b"true"


def test_the_rows_own_action_id_and_channel_id_stand() -> None:
    message = compose(row("Originate", "ActionID: mine: 1", "channelid: call-1"), nonce="beef", with_channel_id=True)
    assert message.action_id == "mine: 1"
    assert message.lines == ("Action: Originate", "ActionID: mine: 1", "channelid: call-1", "Async: true")


def test_an_empty_own_identity_is_no_identity() -> None:
    lines = [line.encode() for line in sent(row("Originate", "ActionID:", "ChannelId: "))]
    assert asterisk_header(lines, b"ActionID") == b"acqs-7-beef"
    assert asterisk_header(lines, b"ChannelId") == b"acqs-0000000007"


@pytest.mark.parametrize("own", ["x" * 65, "josé", "a\x80"])
def test_an_own_action_id_that_asterisk_may_not_echo_is_refused(own: str) -> None:
    with pytest.raises(ActionInvalid, match="ActionID"):
        sent(row("Ping", f"ActionID: {own}"))


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_a_row_without_an_action_name_is_refused(name: str) -> None:
    with pytest.raises(ActionInvalid, match="no action name"):
        sent(row(name))


@pytest.mark.parametrize("text", ["a\r\nAction: Originate", "a\n\nAction: Originate", "a\r", "a\0b", "\n"])
def test_cr_lf_and_nul_are_refused_wherever_they_stand(text: str) -> None:
    for bad in (row("Ping", f"X: {text}"), row("Ping", f"{text}: x"), row(f"Ping{text}")):
        with pytest.raises(ActionInvalid, match="CR, LF or NUL"):
            sent(bad)


def test_a_lone_surrogate_is_refused_without_showing_the_value() -> None:
    with pytest.raises(ActionInvalid, match="surrogate") as refused:
        sent(row("Login", "Secret: hush\ud800"))
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("letter", ["x", "é", "📞"])
def test_a_line_may_have_1022_bytes_and_not_one_more(letter: str) -> None:
    fits = "X: " + letter * ((MAX_LINE_BYTES - 3) // len(letter.encode()))
    fits += "." * (MAX_LINE_BYTES - len(fits.encode()))
    assert fits in sent(row("Ping", fits))
    with pytest.raises(ActionInvalid, match="1023 bytes"):
        sent(row("Ping", fits + "."))
    with pytest.raises(ActionInvalid, match="bytes long"):
        sent(row("A" * (MAX_LINE_BYTES - len("Action: ") + 1)))


def test_a_message_may_have_128_headers_and_not_one_more() -> None:
    assert len(sent(row("Ping", *["X: y"] * (MAX_HEADERS - 2)))) == MAX_HEADERS
    with pytest.raises(ActionInvalid, match="129 headers"):
        sent(row("Ping", *["X: y"] * (MAX_HEADERS - 1)))
    with pytest.raises(ActionInvalid, match="130 headers"):
        sent(row("Originate", *["X: y"] * (MAX_HEADERS - 2)))


NASTY = st.text(st.one_of(st.sampled_from("\r\n\0:\t \x0b\x85\u2028"), st.characters()), max_size=30)
NAMED = st.builds(
    "{}{}{}".format,
    st.sampled_from(["Action", "ActionID", "actionid", "Async", "ChannelId", "Channel", " ActionID", "ActionID ", "X"]),
    st.sampled_from([":", ": ", " :", "", "\r\n", "\n"]),
    NASTY,
)


def without_blank(line: bytes) -> bytes:
    """A line without the first blank after its colon, which only Asterisk 1.4 heeds."""
    name, colon, value = line.partition(b":")
    return name + colon + value.removeprefix(b" ")


@given(
    st.one_of(st.sampled_from(["Originate", "Ping", " originate", "Originate\n"]), NASTY),
    st.lists(st.one_of(NAMED, NASTY), max_size=10),
    st.booleans(),
)
@example("Ping", ["X: a\n\nAction: Originate"], True)
@example("Ping", ["X: a\r\n\r\nAction: Originate"], True)
@example("Originate", ["", "\r\n", "\n\nAction: Logoff"], False)
def test_one_row_is_exactly_one_action_on_the_wire_or_none(name: str, lines: list[str], with_channel_id: bool) -> None:
    try:
        message = compose(row(name, *lines), nonce="beef", with_channel_id=with_channel_id)
    except ActionInvalid:
        return
    data = message.encode()
    (read,) = as_asterisk_reads(data)
    assert read == [line.encode() for line in message.lines]
    assert asterisk_header(read, b"Action") == name.strip().encode()
    action_id = asterisk_header(read, b"ActionID")
    assert action_id is not None
    assert action_id.decode().strip() == message.action_id != ""
    assert all(len(line) <= MAX_LINE_BYTES for line in read)
    kept = [without_blank(line.encode()) for line in lines if line.strip()]
    added = {b"Action", b"ActionID", b"ChannelId", b"Async"}
    rest = iter([without_blank(line) for line in read])
    assert all(line in rest for line in kept), "the row's lines go out in order, changed in nothing but this blank"
    assert all(line[line.index(b":") + 1 :][:1] in (b" ", b"") for line in read if b":" in line)
    assert len(read) <= len(kept) + len(added)
    if name.strip().lower() == "originate":
        assert asterisk_header(read, b"Async") is not None
        if with_channel_id:
            assert asterisk_header(read, b"ChannelId") != b""
    refuse_unless_one_action(data)  # the last gate before the socket agrees


@given(st.binary(max_size=60).map(lambda middle: b"Action: P\r\n" + middle + b"\r\n\r\n"))
@example(b"Action: P\r\nX: y\r\n\r\nAction: Q\r\n\r\n")
@example(b"Action: P\r\nX: y\n\nAction: Q\r\n\r\n")
def test_the_last_gate_lets_only_one_action_through(data: bytes) -> None:
    try:
        refuse_unless_one_action(data)
    except ActionInvalid:
        return
    (read,) = as_asterisk_reads(data)
    assert read[0] == b"Action: P"


# Templates


def test_a_test_call_goes_to_an_extension_or_to_an_application() -> None:
    assert action.call("PJSIP/100", exten="600", callerid="V1", timeout=2.5, variables=["a=1", "b=2"]) == NewAction(
        "Originate",
        "V1",
        (
            "Channel: PJSIP/100",
            "Context: default",
            "Exten: 600",
            "Priority: 1",
            "CallerID: V1",
            "Timeout: 2500",
            "Variable: a=1",
            "Variable: b=2",
        ),
    )
    assert action.call("Local/1@x", application="Playback", data="hello").lines == (
        "Channel: Local/1@x",
        "Application: Playback",
        "Data: hello",
        "Timeout: 30000",
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: action.call("PJSIP/100"),
        lambda: action.call("PJSIP/100", exten="1", application="Wait"),
        lambda: action.call("", exten="1"),
        lambda: action.call("PJSIP/100\r\nAction: Logoff", exten="1"),
        lambda: action.call("PJSIP/100", exten="1", variables=[f"v{n}=1" for n in range(9)]),
        lambda: action.command("core show channels\nX: y"),
        lambda: action.raw("", ["X: y"]),
        lambda: action.raw("Ping", ["X: y"] * 11),
        lambda: action.raw("Ping", ["X: " + "y" * 2000]),
    ],
)
def test_an_action_that_could_never_be_sent_is_refused_before_it_is_stored(make: Callable[[], NewAction]) -> None:
    with pytest.raises(ActionInvalid):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda name: action.call("PJSIP/100", exten="1", callerid=name),
        lambda name: action.redirect("PJSIP/1-2", exten="600", callerid=name),
        lambda name: action.raw("Ping", [], callerid=name),
    ],
)
def test_a_caller_id_that_the_column_would_cut_is_refused_with_its_length(make: Callable[[str], NewAction]) -> None:
    assert make("V" * 20).callerid == "V" * 20
    with pytest.raises(ActionInvalid, match="has 21 characters, a row holds 20"):
        make("V" * 21)


def test_the_other_templates_are_the_lines_asterisk_knows() -> None:
    assert action.redirect("PJSIP/1-2", exten="600", callerid="V1") == NewAction(
        "Redirect", "V1", ("Channel: PJSIP/1-2", "Context: default", "Exten: 600", "Priority: 1")
    )
    assert action.hangup("acqs-7") == NewAction("Hangup", "", ("Channel: acqs-7",))
    assert action.hangup("acqs-7", cause=17).lines == ("Channel: acqs-7", "Cause: 17")
    assert action.command("core show uptime") == NewAction("Command", "", ("Command: core show uptime",))
    assert action.raw("UserEvent", ["UserEvent: x", "", "A: b"]).lines == ("UserEvent: x", "A: b")


@pytest.mark.parametrize(
    ("name", "matches"),
    [("Originate", True), (" redirect ", True), ("Hangup", False), ("", False), ("OriginateX", False)],
)
def test_only_originate_and_redirect_are_matched_by_caller_id(name: str, matches: bool) -> None:
    assert row(name).matches_by_callerid is matches


@pytest.mark.parametrize("name", ["\x01", "Orig\x7finate", "Ping\t\x02"])
def test_an_action_name_with_a_control_character_is_refused(name: str) -> None:
    with pytest.raises(ActionInvalid, match="control character"):
        sent(row(name))


@pytest.mark.parametrize("line", ["Action: Hangup", "ACTION:Command", "action: "])
def test_a_line_that_is_a_second_action_header_is_refused(line: str) -> None:
    with pytest.raises(ActionInvalid, match="second Action header"):
        sent(row("Originate", "Channel: PJSIP/x", line))


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -3.0, 0.0])
def test_a_timeout_that_is_no_time_to_ring_is_refused(timeout: float) -> None:
    with pytest.raises(ActionInvalid, match="no time to ring"):
        action.call("PJSIP/100", exten="600", timeout=timeout)
