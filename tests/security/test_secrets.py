"""One run of everything, and then a search for its secrets in all that can be read of it afterwards or beside it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import traceback
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acqs_core.control import host
from acqs_core.errors import AcqsError
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.settings import load
from tests.integration.headless import ROOT, Headless
from tests.lab.mariadb import MariaDB
from tests.lab.ports import free_port
from tests.security.evidence import Evidence, Secret
from tests.tui.terminal import on_terminal

AMI, DATABASE, WRONG = Secret("the AMI secret"), Secret("the database's password"), Secret("a wrong secret")

KNOWN = [AMI, DATABASE, WRONG]

SERVER_IP = "10.7.7.7"

_numbers = itertools.count(1)


@pytest.fixture
def database(mariadb_server: MariaDB) -> str:
    """The name of an empty database whose user has our password."""
    name = f"secret{os.getpid()}_{next(_numbers)}"
    password = DATABASE.text.replace("\\", "\\\\").replace("'", "\\'")
    mariadb_server.create_database(name)
    mariadb_server.client(
        f"DROP USER IF EXISTS 'kept'@'127.0.0.1'; CREATE USER 'kept'@'127.0.0.1' IDENTIFIED BY '{password}';"
        f"GRANT ALL ON `{name}`.* TO 'kept'@'127.0.0.1'"
    )
    return name


class Run:
    """Programs with settings of one kind or another, and what they said."""

    def __init__(self, folder: Path, evidence: Evidence, database: str, port: int) -> None:
        self.folder, self.evidence = folder, evidence
        self.url = f"mysql://kept:{DATABASE.in_url}@127.0.0.1:{port}/{database}"
        self.daemons: list[Headless] = []
        self.ami_port = 0

    def settings(
        self, name: str, *, server_ip: str = SERVER_IP, url: str = "", secret: str = AMI.in_toml,
        asterisk: str = "", more: str = "", sockets: str = "",
    ) -> Path:  # fmt: skip
        """A settings file with a folder of sockets of its own."""
        path = self.folder / f"{name}.toml"
        place = self.folder / (sockets or name)
        place.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(
            f'server_ip = "{server_ip}"\n[control]\nfolder = "{place}"\n[queue]\nurl = "{url or self.url}"\n'
            f'[asterisk]\nport = {self.ami_port}\nusername = "acqs"\nsecret = {secret}\n{asterisk}\n'
            f"[sender]\nlinger = 30\n{more}\n"
        )
        return path

    async def spawn(self, *command: str, **environ: str) -> asyncio.subprocess.Process:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("ACQS_")}
        return await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL", "--", sys.executable, *command, cwd=ROOT,
            env={**ours, "PYTHONPATH": str(ROOT), **environ}, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def daemon(self, settings: Path, *flags: str, **environ: str) -> Headless:
        """An engine that logs all it can."""
        command = ("-m", "acqs_core", "run", "--verbose", "--config", str(settings), *flags)
        self.daemons.append(Headless(await self.spawn(*command, **environ)))
        return self.daemons[-1]

    async def says(self, where: str, *command: str) -> str:
        """What a command prints, kept as evidence."""
        process = await self.spawn(*command)
        out, err = await asyncio.wait_for(process.communicate(), 40)
        self.evidence.add(f"{where}: stdout", out)
        self.evidence.add(f"{where}: stderr", err)
        return (out + err).decode()

    async def command(self, settings: Path, *command: str) -> str:
        return await self.says(" ".join(command), "-m", "acqs_core", *command, "--config", str(settings))

    async def close(self) -> None:
        for number, daemon in enumerate(self.daemons):
            await daemon.kill()
            self.evidence.add(
                f"log of daemon {number}", "\n".join(json.dumps(line, ensure_ascii=False) for line in daemon.log)
            )


@contextlib.asynccontextmanager
async def simulated(run: Run) -> AsyncIterator[None]:
    """A simulated Asterisk in a process of its own; what it says is evidence too."""
    file = run.folder / "secret"
    file.touch(mode=0o600)
    file.write_text(AMI.text + "\n")
    process = await run.spawn(
        "-m", "acqs_core", "simulate", "--port", "0", "--user", "acqs", "--secret-file", str(file), "--json"
    )
    assert process.stdout is not None
    first = await asyncio.wait_for(process.stdout.readline(), 30)
    run.ami_port = int(json.loads(first)["port"])
    try:
        yield
    finally:
        process.terminate()
        out, err = await process.communicate()
        run.evidence.add("simulator", first + out + err)


@contextlib.asynccontextmanager
async def tapped(real: Path, tap: Path, evidence: Evidence) -> AsyncIterator[None]:
    """A control socket in another folder that leads to the real one; all that passes is evidence."""
    passed: list[tuple[str, bytes]] = []

    async def pump(where: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                passed.append((where, data))
                writer.write(data)
                await writer.drain()
        writer.close()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(real)
        await asyncio.gather(pump("to the engine", reader, ours), pump("to the console", theirs, writer))

    os.makedirs(tap)
    server = await asyncio.start_unix_server(visit, tap / real.name)
    try:
        yield
    finally:
        server.close()
        for where in ("to the engine", "to the console"):
            evidence.add(f"socket {where}", b"".join(data for place, data in passed if place == where))


async def test_no_secret_is_in_anything_that_a_run_leaves_to_be_read(
    mariadb_server: MariaDB, database: str, folder: Path
) -> None:
    evidence = Evidence()
    run = Run(folder, evidence, database, mariadb_server.port)
    async with simulated(run):
        try:
            good = run.settings("good")
            schema.init(Database(run.url, pool_size=1))
            await asyncio.gather(_all_well(run, good), _failures(run))
        finally:
            await run.close()
        for table in ("vicidial_manager", "acqs_outcome", "acqs_journal", "acqs_lease", "acqs_control"):
            evidence.add(f"table {table}", mariadb_server.client(f"SELECT * FROM {table}", database))
    _was_there(evidence)
    assert evidence.leaks(KNOWN) == []


def _was_there(evidence: Evidence) -> None:
    """What should have been read was read."""
    assert b"FINDME" in evidence.of("screen")
    assert b"FINDME" in evidence.of("socket to the console")
    assert b"follow" in evidence.of("socket to the engine")
    assert b"FINDME" in evidence.of("table vicidial_manager")
    assert b"answered" in evidence.of("table acqs_journal")
    assert b"acqs_actions" in evidence.of("metrics")
    assert b"acqs_core" in evidence.of("cmdline")
    assert b"PATH=" in evidence.of("environ")
    assert evidence.of("simulator").count(b"Login") > 1
    log = evidence.of("log of daemon")
    for said in (b"refused the login", b"Can't connect to MySQL", b"TLS", b"Fatal Python error: Aborted"):
        assert said in log, said
    assert b"Traceback" in evidence.of("crash")


async def _all_well(run: Run, good: Path) -> None:
    """An engine with children in processes, its secrets in the environment; a console; every command."""
    port = free_port()
    settings = run.settings(
        "environment", url="mysql://x@127.0.0.1/x", secret='"x"',
        more=f'isolation = "process"\n[metrics]\nport = {port}',
    )  # fmt: skip
    engine = await run.daemon(settings, ACQS_QUEUE__URL=run.url, ACQS_ASTERISK__SECRET=AMI.text, PYTHONFAULTHANDLER="1")
    await engine.wait_ready(40)
    await run.command(
        good, "inject", "call", "Local/600@default", "--exten", "630", "--callerid", "FINDME", "--wait", "20"
    )
    below = run.evidence.add_processes([engine.pid], environment=True)
    assert {"acqs-forkserver", "acqs-child"} <= set(below), below
    for path in ("metrics", "healthz", "readyz"):
        run.evidence.add("metrics", await asyncio.to_thread(_get, f"http://127.0.0.1:{port}/{path}"))
    commands = (
        ("db", "check", "--json"), ("asterisk", "check", "--seconds", "0.2", "--json"), ("queue", "list", "--json"),
        ("queue", "show", "1", "--json"), ("status", "--json"),
    )  # fmt: skip
    await asyncio.gather(
        _console(run, engine.pid),
        run.says("crash", "-c", CRASH, "queue", "counts", "--config", str(good)),
        *(run.command(settings if command[0] == "status" else good, *command) for command in commands),
    )
    os.kill(engine.pid, signal.SIGABRT)  # as a service manager whose patience is over
    await _has_said(engine, "Fatal Python error: Aborted")


async def _console(run: Run, engine: int) -> None:
    """A console on a terminal, at a tapped socket of this engine's."""
    real = run.folder / "environment" / f"{SERVER_IP}-{engine}.sock"
    async with tapped(real, run.folder / "console" / "tap", run.evidence):
        settings = run.settings("console", sockets="console/tap")
        async with on_terminal("--config", str(settings)) as terminal:
            await terminal.shows("FINDME")
            run.evidence.add_processes([terminal.process.pid], environment=False)
            for key in (b"\r", b"?"):  # the row's detail, and help
                run.evidence.add("screen", bytes(terminal.written))
                terminal.begin()
                terminal.press(key)
                await terminal.until(lambda: len(terminal.written) > 1000)
            run.evidence.add("screen", bytes(terminal.written))


