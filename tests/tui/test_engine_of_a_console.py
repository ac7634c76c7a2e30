"""The engine that a console starts: a process of its own, that outlives the console and is stopped by the next."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acqs_core import demo
from acqs_core.action import Status, call
from acqs_core.control.client import Client
from acqs_core.control.wire import RowView
from acqs_core.errors import ControlError
from acqs_core.settings import ControlSettings, Settings
from acqs_tui.feed import Feed
from tests.hosted import running
from tests.tui.driving import comes


@pytest.fixture
async def settings(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Settings]:
    """A queue in SQLite and a simulated Asterisk, with a folder for sockets."""
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        monkeypatch.setenv("XDG_STATE_HOME", folder)
        async with demo.stage(Settings(control=ControlSettings(folder=folder))) as staged:
            yield staged


def lives(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # it is our child: reap it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_console_without_an_engine_starts_one_that_the_next_attaches_to_and_stops(settings: Settings) -> None:
    first = Feed(settings)
    await first.connect()
    assert first.embedded
    pid = first.greeting["pid"]
    assert pid != os.getpid()
    assert os.getsid(pid) == pid, "a terminal that is closed does not end it"
    await comes(lambda: first.status.get("state") == "RUNNING")
    await first.close()
    assert lives(pid)

    second = Feed(settings)
    await second.connect()
    assert not second.embedded
    assert second.greeting["pid"] == pid
    assert second.may_stop
    new = call("Local/600@default", exten="610")
    man_id = await second.ask("insert", action=new.action, lines=new.lines)
    async with asyncio.timeout(20):
        while True:
            (view,) = [RowView.unpack(row) for row in await second.ask("rows", man_ids=[man_id])]
            if view.row.status is Status.DEAD:
                break
            await asyncio.sleep(0.05)
    assert view.outcome == "answered"
    await second.close(stop=True)
    assert "stopped: 1 sent" in (Path(os.environ["XDG_STATE_HOME"]) / "acqs" / "engine-127.0.0.1.log").read_text()
    await comes(lambda: not lives(pid))
    with pytest.raises(ControlError):
        await Client.attach(settings.server_ip, settings.control.folder)


async def test_an_engine_that_is_stopped_is_told_and_shown_again_when_it_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acqs_core.control.client.SILENCE", 2.0)
    starter = Feed(settings)
    await starter.connect()
    pid = starter.greeting["pid"]
    await comes(lambda: starter.status.get("state") == "RUNNING")
    await starter.close()
    feed = Feed(settings)
    await feed.connect()
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "is it stopped" in await asyncio.wait_for(feed.gone(), 10)
        with pytest.raises(ControlError, match="is it stopped"):
            await feed.connect(embed=False)
    finally:
        os.kill(pid, signal.SIGCONT)
    await feed.connect(embed=False)
    new = call("Local/600@default", exten="610")
    man_id = await feed.ask("insert", action=new.action, lines=new.lines)
    await comes(lambda: man_id in {row.id for row in feed.take_rows()[0]})
    await feed.close(stop=True)
    await comes(lambda: not lives(pid))


async def test_an_engine_that_a_console_starts_stands_by_while_another_holds_the_lease(settings: Settings) -> None:
    from acqs_core.control.serving import served
    from acqs_core.engine import Engine

    with tempfile.TemporaryDirectory(prefix="acqs-") as elsewhere:
        away = settings.model_copy(update={"control": ControlSettings(folder=elsewhere)})
        engine = Engine(away)

        async def run() -> None:
            async with served(engine):
                await engine.run()

        task = asyncio.create_task(run())
        feed = Feed(settings)
        try:
            await asyncio.wait_for(engine.ready.wait(), 10)
            await feed.connect()
            await comes(lambda: feed.status.get("state") == "STANDBY")
            assert "standing by" in "; ".join(feed.status["trouble"])
        finally:
            engine.stop()
            await task
        await comes(lambda: feed.status["state"] == "RUNNING")
        await feed.close(stop=True)


async def test_a_read_only_console_starts_no_engine(settings: Settings) -> None:
    feed = Feed(settings, read_only=True)
    with pytest.raises(ControlError, match="no engine that serves"):
        await feed.connect()
    assert not feed.embedded


async def test_beside_an_engine_that_does_not_answer_another_is_started_only_when_told(settings: Settings) -> None:
    folder = settings.control.folder
    with socket.socket(socket.AF_UNIX) as hangs:
        hangs.bind(f"{folder}/{settings.server_ip}-1.sock")
        hangs.listen()
        feed = Feed(settings)
        with pytest.raises(ControlError, match="does not answer"):
            await feed.connect()
        assert not feed.embedded
        await feed.connect(anyway=True)
        assert feed.embedded
        await feed.close(stop=True)


async def test_a_console_attaches_to_the_engine_that_runs_before_it_starts_one() -> None:
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        async with running(Settings(), Path(folder)):
            feed = Feed(Settings(control=ControlSettings(folder=folder)))
            await feed.connect()
            assert (feed.embedded, feed.may_stop, feed.greeting["pid"]) == (False, False, os.getpid())
            await feed.close()
