"""The exchange: which channels exist, how they come, change and go, and that everybody is told.

All of it runs in one event loop without awaiting, so that a change and its events are one step.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator

from acqs_core.simulator import bridge, events
from acqs_core.simulator.channel import Channel, Party, Signal, State
from acqs_core.simulator.dialplan import Dialplan

Publish = Callable[[events.Event], None]


class Exchange:
    """Channels and what runs on them. `speed` divides every time; `random` decides what Asterisk leaves open."""

    def __init__(
        self,
        publish: Publish,
        dialplan: Dialplan,
        *,
        speed: float,
        disorder: float,
        seed: int,
        systemname: str = "",
    ) -> None:
        self.publish = publish
        self.dialplan = dialplan
        self.systemname = systemname
        self.speed = speed
        self.disorder = disorder
        self.random = random.Random(seed)
        self.channels: dict[str, Channel] = {}
        self.calls = self.calls_processed = 0
        self.on_removed: Callable[[], None] = lambda: None
        self.failures: list[Exception] = []
        self._ids: dict[str, Channel] = {}
        self._sorted_ids: list[str] = []
        self._names = Counter[str]()
        self._pairs = Counter[str]()
        self._states: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run `work` as a task that `stop` will end."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if isinstance(failure, Exception):
            self.failures.append(failure)

    async def stop(self) -> None:
        """End every call without a word, as a crash would, and wait until no task is left."""
        for ch in self.channels.values():
            ch.gone = ch.hanging = True
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        publish, self.publish = self.publish, lambda event: None  # what a cancelled bridge would say of its end
        await asyncio.gather(*tasks, return_exceptions=True)
        self.publish = publish
        self.channels.clear()
        self._ids.clear()
        self._sorted_ids.clear()
        self._pairs.clear()
        self._states.clear()
        self.on_removed()

    async def pause(self, ch: Channel, seconds: float | None) -> None:
        """Wait `seconds` of the dialplan's time (for ever if None), or until the channel is woken.

        Raises HungUp and Redirected.
        """
        ch.check()
        loop = asyncio.get_running_loop()
        ch.waiter = waiter = loop.create_future()
        timer = None
        if seconds is not None:
            timer = loop.call_later(seconds / self.speed, ch.wake)
        try:
            await waiter
        finally:
            ch.waiter = None
            if timer is not None:
                timer.cancel()
        ch.check()

    def begin_anew(self) -> None:
        """Count channels, Uniqueids and calls from 0 again, as after a restart. There must be no channel."""
        self._names.clear()
        self.calls = self.calls_processed = 0

    @contextlib.contextmanager
    def counted_call(self) -> Iterator[None]:
        """While a dialplan runs: that is what Asterisk counts as a call."""
        self.calls += 1
        self.calls_processed += 1
        try:
            yield
        finally:
            self.calls -= 1

    # Coming

    def find(self, text: str) -> Channel | None:
        """A living channel by its name or its Uniqueid (any case), as Hangup, Redirect and Status take it."""
        return self.channels.get(text.lower()) or self._ids.get(text.lower())

    def newest_first(self) -> list[Channel]:
        """The living channels in the order of Asterisk's lists."""
        return list(reversed(self.channels.values()))

    def is_taken(self, uniqueid: str) -> bool:
        """Whether a call may not have this ChannelId: a living one has it, or one that begins with it, in any case.

        Seen on 22.10.1: while `AbcDef-12` lives, `abcdef-12`, `AbcDef-1` and `A` are refused, `AbcDef-123` is not.
        """
        wanted = uniqueid.lower()
        at = bisect.bisect_left(self._sorted_ids, wanted)
        return at < len(self._sorted_ids) and self._sorted_ids[at].startswith(wanted)

    def create_local(
        self, target: str, *, uniqueid: str = "", other_id: str = "", linkedid: str = ""
    ) -> tuple[Channel, Channel]:
        """Both halves of `Local/<target>`, `target` being EXTEN@CONTEXT and perhaps `/n`."""
        where, _, options = target.partition("/")
        exten, _, context = where.partition("@")
        context = context or "default"
        device = f"Local/{exten}@{context}"
        base = f"{device}-{self._names['Local']:08x}"
        self._names["Local"] += 1
        one_id = uniqueid or self._new_id()
        two_id = other_id or (f"{uniqueid};2" if uniqueid else self._new_id())
        linkedid = linkedid or one_id
        one = self._add(base + ";1", one_id, linkedid, context, exten, device)
        two = self._add(base + ";2", two_id, linkedid, context, exten, device, State.RING)
        one.peer, two.peer = two, one
        one.optimise = two.optimise = "n" not in options
        self._pairs[device] += 1
        return one, two

    def create_phone(self, name: str, *, uniqueid: str = "", linkedid: str = "") -> Channel:
        """A channel towards `PJSIP/<name>`."""
        device = f"PJSIP/{name}"
        full = f"{device}-{self._names['PJSIP']:08x}"
        self._names["PJSIP"] += 1
        own_id = uniqueid or self._new_id()
        return self._add(full, own_id, linkedid or own_id, "default", "s", device)

    def _new_id(self) -> str:
        number = self._names["Uniqueid"]
        self._names["Uniqueid"] += 1
        own = f"{self.systemname}-" if self.systemname else ""
        return f"{own}{int(time.time())}.{number}"

    def _add(
        self, name: str, uniqueid: str, linkedid: str, context: str, exten: str, device: str, state: State = State.DOWN
    ) -> Channel:
        ch = Channel(name, uniqueid, linkedid, context, exten, device, time.time(), state)
        self.channels[name.lower()] = ch
        self._ids[uniqueid.lower()] = ch
        bisect.insort(self._sorted_ids, uniqueid.lower())
        self.publish(events.newchannel(ch))
        return ch

    # Changing

    def set_state(self, ch: Channel, state: State) -> None:
        ch.state = state
        self._tell(ch, events.newstate)
        self._device_changed(ch)

    def execute(self, ch: Channel, application: str, data: str) -> None:
        """Begin an application.

        Newexten tells of a new place in the dialplan, not of a new application in the old one: the first step after the
        redirect of a leg without a dialplan goes untold (case `redirect_bridged`).
        """
        ch.application, ch.data = application, data
        place = (ch.context, ch.exten, ch.priority)
        if ch.place != place:
            ch.place = place
            self._tell(ch, events.newexten)

    def _tell(self, ch: Channel, make: Callable[[Channel], events.Event]) -> None:
        """Publish an event that shows the channel as it is, and after it what has changed unseen."""
        unseen, ch.next_caller = ch.next_caller, None
        ch.caller = unseen or ch.caller
        self.publish(make(ch))
        if unseen:
            self.publish(events.new_callerid(ch))

    def set_variable(self, ch: Channel, name: str, value: str) -> None:
        ch.variables[name] = value
        self.publish(events.varset(ch, name, value))

    def set_account(self, ch: Channel, account: str) -> None:
        if account and account != ch.account:
            old, ch.account = ch.account, account
            self.publish(events.new_account(ch, old))

    def set_caller(self, ch: Channel, caller: Party) -> None:
        if caller:
            ch.caller = caller
            self.publish(events.new_callerid(ch))

    def set_connected(self, ch: Channel, connected: Party) -> None:
        if connected:
            ch.connected = connected
            self.publish(events.new_connected_line(ch))

    def answer(self, ch: Channel) -> None:
        """The channel goes up, and whoever dials it hears so."""
        self.set_state(ch, State.UP)
        ch.signal(Signal.ANSWER)

    # Going

    def request_hangup(self, ch: Channel, cause: int = 0) -> None:
        """Ask a channel to go; what runs on it ends first. A cause of 0 leaves the one it has."""
        if ch.hanging:
            return
        ch.hanging = True
        ch.cause = cause or ch.cause
        ch.wake()
        if ch.inbox is not None:
            ch.inbox.put_nowait(Signal.HANGUP)
        elif not ch.runs:
            # A bridge notices a hangup later than a dialplan does, and a dialplan is told in the next turn of the loop.
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self.finish, ch)

    def finish(self, ch: Channel) -> None:
        """The channel goes: out of its bridge, its Local half told, Hangup sent."""
        if ch.gone:
            return
        ch.gone = ch.hanging = True
        bridge.leave(self, ch)
        if ch.phone is not None:
            ch.phone.cancel()
        if ch.peer is not None and not ch.peer.gone:
            if status := ch.variables.get("DIALSTATUS"):
                self.set_variable(ch.peer, "CHANLOCALSTATUS", status)
            self.publish(events.hangup_request(ch.peer, ch.cause))
            self.request_hangup(ch.peer, ch.cause)
        self.remove(ch)

    def remove(self, ch: Channel) -> None:
        """The last of it: the Hangup event, and nobody finds it any more."""
        ch.gone = ch.hanging = True
        self._tell(ch, events.hangup)
        self.channels.pop(ch.name.lower(), None)
        if self._ids.pop(ch.uniqueid.lower(), None) is not None:
            del self._sorted_ids[bisect.bisect_left(self._sorted_ids, ch.uniqueid.lower())]
        if ch.is_local and ch.peer is not None and not ch.peer.gone:
            self._pairs[ch.device] -= 1
            if not self._pairs[ch.device]:
                del self._pairs[ch.device]
        self._device_changed(ch)
        self.on_removed()

    def _device_changed(self, ch: Channel) -> None:
        """Tell of a device's state: of a Local one every time (Asterisk caches none), of a phone when it changes."""
        if ch.is_local:
            exists = self.dialplan.steps(*reversed(ch.device.removeprefix("Local/").split("@", 1)))
            used = "INUSE" if self._pairs[ch.device] > 0 else "NOT_INUSE"
            self.publish(events.device_state(ch.device, used if exists else "INVALID"))
            return
        state = "NOT_INUSE" if ch.gone else {State.RINGING: "RINGING", State.UP: "INUSE"}.get(ch.state, "NOT_INUSE")
        if state != self._states.get(ch.device, "NOT_INUSE"):
            self._states[ch.device] = state
            self.publish(events.device_state(ch.device, state))