CRASH = """
import sys
from acqs_core.cli.app import run
from acqs_core.queue import schema
from acqs_core.queue.database import Database
def fail(self, *given):
    raise RuntimeError(f"a bug, at {self!r} with {given!r}")
Database.run = fail
sys.exit(run(sys.argv[1:]))
"""
"""A command with a bug in it."""


async def _failures(run: Run) -> None:
    """Engines and commands that each meet a failure, with its whole log."""
    away = run.url.replace(f":{run.url.rpartition(':')[2].partition('/')[0]}/", f":{free_port()}/")
    denied = run.url.replace(DATABASE.in_url, WRONG.in_url)
    wrong = await run.daemon(run.settings("wrong", server_ip="10.7.7.8", secret=WRONG.in_toml))
    plain = await run.daemon(run.settings("tls", server_ip="10.7.7.9", asterisk="tls = true"))
    lost = await run.daemon(run.settings("away", server_ip="10.7.7.10", url=away))
    for daemon, words in ((wrong, "refused the login"), (plain, "TLS"), (lost, "connect to MySQL")):
        await _has_said(daemon, words)
    assert "Access denied" in await run.command(run.settings("denied", url=denied), "queue", "counts")


async def _has_said(daemon: Headless, words: str) -> None:
    """Wait for a line of its log with these words somewhere."""
    async with asyncio.timeout(40):
        while not any(words in str(line["message"]) for line in daemon.log):  # noqa: ASYNC110 - Headless tells of starts
            await asyncio.sleep(0.05)


