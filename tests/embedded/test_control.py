"""An engine's control socket: who may do what, what is shown live, and that a bad console costs the engine nothing."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import sqlite3
import stat
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from acqs_core.action import Outcome, Status, call, raw
from acqs_core.control import places
from acqs_core.control.client import Client
from acqs_core.control.wire import RowView, decode, encode
from acqs_core.engine import Engine
from acqs_core.errors import ControlError, NotFound, Refused
from acqs_core.queue.types import Depth, OutcomeRecord
from acqs_core.settings import Settings
from tests.hosted import running


@pytest.fixture
async def console(engine: Engine, folder: Path) -> AsyncIterator[Client]:
    async with await Client.attach("127.0.0.1", str(folder)) as client:
        yield client


class Seen:
    """What a feed has told."""

    def __init__(self, console: Client) -> None:
        self.messages: list[dict[str, Any]] = []
        self._came = asyncio.Condition()
        console.on_feed = self._take

    def _take(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._came:
            self._came.notify_all()

    def rows(self, man_id: int) -> list[RowView]:
        views = [RowView.unpack(item) for m in self.messages if m["feed"] == "rows" for item in m["items"]]
        return [view for view in views if view.row.man_id == man_id]

    async def until(self, holds: Any, seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(holds)


async def test_a_call_is_injected_and_followed_until_it_ends(console: Client) -> None:
    seen = Seen(console)
    await console.follow("rows", "events", "status", "sessions")
    new = call("Local/600@default", exten="610", callerid="CONSOLE1")
    man_id = await console.ask("insert", action=new.action, callerid=new.callerid, lines=new.lines)
    await seen.until(lambda: any(v.row.status is Status.DEAD for v in seen.rows(man_id)))
    assert [view.row.status for view in seen.rows(man_id)][-1] is Status.DEAD
    assert seen.rows(man_id)[-1].outcome is Outcome.ANSWERED
    events = [text for m in seen.messages if m["feed"] == "events" for _, text in m["items"]]
    assert any(text.startswith("Event: Hangup") and f"acqs-{man_id:010d}" in text for text in events)
    assert any(session["man_id"] == man_id for m in seen.messages if m["feed"] == "sessions"
               for session in m["is"]["living"])  # fmt: skip
    shown = next(m["is"] for m in reversed(seen.messages) if m["feed"] == "status")
    assert (shown["state"], shown["server_ip"]) == ("RUNNING", "127.0.0.1")
    timeline = await console.ask("timeline", man_id=man_id)
    assert RowView.unpack(timeline["row"]).row.man_id == man_id
    first = timeline["journal"][0]
    assert (first["event"], first["actor"]) == ("inserted", getpass.getuser()), "the operator is the socket's peer"


async def test_pages_and_newer_rows_are_what_the_table_holds(console: Client) -> None:
    await console.ask("pause", reason="a test")
    made = [await console.ask("insert", action="Ping", lines=[f"X: {n}"]) for n in range(5)]
    page = await console.ask("page", limit=3)
    assert [RowView.unpack(row).row.man_id for row in page["rows"]] == made[:1:-1]
    older = await console.ask("page", limit=3, before=page["next"])
    assert [RowView.unpack(row).row.man_id for row in older["rows"]] == made[1::-1]
    assert older["next"] is None
    newer = await console.ask("newer", than=made[2])
    assert ([RowView.unpack(row).row.man_id for row in newer["rows"]], newer["more"]) == (made[3:], False)
    (server,) = await console.ask("servers")
    assert (server["server_ip"], server["backlog"], server["control"]["paused"]) == ("127.0.0.1", 5, True)
    assert {(lease["role"], lease["live"]) for lease in server["leases"]} == {("sender", True), ("listener", True)}


async def test_the_status_counts_what_nobody_knows_the_outcome_of(engine: Engine, console: Client) -> None:
    await console.ask("pause")
    man_id = await console.ask("insert", action="Ping")
    engine.store.record([OutcomeRecord(man_id, Outcome.UNKNOWN)], [])
    with sqlite3.connect(engine.settings.queue.url.get_secret_value().removeprefix("sqlite:///")) as database:
        database.execute("UPDATE vicidial_manager SET status = 'SENT' WHERE man_id = ?", (man_id,))
    seen = Seen(console)
    await console.follow("status")
    await seen.until(lambda: any(m["is"]["unknown"] == 1 and m["is"]["pause"] for m in seen.messages[-1:]))
    assert seen.messages[-1]["is"]["pause"]["actor"] == getpass.getuser()


async def test_what_a_killed_engine_left_unanswered_is_told_as_unknown_when_it_is_time(
    engine: Engine, console: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody flagged it, and nobody touches it any more."""
    monkeypatch.setattr("acqs_core.control.feeds.UNKNOWN_EVERY", 0.2)
    await console.ask("pause")
    man_id = await console.ask("insert", action="Ping")
    path = engine.settings.queue.url.get_secret_value().removeprefix("sqlite:///")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE vicidial_manager SET status = 'SENT' WHERE man_id = ?", (man_id,))
    (young,) = await console.ask("rows", man_ids=[man_id])
    assert RowView.unpack(young).outcome is None
    seen = Seen(console)
    await console.follow("rows", "status")
    with sqlite3.connect(path) as database:
        late = engine.settings.sender.response_timeout + 1
        database.execute(f"UPDATE vicidial_manager SET entry_date = datetime(entry_date, '-{late} seconds')")
    await seen.until(lambda: any(view.outcome is Outcome.UNKNOWN for view in seen.rows(man_id)))
    (row,) = await console.ask("unknown")
    assert RowView.unpack(row).outcome is Outcome.UNKNOWN
    page = await console.ask("page")
    assert RowView.unpack(page["rows"][0]).outcome is Outcome.UNKNOWN, "also for a console that comes later"
    assert "its outcome is not known" in (await console.ask("timeline", man_id=man_id))["why"]


