"""Bytes from Asterisk into messages, without any I/O.

A busy Asterisk sends some eighty events a call and a listener wants a dozen of them, so the name of an event is read
from its bytes and only a wanted frame is ever decoded. Framing, decoding and splitting stand here once, because each
of them has lost data in a client library before: a character cut by a read, an empty last header, a repeated header,
a message without an end (facts/panoramisk.md 6 to 11).
"""

from __future__ import annotations

from collections.abc import Iterator

from panoramisk.message import Message

EOL = b"\r\n"
END = b"\r\n\r\n"
"""What ends a message: a blank line (Asterisk 13 and later, facts/ami.md)."""

FOLLOWS = b"Response: Follows"
END_OF_OUTPUT = b"--END COMMAND--"
"""What Asterisk 13 and earlier put around the output of a Command, whose lines end with LF alone (facts/ami.md)."""

GOOD = frozenset(("Success", "Follows", "Goodbye", "Pong", "Events On", "Events Off"))
"""The responses that are no error; the last four only Asterisk 1.4 to 1.8 give to Ping and Events."""

MAX_FRAME = 1 << 20
"""Bytes of one message that are kept at most. Lines from the server are unbounded (facts/ami.md), our memory is not."""


class Framer:
    """Cuts a stream into messages at blank lines, in linear time and bounded memory.

    `dropped` counts the messages that were thrown away because they were longer than `max_frame` bytes.
    """

    __slots__ = ("_buffer", "_held", "_max_frame", "_output", "_skipping", "dropped")

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._max_frame = max_frame
        self._skipping = False
        self._output: list[bytes] = []
        self._held = 0
        self.dropped = 0

    @property
    def pending(self) -> int:
        """Bytes held of a message whose end has not come yet."""
        return len(self._buffer) + self._held

    def feed(self, data: bytes) -> list[bytes]:
        """Take the bytes of one read and return the messages that are now whole, without their ends."""
        buffer = self._buffer
        # An end may straddle two reads, but what was searched before is never searched again.
        searched = max(0, len(buffer) - len(END) + 1)
        buffer += data
        end = buffer.rfind(END, searched)
        if end < 0:
            self._bound()
            return []
        block = bytes(memoryview(buffer)[:end])
        del buffer[: end + len(END)]
        frames = block.split(END)
        if self._skipping:
            self._skipping = False
            self.dropped += 1
            del frames[0]
        self._bound()
        if self._output or FOLLOWS in block:
            frames = self._whole_outputs(frames)
        if len(block) > self._max_frame:
            frames = [frame for frame in frames if self._fits(frame)]
        return [frame.lstrip(EOL) if frame.startswith(EOL) else frame for frame in frames if frame and frame != EOL]

    def _bound(self) -> None:
        if len(self._buffer) > self._max_frame:
            self._skipping = True
        if self._skipping:
            # The start of an end may already be here.
            del self._buffer[: -len(END) + 1]

    def _whole_outputs(self, pieces: list[bytes]) -> list[bytes]:
        """The messages that these pieces are: a Command's output may hold blank lines and is one message up to its end,
        so that nothing it prints is taken for an event. Of one longer than the cap only the begin is kept."""
        frames = []
        for piece in pieces:
            if not self._output and not piece.lstrip(EOL).startswith(FOLLOWS):
                frames.append(piece)
                continue
            ends = piece.rstrip(EOL).endswith(END_OF_OUTPUT)
            if not self._output or self._held + len(piece) + len(END) <= self._max_frame:
                self._output.append(piece)
                self._held += len(piece) + len(END)
            elif ends:
                self._output.append(END_OF_OUTPUT)
            if ends:
                frames.append(END.join(self._output))
                self._output, self._held = [], 0
        return frames

    def _fits(self, frame: bytes) -> bool:
        if len(frame) <= self._max_frame:
            return True
        self.dropped += 1
        return False


def event_name(frame: bytes) -> bytes | None:
    """The name of an event, `b"Newstate"`; None for a response or anything else.

    Only the first header decides, as it does in Asterisk: a UserEvent may carry any header after it.
    """
    if frame.startswith(b"Event: "):
        end = frame.find(EOL)
        return frame[7:end] if end >= 0 else frame[7:]
    key, colon, value = frame.partition(EOL)[0].partition(b":")
    return value.strip() if colon and key.lower() == b"event" else None


