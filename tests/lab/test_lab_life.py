"""Nothing of the lab outlives its purpose, and nothing of anybody else is ended by it."""

from __future__ import annotations

import os
import select
import signal
import socket
import stat
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tests.lab import debian, scratch
from tests.lab.asterisk import Asterisk
from tests.lab.errors import LabUnavailable
from tests.lab.fixtures import obtain
from tests.lab.mariadb import MariaDB
from tests.lab.ports import free_port, free_udp_port
from tests.lab.processes import Identity, Server, ServerFailed
from tests.lab.sipp import Phones

ROOT = Path(__file__).parents[2]


def _sleeper(log: Path, *, detached: bool = False) -> Server:
    return Server("sleeper", ["sleep", "60"], log, detached=detached)


def test_a_server_dies_with_the_process_that_started_it_even_when_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.lab.processes import Server\n"
        "server = Server('sleeper', ['sleep', '60'], Path(sys.argv[1])); server.start(lambda: True)\n"
        "print(server.pid, flush=True); sys.stdin.read()\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    handle = os.pidfd_open(int(starter.stdout.readline()))
    try:
        starter.send_signal(signal.SIGKILL)
        starter.communicate()
        assert select.select([handle], [], [], 5.0)[0], "the sleeper still runs"
    finally:
        os.close(handle)


def test_a_server_that_ends_at_its_start_says_why(tmp_path: Path) -> None:
    server = Server("broken", ["sh", "-c", "echo no such thing; exit 3"], tmp_path / "log")
    with pytest.raises(ServerFailed, match=r"code 3 at its start\nno such thing"):
        server.start(lambda: False)


def test_a_server_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    server = _sleeper(tmp_path / "log")
    with pytest.raises(ServerFailed, match="not ready within"):
        server.start(lambda: False, timeout=0.1)
    assert not server.running


def test_a_process_that_was_given_a_recorded_pid_later_is_left_alone(tmp_path: Path) -> None:
    server = _sleeper(tmp_path / "log")
    server.start(lambda: True)
    try:
        stranger = Identity(server.pid, server.identity.started + 1)
        assert not stranger.alive()
        stranger.end(0.1)
        assert server.running
        server.identity.end(5.0)
        assert not server.running
    finally:
        server.kill()


def test_a_directory_is_swept_only_when_its_owner_is_gone(tmp_path: Path) -> None:
    kept = scratch.make(tmp_path, "x-")
    left = scratch.make(tmp_path, "x-")
    scratch.give_to(left, Identity(os.getpid(), 1))
    scratch.make(tmp_path, "x-")
    assert kept.exists()
    assert not left.exists()


def test_ports_lie_where_no_outgoing_connection_is_given_one() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert not any(first <= port <= last for port in (free_port(), free_udp_port()))


def test_a_missing_part_is_skipped_and_a_required_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise LabUnavailable("needs root")

    monkeypatch.delenv("ACQS_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no asterisk here: needs root"):
        obtain("asterisk", never)
    monkeypatch.setenv("ACQS_REQUIRE", "mariadb")
    with pytest.raises(pytest.skip.Exception):
        obtain("asterisk", never)
    monkeypatch.setenv("ACQS_REQUIRE", "mariadb,asterisk")
    with pytest.raises(pytest.fail.Exception, match="required by ACQS_REQUIRE"):
        obtain("asterisk", never)


def test_nothing_is_installed_where_that_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACQS_LAB_INSTALL", "no")
    monkeypatch.setitem(debian.PROGRAMS, "no-such-program", "no-such-package")
    with pytest.raises(LabUnavailable, match="missing: no-such-package"):
        debian.install(["no-such-program"])


def test_a_standing_lab_is_told_once_and_taken_down_whole(
    mariadb_server: MariaDB, asterisk: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    state = tmp_path / "up"

    def lab(command: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "tests.lab", command, "--state", str(state)],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    begun = time.monotonic()
    told = lab("up")
    try:
        took = time.monotonic() - begun
        assert lab("up") == told, "a second `up` starts nothing and tells the same"
        settings = state / "acqs.toml"
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600
        port = tomllib.loads(settings.read_text())["asterisk"]["port"]
        assert f"127.0.0.1:{port} manager" in told
        assert f"settings   {settings}" in told
    finally:
        lab("down")
    assert took < 10
    assert list(state.iterdir()) == []
    assert lab("down") == ""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