async def test_what_the_table_refuses_is_refused_with_the_same_error(console: Client) -> None:
    with pytest.raises(NotFound, match="there is no action 4711"):
        await console.ask("discard", man_id=4711)
    await console.ask("pause")
    man_id = await console.ask("insert", action="Ping")
    with pytest.raises(Refused, match=f"action {man_id} is NEW by now, it was SENT"):
        await console.ask("discard", man_id=man_id, expect="SENT")
    await console.ask("discard", man_id=man_id, expect="NEW")
    (view,) = [RowView.unpack(row) for row in await console.ask("rows", man_ids=[man_id])]
    assert (view.row.status, view.outcome) == (Status.DEAD, Outcome.DISCARDED)


async def test_what_is_stale_is_counted_and_discarded_only_while_the_queue_is_paused(console: Client) -> None:
    with pytest.raises(Refused, match="pause first"):
        await console.ask("discard_stale", older_than=0)
    await console.ask("pause")
    made = [await console.ask("insert", action="Ping") for _ in range(3)]
    waiting = await console.ask("waiting", over=3600)
    assert (waiting["total"], waiting["stale"], waiting["whole"], waiting["by_age"]["under 1 min"]) == (3, 0, True, 3)
    assert await console.ask("discard_stale", older_than=3600) == {"discarded": 0, "more": False}
    async with asyncio.timeout(10):
        while (await console.ask("waiting", over=1.5))["stale"] < 3:  # noqa: ASYNC110 - it is time that passes
            await asyncio.sleep(0.1)
    assert await console.ask("discard_stale", older_than=1) == {"discarded": 3, "more": False}
    for man_id in made:
        last = (await console.ask("timeline", man_id=man_id))["journal"][-1]
        assert (last["event"], last["actor"]) == ("discarded", getpass.getuser())


async def test_what_a_deed_changed_is_told_to_every_console_also_when_it_was_refused(
    engine: Engine, console: Client
) -> None:
    await console.ask("pause")
    made = [engine.store.insert(raw("Ping", []), actor="test") for _ in range(4)]  # touched by no engine
    seen = Seen(console)
    await console.follow("rows")
    await console.ask("discard", man_id=made[0])
    copy = await console.ask("retry", man_id=made[1])
    inserted = await console.ask("insert", action="Ping")
    engine.store.discard(made[2], actor="elsewhere")
    with pytest.raises(Refused):
        await console.ask("discard", man_id=made[2], expect="NEW")
    await seen.until(lambda: all(seen.rows(man_id) for man_id in (*made[:3], copy, inserted)))
    assert [seen.rows(man_id)[-1].row.status for man_id in made[:3]] == [Status.DEAD] * 3
    async with asyncio.timeout(10):
        while (await console.ask("discard_stale", older_than=0))["discarded"] == 0:  # noqa: ASYNC110 - it is time that passes
            await asyncio.sleep(0.2)

    await seen.until(lambda: any(view.row.status is Status.DEAD for view in seen.rows(made[3])))


