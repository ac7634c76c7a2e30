"""AMI bytes in and out, as a server sees them: owning every odd rule of the wire here keeps the rest about calls.

The rules are those of the recorded case `limits` and `unknown_action` (Asterisk 22.10.1): a bare LF ends a line, an
empty message is answered, a line has at most 1022 bytes and a message at most 128 headers.
"""

from __future__ import annotations

from collections.abc import Iterable

INPUT_BUFFER = 1024
"""Bytes of one line with its CRLF that Asterisk can hold; a longer one is thrown away and remembered as an error."""

MAX_HEADERS = 128
"""Headers of one message, `Action` included; what comes after them spoils the message."""

LINE_TOO_LONG = "Failed to parse message: line too long"
TOO_MANY_LINES = "Too many lines in message or allocation failure"

Pair = tuple[str, str]


class Request:
    """One message of a client: its header lines as they came, and the error that Asterisk would answer, if any."""

    __slots__ = ("_first", "fault", "lines", "pairs")

    def __init__(self, lines: list[str], fault: str = "") -> None:
        self.lines = lines
        self.fault = fault
        split = (line.partition(":") for line in lines)
        self.pairs = tuple((key, value.lstrip(" \t")) for key, colon, value in split if colon)
        """Header names and values in order; a line without a colon is no header."""
        self._first: dict[str, str] = {}
        for key, value in self.pairs:
            if value:
                self._first.setdefault(key.lower(), value)

    def get(self, name: str) -> str:
        """The first value of a header (any case) that is not empty; leading blanks skipped, trailing ones kept."""
        return self._first.get(name.lower(), "")

    def all(self, name: str) -> list[str]:
        """Every value of a header that is not empty, in order."""
        wanted = name.lower()
        return [value for key, value in self.pairs if value and key.lower() == wanted]


class Reader:
    """Cuts a stream into requests. Bytes that are not UTF-8 pass through as surrogates."""

    def __init__(self) -> None:
        self._rest = b""
        self._dropping = False
        self._lines: list[str] = []
        self._fault = ""

    def feed(self, data: bytes) -> list[Request]:
        """The requests completed by `data`; memory stays below one line and 128 headers whatever comes."""
        done: list[Request] = []
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line, done)
        if len(self._rest) > INPUT_BUFFER:
            self._rest, self._dropping, self._fault = b"", True, LINE_TOO_LONG
        return done

    def _take(self, line: bytes, done: list[Request]) -> None:
        if self._dropping:  # what is left of a line whose beginning was thrown away
            self._dropping = False
            return
        if len(line) >= INPUT_BUFFER:
            self._fault = LINE_TOO_LONG
            if len(line) == INPUT_BUFFER and line.endswith(b"\r"):
                # The CR just fits, so Asterisk throws it away with its line and takes the lone LF for the blank line
                # that ends the message: the true one then ends an empty message (case `limits`, 1023 bytes).
                self._end(done)
            return
        text = line.removesuffix(b"\r").decode("utf-8", "surrogateescape")
        if not text:
            self._end(done)
        elif len(self._lines) < MAX_HEADERS:
            self._lines.append(text)
        elif not self._fault:
            self._fault = TOO_MANY_LINES

    def _end(self, done: list[Request]) -> None:
        done.append(Request(self._lines, self._fault))
        self._lines, self._fault = [], ""


def message(first: Pair, action_id: str, rest: Iterable[Pair]) -> bytes:
    """A response or a list item: its first header, the ActionID if the request had one, the others."""
    lines = [f"{first[0]}: {first[1]}"]
    if action_id:
        lines.append(f"ActionID: {action_id}")
    lines.extend(f"{key}: {value}" for key, value in rest)
    return encode("\r\n".join(lines) + "\r\n\r\n")


def encode(text: str) -> bytes:
    """Text to bytes, giving back the bytes that were not UTF-8 when they came."""
    return text.encode("utf-8", "surrogateescape")


_ESCAPES = str.maketrans({
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
    "\\": "\\\\", "'": "\\'", '"': '\\"', "?": "\\?",
})  # fmt: skip


def escape(text: str) -> str:
    """Text as Asterisk writes names and values of variables in events (cases `callerid_odd`, `varset_odd`)."""
    return text.translate(_ESCAPES)
