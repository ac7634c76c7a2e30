"""Who may do and hear what in the simulator: the mistakes of a manager.conf, as Asterisk 22 answers them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from acqs_core.simulator import Simulator, User
from tests.unit.simulator_client import CALL, Client, connect

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