async def test_a_retry_of_what_is_another_by_now_is_refused(console: Client) -> None:
    await console.ask("pause")
    man_id = await console.ask("insert", action="Ping")
    with pytest.raises(Refused, match=f"action {man_id} is NEW by now, it was DEAD"):
        await console.ask("retry", man_id=man_id, expect="DEAD")
    copy = await console.ask("retry", man_id=man_id, expect="NEW")
    views = [RowView.unpack(row) for row in await console.ask("rows", man_ids=[man_id, copy])]
    assert [view.row.status for view in views] == [Status.DEAD, Status.NEW]


@pytest.mark.parametrize(
    ("do", "given"),
    [("page", {"limit": "many"}), ("discard", {}), ("discard", {"man_id": 1, "actor": "root"}), ("drop", {}),
     ("rows", {"man_ids": [0]}), ("answer", {}), ("follow", {"feeds": ["secrets"]}), ("pause", {"x": 1})],
)  # fmt: skip
async def test_a_request_that_is_not_understood_does_nothing(console: Client, do: str, given: dict[str, Any]) -> None:
    with pytest.raises(ControlError):
        await console.ask(do, **given)
    assert (await console.ask("counts"))["NEW"] == 0


async def test_a_read_only_console_looks_and_does_nothing(engine: Engine, folder: Path) -> None:
    async with await Client.attach("127.0.0.1", str(folder), read_only=True) as console:
        assert (await console.ask("counts"))["NEW"] == 0
        with pytest.raises(Refused, match="read-only"):
            await console.ask("pause")


async def test_a_daemon_is_not_stopped_by_a_console_and_a_hosted_engine_is(engine: Engine, folder: Path) -> None:
    async with await Client.attach("127.0.0.1", str(folder)) as console:
        with pytest.raises(Refused, match="stop it where it was started"):
            await console.ask("stop")
    with tempfile.TemporaryDirectory() as other:
        async with running(Settings(), Path(other), may_stop=True), await Client.attach("127.0.0.1", other) as hosted:
            await hosted.ask("stop")
            assert await asyncio.wait_for(hosted.gone(), 5) == "the engine has ended"


async def test_the_socket_lets_nobody_in_but_user_and_group_and_is_removed(folder: Path) -> None:
    async with running(Settings(), folder):
        (path,) = places.found(folder, "127.0.0.1")
        assert path == places.own(folder, "127.0.0.1")
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert places.found(folder, "127.0.0.1") == []
    with pytest.raises(ControlError, match="start one with acqs-core run"):
        await Client.attach("127.0.0.1", str(folder))


async def test_the_socket_of_a_killed_engine_is_removed_and_others_stay(engine: Engine, folder: Path) -> None:
    dead = folder / "127.0.0.1-1.sock"
    server = await asyncio.start_unix_server(lambda reader, writer: None, dead)
    server.close()
    await server.wait_closed()
    dead.touch()  # 3.13 removes it by itself
    alive = places.own(folder, "127.0.0.1")
    os.utime(alive)
    assert alive in places.found(folder, "127.0.0.1")
    async with await Client.attach("127.0.0.1", str(folder)) as console:
        assert console.greeting["pid"] == os.getpid()


@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe\n", b"[]\n", b'{"acqs": 99}\n', b"x" * (2 << 20), b'{"acqs":1}\n{"do":1}\n[[[[\n'],
    ids=["bytes", "list", "version", "endless", "later"],
)  # fmt: skip
async def test_a_console_that_speaks_otherwise_is_sent_away_and_the_next_is_served(
    engine: Engine, folder: Path, garbage: bytes
) -> None:
    reader, writer = await asyncio.open_unix_connection(places.own(folder, "127.0.0.1"))
    writer.write(garbage)
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 10)
    writer.close()
    async with await Client.attach("127.0.0.1", str(folder)) as console:
        assert (await console.ask("counts"))["NEW"] == 0


