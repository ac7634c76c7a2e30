"""A plain AMI client, written against the protocol and not against our own wire code.

What the programs under test did is judged by what this client sees: it shares no line with them, so that a fault in
their framing or matching cannot hide itself.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Self


class Frame:
    """One AMI message: its header lines in order. Names are compared in any case."""

    __slots__ = ("headers",)

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self.headers = headers

    def __getitem__(self, name: str) -> str:
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    def all(self, name: str) -> list[str]:
        """Every value of a header that may come more than once."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def event(self) -> str:
        """The event's name; empty for a response."""
        return self["Event"]

    def __repr__(self) -> str:
        return "Frame(" + ", ".join(f"{key}: {value}" for key, value in self.headers) + ")"


def frames(connection: socket.socket) -> Iterator[Frame]:
    """The frames that come on a connection until its end. The banner is not one of them: read it before."""
    pending = b""
    while chunk := connection.recv(1 << 16):
        *whole, pending = (pending + chunk).split(b"\r\n\r\n")
        for raw in whole:
            if raw.strip():
                yield parse(raw)


def parse(raw: bytes) -> Frame:
    """A frame without its terminator. Bytes that are not UTF-8 are taken as latin-1 (facts/ami.md)."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    headers = []
    for line in text.strip("\r\n").split("\r\n"):
        key, _, value = line.partition(":")
        headers.append((key, value.strip()))
    return Frame(headers)


class AmiClient:
    """A logged-in session that gets no events: it asks, and reads the answer."""

    def __init__(self, port: int, username: str, secret: str, *, events: str = "off", timeout: float = 10.0) -> None:
        self._ids = (f"lab-{number}" for number in itertools.count(1))
        self.connection = socket.create_connection(("127.0.0.1", port), timeout)
        try:
            self.banner = self._read_banner()
            self.incoming = frames(self.connection)
            self.login = self.ask("Login", Username=username, Secret=secret, Events=events)
            if self.login["Response"] != "Success":
                raise PermissionError(f"Asterisk refused {username}: {self.login['Message']}")
        except BaseException:
            self.connection.close()
            raise

    def write(self, action: str, action_id: str, **headers: str) -> None:
        """Write one action; nothing is read."""
        lines = [f"Action: {action}", f"ActionID: {action_id}", *(f"{key}: {value}" for key, value in headers.items())]
        self.connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def ask(self, action: str, **headers: str) -> Frame:
        """Perform an action and give its response; an `ActionID` header may be given. Raises ConnectionError at EOF."""
        action_id = headers.pop("ActionID", None) or next(self._ids)
        self.write(action, action_id, **headers)
        for frame in self.incoming:
            if not frame.event and frame["ActionID"] == action_id:
                return frame
        raise ConnectionError(f"Asterisk closed the connection before it answered {action}")

    def originate(self, channel: str, exten: str = "610", *, context: str = "default", **headers: str) -> Frame:
        """Originate asynchronously to `channel`, then `exten`. Timeout is in ms and 30 s unless given."""
        base = {
            "Channel": channel,
            "Context": context,
            "Exten": exten,
            "Priority": "1",
            "Timeout": "30000",
            "Async": "true",
        }
        return self.ask("Originate", **{**base, **headers})

    def close(self) -> None:
        """Close the connection at once."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_banner(self) -> str:
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self.connection.recv(1)
            if not byte:
                raise ConnectionError("Asterisk closed the connection without a banner")
            line += byte
        return line.decode().strip()
