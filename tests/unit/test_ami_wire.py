"""Bytes into messages: on recorded streams, however a read may cut them, and on bytes no Asterisk would send."""

from __future__ import annotations

import copy
import itertools
import re
import time
from pathlib import Path
from string import ascii_letters

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqs_core.ami.wire import AmiMessage, Framer, action_id_of, event_name, parse

TRACES = Path(__file__).parents[1] / "traces"
RECORDED = sorted(TRACES.glob("*/*.ami"))
ODD = (TRACES / "22.10.1" / "callerid_odd.ami").read_bytes()[:6000]


def frames_of(*reads: bytes, framer: Framer | None = None) -> list[bytes]:
    framer = framer or Framer()
    return [frame for read in reads for frame in framer.feed(read)]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_message_of_a_recorded_stream_is_framed_and_read_once(path: Path) -> None:
    banner, _, stream = path.read_bytes().partition(b"\r\n")
    assert banner.startswith(b"Asterisk Call Manager/")
    messages = [parse(frame) for frame in frames_of(stream)]
    # A recording may stop in the middle of a message, which is not one yet.
    whole = stream[: stream.rindex(b"\r\n\r\n") + 4] if messages else b""
    whole = re.sub(rb"(\r\n){3,}", b"\r\n\r\n", whole)  # some events end with an extra blank line
    assert b"".join(m.raw + b"\r\n\r\n" for m in messages) == whole
    events = [m.event.encode() for m in messages if m.event]
    assert events == re.findall(rb"(?<=\r\n\r\n)Event: (.*)\r\n", whole)
    responses = [m.response.encode() for m in messages if not m.event]
    assert responses == re.findall(rb"(?:\A|(?<=\r\n\r\n))Response: (.*)\r\n", whole)


@given(st.lists(st.integers(0, len(ODD)), max_size=40))
def test_a_stream_reads_the_same_wherever_the_reads_cut_it(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(ODD)]
    pieces = [ODD[a:b] for a, b in itertools.pairwise(edges)]
    assert frames_of(*pieces) == frames_of(ODD)


def test_a_stream_read_byte_by_byte_is_the_same_stream() -> None:
    assert frames_of(*(bytes([byte]) for byte in ODD)) == frames_of(ODD)


def test_a_character_cut_in_two_by_a_read_is_kept() -> None:
    whole = "Event: NewCallerid\r\nCallerIDName: José 📞\r\n\r\n".encode()
    for cut in range(len(whole)):
        (frame,) = frames_of(whole[:cut], whole[cut:])
        assert parse(frame).get("CallerIDName") == "José 📞"


def test_extra_blank_lines_and_empty_messages_are_passed_over() -> None:
    stream = b"\r\nEvent: A\r\n\r\n\r\n\r\n\r\nEvent: B\r\n\r\n\r\nEvent: C\r\n\r\n"
    assert frames_of(stream) == [b"Event: A", b"Event: B", b"Event: C"]
    assert frames_of(*(bytes([byte]) for byte in stream)) == [b"Event: A", b"Event: B", b"Event: C"]


@pytest.mark.parametrize("piece", [1, 7, 64, 100_000])
def test_a_message_over_the_cap_is_dropped_and_counted_and_the_next_one_is_kept(piece: int) -> None:
    stream = b"Event: A\r\n\r\n" + b"X: " + b"y" * 500 + b"\r\n\r\nEvent: B\r\n\r\n"
    framer = Framer(max_frame=100)
    got = frames_of(*(stream[at : at + piece] for at in range(0, len(stream), piece)), framer=framer)
    assert got == [b"Event: A", b"Event: B"]
    assert framer.dropped == 1


def test_a_message_without_an_end_holds_no_more_memory_than_the_cap() -> None:
    framer = Framer(max_frame=1 << 16)
    held = 0
    for _ in range(200):
        assert framer.feed(b"x" * 50_000) == []
        held = max(held, framer.pending)
    assert held <= 1 << 16
    assert framer.feed(b"\r\n\r\nEvent: A\r\n\r\n") == [b"Event: A"]
    assert framer.dropped == 1


