"""`resume`: what waits is told whole, and what is stale is gone before anything goes out, or nothing goes out."""

from __future__ import annotations

import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from acqs_core.action import Status
from acqs_core.queue.database import Database
from acqs_core.queue.store import Store
from tests.embedded.test_cli import Run, run, told

__all__ = ["run"]

SERVER_IP = "10.1.1.1"

CTRL_C = b"\x03"

SILENCE = 5.0
"""Seconds after which a person would press a key again."""


def waited(folder: Path, seconds: int, rows: int) -> None:
    """NEW rows that producers entered so long ago."""
    with closing(sqlite3.connect(folder / "queue.sqlite3")) as plain:
        plain.executemany(
            "INSERT INTO vicidial_manager (entry_date, status, response, server_ip, action) "
            "VALUES (datetime('now', 'localtime', '-' || ? || ' seconds'), 'NEW', 'N', ?, 'Ping')",
            [(seconds, SERVER_IP)] * rows,
        )
        plain.commit()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Store]:
    db = Database(f"sqlite:///{tmp_path}/queue.sqlite3", pool_size=1)
    yield Store(db, SERVER_IP)
    db.dispose()


def test_a_backlog_of_more_than_a_thousand_is_counted_whole(run: Run, tmp_path: Path) -> None:
    waited(tmp_path, 30, 1500)
    waited(tmp_path, 5000, 700)
    shown = run("resume", "--dry-run").stdout
    assert "2200 NEW rows wait for 10.1.1.1, the oldest 1h old" in shown
    assert "under 1 min: 1500" in shown
    assert "older: 700" in shown


def test_discards_of_a_queue_that_was_not_paused_are_made_in_a_pause(run: Run, tmp_path: Path, queue: Store) -> None:
    waited(tmp_path, 5000, 3)
    waited(tmp_path, 0, 1)
    resumed = told(run("resume", "--discard-older-than", "3600", "--json"))
    assert (resumed["paused"], resumed["backlog"], resumed["discarded"]) == (False, 4, 3)
    with closing(sqlite3.connect(tmp_path / "queue.sqlite3")) as plain:
        events = [event for (event,) in plain.execute("SELECT event FROM acqs_journal ORDER BY id")]
    assert events == ["paused", *["discarded"] * 3, "resumed"]
    assert [row.man_id for row in queue.page(status=Status.NEW).rows] == [4]


def test_a_resume_that_is_interrupted_leaves_the_queue_paused_and_says_so(
    run: Run, tmp_path: Path, queue: Store
) -> None:
    waited(tmp_path, 5000, 6_000)
    seen, terminal = pty.openpty()
    resuming = subprocess.Popen(
        [sys.executable, "-m", "acqs_core", "resume", "--discard-older-than", "3600"],
        cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=terminal, text=True,
        env={**os.environ, "ACQS_SERVER_IP": SERVER_IP, "ACQS_QUEUE__URL": f"sqlite:///{tmp_path}/queue.sqlite3"},
    )  # fmt: skip
    os.close(terminal)
    said = read_until(seen, "rows discarded")
    resuming.send_signal(signal.SIGINT)
    said += read_until(seen, None)
    os.close(seen)
    assert resuming.wait(30) == 130, said
    assert "sending for 10.1.1.1 stays paused" in said
    assert queue.control().paused
    *_, left = queue.waiting()
    assert 0 < left.total < 6_000
    assert told(run("resume", "--discard-older-than", "3600", "--json"))["discarded"] == left.total
    assert not queue.control().paused


@pytest.mark.parametrize("answer", [b"n\n", b"\n", CTRL_C, b"\x04"], ids=["n", "Enter", "Ctrl+C", "Ctrl+D"])
@pytest.mark.parametrize("deed", ["resume", "queue purge --older-than 0"])
def test_what_is_not_confirmed_is_not_done_and_ends_as_refused(
    run: Run, tmp_path: Path, queue: Store, deed: str, answer: bytes
) -> None:
    waited(tmp_path, 5000, 1)
    run("pause")
    seen, terminal = pty.openpty()
    asking = subprocess.Popen(
        ["setsid", "--ctty", "--wait", sys.executable, "-m", "acqs_core", *deed.split()],
        cwd=Path(__file__).parents[2], stdin=terminal, stdout=terminal, stderr=terminal,
        env={**os.environ, "ACQS_SERVER_IP": SERVER_IP, "ACQS_QUEUE__URL": f"sqlite:///{tmp_path}/queue.sqlite3"},
    )  # fmt: skip
    os.close(terminal)
    read_until(seen, "[y/N]: ")
    os.write(seen, answer)
    # A signal between the prompt and the read that waits for its answer is heard at the next key.
    said = read_until(seen, None, again=answer if answer == CTRL_C else b"")
    os.close(seen)
    assert asking.wait(30) == 5, said
    assert "it was not confirmed; nothing was changed" in said
    assert "Aborted" not in said
    assert queue.control().paused
    assert [row.man_id for row in queue.page(status=Status.NEW).rows] == [1]


def read_until(terminal: int, wanted: str | None, again: bytes = b"") -> str:
    """What a terminal shows until this text comes, or (None) until its end; these keys are pressed again and again
    while nothing comes."""
    said = ""
    while wanted is None or wanted not in said:
        while again and not select.select([terminal], [], [], SILENCE)[0]:
            os.write(terminal, again)
        try:
            data = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other side of a terminal is closed
            data = b""
        if not data:
            assert wanted is None, f"it ended without saying {wanted!r}: {said}"
            return said
        said += data.decode()
    return said
