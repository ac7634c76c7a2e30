"""The simulator as the other tests lean on it: hooks, faults, slow listeners, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from acqs_core.action import Outcome
from acqs_core.simulator import Dialplan, Fault, ReceivedAction, Simulator, User, standard
from acqs_core.simulator.scenarios import Scenario, demo_actions

LOGIN = "Action: Login\r\nUsername: acqs\r\nSecret: acqs\r\n"
CALL = (
    "Action: Originate\r\nActionID: o\r\nChannel: Local/620@default/n\r\n"
    "Context: default\r\nExten: 620\r\nPriority: 1\r\n"
)
"""A call that lasts until somebody ends it."""


class Client:
    """One AMI connection: `send` a message, read it back as dictionaries of headers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, text: str) -> None:
        self._writer.write((text.rstrip("\r\n") + "\r\n\r\n").encode())

    async def message(self) -> dict[str, str]:
        """The next message; raises IncompleteReadError at the end of the connection."""
        async with asyncio.timeout(10):
            text = await self._reader.readuntil(b"\r\n\r\n")
        return dict(line.partition(": ")[::2] for line in text.decode().split("\r\n") if ": " in line)

    async def until(self, **wanted: str) -> list[dict[str, str]]:
        """All messages up to and with the one that has these headers."""
        seen: list[dict[str, str]] = []
        while not seen or any(seen[-1].get(key) != value for key, value in wanted.items()):
            seen.append(await self.message())
        return seen

    async def end(self) -> bytes:
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                return await self._reader.read()
        return b""

    def close(self) -> None:
        self._writer.close()


async def connect(simulator: Simulator) -> Client:
    reader, writer = await asyncio.open_connection(*simulator.address, limit=1 << 20)
    return Client(reader, writer)


async def log_in(simulator: Simulator, events: str = "off") -> Client:
    client = await connect(simulator)
    client.send(LOGIN + f"Events: {events}")
    await client.until(Message="Authentication accepted")
    return client


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(speed=20) as running:
        yield running


async def test_stopping_ends_calls_and_connections_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    simulator = Simulator()
    await simulator.start()
    client = await log_in(simulator, "on")
    client.send(CALL + "Async: true")
    await client.until(Event="OriginateResponse")
    assert len(simulator.active_channels) == 2
    await simulator.stop()
    assert not simulator.active_channels
    assert asyncio.all_tasks() == before
    await client.end()
    await simulator.stop()


async def test_what_arrived_is_remembered_and_can_be_awaited(simulator: Simulator) -> None:
    waiting = asyncio.create_task(simulator.received(1))
    client = await log_in(simulator)
    client.send(CALL + "Async: true")
    (action,) = await waiting
    assert (action.name, action.action_id, action.get("exten")) == ("Originate", "o", "620")
    client.send("Action: Hangup\r\nChannel: /.*/")
    await simulator.idle()


async def test_a_synchronous_originate_holds_its_session_and_no_other(simulator: Simulator) -> None:
    client, other = await log_in(simulator), await log_in(simulator)
    client.send(CALL.replace("620@default/n", "600@default"))
    client.send("Action: Ping\r\nActionID: behind")
    await simulator.received(1, "Ping")
    other.send("Action: Ping\r\nActionID: beside")
    assert (await other.message())["ActionID"] == "beside"
    assert (await client.message())["Message"] == "Originate successfully queued"
    assert (await client.message())["ActionID"] == "behind"


@pytest.mark.parametrize(("fault", "calls"), [(Fault.CUT, 0), (Fault.CARRY_OUT_AND_CUT, 2)])
async def test_a_connection_is_cut_at_an_action_that_was_or_was_not_carried_out(
    simulator: Simulator, fault: Fault, calls: int
) -> None:
    simulator.fault = lambda action: fault if action.name == "Originate" else None
    listener, client = await log_in(simulator, "call"), await log_in(simulator)
    client.send(CALL + "Async: true")
    assert await client.end() == b""
    if calls:
        await listener.until(Event="OriginateResponse")
    assert len(simulator.active_channels) == calls
    assert len(await simulator.received(1)) == 1


