"""The recorded cases: how each is set up and played, and what of it is not compared."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from acqs_core.simulator import Phone, User, standard
from tests.simulated.streams import Frame, event, value

if TYPE_CHECKING:
    from tests.simulated.replay import Replay


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Messages that are not compared, and why."""

    why: str
    matches: Callable[[Frame], bool]


@dataclasses.dataclass(frozen=True)
class Console:
    """What a person did at Asterisk's console, just before the first recorded message that is `seen`."""

    seen: Callable[[Frame], bool]
    do: Callable[[Replay], Awaitable[None]]


@dataclasses.dataclass(frozen=True)
class Case:
    """One recorded case. It is played step by step; a `talk`, one connection without calls, is sent in one piece."""

    name: str
    talk: bool = False
    speed: float = 10.0
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Further arguments of the Simulator."""
    console: Console | None = None
    apart: frozenset[str] = frozenset()
    """Events whose place among those of their channel is a race in this recording."""
    left_out: dict[str, LeftOut] = dataclasses.field(default_factory=dict)
    """What is not compared in this case, beside ALWAYS_LEFT_OUT."""
    machine_text: bool = False
    """Of what console commands print, only that it is printed is compared: it is text of the machine itself."""

    def leaves_out(self, frame: Frame) -> str:
        """The name of what this message is left out for; empty when it is compared."""
        return next((name for name, one in (ALWAYS_LEFT_OUT | self.left_out).items() if one.matches(frame)), "")

    def kept(self, frames: list[Frame]) -> list[Frame]:
        """The messages that are compared."""
        kept = [frame for frame in frames if not self.leaves_out(frame)]
        return [_one_output(frame) for frame in kept] if self.machine_text else kept


def _one_output(frame: Frame) -> Frame:
    """All of a console's lines as one, if there are several."""
    lines = [text for key, text in frame if key == "Output"]
    return [pair for pair in frame if pair[0] != "Output"] + [("Output", "<text>")] if len(lines) > 1 else frame


def _variable(pattern: str) -> Callable[[Frame], bool]:
    wanted = re.compile(pattern)
    return lambda frame: event(frame) == "VarSet" and wanted.fullmatch(value(frame, "Variable")) is not None


def _named(name: str) -> Callable[[Frame], bool]:
    return lambda frame: event(frame) == name


ALWAYS_LEFT_OUT = {
    "TestEvent": LeftOut("only builds with the test framework send it", _named("TestEvent")),
    "VarSet RTPAUDIOQOS*": LeftOut("RTP statistics; there is no media", _variable("RTPAUDIOQOS.*")),
    "VarSet BRIDGE*": LeftOut("bookkeeping of bridges", _variable("BRIDGEPEER|BRIDGEPVTCALLID")),
}
"""What is compared in no case."""

USERS = {
    "cron": User("1234"),
    "single": User("1234", allow_multiple=False),
    "noacl": User("1234", denied=True),
    "readcall": User("1234", read="call", write=""),
    "sendcron": User("1234", read="", write="originate,call,system"),
    "chanvaruser": User("1234", variables=(("FROMUSER", "yes"),)),
}
"""The manager users of the recordings, with the rights that their answers show."""


async def _reload(replay: Replay) -> None:
    replay.simulator.reload()


async def _restart(replay: Replay) -> None:
    await replay.aside(replay.simulator.restart())


async def _stop_gracefully(replay: Replay) -> None:
    await replay.aside(replay.simulator.stop_gracefully())


async def _both_wait(replay: Replay) -> None:
    """The recording waited two seconds here; its client asked for no events that could tell."""
    await replay.until(lambda: [ch.application for ch in replay.simulator.active_channels] == ["Wait", "Wait"])


def _answers(action_id: str) -> Callable[[Frame], bool]:
    return lambda frame: value(frame, "ActionID") == action_id


_ODD_VARIABLES = (
    "PLAIN=abc",
    "EMPTY=",
    "COLON=a: b: c",
    "UTF8=café €",
    'QUOTE="x;y",z',
    "NL=one\r\ntwo\r\nEvent: Fake",
    "LATIN=caf\udce9",
    "CTRL=a\tb\x01c",
    "LONG=" + 3000 * "x",
    "CHANNEL(hangupsource)=x",
)
_ODD = (
    ("Answer", ""),
    *(("Set", text) for text in _ODD_VARIABLES),
    ("UserEvent", "Odd,Key: one,Key: two,Empty:,NoColon"),
    ("Wait", "1"),
    ("Hangup", ""),
)
"""Number 606 of the recorded dialplan."""
_WITH_ODD = standard({("default", "606"): _ODD})

_SLOW_HANGS_UP = standard(phones={"slow": Phone(ring=0.1, answer=0.6, hangup=2.5)})
"""That phone ended its call while Wait(3) ran."""

_CALLS = (
    "originate_answered_local", "originate_answered_local_n", "originate_busy_local", "originate_noanswer_local",
    "originate_congestion_local", "originate_invalid", "originate_noexten", "originate_local_app",
    "originate_channelid", "originate_channelid_long", "originate_no_actionid", "originate_sync",
    "originate_sync_fail", "originate_pipelined", "originate_sender_gone", "sip_answered", "sip_busy",
    "sip_congestion", "sip_noanswer", "sip_unallocated", "sip_nobody", "sip_nocontact", "sip_earlymedia_false",
    "redirect", "hangup", "hangup_by_uniqueid_regex_cause", "local_optimized", "masquerade_asyncgoto",
    "login_events_call", "login_md5", "login_md5_bad", "login_twice_single", "filter_action", "chanvaruser",
    "suppress_events", "callerid_odd", "restart",
)  # fmt: skip
_TALKS = (
    "eventmask", "unknown_action", "limits", "ping", "login_ok", "login_failed", "login_failed_user",
    "login_failed_acl", "login_events_off", "login_events_invalid", "not_logged_in", "login_again_same_session",
    "logoff", "userevent", "actionid_long", "permission_denied", "permissions_sendcron",
)  # fmt: skip

CASES = {
    case.name: case
    for case in (
        *(Case(name) for name in _CALLS),
        *(Case(name, talk=True) for name in _TALKS),
        Case("authtimeout", options={"auth_timeout": 0.1}),
        Case("originate_channelid_duplicate", speed=3),  # it acts while a call of three seconds lives
        Case("command", talk=True, machine_text=True, options={"dialplan": standard({("default", "606"): _ODD[-2:]})}),
        Case("command_with_channels", console=Console(_answers("cmd-1"), _both_wait)),
        Case("events_between_response", apart=frozenset({"HangupRequest"}), machine_text=True),
        Case("varset_odd", options={"dialplan": _WITH_ODD}),
        Case("redirect_bridged", speed=3, options={"dialplan": _SLOW_HANGS_UP}),
        Case("restart_cli", console=Console(lambda frame: value(frame, "Cause") == "4", _restart)),
        Case("stop_gracefully_cli", speed=3, console=Console(_answers("while-stopping"), _stop_gracefully)),
        Case(
            "reload_cli",
            console=Console(_named("Reload"), _reload),
            left_out={
                "ExtensionStatus": LeftOut("hints of that machine's dialplan", _named("ExtensionStatus")),
                "VarSet of no channel": LeftOut(
                    "globals of that machine's dialplan",
                    lambda frame: event(frame) == "VarSet" and value(frame, "Channel") == "none",
                ),
            },
        ),
    )
}
"""Every case, by its name."""
