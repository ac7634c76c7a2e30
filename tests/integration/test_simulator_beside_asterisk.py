"""The simulator beside a living Asterisk 22: what no recording holds, asked of both, must be answered alike."""

from __future__ import annotations

import asyncio

import pytest

from acqs_core.simulator import Simulator, User
from tests.lab.asterisk import Asterisk
from tests.simulated.compare import in_full
from tests.simulated.streams import Frame, Names, is_event, parse, value

ODD_REQUESTS = (
    *(f"Action: {name}" for name in (
        "Getvar", "Setvar", "Redirect", "Hangup", "Status", "Filter", "UserEvent", "Events", "Command", "Nonsense",
        "CoreShowChannels", "CoreSettings", "CoreStatus", "Ping",
    )),
    *(f"Action: {name}\r\nChannel: x" for name in ("Getvar", "Setvar", "Redirect", "Hangup", "Status", "Originate")),
    *(f"Action: Redirect\r\nChannel: x\r\nContext: default\r\nExten: 600\r\nPriority: {at}" for at in ("1", "one")),
    "Action: Getvar\r\nVariable: NOPE",
    "Action: Setvar\r\nVariable: SIMULATED_{user}\r\nValue: 1",
    "Action: Getvar\r\nVariable: SIMULATED_{user}",
    "Action: Getvar\r\nChannel: x\r\nVariable: NOPE",
    *(f"Action: Filter\r\nOperation: {rest}" for rest in (
        "add", "del\r\nFilter: x", "Add\r\nFilter: (", "Add\r\nFilter: !^Event: Nothing",
        "Add\r\nMatchCriteria: name(\r\nFilter: x", "Add\r\nMatchCriteria: nonsense(x)\r\nFilter: x",
        "Add\r\nMatchCriteria: action(exclude),name(Nothing)",
    )),
    *(f"Action: Command\r\nCommand: {text}" for text in (
        "no such", "module unload x.so", "manager show user nobody", "manager show user admin",
        "manager show user acqs_send", "dialplan show 4444@nowhere", "dialplan show 4444@default",
    )),
    "Action: Originate\r\nChannel: Local/630@default\r\nApplication: TrySystem\r\nData: true\r\nTimeout: x",
    "Action: Challenge\r\nAuthType: none",
    "Action: Login\r\nUsername: admin\r\nSecret: wrong",
)  # fmt: skip

ONLY_NAMES = {"CoreSettings", "CoreStatus"}
"""Actions whose values are the machine's: only the names of their headers are compared."""


async def asked(address: tuple[str, int], user: str, secret: str, requests: tuple[str, ...]) -> list[Frame]:
    """Everything that one session of requests is answered."""
    reader, writer = await asyncio.open_connection(*address)
    texts = [f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\nEvents: off", *requests, "Action: Logoff"]
    for number, text in enumerate(texts):
        first = text.partition("\r")[0]
        writer.write(f"{text}\r\nActionID: {number} {first}\r\n\r\n".encode())
    async with asyncio.timeout(30):
        said = await reader.read(-1)
    writer.close()
    return [frame for frame in parse(said) if not is_event(frame)]


def _comparable(frames: list[Frame]) -> list[Frame]:
    names = Names()
    told = [names.canonical(frame) for frame in frames]
    by_name = [value(frame, "ActionID").partition("Action: ")[2] in ONLY_NAMES for frame in frames]
    return [[(key, "") for key, _ in frame] if only else frame for frame, only in zip(told, by_name, strict=True)]


USERS = ("admin", "acqs_send", "acqs_listen", "call_only")


@pytest.mark.parametrize("user", USERS)
async def test_odd_requests_are_answered_as_asterisk_answers_them(quiet_asterisk: Asterisk, user: str) -> None:
    users = {name: User(one.secret, one.read, one.write) for name, one in quiet_asterisk.users.items()}
    secret = users[user].secret
    requests = tuple(text.replace("{user}", user) for text in ODD_REQUESTS)
    real = await asked(("127.0.0.1", quiet_asterisk.ami_port), user, secret, requests)
    async with Simulator(users=users) as simulator:
        simulated = await asked(simulator.address, user, secret, requests)
        assert in_full(_comparable(simulated), _comparable(real)) == ""


async def test_the_same_commands_are_listed_to_the_same_rights(quiet_asterisk: Asterisk) -> None:
    users = {name: User(one.secret, one.read, one.write) for name, one in quiet_asterisk.users.items()}
    async with Simulator(users=users) as simulator:
        listed = ("Action: ListCommands",)
        known = {key for key, _ in (await asked(simulator.address, "admin", users["admin"].secret, listed))[2]}
        for name in USERS:
            *_, ours, _ = await asked(simulator.address, name, users[name].secret, listed)
            *_, theirs, _ = await asked(("127.0.0.1", quiet_asterisk.ami_port), name, users[name].secret, listed)
            assert ours == [pair for pair in theirs if pair[0] in known], name