async def test_an_ignored_action_is_noted_and_the_session_goes_on(simulator: Simulator) -> None:
    def ignore_first(action: ReceivedAction) -> Fault | None:
        return Fault.IGNORE if action.action_id == "first" else None

    simulator.fault = ignore_first
    client = await log_in(simulator)
    client.send("Action: Ping\r\nActionID: first")
    client.send("Action: Ping\r\nActionID: second")
    assert (await client.message())["ActionID"] == "second"
    assert [action.action_id for action in await simulator.received(2, "Ping")] == ["first", "second"]


async def test_without_a_banner_the_connection_ends_at_once(simulator: Simulator) -> None:
    simulator.no_banner = True
    assert await (await connect(simulator)).end() == b""
    simulator.no_banner = False
    await log_in(simulator)


async def test_too_many_connections_before_login_get_no_banner() -> None:
    async with Simulator(auth_limit=2) as simulator:
        one, two = await connect(simulator), await connect(simulator)
        for client in (one, two):
            client.send(LOGIN)
            await client.until(Message="Authentication accepted")
        strangers = [await connect(simulator), await connect(simulator)]
        assert await (await connect(simulator)).end() == b""
        left = [session.gone for session in simulator.sessions if not session.user]
        for client in strangers:
            client.close()
        await asyncio.gather(*left)
        await log_in(simulator)


async def test_a_mute_simulator_reads_and_writes_nothing(simulator: Simulator) -> None:
    client = await log_in(simulator)
    simulator.mute = True
    client.send("Action: Ping")
    await simulator.received(1, "Ping")
    simulator.mute = False
    client.send("Action: Ping\r\nActionID: later")
    assert (await client.message())["ActionID"] == "later"


async def test_logins_are_refused_on_demand_and_with_a_wrong_secret(simulator: Simulator) -> None:
    for refuse, secret in ((True, "acqs"), (False, "wrong")):
        simulator.refuse_logins = refuse
        client = await connect(simulator)
        client.send(f"Action: Login\r\nUsername: acqs\r\nSecret: {secret}")
        assert b"Authentication failed" in await client.end()


async def test_a_shutdown_is_announced_and_a_restarted_one_takes_connections_again(simulator: Simulator) -> None:
    client = await log_in(simulator, "system,call")
    client.send(CALL + "Async: true")
    await client.until(Event="OriginateResponse")
    await simulator.shutdown(restart=True)
    messages = await client.until(Event="Shutdown")
    assert sum(message.get("Event") == "Hangup" for message in messages) == 2
    assert messages[-1]["Restart"] == "True"
    assert await client.end() == b""
    assert not simulator.active_channels
    await log_in(simulator)


async def test_while_it_shuts_down_everything_is_refused(simulator: Simulator) -> None:
    client = await log_in(simulator)
    simulator.shutting_down = True
    client.send("Action: Ping")
    assert (await client.message())["Message"] == "Asterisk is shutting down"


async def test_a_listener_that_does_not_read_is_cut_and_blocks_nobody(simulator: Simulator) -> None:
    simulator.max_backlog = 1 << 16
    slow, quick = await log_in(simulator, "user"), await log_in(simulator)
    (session,) = (one for one in simulator.sessions if one.mask)
    async with asyncio.timeout(60):  # what the kernel holds for a reader who does not read grows on a busy machine
        while not session.gone.done():
            quick.send("Action: UserEvent\r\nUserEvent: Flood\r\n" + f"X: {'y' * 900}\r\n" * 50)
            await quick.message()
    quick.send("Action: Ping\r\nActionID: alive")
    await quick.until(ActionID="alive")
    slow.close()


async def test_a_living_channel_id_is_not_given_twice_and_a_dead_one_is(simulator: Simulator) -> None:
    listener = await log_in(simulator, "call")
    for _ in range(2):
        listener.send(CALL + "Async: true\r\nChannelId: mine")
        assert (await listener.until(Event="OriginateResponse"))[-1]["Reason"] == "4"
        listener.send(CALL + "Async: true\r\nChannelId: mine")
        refused = (await listener.until(Event="OriginateResponse"))[-1]
        assert (refused["Reason"], refused["Uniqueid"]) == ("0", "mine")
        assert len(simulator.active_channels) == 2
        listener.send("Action: Hangup\r\nChannel: mine")
        await listener.until(Event="Hangup", Uniqueid="mine;2")


