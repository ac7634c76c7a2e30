"""Rows and events of a test's own making, for what no recording shows: told to a listener's memory one by one."""

from __future__ import annotations

from acqs_core.action import Row, Status
from acqs_core.listener.calls import Calls
from acqs_core.listener.rules import Change

V1 = "V0000000000000000001"


def originate(man_id: int, callerid: str = "", *lines: str, uniqueid: str = "") -> Row:
    return Row(man_id, "Originate", callerid, ("Channel: PJSIP/x", *lines), Status.SENT, uniqueid=uniqueid)


def redirect(man_id: int, callerid: str = "", *, uniqueid: str = "") -> Row:
    return Row(man_id, "Redirect", callerid, ("Channel: PJSIP/x", "Exten: 610"), Status.SENT, uniqueid=uniqueid)


class Box:
    """An Asterisk of our own making: says what happens to its channels, and keeps what the listener makes of it."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = Calls() if calls is None else calls
        self.last: dict[int, Change] = {}

    def say(self, name: str, **headers: str) -> list[Change]:
        return self.take(self.calls.event(name, lambda key: headers.get(key, "")))

    def take(self, changes: list[Change]) -> list[Change]:
        self.last.update({change.man_id: change for change in changes})
        return changes

    def channel(self, uniqueid: str, state: str, name: str = "", linkedid: str = "") -> list[Change]:
        return self.say(
            "Newchannel" if state == "Down" else "Newstate",
            Channel=f"PJSIP/{uniqueid}",
            ChannelStateDesc=state,
            CallerIDName=name or "<unknown>",
            Uniqueid=uniqueid,
            Linkedid=linkedid or uniqueid,
        )

    def hangup(self, uniqueid: str, cause: int = 16, linkedid: str = "") -> list[Change]:
        headers = {"Cause": str(cause), "Channel": f"PJSIP/{uniqueid}"}
        return self.say("Hangup", Uniqueid=uniqueid, Linkedid=linkedid or uniqueid, **headers)

    def answer(self, action_id: str, uniqueid: str, reason: int = 4) -> list[Change]:
        response = "Success" if reason == 4 else "Failure"
        return self.say(
            "OriginateResponse", ActionID=action_id, Response=response, Reason=str(reason), Uniqueid=uniqueid
        )

    def status(self, man_id: int) -> Status | None:
        change = self.last.get(man_id)
        return change.status if change else None

    def shown(self, man_id: int) -> str:
        return self.last[man_id].uniqueid