def test_framing_a_long_message_takes_time_in_proportion_to_its_length() -> None:
    def seconds(size: int) -> float:
        framer = Framer(max_frame=1 << 30)
        begun = time.process_time()
        for _ in range(size // 1024):
            framer.feed(b"x" * 1024)
        return time.process_time() - begun

    seconds(1 << 20)
    # Eight times the bytes: 8 when linear, 64 when every read searches everything again.
    assert min(seconds(1 << 25) for _ in range(3)) < 24 * min(seconds(1 << 22) for _ in range(3))


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (b"Event: Newstate\r\nPrivilege: call,all", b"Newstate"),
        (b"Event: Shutdown", b"Shutdown"),
        (b"event:Hangup\r\nX: y", b"Hangup"),
        (b"Event:\r\nX: y", b""),
        (b"Response: Success\r\nEvent: Hangup", None),
        (b"Privilege: x\r\nEvent: Hangup", None),
        (b"", None),
    ],
)
def test_only_the_first_header_makes_a_message_an_event(frame: bytes, name: bytes | None) -> None:
    assert event_name(frame) == name


def test_a_user_event_cannot_pass_for_a_hangup_or_a_response() -> None:
    message = parse(b"Event: UserEvent\r\nEvent: Hangup\r\nResponse: Success\r\nActionID: acqs-1-abcd\r\nUserEvent: x")
    assert message.event == "UserEvent"
    assert message.all("Event") == ["UserEvent", "Hangup"]


def test_a_line_end_inside_a_value_forges_no_event() -> None:
    stream = (TRACES / "22.10.1" / "varset_odd.ami").read_bytes()
    assert b"\r\nEvent: Fake\r\n" in stream  # Asterisk lets AppData of a Newexten hold it
    messages = [parse(frame) for frame in frames_of(stream.partition(b"\r\n")[2])]
    assert "Fake" not in {message.event for message in messages}
    (forger,) = [message for message in messages if "Fake" in message.all("Event")]
    assert forger.event == "Newexten"


def test_headers_are_found_in_any_case_and_repeated_ones_are_all_there() -> None:
    message = parse(b"Event: X\r\nVariable: a=1\r\nvariable: b=2\r\nOther: o")
    assert message.get("VARIABLE") == "a=1"
    assert message.all("Variable") == ["a=1", "b=2"]
    assert message.all("absent") == []
    assert message.get("absent", "-") == "-"
    assert "variable" in message
    assert [*message.headers()] == [("Event", "X"), ("Variable", "a=1"), ("Variable", "b=2"), ("Other", "o")]


def test_values_arrive_as_they_were_sent() -> None:
    message = parse(
        b"Event: X\r\nA:no blank\r\nB:   two more\r\nC: a: b: c  \r\nResult: 100%25\r\nContent: mine\r\nD:\r\nE: "
    )
    assert message.get("A") == "no blank"
    assert message.get("B") == "  two more"
    assert message.get("C") == "a: b: c  "
    assert message.get("Result") == "100%25"
    assert message.get("D") == message.get("E") == ""
    assert {"d", "e"} <= {name.lower() for name, _ in message.headers()}
    assert parse(b"Event: X\r\nContent: mine")["content"] == "mine"


def test_bytes_that_are_not_utf8_are_read_as_latin_1() -> None:
    userevent = (TRACES / "22.10.1" / "userevent.ami").read_bytes().partition(b"\r\n")[2]
    (event,) = [m for m in map(parse, frames_of(userevent)) if m.event == "UserEvent"]
    assert event.get("Latin") == "café"
    assert event.get("Empty") == ""
    assert event.all("Key") == ["one", "two"]


def test_the_output_of_a_command_is_its_output_lines() -> None:
    stream = (TRACES / "22.10.1" / "command.ami").read_bytes().partition(b"\r\n")[2]
    by_id = {m.action_id: m for m in map(parse, frames_of(stream))}
    assert by_id["cmd-1"].success
    assert by_id["cmd-1"].content.splitlines()[0] == "System uptime: 6 minutes, 59 seconds"
    assert not by_id["cmd-4"].success
    assert by_id["cmd-4"].message == "Command blacklisted"


def messages_of(trace: str) -> dict[str, AmiMessage]:
    """The messages of a recording by their ActionIDs."""
    stream = (TRACES / trace).read_bytes().partition(b"\r\n")[2]
    return {m.action_id: m for m in map(parse, frames_of(stream))}


