"""The simulator as the other tests lean on it: hooks, faults, slow listeners, and that its calls end as they say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from acqs_core.action import Outcome
from acqs_core.simulator import Dialplan, Fault, ReceivedAction, Simulator, standard
from acqs_core.simulator.scenarios import Scenario, demo_actions
from tests.unit.simulator_client import CALL, Client, log_in


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(speed=20) as running:
        yield running


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


async def test_a_mute_simulator_reads_and_writes_nothing(simulator: Simulator) -> None:
    client = await log_in(simulator)
    simulator.mute = True
    client.send("Action: Ping")
    await simulator.received(1, "Ping")
    simulator.mute = False
    client.send("Action: Ping\r\nActionID: later")
    assert (await client.message())["ActionID"] == "later"


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


async def test_a_channel_id_that_a_living_one_begins_with_is_taken(simulator: Simulator) -> None:
    listener = await log_in(simulator, "call")
    ends = []
    for channel_id in ("AbcDef-12", "AbcDef-1", "abcdef-12", "A", "AbcDef-123", "bc"):
        listener.send(CALL + f"Async: true\r\nChannelId: {channel_id}")
        ends.append((await listener.until(Event="OriginateResponse"))[-1]["Response"])
    assert ends == ["Success", "Failure", "Failure", "Failure", "Success", "Success"]  # as seen on 22.10.1


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
