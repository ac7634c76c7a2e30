"""The model's Asterisk: no bytes, no dialplan, only what the queue's promises are about.

It counts every action that is written to it, takes or refuses each when the test says so, has calls that ring, are
answered and hang up, and tells whoever listens, in any order that a real one may (facts of recorded traces: each
channel's own states and Hangup stay in order; NewCallerid comes anywhere after its Newchannel, OriginateResponse
anywhere at all; what was told may be told again).
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from acqs_core.ami.forms import Form
from acqs_core.ami.refusals import SHUTTING_DOWN
from acqs_core.ami.session import Endpoint, NotWritten, Stats
from acqs_core.ami.wire import AmiMessage, parse
from acqs_core.errors import AmiError, ConnectFailed, ResponseTimeout, SessionLost
from acqs_core.sender.gate import Turn

if TYPE_CHECKING:
    from tests.faults.model.world import World

BANNER = "Asterisk Call Manager/11.0.0"


def message(**headers: object) -> AmiMessage:
    """As the wire gives it."""
    return parse("\r\n".join(f"{name}: {value}" for name, value in headers.items()).encode())


class Verdict(enum.Enum):
    """What Asterisk makes of an action."""

    TAKEN = "Success"
    NOWHERE = "Success, but its Originate fails without a channel"
    REFUSED = "Error"
    NOT_TAKEN = "shutting down"


@dataclasses.dataclass(eq=False, slots=True)
class Written:
    """An action that was written to Asterisk."""

    man_id: int
    action_id: str
    originates: bool
    callerid: str
    at: float
    session: ChildSession
    verdict: Verdict | None = None
    said: bool = False
    """Its answer has left Asterisk."""


@dataclasses.dataclass(eq=False, slots=True)
class Call:
    """A call that an Originate made."""

    man_id: int
    action_id: str
    callerid: str
    state: str = "Down"

    @property
    def uniqueid(self) -> str:
        return f"acqs-{self.man_id:010d}"

    @property
    def channel(self) -> str:
        return f"PJSIP/x-{self.man_id:08x}"

    @property
    def lives(self) -> bool:
        return self.state != "ended"

    def event(self, name: str, **more: object) -> AmiMessage:
        """One about its channel."""
        return message(Event=name, Channel=self.channel, Uniqueid=self.uniqueid, Linkedid=self.uniqueid, **more)

    def listed(self) -> AmiMessage:
        """As CoreShowChannels lists it."""
        return self.event("CoreShowChannel", ChannelStateDesc=self.state, CallerIDName=self.callerid or "<unknown>")


class ChildSession:
    """One of a sender's, logged in."""

    banner, knows_channel_id = BANNER, True

    def __init__(self, box: Box) -> None:
        self._box = box
        self.loop = asyncio.get_running_loop()
        self._ended = self.loop.create_future()
        self._answer: asyncio.Future[AmiMessage] | None = None
        self.is_open = True
        box.sessions.append(self)

    async def perform(self, payload: bytes, action_id: str, timeout: float) -> AmiMessage:
        if not self.is_open:
            raise NotWritten("the model had ended the session")
        self._answer = self.loop.create_future()
        self._box.receive(self, payload)
        try:
            async with asyncio.timeout(timeout):
                return await self._answer
        except TimeoutError:
            raise ResponseTimeout("the model gave no answer in time") from None

    def answer(self, response: AmiMessage) -> None:
        """Asterisk's response; nobody may wait for it any more."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(response)

    async def closed(self) -> Exception | None:
        error: Exception | None = await asyncio.shield(self._ended)
        return error

    async def logoff(self, timeout: float = 1.0) -> None:
        self.abort()

    def abort(self) -> None:
        self.end(None)

    def end(self, error: AmiError | None) -> None:
        """The connection is no more."""
        if not self.is_open:
            return
        self.is_open = False
        self._box.sessions.remove(self)
        if not self.loop.is_closed():
            self._ended.set_result(error)
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(SessionLost("the model ended the session"))


@dataclasses.dataclass(slots=True)
class ModelOpener:
    """Where a sender's sessions come from."""

    box: Box

    async def open(self, turn: Turn) -> ChildSession:
        async with turn(None):
            await asyncio.sleep(0)
            if not self.box.up:
                raise ConnectFailed("the model's Asterisk is away")
            return ChildSession(self.box)

    async def close(self) -> None:
        return