def test_the_output_of_a_command_is_the_same_in_the_old_form() -> None:
    by_id = messages_of("1.4.44/command.ami")
    assert all(by_id[f"cmd-{n}"].success == (n not in (3, 4)) for n in range(1, 8))
    assert by_id["cmd-1"].content == "System uptime: 43 seconds "
    assert by_id["cmd-1"].all("Output") == ["System uptime: 43 seconds "]
    assert by_id["cmd-2"].content.startswith("No such command 'no such command' (type")
    assert by_id["cmd-5"].all("Output") == []
    dialplan = by_id["cmd-6"].all("Output")
    assert (dialplan[0], dialplan[-2:]) == (
        "[ Context 'default' created by 'pbx_config' ]",
        ["", "-= 1 extension (14 priorities) in 1 context. =-"],
    )
    assert by_id["cmd-7"].content.startswith("Action: Originate\nSynopsis: ")
    assert [name for name, _ in by_id["cmd-7"].headers() if name != "Output"] == ["Response", "Privilege", "ActionID"]


def test_old_words_for_a_good_answer_are_one() -> None:
    assert messages_of("1.4.44/ping.ami")["ping-1"].success
    assert messages_of("1.4.44/eventmask.ami")["e-off"].success


FORGED = (
    b"Response: Follows\r\nPrivilege: Command\r\nActionID: c1\r\n"
    b"/db/key: one\r\n\r\nEvent: Hangup\r\nUniqueid: 1.1\r\n\r\n\r\nResponse: Success\r\nActionID: other\n"
    b"--END COMMAND--\r\n\r\n"
)


@pytest.mark.parametrize("piece", [1, 5, 50, 1000])
def test_what_a_command_prints_is_never_taken_for_an_event_or_another_answer(piece: int) -> None:
    stream = b"Event: A\r\n\r\n" + FORGED + b"\r\nEvent: B\r\n\r\n"
    frames = frames_of(*(stream[at : at + piece] for at in range(0, len(stream), piece)))
    assert [event_name(frame) for frame in frames] == [b"A", None, b"B"]
    message = parse(frames[1])
    assert (message.response, message.action_id, message.get("Uniqueid")) == ("Follows", "c1", "")
    assert "Event: Hangup\nUniqueid: 1.1" in message.content


def test_an_endless_output_holds_no_more_memory_than_the_cap_and_ends_as_one_message() -> None:
    framer = Framer(max_frame=1 << 12)
    begin = b"Response: Follows\r\nPrivilege: Command\r\nActionID: c1\r\n"
    frames = framer.feed(begin)
    for _ in range(100):
        frames += framer.feed(b"x" * 200 + b"\r\n\r\nEvent: Hangup\r\n\r\n")
        assert framer.pending <= 1 << 12
    frames += framer.feed(b"--END COMMAND--\r\n\r\nEvent: B\r\n\r\n")
    assert [event_name(frame) for frame in frames] == [None, b"B"]
    assert parse(frames[0]).action_id == "c1"


def test_a_message_can_be_copied_and_not_changed() -> None:
    message = parse(b"Event: X\r\nA: 1")
    assert dict(copy.deepcopy(message)) == {"Event": "X", "A": "1"}
    with pytest.raises(TypeError):
        message["A"] = "2"


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_reading_fail(data: bytes) -> None:
    for frame in Framer().feed(data + b"\r\n\r\n"):
        message = parse(frame)
        assert message.raw == frame
        assert isinstance(repr(message), str)
        assert bool(message.event) <= (event_name(frame) is not None)
        action_id_of(frame)


@given(
    st.lists(
        st.tuples(st.text(ascii_letters, min_size=1, max_size=8), st.text(st.characters(exclude_characters="\r\n")))
    )
)
def test_what_is_written_as_headers_is_read_back(pairs: list[tuple[str, str]]) -> None:
    message = parse("\r\n".join(f"{name}: {value}" for name, value in pairs).encode(errors="replace"))
    for name, _ in pairs:
        wanted = [v.encode(errors="replace").decode() for n, v in pairs if n.lower() == name.lower()]
        assert message.all(name) == wanted