async def test_disorder_lets_originate_response_come_before_newstate() -> None:
    async with Simulator(speed=50, disorder=1.0) as simulator:
        listener = await log_in(simulator, "call")
        listener.send(CALL + "Async: true")
        before = await listener.until(Event="OriginateResponse")
        assert not any(message.get("Event") == "Newstate" and message["Channel"].endswith(";1") for message in before)
        after = await listener.until(Event="Newstate")
        assert after[-1]["ChannelStateDesc"] == "Up"


async def test_a_redirect_of_the_far_side_of_a_dial_takes_it_out_of_its_bridge() -> None:
    plan = Dialplan({("d", "1"): (("Dial", "Local/2@d/n"),), ("d", "2"): (("Answer", ""), ("Wait", "9")),
                     ("d", "3"): (("Wait", "0.2"), ("Hangup", "")), ("d", "4"): (("Wait", "9"),)})  # fmt: skip
    async with Simulator(speed=20, dialplan=plan) as simulator:
        listener = await log_in(simulator, "call,dialplan")
        listener.send("Action: Originate\r\nChannel: Local/1@d/n\r\nContext: d\r\nExten: 4\r\nPriority: 1\r\nAsync: 1")
        entered = (await listener.until(Event="BridgeEnter"))[-1]
        await listener.until(Event="BridgeEnter", BridgeNumChannels="2")
        listener.send(f"Action: Redirect\r\nChannel: {entered['Channel']}\r\nContext: d\r\nExten: 3\r\nPriority: 1")
        seen = await listener.until(Event="Hangup", Uniqueid=entered["Uniqueid"])
        assert (seen[-1]["Exten"], seen[-1]["Cause"]) == ("3", "16")
        assert [one["Event"] for one in seen if one.get("Event", "").startswith("Bridge")] == [
            "BridgeLeave", "BridgeLeave", "BridgeDestroy",
        ]  # fmt: skip
        await simulator.idle()


async def test_hanging_up_while_it_rings_ends_every_leg(simulator: Simulator) -> None:
    for channel in ("PJSIP/ring", "Local/602@default"):
        listener = await log_in(simulator, "call")
        listener.send(CALL.replace("Local/620@default/n", channel) + "Async: true\r\nChannelId: r")
        await listener.until(Event="Newstate", ChannelStateDesc="Ringing")
        listener.send("Action: Hangup\r\nChannel: r")
        assert (await listener.until(Event="OriginateResponse"))[-1]["Response"] == "Failure"
        await simulator.idle()


async def test_variables_of_a_channel_are_set_and_read(simulator: Simulator) -> None:
    client = await log_in(simulator, "call,dialplan")
    client.send(CALL + "Async: true\r\nChannelId: v\r\nVariable: A=1,B=2")
    await client.until(Event="OriginateResponse")
    client.send("Action: Setvar\r\nChannel: v\r\nVariable: C\r\nValue: 3")
    assert (await client.until(Event="VarSet", Variable="C"))[-1]["Value"] == "3"
    for name, value in (("A", "1"), ("B", "2"), ("C", "3"), ("D", "")):
        client.send(f"Action: Getvar\r\nActionID: g\r\nChannel: v\r\nVariable: {name}")
        assert (await client.until(ActionID="g"))[-1].get("Value", "") == value


async def test_lists_and_console_commands_show_the_living_channels(simulator: Simulator) -> None:
    client = await log_in(simulator)
    client.send(CALL)
    await client.until(ActionID="o")
    client.send("Action: CoreShowChannels\r\nActionID: l")
    listed = await client.until(Event="CoreShowChannelsComplete")
    assert [one["Exten"] for one in listed[1:-1]] == ["620", "620"]
    assert listed[-1]["ListItems"] == "2"
    client.send("Action: Status\r\nActionID: s\r\nChannel: " + listed[1]["Channel"])
    assert (await client.until(Event="StatusComplete"))[-1]["Items"] == "1"
    for text, found in (
        ("core show channels", "2 calls processed"),
        ("core show version", "Asterisk 22.10.1 (simulated)"),
    ):
        client.send(f"Action: Command\r\nCommand: {text}")
        assert (await client.message())["Output"] == found
    client.send("Action: CoreSettings")
    assert (await client.message())["AMIversion"] == "11.0.0"


