"""Rows that can never be sent, among good ones: each ends with its reason, and none of them delays anybody."""

from __future__ import annotations

import asyncio
import time

import pytest

from acqs_core.action import Outcome, Status, call, channel_id
from tests.integration.stand import Stand, outcome_of

GOOD = 30

POISON: dict[str, tuple[str, Outcome]] = {
    "a CR that would start a second action": (
        "'Originate','P1',CONCAT('Channel: Local/631@default/n',CHAR(13 USING ascii),'Action: Logoff'),'',''",
        Outcome.INVALID),
    "a LF alone, which Asterisk takes for a line's end": (
        "'Originate','P2',CONCAT('Channel: Local/631@default/n',CHAR(10 USING ascii),'Action: Logoff'),'',''",
        Outcome.INVALID),
    "a NUL": ("'Originate','P3',CONCAT('Channel: Local/631',CHAR(0 USING ascii),'@default'),'',''", Outcome.INVALID),
    "a CR in the action's name": ("CONCAT('Ping',CHAR(13 USING ascii),'Action: x'),'','','',''", Outcome.INVALID),
    "no action": ("'','','Channel: Local/631@default/n','',''", Outcome.INVALID),
    "NULL everywhere": ("NULL,NULL,NULL,NULL,NULL", Outcome.INVALID),
    "blanks for an action": ("'   ','','','',''", Outcome.INVALID),
    "an ActionID that is too long": ("'Ping','',CONCAT('ActionID: ',REPEAT('x',65)),'',''", Outcome.INVALID),
    "an action that is not allowed": ("'Command','','Command: core show uptime','',''", Outcome.NOT_ALLOWED),
    "an action that Asterisk does not know": ("'NoSuchAction','','Key: value','',''", Outcome.REFUSED),
    "a Redirect of no channel": ("'Redirect','','Channel: None/1','Context: default','Exten: 600'", Outcome.REFUSED),
    "a caller name in latin1": (
        "'Originate','josé','Channel: Local/631@default/n','Application: Wait','Data: 1'", Outcome.ANSWERED),
    "the same caller name in other letters": (
        "'Originate','JOSE','Channel: Local/631@default/n','Application: Wait','Data: 1'", Outcome.ANSWERED),
    "a caller name with an emoji": (
        "'Originate','📞 desk','Channel: Local/631@default/n','Application: Wait','Data: 1'", Outcome.ANSWERED),
    "a quote and a backslash": (
        "'Originate','x'' OR 1=1 \\\\','Channel: Local/631@default/n','Application: Wait','Data: 1'",
        Outcome.ANSWERED),
}  # fmt: skip
"""The SQL of action, callerid and cmd_line_b to d, and how such a row ends."""

LONG = {"a line of 2000 bytes": ("'Ping','',CONCAT('Variable: a=',REPEAT('x',1989)),'',''", Outcome.INVALID)}
"""Only our own schema holds it; VICIdial's columns cut it to 100 characters, which is a line like any other."""

ALLOWED = ("Originate", "Ping", "Redirect", "NoSuchAction")


async def test_each_poisoned_row_ends_with_its_reason_and_delays_no_good_one(stand: Stand) -> None:
    poison = POISON | ({} if stand.store.db.is_myisam else LONG)
    async with stand.engine(sender={"allow_actions": ALLOWED}):
        alone = await _time_of_good_rows(stand, [])
        man_ids: list[int] = []
        among = await _time_of_good_rows(stand, [values for values, _ in poison.values()], man_ids)
        assert among < alone * 1.5 + 0.5, f"good rows took {among:.2f} s among poison and {alone:.2f} s alone"
        ends = await asyncio.gather(*(stand.until_dead(man_id) for man_id in man_ids))
    found = {name: outcome_of(end) for name, end in zip(poison, ends, strict=True)}
    assert found == {name: outcome for name, (_, outcome) in poison.items()}
    for name, end in zip(poison, ends, strict=True):
        sent = poison[name][1] in (Outcome.REFUSED, Outcome.ANSWERED)
        assert end.row.response == ("Y" if sent else "N"), name
        assert ("sent" in [entry.event for entry in end.journal]) == sent, name
        assert end.outcome is not None
        assert end.outcome.message or outcome_of(end) is Outcome.ANSWERED, f"no reason is given for {name}"


async def test_caller_names_that_the_database_takes_for_equal_are_two_calls(stand: Stand) -> None:
    """To utf8mb4_general_ci and latin1_swedish_ci `josé`, `JOSE` and `jose ` are one name."""
    names = ["josé", "JOSE", "jose"]
    async with stand.engine():
        ids = {name: stand.produce(call("Local/632@default/n", exten="610", callerid=name)) for name in names}
        for name, man_id in ids.items():
            up = await stand.until(man_id, lambda t: t.row.status in (Status.UPDATED, Status.DEAD))
            assert up.row.uniqueid == channel_id(man_id), name
        await asyncio.gather(*map(stand.until_dead, ids.values()))


@pytest.mark.parametrize("stored", ["josé", "📞"])
async def test_a_name_that_no_statement_could_carry_is_matched_when_another_process_sent_it(
    stand: Stand, stored: str
) -> None:
    async with stand.engine(listen=False), stand.engine(send=False):
        man_id = stand.produce(call("Local/632@default/n", exten="610", callerid=stored))
        end = await stand.until_dead(man_id)
    assert outcome_of(end) is Outcome.ANSWERED


async def _time_of_good_rows(stand: Stand, poison: list[str], man_ids: list[int] | None = None) -> float:
    """Seconds from one INSERT of poison, and good rows behind it, until Asterisk has answered every good row."""
    rows = [f"('','',NOW(),'NEW','N','{stand.server_ip}','',{values},'','','','','','','')" for values in poison]
    good = "'Originate','','Channel: Local/630@default/n','Application: Hangup','','','','','','','',''"
    rows += [f"('','',NOW(),'NEW','N','{stand.server_ip}','',{good})"] * GOOD
    begun = time.monotonic()
    answer = await asyncio.to_thread(
        stand.server.client,
        f"INSERT INTO vicidial_manager VALUES {','.join(rows)}; SELECT LAST_INSERT_ID();", database=stand.database,
    )  # fmt: skip
    first = int(answer.split()[-1])
    if man_ids is not None:
        man_ids += range(first, first + len(poison))
    goods = list(range(first + len(poison), first + len(rows)))
    async with asyncio.timeout(20):
        while True:
            seen = await asyncio.to_thread(stand.store.by_ids, goods)
            if all(row.response == "Y" for row in seen):
                return time.monotonic() - begun
            await asyncio.sleep(0.01)
