"""The real program on a real terminal: however it ends, the next program finds the terminal as it was."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.tui import scene
from tests.tui.scripted import Clock, Script, night, telling
from tests.tui.terminal import ALTERNATE, CURSOR, ROOT, Terminal, on_terminal

CALLERID = scene.rows()[-1].row.callerid
"""Of the newest row: the console shows it once it is attached."""


@pytest.fixture
async def script(folder: Path) -> AsyncIterator[Script]:
    """An engine to attach to."""
    script = night(Clock(scene.NOW))
    async with telling(script, folder):
        yield script


@pytest.fixture
async def terminal(script: Script, folder: Path) -> AsyncIterator[Terminal]:
    """A console on a terminal, attached to it."""
    settings = folder / "acqs.toml"
    settings.write_text(f'server_ip = "{scene.SERVER}"\n[control]\nfolder = "{folder}"\n')
    async with on_terminal("--config", str(settings)) as one:
        await one.shows(CALLERID[-11:])
        assert one.is_on(ALTERNATE)
        assert one.is_on(CURSOR) is False
        yield one


async def test_q_leaves_with_0_and_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.press(b"q")
    assert await terminal.ended() == 0
    assert terminal.is_as_before()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_to_end_is_heeded_in_order(terminal: Terminal, number: signal.Signals) -> None:
    terminal.process.send_signal(number)
    assert await terminal.ended() == 128 + number
    assert terminal.is_as_before()


async def test_a_crash_leaves_a_terminal_that_can_be_read_and_says_what_failed(
    terminal: Terminal, script: Script
) -> None:
    script.told = {"counters": "not what a console can count"}
    assert await terminal.ended() == 1
    assert terminal.is_as_before()
    assert b"acqs-tui has failed" in terminal.written.rpartition(b"\x1b[?1049l")[2]


async def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(terminal: Terminal) -> None:
    terminal.press(b"\x1a")
    await terminal.stopped()
    assert terminal.is_as_before()
    terminal.begin()
    os.kill(terminal.process.pid, signal.SIGCONT)
    await terminal.until(lambda: terminal.is_on(ALTERNATE))
    for text in (CALLERID[-11:], "RUNNING", "Quit"):
        await terminal.shows(text)
    terminal.press(b"q")
    assert await terminal.ended() == 0
    assert terminal.is_as_before()


async def test_ctrl_z_suspends_in_a_dialog_too_and_fg_comes_back_to_it(terminal: Terminal) -> None:
    terminal.press(b"i")
    await terminal.shows("Inject an action")
    terminal.press(b"\x1a")
    await terminal.stopped()
    assert terminal.is_as_before()
    terminal.begin()
    os.kill(terminal.process.pid, signal.SIGCONT)
    for text in ("Inject an action", "RUNNING"):
        await terminal.shows(text)


async def test_a_closed_terminal_ends_the_console(terminal: Terminal) -> None:
    terminal.close()
    assert await terminal.ended() == 128 + signal.SIGHUP


async def test_nothing_of_a_row_reaches_the_terminal_as_a_command(script: Script, folder: Path) -> None:
    settings = folder / "acqs.toml"
    settings.write_text(f'server_ip = "{scene.SERVER}"\n[control]\nfolder = "{folder}"\n')
    hostile = "\x1b]0;mine\x07[red]"
    first = min(script.rows)
    view = script.rows.pop(first)
    script.rows[first + 1000] = dataclasses.replace(
        view, row=dataclasses.replace(view.row, man_id=first + 1000, callerid=hostile)
    )
    async with on_terminal("--config", str(settings)) as one:
        await one.shows("[red]")
        assert b"\x1b]0;mine" not in one.written
        one.press(b"q")
        assert await one.ended() == 0


@pytest.mark.parametrize("missing", ["stdin", "stdout"])
def test_without_a_terminal_it_refuses_and_names_what_does_without(missing: str) -> None:
    master, slave = os.openpty()
    stdin, stdout = (subprocess.PIPE if missing == name else slave for name in ("stdin", "stdout"))
    process = subprocess.run(
        [sys.executable, "-m", "acqs_tui", "--demo"], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
        cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip
    os.close(master)
    os.close(slave)
    assert process.returncode == 8
    assert b"acqs-core status --watch" in process.stderr
    assert b"acqs-core events --follow" in process.stderr
    assert b"\x1b" not in process.stderr