async def test_who_says_nothing_is_sent_away_and_a_crowd_is_let_in_no_further(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acqs_core.control.server.HELLO", 0.2)
    monkeypatch.setattr("acqs_core.control.server.MOST", 1)
    path = places.own(folder, "127.0.0.1")
    reader, writer = await asyncio.open_unix_connection(path)
    with pytest.raises(ControlError, match="1 consoles are attached"):
        await Client.connect(path)
    assert "no hello within 0.2 s" in (await asyncio.wait_for(reader.read(), 10)).decode()
    writer.close()
    async with await Client.connect(path) as console:
        assert (await console.ask("counts"))["NEW"] == 0


async def test_what_the_engine_fails_at_is_answered_all_the_same(console: Client) -> None:
    with pytest.raises(ControlError, match="its log says why"):
        await console.ask("rows", man_ids=[10**30])
    assert (await console.ask("counts"))["NEW"] == 0


async def test_a_console_that_takes_nothing_is_told_later_what_it_missed(engine: Engine, folder: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(places.own(folder, "127.0.0.1"), limit=16 << 20)
    await reader.readline()
    writer.write(encode({"acqs": 1}) + encode({"id": 1, "do": "follow", "with": {"feeds": ["events"]}}))
    await reader.readline()
    transport = writer.transport
    assert isinstance(transport, asyncio.ReadTransport)
    transport.pause_reading()
    async with await Client.attach("127.0.0.1", str(folder)) as other:
        seen = Seen(other)
        await other.follow("events")
        flood, sent = 5000, 0
        while sent < 40_000:
            for _ in range(flood):
                engine.telemetry.frames.add((0.0, b"Event: Newstate\r\nPadding: " + b"x" * 300))
            sent += flood
            already = len(seen.messages)
            await seen.until(lambda already=already: len(seen.messages) > already)
    transport.resume_reading()
    missed = items = 0
    async with asyncio.timeout(20):
        while missed + items < engine.telemetry.frames.total:
            told = decode(await reader.readline())
            missed, items = missed + told["missed"], items + len(told["items"])
    assert missed > 0
    assert missed + items == engine.telemetry.frames.total
    writer.close()


async def test_a_timeline_says_why_the_row_is_where_it_is(engine: Engine, console: Client) -> None:
    await console.ask("pause", reason="storm")
    man_id = await console.ask("insert", action="Command", lines=["command: core show uptime"])
    told = await console.ask("timeline", man_id=man_id)
    assert told["why"].startswith("It waits to be claimed: sending is paused by ")
    assert "(storm)" in told["why"]


async def test_while_the_database_stands_still_the_engine_goes_on_telling_its_status(
    engine: Engine, console: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acqs_core.control.feeds.PATIENCE", 0.1)
    go_on, depth = threading.Event(), engine.store.depth

    def still(cap: int) -> Depth:
        go_on.wait(10)
        return depth(cap)

    monkeypatch.setattr(engine.store, "depth", still)
    seen = Seen(console)
    await console.follow("status")
    try:
        await seen.until(lambda: len(seen.messages) >= 3, 5)
    finally:
        go_on.set()
    await seen.until(lambda: seen.messages[-1]["is"]["depth"] is not None)


async def test_an_engine_that_falls_silent_is_given_up_and_what_was_asked_is_in_doubt(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acqs_core.control.client.SILENCE", 0.2)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode({"acqs": 1}))
        await reader.readline()
        writer.write(encode({"id": decode(await reader.readline())["id"], "is": None}))
        await reader.read()
        writer.close()

    where = folder / "engine.sock"
    async with await asyncio.start_unix_server(hang, where), await Client.connect(where) as console:
        await console.follow("status")
        with pytest.raises(ControlError, match=r"nothing for 0.2 s.*whether that was done is not known"):
            await console.ask("pause")
        assert "is it stopped or overloaded?" in await console.gone()
