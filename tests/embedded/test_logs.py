"""The log on stderr: whoever reads it, or reads it no more, holds nobody up; what is lost is counted, in its place."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from acqs_core.action import NewAction
from acqs_core.cli.logs import LAST_WORDS
from acqs_core.engine import Engine
from acqs_core.simulator import Simulator
from tests.embedded.test_full_disk import daemon, settings
from tests.embedded.test_sender import until

LINES = 5_000

TALKS = """
import logging, sys
from acqs_core.cli import logs
logs.MOST_LINES = int(sys.argv[1])
logs.start()
for number in range(int(sys.argv[2])):
    logging.info("line %d, %s", number, "x" * 200)
print("said", flush=True)
sys.stdin.readline()
logging.info("goodbye")
"""


@contextlib.asynccontextmanager
async def talking(most: int, lines: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program that logs so many lines, then `goodbye` when it is told to, and keeps so many that nobody reads."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TALKS, str(most), str(lines), stdin=pipe, stdout=pipe, stderr=pipe, limit=1 << 12
    )
    try:
        async with asyncio.timeout(20):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        for pipe_of_it in (process.stdout, process.stderr):
            assert pipe_of_it is not None
            await pipe_of_it.read()
        await process.wait()


async def said(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    assert await process.stdout.readline() == b"said\n"


def end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")


async def next_message(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    return str(json.loads(await process.stderr.readline())["message"])


async def test_every_line_is_written_in_order_before_the_program_ends() -> None:
    async with talking(LINES, LINES) as process:
        end(process)
        told = [await next_message(process) for _ in range(LINES + 1)]
    assert [line.partition(",")[0] for line in told] == [*(f"line {number}" for number in range(LINES)), "goodbye"]


async def test_lines_for_which_a_reader_that_stood_still_left_no_room_are_counted_as_soon_as_it_goes_on() -> None:
    async with talking(100, LINES) as process:
        await said(process)
        at, lost = 0, 0
        while at < LINES:
            line = await next_message(process)
            told = re.match(r"(\d+) lines of this log could not be written", line)
            assert told is not None or line.startswith(f"line {at},")
            at += 1 if told is None else int(told[1])
            lost += 0 if told is None else int(told[1])
        assert 0 < lost < LINES
        end(process)
        assert await next_message(process) == "goodbye"


def test_a_reader_that_stands_still_keeps_no_program_from_ending() -> None:
    pipe = subprocess.PIPE
    command = (sys.executable, "-c", TALKS, str(LINES), str(LINES))
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"said\n"
        assert process.stdin is not None
        begun = time.monotonic()
        process.stdin.close()
        assert process.wait(20) == 0
        assert LAST_WORDS <= time.monotonic() - begun < LAST_WORDS + 5


async def test_an_engine_whose_log_nobody_reads_sends_and_ends_as_ever(tmp_path: Path) -> None:
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    reader, writer = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    async with Simulator(speed=20.0) as simulator:
        chosen = settings(tmp_path, simulator)
        engine = Engine(chosen)
        async with daemon(chosen, tmp_path, fifo) as process:
            for man_id in engine.store.insert_many([NewAction("Ping", "", ())] * 20):
                await until(engine, man_id, lambda t: t.row.response == "Y")
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 20) == 0
    os.close(reader)
    os.close(writer)


async def test_where_an_interpreter_broke_down_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with Simulator() as simulator:
        chosen = settings(tmp_path, simulator)
        engine = Engine(chosen)
        async with daemon(chosen, tmp_path, log) as process:
            man_id = engine.store.insert(NewAction("Ping", "", ()))
            await until(engine, man_id, lambda t: t.row.response == "Y")
            process.send_signal(signal.SIGSEGV)
            assert await asyncio.wait_for(process.wait(), 20) == -signal.SIGSEGV
    told = log.read_text()
    assert "Fatal Python error: Segmentation fault" in told
    assert 'acqs_core/cli/daemon.py", line ' in told
