"""Rows of somebody who wants the box, on a real Asterisk whose manager user may do all: what they would run is run only
where the settings allow it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acqs_core.action import NewAction, Outcome, Status, call, channel_id, raw
from tests.integration.stand import VARIANT, Stand, outcome_of

pytestmark = pytest.mark.parametrize("stand", VARIANT.kinds[:1], indirect=True)
"""What is judged is the message; the kind of table makes no difference."""

LISTS = ("allow_actions", "allow_applications", "allow_commands", "allow_functions")


def rows(mark: str, channel: str) -> dict[str, NewAction]:
    """Each would make a file whose name begins with `mark` and ends with the row's own."""
    on, file = f"Channel: {channel}", f"File: {mark}.wav"
    there = ("Channel: Local/630@default/n", "Context: default", "Exten: 630", "Priority: 1")
    return {
        "-application": raw("Originate", (there[0], "Application: System", f"Data: touch {mark}-application")),
        "-letters": raw("Originate", (there[0], "aPPLICATION:TrySystem", f"Data: touch {mark}-letters")),
        "-second": raw("Originate", (there[0], "Application:", "Application: System", f"Data: touch {mark}-second")),
        "-command": raw("MixMonitor", (on, file, f"Command: touch {mark}-command")),
        "-option": raw("MixMonitor", (on, file, f"Options: b,touch {mark}-option")),
        "-name": raw("MixMonitor", (on, f"{file},,touch {mark}-name")),
    }


async def test_rows_that_run_programs_are_dead_before_they_are_written(stand: Stand) -> None:
    async with stand.engine():
        attacks = rows(_mark(stand, "default"), await _living(stand))
        man_ids = [stand.produce(new) for new in attacks.values()]
        ends = await asyncio.gather(*map(stand.until_dead, man_ids))
    assert {outcome_of(end) for end in ends} == {Outcome.NOT_ALLOWED}
    assert [entry.event for end in ends for entry in end.journal if entry.event == "sent"] == []
    stand.asterisk.hang_up_all()
    assert _made(stand, "default") == set()


async def test_the_same_rows_run_them_where_the_settings_allow_all(stand: Stand) -> None:
    """So that the test above is not passed by rows that could do nothing anyway."""
    async with stand.engine(sender={name: ["*"] for name in LISTS}):
        attacks = rows(_mark(stand, "all"), await _living(stand))
        for new in attacks.values():
            await stand.until_answered(stand.produce(new))
        stand.asterisk.hang_up_all()
        async with asyncio.timeout(10):  # a program is started by Asterisk, who tells nobody when it is done
            while not (made := _made(stand, "all")) >= {"-application", "-command", "-option"}:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert made <= set(attacks)


def _mark(stand: Stand, run: str) -> str:
    """The begin of a file's name as Asterisk sees it, within its chroot."""
    return f"/lab/{stand.asterisk.directory.name}/var/{_own(stand, run)}"


def _own(stand: Stand, run: str) -> str:
    return f"{run}{stand.database.rpartition('_')[2]}"


def _made(stand: Stand, run: str) -> set[str]:
    own, folder = _own(stand, run), stand.asterisk.directory / "var"
    names = (Path(path).name for path in folder.glob(f"{own}-*"))
    return {name.removeprefix(own).rstrip(",") for name in names}


async def _living(stand: Stand) -> str:
    man_id = stand.produce(call("Local/601@default/n", exten="601"))
    await stand.until(man_id, lambda timeline: timeline.row.status is Status.UPDATED)
    return channel_id(man_id)
