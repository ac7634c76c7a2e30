"""What a listener asks for when it has connected: until it is answered, however late, and never in vain for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from acqs_core.ami.endpoint import Endpoint
from acqs_core.ami.forms import Form
from acqs_core.ami.refusals import SHUTTING_DOWN
from acqs_core.ami.session import AmiMessage, Session
from acqs_core.errors import AmiError, ResponseTimeout, RightMissing
from acqs_core.listener import listener as listener_module
from acqs_core.listener import reconcile
from acqs_core.listener.listener import Listener
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.store import Store
from acqs_core.queue.writer import Writer
from acqs_core.settings import AsteriskSettings, ListenerSettings
from acqs_core.telemetry import Telemetry


class Connection:
    """A session that is answered as it is told, then well."""

    is_open, banner, form = True, "Asterisk Call Manager/5.0.0", Form((5, 0, 0))

    def __init__(self, *, version: list[AmiError] | None = None, channels: list[AmiError] | None = None) -> None:
        self._version, self._channels = version or [], channels or []
        self.looks = 0
        self.looked = asyncio.Event()
        """The channels were listed at last."""

    async def learn_form(self) -> Form:
        """CoreSettings."""
        if self._version:
            raise self._version.pop(0)
        return self.form

    async def ask_list(self, action: str, timeout: float) -> list[AmiMessage]:
        """CoreShowChannels."""
        self.looks += 1
        if self._channels:
            raise self._channels.pop(0)
        self.looked.set()
        return []


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "ASK_AGAIN", 0.01)
    monkeypatch.setattr(reconcile, "FIRST_LOOKS", 0.01)


@pytest.fixture
async def listener(tmp_path: Path) -> AsyncIterator[Listener]:
    database = Database(f"sqlite:///{tmp_path}/queue.sqlite3", pool_size=1)
    schema.init(database)
    store = Store(database, "10.1.1.1")
    settings = AsteriskSettings.model_validate({"username": "acqs", "secret": "acqs"})
    with ThreadPoolExecutor(1) as threads:
        writer = Writer(store, threads, Telemetry())
        listener = Listener(
            store, writer, threads, Endpoint.of(settings, "listen"), ListenerSettings(filter=False), Telemetry()
        )
        listener.booted.set()
        yield listener


LATE = ResponseTimeout("Asterisk did not answer in time")
STOPS = AmiError(f"Asterisk refused CoreShowChannels: {SHUTTING_DOWN}")


@pytest.mark.parametrize("trouble", [LATE, STOPS], ids=["late", "while it means to stop"])
async def test_channels_that_were_not_listed_are_asked_for_again(
    listener: Listener, trouble: AmiError, caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection(channels=[trouble, trouble])
    settling = asyncio.create_task(listener._settle(cast(Session, connection)))
    async with asyncio.timeout(10):
        await connection.looked.wait()
    settling.cancel()
    assert connection.looks >= 3
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [f"listener: not answered yet, asked again until it is: {trouble}"], (
        "once, and no right is asked for"
    )


async def test_a_version_that_comes_late_keeps_nobody_from_being_ready(listener: Listener) -> None:
    connection = Connection(version=[LATE])
    settling = asyncio.create_task(listener._settle(cast(Session, connection)))
    async with asyncio.timeout(10):
        await listener.ready.wait()
        await connection.looked.wait()
    settling.cancel()
    assert listener.trouble is None


async def test_a_right_that_is_missing_is_asked_of_the_administrator_and_not_of_asterisk_again(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection(channels=[RightMissing("Asterisk refused CoreShowChannels: Permission denied")])
    async with asyncio.timeout(10):
        await listener._settle(cast(Session, connection))
    assert (connection.looks, listener.ready.is_set()) == (1, True)
    assert "give the user write = reporting" in caplog.text
