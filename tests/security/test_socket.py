"""Other users at the control socket: processes of theirs, made by fork and setuid, and what they come to know."""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acqs_core.control import peers, places
from acqs_core.control.client import Client
from acqs_core.control.peers import Peer
from acqs_core.engine import Engine
from acqs_core.errors import ControlError
from acqs_core.settings import Settings
from tests.hosted import running

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")

NOBODY = "nobody"

CONNECT = """
import os, socket, sys
os.setgroups([int(group) for group in sys.argv[4:]])
os.setgid(int(sys.argv[3]))
os.setuid(int(sys.argv[2]))
with socket.socket(socket.AF_UNIX) as console:
    try:
        console.connect(sys.argv[1])
    except PermissionError:
        sys.exit("the kernel says no")
    console.settimeout(10)
    greeting = console.recv(65536)
    sys.stdout.buffer.write(greeting)
    if b"refused" not in greeting:
        console.sendall(b'{"acqs":1}\\n{"id":1,"do":"counts","with":{}}\\n')
        sys.stdout.buffer.write(console.recv(65536))
"""


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    """One that anybody may look into; its sockets are for whom they are."""
    with tempfile.TemporaryDirectory(prefix="acqs-") as made:
        os.chmod(made, 0o755)
        yield Path(made)


async def told(path: Path, *, groups: tuple[int, ...] = ()) -> str:
    """What a process of nobody's, with these groups too, is told there."""
    them = pwd.getpwnam(NOBODY)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", CONNECT, str(path), *map(str, (them.pw_uid, them.pw_gid, *groups)),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    return out.decode()


async def test_another_user_cannot_even_connect(engine: Engine, folder: Path) -> None:
    assert "the kernel says no" in await told(places.own(folder, "127.0.0.1"))


async def test_another_user_for_whom_somebody_opened_the_socket_is_told_nothing(engine: Engine, folder: Path) -> None:
    path = places.own(folder, "127.0.0.1")
    os.chmod(path, 0o666)
    answer = await told(path)
    assert '"refused":"ControlError"' in answer
    assert f"{NOBODY} may not attach to this engine; be root or a member of the group acqs" in answer
    assert "server_ip" not in answer
    assert '"NEW"' not in answer
    async with await Client.attach("127.0.0.1", str(folder)) as console:
        assert (await console.ask("counts"))["NEW"] == 0


async def test_a_member_of_the_group_is_let_in_by_his_other_groups_too(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = next(one.gr_gid for one in grp.getgrall() if one.gr_gid not in (0, pwd.getpwnam(NOBODY).pw_gid))
    monkeypatch.setattr(peers, "group_id", lambda: group)
    path = places.own(folder, "127.0.0.1")
    os.chown(path, -1, group)
    assert '"NEW":0' in await told(path, groups=(group,))
    assert "the kernel says no" in await told(path)


async def test_a_folder_that_another_made_in_tmp_holds_no_engine_and_takes_none(folder: Path) -> None:
    """Whoever guesses the name first could be taken for an engine, or take away the socket of one."""
    place = folder / "guessed"
    os.chmod(folder, 0o1777)
    os.mkdir(place)
    async with running(Settings(), place):
        assert places.found(place, "127.0.0.1")
        os.chown(place, pwd.getpwnam(NOBODY).pw_uid, -1)
        assert places.found(place, "127.0.0.1") == []
        with pytest.raises(ControlError, match="no engine"):
            await Client.attach("127.0.0.1", str(place))
    async with running(Settings(), place) as engine:
        assert engine.ready.is_set()
        assert list(place.iterdir()) == []
    os.symlink(place, folder / "link")
    assert not places.is_ours(folder / "link")


def test_root_and_our_own_user_may_always_attach() -> None:
    assert Peer(0, frozenset()).may_attach
    assert Peer(os.geteuid(), frozenset()).may_attach
    assert not Peer(pwd.getpwnam(NOBODY).pw_uid, frozenset((pwd.getpwnam(NOBODY).pw_gid,))).may_attach