class ListenerSession:
    """A listener's connection, and what it was not told yet."""

    banner, knows_channel_id, is_open = BANNER, True, True
    form = Form((11, 0, 0), "22.10.1")

    def __init__(self, box: Box, hear: Callable[[AmiMessage], None]) -> None:
        self._box, self._hear = box, hear
        self.loop = asyncio.get_running_loop()
        self.stats = Stats()
        self.untold: list[AmiMessage] = []
        self.told: list[AmiMessage] = []
        self._ended = self.loop.create_future()
        self._begun = {call.uniqueid for call in box.calls}
        box.listeners.append(self)
        self.loop.call_soon(hear, message(Event="FullyBooted", Status="Fully Booted"))

    def may_be_told(self) -> list[AmiMessage]:
        """What may come next: of each channel's own events the first only."""
        seen, may = set[str](), list[AmiMessage]()
        for event in self.untold:
            uniqueid = event.get("Uniqueid")
            if event.event == "OriginateResponse" or (event.event == "NewCallerid" and uniqueid in self._begun):
                may.append(event)
            elif event.event != "NewCallerid" and uniqueid not in seen:
                seen.add(uniqueid)
                may.append(event)
        return may

    def tell(self, event: AmiMessage) -> None:
        """It hears this, for the first time or again."""
        if event in self.untold:
            self.untold.remove(event)
            self.told.append(event)
        self._begun.add(event.get("Uniqueid"))
        self._hear(event)

    async def learn_form(self) -> Form:
        return self.form

    async def ask(self, action: str, *_lines: str, timeout: float = 5.0) -> AmiMessage:
        return message(Response="Success")

    async def ask_list(self, action: str, *_lines: str, timeout: float = 5.0) -> list[AmiMessage]:
        """CoreShowChannels: in order with what was told before it, as on the one connection that it is."""
        await asyncio.sleep(0)
        while may := self.may_be_told():
            self.tell(may[0])
        if not self.is_open:
            raise SessionLost("the model ended the listener's connection")
        return [call.listed() for call in self._box.calls if call.lives]

    async def keepalive(self, interval: float, timeout: float) -> None:
        await self.closed()

    async def closed(self) -> Exception | None:
        error: Exception | None = await asyncio.shield(self._ended)
        return error

    def abort(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        self._box.listeners.remove(self)
        if not self.loop.is_closed():
            self._ended.set_result(None)


class Box:
    """One Asterisk."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.up = True
        self.sessions: list[ChildSession] = []
        self.listeners: list[ListenerSession] = []
        self.written: list[Written] = []
        self.calls: list[Call] = []

    async def listen(self, endpoint: Endpoint, *, on_event: Callable[[AmiMessage], None], **_: Any) -> ListenerSession:
        """Session.open, for a listener."""
        await asyncio.sleep(0)
        if not self.up:
            raise ConnectFailed("the model's Asterisk is away")
        return ListenerSession(self, on_event)

    def receive(self, session: ChildSession, payload: bytes) -> None:
        """An action is written."""
        got = parse(payload.removesuffix(b"\r\n\r\n"))
        man_id = int(got.action_id.split("-")[1])
        callerid = self._world.inserted[man_id].callerid
        originates = got.get("Action") == "Originate"
        one = Written(man_id, got.action_id, originates, callerid, self._world.now, session)
        self._world.laws.judge_write(self.written, one)
        self.written.append(one)

    def call_of(self, man_id: int) -> Call | None:
        """The call that this row's Originate made."""
        return next((call for call in self.calls if call.man_id == man_id), None)

    # What the test has it do.

    @property
    def undecided(self) -> list[Written]:
        """Actions that it has not looked at; it goes on looking at what came over a session that has ended since."""
        return [one for one in self.written if one.verdict is None]

    @property
    def unsaid(self) -> list[Written]:
        """Actions whose answer waits to be written."""
        return [one for one in self.written if one.verdict is not None and not one.said]

    @property
    def is_busy(self) -> bool:
        """Whether anything is left to be looked at, said or told."""
        untold = any(listener.untold for listener in self.listeners)
        return bool(self.undecided or self.unsaid or untold or any(call.lives for call in self.calls))

    def decide(self, one: Written, verdict: Verdict) -> None:
        """Take an action, or not."""
        one.verdict = verdict
        if not one.originates or verdict not in (Verdict.TAKEN, Verdict.NOWHERE):
            return
        call = Call(one.man_id, one.action_id, one.callerid)
        self.calls.append(call)
        if verdict is Verdict.NOWHERE:
            call.state = "ended"
            self._originate_response(call, "Failure", 0)
            return
        self._tell(call.event("Newchannel", ChannelStateDesc="Down", CallerIDName="<unknown>"))
        self._tell(call.event("NewCallerid", CallerIDName=call.callerid or "<unknown>"))

    def say(self, one: Written) -> None:
        """Answer it, if its session still stands."""
        one.said = True
        response = "Success" if one.verdict in (Verdict.TAKEN, Verdict.NOWHERE) else "Error"
        says = {Verdict.NOT_TAKEN: SHUTTING_DOWN, Verdict.REFUSED: "Extension does not exist."}
        text = says.get(one.verdict or Verdict.TAKEN, "done")
        one.session.answer(message(Response=response, ActionID=one.action_id, Message=text))

    def move(self, call: Call, to: str, cause: int) -> None:
        """A call goes on: Ringing, Up, or ended."""
        was_up, call.state = call.state == "Up", to
        if to != "ended":
            self._tell(call.event("Newstate", ChannelStateDesc=to, CallerIDName=call.callerid or "<unknown>"))
            if to == "Up":
                self._originate_response(call, "Success", 4)
            return
        self._tell(call.event("Hangup", Cause=cause))
        if not was_up:
            self._originate_response(call, "Failure", {17: 5, 34: 8}.get(cause, 0))

    def cut(self, session: ChildSession) -> None:
        """A session's connection ends; what was written to it was, and may still be looked at."""
        session.end(SessionLost("the model cut the session"))

    def restart(self) -> None:
        """Everything ends, and nobody is told of it. What it had not looked at is gone."""
        for session in list(self.sessions):
            session.end(SessionLost("the model's Asterisk was restarted"))
        for listener in list(self.listeners):
            listener.abort()
        for call in self.calls:
            call.state = "ended"
        for one in self.undecided:
            one.verdict, one.said = Verdict.REFUSED, True

    def _originate_response(self, call: Call, response: str, reason: int) -> None:
        self._tell(
            message(Event="OriginateResponse", ActionID=call.action_id, Response=response, Reason=reason,
                    Uniqueid=call.uniqueid)
        )  # fmt: skip

    def _tell(self, event: AmiMessage) -> None:
        for listener in self.listeners:
            listener.untold.append(event)
