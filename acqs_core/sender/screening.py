"""Which claimed rows may be sent at all. Pure: a row that may not is ended with a reason, and delays nothing."""

from __future__ import annotations

from acqs_core.action import OUR_IDS, Message, Outcome, Row, compose, header, headers
from acqs_core.errors import ActionInvalid
from acqs_core.sender.permission import Permission
from acqs_core.settings import SenderSettings

_RECORDING_EXTENSIONS = frozenset(("8309", "8310"))
"""Extensions that record a call after it ended: actions to them are sent though the call is dead
(facts/acqs-perl.md, sender)."""


class Screening:
    """The checks of design §1, QUEUE → DEAD."""

    def __init__(self, settings: SenderSettings) -> None:
        self._permission = Permission(settings)
        self._expire_after = settings.expire_new_after

    def asks_for_dead_call(self, row: Row) -> bool:
        """Whether a DEAD row with the same caller id makes this one pointless: Hangup and Redirect of that call."""
        return (
            bool(row.callerid.strip())
            and row.action.strip().lower() in ("hangup", "redirect")
            and header(row.lines, "Exten") not in _RECORDING_EXTENSIONS
        )

    def refusal(self, row: Row, dead_callerids: set[str]) -> tuple[Outcome, str] | None:
        """Why the row must not be sent, or None."""
        try:
            message = self.compose(row, "0000", True)
        except ActionInvalid as error:
            return Outcome.INVALID, str(error)
        for name in ("ActionID", "ChannelId", "OtherChannelId"):
            if any(value.lower().startswith(OUR_IDS) for value in headers(row.lines, name)):
                # Its events would be taken for those of the row that the id names.
                return Outcome.INVALID, f"its {name} begins with {OUR_IDS}, as only our own may; choose another"
        if (objection := self._permission.refusal(message)) is not None:
            return Outcome.NOT_ALLOWED, objection
        if (expired := self.expired(row)) is not None:
            return expired
        if self.asks_for_dead_call(row) and row.callerid in dead_callerids:
            return Outcome.DEAD_CALL, f"the call of caller id {row.callerid!r} has ended"
        return None

    def expired(self, row: Row, held: float = 0.0) -> tuple[Outcome, str] | None:
        """Why the row is too old to be sent `held` seconds after its claim, or None."""
        age = None if row.age is None else row.age + held
        if not self._expire_after or age is None or age <= self._expire_after:
            return None
        return Outcome.EXPIRED, f"it waited {age:.0f} s, expire_new_after is {self._expire_after:g} s"

    def compose(self, row: Row, nonce: str, with_channel_id: bool) -> Message:
        """The message of a row; raises ActionInvalid."""
        return compose(row, nonce=nonce, with_channel_id=with_channel_id)