async def ends_as(simulator: Simulator, client: Client, number: int, scenario: Scenario) -> str:
    """Send one scenario as the sender would and name its end from what Asterisk would say."""
    text = f"Action: {scenario.action.action}\r\nActionID: a{number}\r\n" + "\r\n".join(scenario.action.lines)
    is_call = scenario.action.action == "Originate"
    client.send(text + ("\r\nAsync: true" if is_call else ""))
    answer = (await client.until(ActionID=f"a{number}"))[-1]
    if answer["Response"] == "Error":
        return "refused"
    if not is_call:
        return "done"
    seen = await client.until(Event="OriginateResponse", ActionID=f"a{number}")
    reasons = {"4": "answered", "3": "no_answer", "5": "busy", "8": "congestion"}
    causes = {"17": "busy", "34": "congestion"}
    cause = next((one["Cause"] for one in seen if one.get("Event") == "HangupRequest"), "")
    return reasons.get(seen[-1]["Reason"]) or causes.get(cause, "failed")


async def test_every_demo_scenario_ends_as_it_says(simulator: Simulator) -> None:
    client = await log_in(simulator, "call")
    for number, scenario in enumerate(demo_actions(20)):
        expected = scenario.outcome.value if scenario.outcome is not None else "done"
        assert await ends_as(simulator, client, number, scenario) == expected, scenario.title
        if "that is" not in scenario.title:
            await simulator.idle()


@pytest.mark.parametrize("count", [0, 1, 5, 6, 10, 20, 41])
def test_a_demo_has_as_many_actions_as_asked_and_no_call_without_its_end(count: int) -> None:
    scenarios = demo_actions(count)
    assert len(scenarios) == count
    long_calls = [
        one.action.callerid for one in scenarios if "607" in str(one.action.lines) and "PJSIP" not in str(one)
    ]
    enders = [one.action.callerid for one in scenarios if one.action.action in ("Hangup", "Redirect")]
    assert long_calls == enders
    if count >= 20:
        assert {one.outcome for one in scenarios} >= {
            Outcome.ANSWERED,
            Outcome.BUSY,
            Outcome.NO_ANSWER,
            Outcome.REFUSED,
        }


RIGHTS = {
    "all": User("s"),
    "calls": User("s", read="call", write="call"),
    "send": User("s", read="", write="originate"),
    "once": User("s", allow_multiple=False),
    "shut": User("s", denied=True),
    "named": User("s", eventfilters=(("name(Hangup)", ""), ("name(UserEvent)", ""))),
    "legacy": User("s", eventfilters=(("", "!Event: Newexten"),)),
}


@pytest.fixture
async def guarded() -> AsyncIterator[Simulator]:
    async with Simulator(speed=20, users=RIGHTS) as running:
        yield running


async def enter(simulator: Simulator, user: str, events: str = "on") -> Client:
    client = await connect(simulator)
    client.send(f"Action: Login\r\nUsername: {user}\r\nSecret: s\r\nEvents: {events}")
    await client.until(Message="Authentication accepted")
    return client


async def answer(client: Client, text: str) -> str:
    client.send(f"{text}\r\nActionID: asked")
    said = (await client.until(ActionID="asked"))[-1]
    return said.get("Message", said["Response"])


@pytest.mark.parametrize(
    ("user", "action", "expected"),
    [
        ("calls", "Action: Originate\r\nChannel: Local/620@default\r\nApplication: Wait", "Permission denied"),
        ("calls", "Action: Hangup\r\nChannel: x", "No such channel"),
        ("calls", "Action: Ping", "Success"),
        ("calls", "Action: Nonsense", "Invalid/unknown command: Nonsense. Use Action: ListCommands to show available "
         "commands."),
        ("send", "Action: Hangup\r\nChannel: x", "Permission denied"),
        ("send", "Action: Originate\r\nChannel: Local/620@default\r\nApplication: TrySystem",
         "Originate Access Forbidden: app or data blacklisted"),
        ("all", "Action: Originate\r\nChannel: Local/630@default\r\nApplication: TrySystem\r\nAsync: 1",
         "Originate successfully queued"),
    ],
)  # fmt: skip
async def test_an_action_needs_one_of_its_classes(guarded: Simulator, user: str, action: str, expected: str) -> None:
    assert await answer(await enter(guarded, user), action) == expected


async def test_a_refused_request_is_told_to_whoever_may_read_security(guarded: Simulator) -> None:
    witness, client = await enter(guarded, "all", "security"), await enter(guarded, "calls")
    client.send("Action: Command\r\nCommand: core show version")
    told = (await witness.until(Event="RequestNotAllowed"))[-1]
    assert (told["AccountID"], told["RequestType"]) == ("calls", "Action: Command")


