"""An Asterisk 1.4 that says nothing of our making: every answer and event is a recorded one, sent again.

Only the ActionIDs are put in anew, because each session of ours has its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from acqs_core.ami.wire import Framer, event_name, parse
from tests.unit.ami_server import AmiServer, Peer, Received
from tests.unit.trace_reader import TRACES

FOLDER = TRACES / "1.4.44"


def frames(name: str) -> list[bytes]:
    """The messages of one recorded stream, its banner left out."""
    return Framer().feed(Path(FOLDER / f"{name}.ami").read_bytes().partition(b"\r\n")[2])


def answer(name: str, action_id: str) -> list[bytes]:
    """What was recorded under one ActionID in one stream, in order: an answer, and a list after it."""
    return [frame for frame in frames(name) if parse(frame).action_id == action_id]


ANSWERS = {
    "login": answer("ping", "login-1"),
    "logoff": answer("ping", "bye-1"),
    "ping": answer("ping", "ping-1"),
    "originate": answer("originate_answered_local.sender", "orig-1"),
    "command": answer("command", "cmd-6"),
    "status": answer("command_with_channels", "st"),
}
UNKNOWN = answer("unknown_action", "u1")


class Asterisk14(AmiServer):
    """`async with Asterisk14() as server`. An Originate is answered, and `events` go to every other session."""

    def __init__(self, events: list[bytes] | None = None) -> None:
        banner = (FOLDER / "ping.ami").read_bytes().partition(b"\n")[0] + b"\n"
        super().__init__(self._answer, banner=banner, rude=True)
        self.events = events or []

    async def _answer(self, peer: Peer, action: Received) -> None:
        name = action.action.lower()
        await peer.say(*(_with_id(frame, action["ActionID"]) for frame in ANSWERS.get(name, UNKNOWN)))
        if name == "originate":
            for other in [one for one in self.peers if one is not peer and one.received[0]["Events"] != "off"]:
                await other.say(*(_with_id(frame, action["ActionID"]) for frame in self.events), piece=100)
        elif name == "logoff":
            peer.hang_up()


def _with_id(frame: bytes, action_id: str) -> bytes:
    return re.sub(rb"(?<=\r\nActionID: )[^\r]+", action_id.encode(), frame, count=1)


def events_of(name: str) -> list[bytes]:
    """The events of one recorded stream."""
    return [frame for frame in frames(name) if event_name(frame) is not None]
