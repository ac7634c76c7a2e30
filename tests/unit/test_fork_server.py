"""The fork server: replaced when it is lost, deaf to signals, gone with the sender, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from acqs_core.ami.session import Endpoint
from acqs_core.errors import ConnectFailed, SessionLost
from acqs_core.sender.process import opener as opening
from acqs_core.sender.process import server as keeping
from acqs_core.sender.process.server import ForkServerLost
from tests.unit.ami_server import SECRET, AmiServer, ping, silent
from tests.unit.child_processes import KILL, STOP, Openings, ended, on_uvloop, opening_at

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy")
event_loop_policy = on_uvloop

ROOT = Path(__file__).parents[2]


async def test_the_secret_stands_in_no_command_line_and_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACQS_ASTERISK__SECRET", SECRET)
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        (child,) = openings.pids
        assert openings.opener.server_pid is not None
        for pid in (child, openings.opener.server_pid):
            for name in ("cmdline", "environ"):
                assert SECRET not in _proc(pid, name), (pid, name)
        await session.logoff()


def test_the_fork_server_loads_only_what_a_child_needs() -> None:
    code = "import sys, acqs_core.sender.process.forkserver; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    tops = {name.partition(".")[0] for name in loaded.split()}
    assert not tops & {"sqlalchemy", "pymysql", "pydantic", "typer", "rich", "textual", "uvloop", "prometheus_client"}
    ours = {name for name in loaded.split() if name.startswith("acqs_core.")}
    assert not {name for name in ours if name.startswith(("acqs_core.queue", "acqs_core.settings", "acqs_core.engine"))}


@pytest.mark.parametrize("fault", [STOP, KILL])
async def test_a_fork_server_that_is_lost_is_replaced(fault: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "FORK_TIMEOUT", 0.3)
    async with AmiServer(silent) as server, opening_at(server.endpoint()) as openings:
        old = await openings.open()
        performing = asyncio.create_task(old.perform(*ping("p"), 30))
        await server.until(lambda server: server.actions() == ["Ping"])
        first = openings.opener.server_pid
        assert first is not None
        handle = os.pidfd_open(first)
        os.kill(first, fault)
        new = await openings.open()
        assert openings.opener.server_pid not in (first, None)
        await new.logoff()
        if fault is KILL:
            with pytest.raises(SessionLost, match="unknown"):
                await performing
        else:
            # What was under way goes on: the answer comes, and then nothing keeps the old one alive.
            await server.peers[0].respond(server.received[1])
            assert (await performing).success
        await old.logoff()
        async with asyncio.timeout(2):
            await ended(handle)
        os.close(handle)


async def test_fork_servers_that_die_young_follow_each_other_more_and_more_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "COMMAND", (sys.executable, "-S", "-c", "pass"))
    monkeypatch.setattr(opening, "PATIENCE", 0.3)
    openings = Openings(Endpoint("127.0.0.1", 1, "acqs", "acqs"))
    said = set[str]()
    async with asyncio.timeout(10):
        while not any("keeps ending" in text for text in said):
            with pytest.raises(ForkServerLost) as lost:
                await openings.open()
            said.add(str(lost.value))
    assert issubclass(ForkServerLost, ConnectFailed), "the gate leaves it alone with backoff"
    await openings.opener.close()


async def test_told_to_stop_from_outside_children_and_fork_server_go_on() -> None:
    """A service manager's SIGTERM and a terminal's SIGINT may reach them; the sender drains first."""
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        assert openings.opener.server_pid is not None
        for pid in (session.pid, openings.opener.server_pid):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(pid, number)
            assert os.getsid(pid) != os.getsid(0), "a key in our terminal does not reach it"
        assert (await session.perform(*ping("p"), 5)).success
        await session.logoff()
        await (await openings.open()).logoff()


async def test_after_many_sessions_no_zombie_and_no_descriptor_is_left() -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        await (await openings.open()).logoff()
        await openings.until_gone()
        assert openings.opener.server_pid is not None
        server_pid = openings.opener.server_pid
        before = len(os.listdir(f"/proc/{server_pid}/fd"))
        ours = _descriptors(openings)

        async def one(number: int) -> None:
            session = await openings.open()
            if number % 3 == 0:
                os.kill(session.pid, KILL)
            await session.logoff(0.5)

        await asyncio.gather(*map(one, range(12)))
        await openings.until_gone()
        await server.until(lambda server: server.left == 13)
        assert _descriptors(openings) == ours
        async with asyncio.timeout(2):
            while _proc(server_pid, f"task/{server_pid}/children"):  # noqa: ASYNC110 its reaping is seen by nobody else
                await asyncio.sleep(0.01)
        assert len(os.listdir(f"/proc/{server_pid}/fd")) == before


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")


def _descriptors(openings: Openings) -> int:
    """How many we have, without the handles of this test itself."""
    return len(os.listdir("/proc/self/fd")) - len(openings.handles)


SENDER = """
import asyncio, sys
from contextlib import nullcontext
from acqs_core.ami.endpoint import Endpoint
from acqs_core.sender.process.opener import InProcess

async def main():
    opener = InProcess(Endpoint("127.0.0.1", int(sys.argv[1]), "acqs", sys.stdin.readline().strip()))
    session = await opener.open(lambda pid: nullcontext())
    print(session.pid, opener.server_pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def sender_code(tmp_path: Path) -> Path:
    path = tmp_path / "sender.py"
    path.write_text(SENDER)
    return path


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
async def test_when_the_sender_is_killed_its_child_and_fork_server_die_be_they_stopped(
    sender_code: Path, stopped: bool
) -> None:
    async with AmiServer() as server:
        sender = await asyncio.create_subprocess_exec(
            sys.executable, str(sender_code), str(server.port), env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert sender.stdin is not None
        assert sender.stdout is not None
        sender.stdin.write(f"{SECRET}\n".encode())
        pids = [int(pid) for pid in (await sender.stdout.readline()).split()]
        handles = [os.pidfd_open(pid) for pid in pids]
        if stopped:
            for pid in pids:
                os.kill(pid, STOP)
        sender.kill()
        await sender.wait()
        async with asyncio.timeout(5):
            for handle in handles:
                await ended(handle)
                os.close(handle)
        await server.until(lambda server: server.left == 1)
