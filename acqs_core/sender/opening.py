"""Where the sender's sessions live: `[sender] isolation`, the only place where the two kinds differ."""

from __future__ import annotations

import dataclasses
from typing import Literal

from acqs_core.ami.session import Endpoint, Session
from acqs_core.sender.child import ChildSession
from acqs_core.sender.gate import Opener, Turn


@dataclasses.dataclass(slots=True)
class InTask:
    """`isolation = "task"`: in the sender's own process, over its own loop."""

    endpoint: Endpoint

    async def open(self, turn: Turn) -> ChildSession:
        """See Opener."""
        async with turn(None):
            return await Session.open(self.endpoint, events="off")

    async def close(self) -> None:
        """Nothing is left."""


def opener(isolation: Literal["task", "process"], endpoint: Endpoint) -> Opener:
    """The Opener that the settings ask for."""
    if isolation == "task":
        return InTask(endpoint)
    from acqs_core.sender.process.opener import InProcess

    return InProcess(endpoint)