def _get(url: str) -> bytes:
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())
    return b""


async def test_an_engine_that_a_console_starts_gets_its_settings_by_no_way_that_others_see(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACQS_ASTERISK__SECRET", AMI.text)
    monkeypatch.setenv("ACQS_QUEUE__URL", f"mysql://kept:{DATABASE.in_url}@127.0.0.1:{free_port()}/x")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    evidence = Evidence()
    process, console = host.start(load(flags={"control": {"folder": str(folder)}}))
    with console:
        console.settimeout(30)
        greeting = await asyncio.to_thread(console.recv, 1 << 16)
        evidence.add_processes([os.getpid()], environment=True)
        process.kill()
        await asyncio.to_thread(process.wait)
    evidence.add("greeting", greeting)
    evidence.add("log", host.log_file("127.0.0.1").read_bytes())
    assert b"acqs_core.control.host" in evidence.of("cmdline")
    assert b"PATH=" in evidence.of(f"environ of {process.pid}")
    assert b'"acqs":1' in evidence.of("greeting")
    assert b"acqs_core.control.server" in evidence.of("log")
    assert evidence.leaks(KNOWN) == []


MISTAKES = {
    "a key that does not exist": f"[asterisk]\nsecrets = {AMI.in_toml}",
    "a key in the wrong place": f"secret = {AMI.in_toml}",
    "a secret that is a list": f"[asterisk]\nsecret = [{AMI.in_toml}]",
    "a section that is a text": f"asterisk = {AMI.in_toml}",
    "a text that does not end": f'[asterisk]\nsecret = "{AMI.core}',
    "a text without quotes": f"[asterisk]\nsecret = {AMI.core}",
    "a port that is none": f'[queue]\nurl = "mysql://kept:{DATABASE.core}/x"',
    "no password in the right place": f'[queue]\nurl = "mysql://{DATABASE.core}"',
    "another database": f'[queue]\nurl = "postgres://kept:{DATABASE.core}@127.0.0.1/x"',
    "parameters": f'[queue]\nurl = "mysql://kept:{DATABASE.core}@127.0.0.1/x?{DATABASE.core}"',
    "an @ that is not written %40": f'[queue]\nurl = "mysql://kept:a@{DATABASE.core}@127.0.0.1/x"',
    "a / that is not written %2F": f'[queue]\nurl = "mysql://kept:a/{DATABASE.core}@127.0.0.1/x"',
    "a / behind an @": f'[queue]\nurl = "mysql://kept:a@/{DATABASE.core}@127.0.0.1/x"',
    "a : too many": f'[queue]\nurl = "mysql://kept:a:{DATABASE.core}@127.0.0.1:x/x"',
    "a # in it": f'[queue]\nurl = "mysql://kept:#{DATABASE.core}@127.0.0.1:x/x"',
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_what_is_wrong_with_settings_is_told_without_their_secrets(mistake: str, tmp_path: Path) -> None:
    """Up to the database, which tells what it could not connect to."""
    path = tmp_path / "acqs.toml"
    path.touch(mode=0o600)
    path.write_text(mistake + "\n")
    evidence = Evidence()
    evidence.add("file", path.read_bytes())
    assert evidence.leaks(KNOWN), "a leak would be seen"
    evidence = Evidence()
    try:
        settings = load(path, environ={})
        evidence.add("settings", f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}")
        database = Database.of(settings.queue, pool_size=1)
        evidence.add("database", f"{database!r} {database.shown} {database.place}")
        database.run(lambda connection: None)
    except AcqsError:
        evidence.add("error", traceback.format_exc())
    else:
        pytest.fail("it is no mistake")
    assert evidence.leaks(KNOWN) == []
