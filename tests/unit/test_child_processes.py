"""A session in a process of its own: what it may do wrong at each moment, and that nothing of it is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from acqs_core.ami.session import Endpoint, NotWritten
from acqs_core.errors import ChildLost, ConnectFailed, LoginRefused, ResponseTimeout, SessionLost
from acqs_core.sender.process import opener as opening
from acqs_core.sender.process import remote
from acqs_core.sender.process import server as keeping
from acqs_core.sender.process.opener import InProcess
from acqs_core.sender.process.remote import SILENCE, RemoteSession
from acqs_core.sender.process.server import ForkServerLost
from tests.unit.ami_server import BANNER, SECRET, AmiServer, ping, silent

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy")


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """uvloop's, on which the programs run; test_sender.py has sessions of this kind on asyncio's own."""
    policy: asyncio.AbstractEventLoopPolicy = pytest.importorskip("uvloop").EventLoopPolicy()
    return policy


ROOT = Path(__file__).parents[2]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds for which a child may wait with its write, fewer than usual."""
    monkeypatch.setattr(remote, "WRITE_WITHIN", 0.5)
    return 0.5


class Openings:
    """Opens sessions, and remembers the processes by handles that never name another."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.opener = InProcess(endpoint)
        self.pids: list[int] = []
        self.handles: list[int] = []
        self.on_turn: Callable[[int], object] = lambda pid: None

    async def open(self) -> RemoteSession:
        return await self.opener.open(self._turn)

    async def until_gone(self) -> None:
        """Return once every process that was opened has ended."""
        async with asyncio.timeout(5):
            for handle in self.handles:
                await _ended(handle)

    @contextlib.asynccontextmanager
    async def _turn(self, pid: int | None) -> AsyncIterator[None]:
        assert pid is not None
        self.pids.append(pid)
        self.handles.append(os.pidfd_open(pid))
        self.on_turn(pid)
        yield


async def _ended(handle: int) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(handle, over.set)
    try:
        await over.wait()
    finally:
        asyncio.get_running_loop().remove_reader(handle)


@contextlib.asynccontextmanager
async def opening_at(endpoint: Endpoint) -> AsyncIterator[Openings]:
    """Openings whose every process has ended by the end."""
    openings = Openings(endpoint)
    try:
        yield openings
        await openings.until_gone()
    finally:
        await openings.opener.close()
        for handle in openings.handles:
            os.close(handle)


STOP, KILL = signal.SIGSTOP, signal.SIGKILL


async def test_an_action_is_written_byte_for_byte_and_its_response_comes_back() -> None:
    payload = b"Action: Originate\r\nActionID: acqs-7-beef\r\nVariable: b=Jos\xc3\xa9\r\nVariable: a=1\r\nX:y\r\n\r\n"
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        assert (session.banner, session.knows_channel_id) == ("Asterisk Call Manager/11.0.0", True)
        response = await session.perform(payload, "acqs-7-beef", 5)
        assert (response.response, response.action_id, response.message) == ("Success", "acqs-7-beef", "done")
        assert server.received[1].raw == payload
        await session.logoff()
        assert [received.action for received in server.received] == ["Login", "Originate", "Logoff"]


async def test_a_refused_login_is_the_error_that_it_is_in_a_task() -> None:
    async with AmiServer() as server, opening_at(server.endpoint("wrong")) as openings:
        with pytest.raises(LoginRefused, match="refused the login of 'acqs'"):
            await openings.open()


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
async def test_a_child_lost_before_it_connects_has_sent_nothing(fault: signal.Signals) -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        hit: list[float] = []

        def lose(pid: int) -> None:
            os.kill(pid, fault)
            hit.append(time.monotonic())

        openings.on_turn = lose
        with pytest.raises(ChildLost, match="nothing was sent"):
            await openings.open()
        assert time.monotonic() - hit[0] < SILENCE + 1, "others wait for its turn to log in"
        assert server.received == []


HANGS = """
import time
from acqs_core.sender.process import child, forkserver
async def hang(*_, **__):
    time.sleep(60)
{} = hang
forkserver.main()
"""
"""A fork server whose children, at one point, no longer come back to their loop."""


async def test_a_child_that_hangs_in_its_login_is_killed_and_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "COMMAND", (sys.executable, "-c", HANGS.format("child.Session.open")))
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        with pytest.raises(ChildLost, match="nothing was sent"):
            await openings.open()


@pytest.mark.usefixtures("hasty")
async def test_a_child_that_hangs_when_it_is_to_write_is_killed_and_the_outcome_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "COMMAND", (sys.executable, "-c", HANGS.format("child._perform")))
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        with pytest.raises(ResponseTimeout, match="unknown"):
            await session.perform(*ping("p"), 0.1)
        await openings.until_gone()
        assert server.actions() == []


async def test_an_asterisk_that_is_slow_to_greet_is_waited_for() -> None:
    async with AmiServer(banner=None) as server, opening_at(server.endpoint()) as openings:
        opening = asyncio.create_task(openings.open())
        await server.until(lambda server: len(server.peers) == 1)
        await asyncio.sleep(SILENCE + 0.3)
        server.peers[0].writer.write(BANNER)
        await (await opening).logoff()


async def test_a_child_stopped_before_the_write_has_written_nothing_and_never_will(hasty: float) -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        os.kill(session.pid, STOP)
        begun = time.monotonic()
        with pytest.raises(NotWritten, match="was not written"):
            await session.perform(*ping("p"), 30)
        assert time.monotonic() - begun < hasty + 1
        await openings.until_gone()
        assert server.actions() == []


async def test_a_child_that_wakes_too_late_does_not_write(hasty: float) -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        os.kill(session.pid, STOP)
        performing = asyncio.create_task(session.perform(*ping("p"), 30))
        # Awake after its own deadline and before ours, which is a tenth of a second later.
        await asyncio.sleep(hasty + 0.03)
        os.kill(session.pid, signal.SIGCONT)
        with pytest.raises(NotWritten):
            await performing
        await session.logoff()
        assert server.actions() == []


async def test_a_child_killed_before_the_write_has_written_nothing() -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        os.kill(session.pid, KILL)
        await openings.until_gone()
        assert not session.is_open
        with pytest.raises(NotWritten):
            await session.perform(*ping("p"), 5)
        session.abort()
        assert server.actions() == []


@pytest.mark.usefixtures("hasty")
async def test_a_child_stopped_after_the_write_leaves_the_outcome_unknown_at_the_deadline() -> None:
    async with AmiServer(silent) as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        performing = asyncio.create_task(session.perform(*ping("p"), 1.0))
        await server.until(lambda server: server.actions() == ["Ping"])
        os.kill(session.pid, STOP)
        begun = time.monotonic()
        with pytest.raises(ResponseTimeout, match="unknown"):
            await performing
        assert time.monotonic() - begun < 2.5


async def test_a_child_killed_after_the_write_leaves_the_outcome_unknown_at_once() -> None:
    async with AmiServer(silent) as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        performing = asyncio.create_task(session.perform(*ping("p"), 30))
        await server.until(lambda server: server.actions() == ["Ping"])
        os.kill(session.pid, KILL)
        with pytest.raises(SessionLost, match="unknown") as lost:
            await performing
        assert not isinstance(lost.value, NotWritten)
        assert await session.closed() is not None
        session.abort()


async def test_an_asterisk_that_does_not_answer_is_told_of_by_the_child_itself() -> None:
    async with AmiServer(silent) as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        with pytest.raises(ResponseTimeout, match="did not answer Ping"):
            await session.perform(*ping("p"), 0.2)
        assert session.is_open
        await session.logoff()


@pytest.mark.parametrize("fault", [STOP, KILL])
async def test_a_lingering_child_that_is_lost_holds_nobody_up(fault: signal.Signals) -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        await session.perform(*ping("p"), 5)
        os.kill(session.pid, fault)
        async with asyncio.timeout(1.0):
            await session.logoff(0.2)


async def test_a_session_that_asterisk_ends_is_closed_here_too() -> None:
    async with AmiServer() as server, opening_at(server.endpoint()) as openings:
        session = await openings.open()
        server.peers[0].hang_up()
        async with asyncio.timeout(2):
            assert isinstance(await session.closed(), SessionLost)
        with pytest.raises(NotWritten, match="it closed the connection"):
            await session.perform(*ping("p"), 5)
        session.abort()


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
            await _ended(handle)
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
                await _ended(handle)
                os.close(handle)
        await server.until(lambda server: server.left == 1)