@pytest.mark.parametrize(
    ("user", "secret", "told"),
    [("shut", "s", "FailedACL"), ("nobody", "s", "InvalidAccountID"), ("all", "wrong", "InvalidPassword")],
)
async def test_refused_logins_sound_alike_and_only_the_event_tells_them_apart(
    guarded: Simulator, user: str, secret: str, told: str
) -> None:
    witness, client = await enter(guarded, "all", "security"), await connect(guarded)
    assert await answer(client, f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}") == "Authentication failed"
    assert (await witness.until(Event=told))[-1]["AccountID"] == user


async def test_a_user_who_may_be_in_once_is_kept_out_until_he_has_gone(guarded: Simulator) -> None:
    first, second = await enter(guarded, "once"), await connect(guarded)
    again = "Action: Login\r\nUsername: once\r\nSecret: "
    assert await answer(second, again + "wrong") == "Login Already In Use"
    (gone,) = (session.gone for session in guarded.sessions if session.user == "once")
    first.close()
    await gone
    assert await answer(await connect(guarded), again + "s") == "Authentication accepted"


async def test_the_events_of_a_user_are_those_that_rights_mask_and_filters_let_through(guarded: Simulator) -> None:
    everything = await enter(guarded, "all")
    some = {name: await enter(guarded, name) for name in ("calls", "named", "legacy")}
    everything.send(CALL.replace("Exten: 620", "Exten: 630").replace("620@default/n", "630@default"))
    called = await everything.until(ActionID="o")
    await guarded.idle()
    everything.send("Action: UserEvent\r\nUserEvent: End")
    whole = {one["Event"] for one in called + await everything.until(Event="UserEvent") if "Event" in one}
    assert {"Newexten", "Hangup", "SuccessfulAuth"} <= whole
    named = [one["Event"] for one in await some["named"].until(Event="UserEvent")]
    assert named == ["FullyBooted", "Hangup", "Hangup", "UserEvent"]  # the login's FullyBooted passes every filter
    legacy = {one["Event"] for one in await some["legacy"].until(Event="UserEvent")}
    assert legacy == whole - {"Newexten"}
    some["calls"].send("Action: Ping\r\nActionID: end")
    calls = {one["Privilege"] for one in (await some["calls"].until(ActionID="end"))[:-1]}
    assert calls == {"call,all"}


def test_a_filter_that_does_not_compile_is_refused_when_the_user_is_made_and_no_secret_is_shown() -> None:
    with pytest.raises(ValueError, match="formatted incorrectly"):
        User("s", eventfilters=(("name(", ""),))
    assert "hidden" not in repr(User("hidden"))


async def test_a_connection_that_does_not_log_in_in_time_is_closed_and_one_that_does_stays() -> None:
    async with Simulator(auth_timeout=0.3) as simulator:
        client, silent = await log_in(simulator), await connect(simulator)
        assert await silent.end() == b"Asterisk Call Manager/11.0.0\r\n"
        client.send("Action: Ping\r\nActionID: alive")
        assert (await client.message())["ActionID"] == "alive"


async def test_a_graceful_stop_waits_for_the_last_call_and_refuses_all_else(simulator: Simulator) -> None:
    listener = await log_in(simulator, "call,system")
    listener.send(CALL.replace("620@default/n", "610@default").replace("Exten: 620", "Exten: 610") + "Async: true")
    await listener.until(Event="OriginateResponse")
    stopping = asyncio.create_task(simulator.stop_gracefully())
    late = await connect(simulator)
    late.send(LOGIN)
    assert (await late.message())["Message"] == "Asterisk is shutting down"
    seen = await listener.until(Event="Shutdown")
    assert [one["Cause"] for one in seen if one["Event"] == "Hangup"] == ["16", "16"]
    await stopping
    assert simulator.sessions == []


async def test_after_a_restart_it_counts_anew_and_knows_no_extension_until_it_has_booted(simulator: Simulator) -> None:
    listener = await log_in(simulator, "call,system")
    listener.send(CALL + "Async: true\r\nChannelId: before")
    first = (await listener.until(Event="OriginateResponse"))[-1]["Channel"]
    await simulator.restart(boot_time=10)
    again = await log_in(simulator, "call,system")
    again.send(CALL + "Async: true")
    assert (await again.message())["Message"] == "Extension does not exist."
    await again.until(Event="FullyBooted")
    again.send(CALL + "Async: true\r\nChannelId: before")
    assert (await again.until(Event="OriginateResponse"))[-1]["Channel"] == first


