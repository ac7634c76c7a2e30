"""An action on its one way out.

panoramisk composes an action from a dict (sorting it, merging what is repeated, letting a line end through), guesses
from words in the response whether more will follow, and may write it again. Here an action is a fixed run of bytes that
was checked to be one action, with a deadline, and whoever sends it says what answer it expects.
"""

from __future__ import annotations

import asyncio
from typing import Any

from panoramisk.actions import Action

from acqs_core.action import Row, compose
from acqs_core.ami.wire import END, EOL, AmiMessage, decode
from acqs_core.errors import ActionInvalid, AmiError


class Transmission(Action):  # type: ignore[misc]
    """An action on its one way out: the exact bytes, the ActionID its response will carry, and a deadline.

    With `many` its result is the list of a list action: the response, then every event up to its `…Complete`.
    Raises ActionInvalid when the bytes are not exactly one action.
    """

    def __init__(self, payload: bytes, action_id: str, timeout: float, *, many: bool = False) -> None:
        refuse_unless_one_action(payload)
        name = decode(payload.partition(EOL)[0].partition(b":")[2]).strip()
        # Not super().__init__: hundreds of these are made a second, and its general dict is the dearest part.
        self._store = {"action": ("Action", name), "actionid": ("ActionID", action_id)}
        self.as_list = many
        self.responses: list[AmiMessage] = []
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.name = name
        self.key = action_id.strip()
        self.payload = payload
        self.timeout = timeout
        self.deadline = 0.0
        """On the loop's clock; set when it is written."""

    @classmethod
    def of(
        cls, name: str, action_id: str, lines: tuple[str, ...], timeout: float, *, many: bool = False
    ) -> Transmission:
        """Compose one from header lines as they stand. Raises ActionInvalid (CR, LF, NUL, limits of a line)."""
        message = compose(Row(0, name, "", (f"ActionID: {action_id}", *lines)), nonce="", with_channel_id=False)
        return cls(message.encode(), action_id, timeout, many=many)

    @property
    def multi(self) -> bool:
        """Whether events follow the response: said by whoever sends it, never guessed from words in the response."""
        return bool(self.as_list)

    @property
    def completed(self) -> bool:
        last: AmiMessage = self.responses[-1]
        if not self.multi:
            return True
        if len(self.responses) == 1:
            return not last.success
        return last.get("EventList").lower() in ("complete", "cancelled") or last.event.endswith("Complete")

    def add_message(self, message: AmiMessage) -> bool:
        """Take the response, or an event of the list; true when this was the last one."""
        self.responses.append(message)
        if not self.completed:
            return False
        if not self.future.done():
            self.future.set_result(self.responses if self.multi else message)
        return True

    def fail(self, error: AmiError) -> None:
        """End the wait with an error, unless it has ended."""
        if not self.future.done():
            self.future.set_exception(error)

    def __str__(self) -> str:
        return decode(self.payload)

    def __repr__(self) -> str:
        # Not the headers: one of them may be a secret.
        return f"<Transmission {self.name} {self.key}>"


def refuse_unless_one_action(payload: bytes) -> None:
    """The last gate before the socket: whoever composed these bytes, they are one action."""
    lines = payload.count(EOL)
    if (
        payload.find(END) != len(payload) - len(END)
        or payload.count(b"\n") != lines
        or payload.count(b"\r") != lines
        or b"\0" in payload
        or not payload[:7].lower() == b"action:"
    ):
        raise ActionInvalid("the bytes to write are not exactly one AMI action; nothing was sent")