def action_id_of(frame: bytes) -> bytes:
    """The ActionID of a frame, read from its bytes; empty when it has none."""
    start = frame.find(b"\r\nActionID:")
    if start < 0:
        return b""
    start += len(b"\r\nActionID:")
    end = frame.find(EOL, start)
    return (frame[start:] if end < 0 else frame[start:end]).strip()


def decode(raw: bytes) -> str:
    """Text from Asterisk: UTF-8, else latin-1. Asterisk passes caller names through as they came (facts/ami.md)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


class AmiMessage(Message):  # type: ignore[misc]
    """One response or event.

    Unlike panoramisk's own, a header that is repeated gives its first value (`all` gives every one), an absent one
    gives `""`, and no value is changed on its way: nothing is unquoted, stripped or put in by us.
    """

    def __init__(self, raw: bytes, headers: dict[str, tuple[str, list[str]]]) -> None:
        # Not super().__init__: it would write a header "content" over Asterisk's own of that name.
        self._store = headers
        self.manager = None
        self.raw = raw

    def __getitem__(self, name: str) -> str:
        return self._store[name.lower()][1][0]

    def __setitem__(self, name: str, value: str) -> None:
        raise TypeError("a message that was received is not changed")

    def __getattr__(self, name: str) -> str:
        if name.startswith("_"):
            raise AttributeError(name)  # or copy and pickle would take "" for a method
        return self.get(name)

    def get(self, name: str, default: str = "") -> str:
        """The first value of a header, whatever the case of its name; `default` when there is none."""
        found = self._store.get(name.lower())
        return found[1][0] if found is not None else default

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order: `Variable`, `ChanVariable`, `Output`."""
        found = self._store.get(name.lower())
        return list(found[1]) if found is not None else []

    def headers(self) -> Iterator[tuple[str, str]]:
        """Every header with every value, grouped by name, names as they were first written."""
        for name, values in self._store.values():
            for value in values:
                yield name, value

    @property
    def event(self) -> str:
        """The event's name; empty for a response."""
        return self.get("event") if event_name(self.raw) is not None else ""

    @property
    def response(self) -> str:
        """`Success`, `Error`, `Goodbye`; of an OriginateResponse, which is an event, `Success` or `Failure`."""
        return self.get("response")

    @property
    def action_id(self) -> str:
        """The ActionID that Asterisk echoed, as it stands; empty when there is none."""
        return self.get("actionid")

    @property
    def id(self) -> str:
        """panoramisk's name for the ActionID; a `CommandID` that an event may carry is not one."""
        return self.action_id

    @property
    def success(self) -> bool:
        """Whether a response is not an error. `Goodbye` is the good answer to Logoff."""
        return self.response in GOOD

    @property
    def message(self) -> str:
        """Asterisk's sentence in a response: `Originate successfully queued`."""
        return self.get("message")

    @property
    def content(self) -> str:
        """The output of a Command, one line a line, whichever way this Asterisk writes it."""
        return "\n".join(self.all("output"))

    def __repr__(self) -> str:
        return f"<AmiMessage {' '.join(f'{name}={value!r}' for name, value in self.headers())}>"


def parse(frame: bytes) -> AmiMessage:
    """A message from the bytes of one frame. Never fails: a line without a colon is left out, and stays in `raw`."""
    text = decode(frame)
    lines = _follows(text) if frame.startswith(FOLLOWS) else text.split("\r\n")
    headers: dict[str, tuple[str, list[str]]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            continue
        if value[:1] == " ":
            value = value[1:]
        key = name.lower()
        known = headers.get(key)
        if known is None:
            headers[key] = (name, [value])
        else:
            known[1].append(value)
    return AmiMessage(frame, headers)


def _follows(text: str) -> list[str]:
    """The lines of Asterisk 13's and earlier's answer to a Command, its output as Asterisk 14's `Output:` lines.

    Its headers are these three in this order (facts/ami.md, recordings of 1.4.44); what comes after them is output,
    whatever it looks like.
    """
    lines, rest = [], text
    for name in ("Response: ", "Privilege: ", "ActionID: "):
        if rest.startswith(name):
            line, _, rest = rest.partition("\r\n")
            lines.append(line)
    output = rest.rstrip("\r\n").removesuffix(decode(END_OF_OUTPUT))
    if output:
        lines += [f"Output: {line}" for line in output.removesuffix("\n").replace("\r\n", "\n").split("\n")]
    return lines