@pytest.mark.parametrize("channel", ["PJSIP/ring", "Local/602@default", "Local/615@default/n", "Local/617@default"])
async def test_a_stop_hangs_up_calls_that_ring_and_calls_that_talk(simulator: Simulator, channel: str) -> None:
    listener = await log_in(simulator, "call,system")
    listener.send(CALL.replace("Local/620@default/n", channel) + "Async: true")
    begun = await listener.until(Event="BridgeEnter" if "61" in channel else "DialBegin")
    await simulator.shutdown(restart=True)
    seen = begun + await listener.until(Event="Shutdown")
    born, gone = ([one["Uniqueid"] for one in seen if one.get("Event") == name] for name in ("Newchannel", "Hangup"))
    assert sorted(born) == sorted(gone)


async def test_a_crash_takes_calls_and_connections_without_a_word(simulator: Simulator) -> None:
    listener = await log_in(simulator, "call,system")
    listener.send(CALL + "Async: true")
    await listener.until(Event="OriginateResponse")
    await simulator.crash()
    assert b"Hangup" not in await listener.end()
    assert not simulator.active_channels
    await log_in(simulator)


async def test_a_flood_has_the_asked_rate_and_is_told_to_those_who_want_it(simulator: Simulator) -> None:
    wants, wants_not = await log_in(simulator, "on"), await log_in(simulator, "user")
    sent = await simulator.flood(5000, 0.5)
    assert 500 < sent <= 2500  # what a loaded machine falls behind is not made up for
    wants.send("Action: Ping\r\nActionID: end")
    names = [one["Event"] for one in (await wants.until(ActionID="end"))[:-1]]
    assert {name: names.count(name) for name in ("Newexten", "VarSet", "DeviceStateChange")} == {
        "Newexten": (sent + 3) // 4, "VarSet": (sent + 2) // 4 + (sent + 1) // 4, "DeviceStateChange": sent // 4,
    }  # fmt: skip
    wants_not.send("Action: Ping\r\nActionID: end")
    assert (await wants_not.message())["ActionID"] == "end"
    with pytest.raises(ValueError, match="ask for more than 0"):
        await simulator.flood(0, 1)


async def test_a_channel_id_that_a_living_one_begins_with_is_taken(simulator: Simulator) -> None:
    listener = await log_in(simulator, "call")
    ends = []
    for channel_id in ("AbcDef-12", "AbcDef-1", "abcdef-12", "A", "AbcDef-123", "bc"):
        listener.send(CALL + f"Async: true\r\nChannelId: {channel_id}")
        ends.append((await listener.until(Event="OriginateResponse"))[-1]["Response"])
    assert ends == ["Success", "Failure", "Failure", "Failure", "Success", "Success"]  # as seen on 22.10.1


async def test_a_simulator_with_a_certificate_speaks_tls() -> None:
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    simulator = Simulator()
    await simulator.start(tls=serving)
    try:
        client = Client(*await asyncio.open_connection(*simulator.address, ssl=trusting))
        client.send(LOGIN)
        assert (await client.message())["Message"] == "Authentication accepted"
        client.close()
    finally:
        await simulator.stop()


@pytest.mark.parametrize(
    ("target", "status"),
    [("PJSIP/busy", "BUSY"), ("PJSIP/cong", "CONGESTION"), ("PJSIP/ring,1", "NOANSWER"), ("PJSIP/none", "CHANUNAVAIL")],
)
async def test_a_dial_that_nobody_answered_says_so_in_its_status(target: str, status: str) -> None:
    plan = Dialplan({("d", "1"): (("Answer", ""), ("Dial", target), ("Hangup", ""))}, standard().phones)
    async with Simulator(speed=20, dialplan=plan) as simulator:
        client = await log_in(simulator, "call,dialplan")
        client.send("Action: Originate\r\nChannel: Local/1@d\r\nApplication: Wait\r\nData: 9\r\nAsync: 1")
        told = await client.until(Event="Newexten", Application="Hangup")
        assert [one["Value"] for one in told if one.get("Variable") == "DIALSTATUS"][-1] == status
