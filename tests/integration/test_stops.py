"""Told to stop, for a while or for good, an engine lets nothing go astray: SIGTERM, pause and resume."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from pathlib import Path

from acqs_core.action import Outcome, Status, call, raw
from tests.integration.conftest import one_kind_of_table
from tests.integration.headless import Fleet, burst, calls_made, until_reached, until_rows, until_settled
from tests.integration.stand import Stand, events_of, outcome_of

BLOCKING = (
    "Channel: Local/602@default/n", "Context: default", "Exten: 610", "Priority: 1", "Timeout: 2500", "Async: false",
)  # fmt: skip
"""Asterisk answers it after 2.5 s of ringing."""


async def test_sigterm_awaits_answers_and_gives_back_what_was_not_sent(stand: Stand, tmp_path: Path) -> None:
    clock = asyncio.get_running_loop()
    async with Fleet(stand, tmp_path, sender={"max_per_second": 20, "linger": 10.0}) as fleet:
        engine = await fleet.start()
        await engine.wait_ready()
        sent = stand.produce(raw("Originate", BLOCKING, callerid="SAME"))
        await stand.until(sent, lambda t: t.row.status is Status.UPDATED)
        behind = stand.produce(call("Local/630@default/n", exten="630", callerid="SAME"))
        waiting = burst(stand, [call("Local/630@default/n", exten="630")] * 60)
        await until_rows(stand, [behind], lambda row: row.status is Status.QUEUE)
        begun = clock.time()
        assert await engine.terminate() == 0
        assert clock.time() - begun < 5.0, "neither the rate nor the linger keeps it"
        end = stand.store.timeline(sent)
        assert (end.row.status, outcome_of(end), end.row.response) == (Status.DEAD, Outcome.NO_ANSWER, "Y")
        left = Counter(row.status for row in stand.store.by_ids([behind, *waiting]))
        assert left[Status.QUEUE] == 0
        assert left[Status.NEW] > 20
        leases = stand.server.client("SELECT holder FROM acqs_lease WHERE holder <> ''", database=stand.database)
        assert leases == "", "the leases are given up at once"
        following = await fleet.start()
        await following.wait_ready()
        assert not [line for line in following.log if "standing by" in line["message"]], "no lease had to expire"
        rows, _ = await until_settled(stand, [behind, *waiting], 5.0)
    assert {row.status for row in rows.values()} == {Status.DEAD}


@one_kind_of_table
async def test_a_pause_in_a_burst_holds_the_rest_until_it_is_resumed(stand: Stand, tmp_path: Path) -> None:
    with stand.asterisk.record() as recorder:
        async with Fleet(stand, tmp_path, sender={"max_per_second": 20}) as fleet:
            engine = await fleet.start()
            await engine.wait_ready()
            reached = asyncio.create_task(until_reached(recorder, 10))
            man_ids = burst(stand, [call("Local/630@default/n", exten="630")] * 150)
            await reached
            code, said = await fleet.ask("pause", "lunch")
            assert (code, said["paused"]) == (0, True)
            await engine.said("sender: paused by")
            paused = await until_rows(stand, man_ids, lambda row: row.status is not Status.QUEUE)
            held = {man_id for man_id, row in paused.items() if row.status is Status.NEW}
            assert held
            code, said = await fleet.ask("resume")
            assert (code, said["backlog"]) == (0, len(held))
            rows, unknown = await until_settled(stand, man_ids, 10.0)
        await asyncio.to_thread(recorder.settle)
        made = calls_made(recorder)
    assert made == dict.fromkeys(man_ids, 1)
    assert unknown == set()
    assert {row.status for row in rows.values()} == {Status.DEAD}
    began, ended = (_deed(stand, event) for event in ("paused", "resumed"))
    for man_id in man_ids:
        timeline = stand.store.timeline(man_id)
        assert events_of(timeline).count("sent") == 1
        at = next(entry.at for entry in timeline.journal if entry.event == "sent")
        assert at is not None
        # A row marked SENT a moment before the pause is written a moment after it.
        assert at < began + dt.timedelta(seconds=0.5) or at > ended, f"row {man_id} was sent during the pause"
        assert (at > ended) == (man_id in held)


def _deed(stand: Stand, event: str) -> dt.datetime:
    text = stand.server.client(
        f"SELECT at FROM acqs_journal WHERE man_id IS NULL AND event = '{event}'", database=stand.database
    )
    return dt.datetime.fromisoformat(text.strip()).replace(tzinfo=dt.UTC)
