"""A lab that stands until it is taken down: the servers outlive the command that started them.

What was started is recorded by pid and start time, so that `down` ends exactly those processes and no stranger that was
given one of their pids since.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.lab.paths import locked
from tests.lab.processes import Identity
from tests.lab.progress import say, step
from tests.lab.session import Lab

_DATABASE = "asterisk"


def up(state: Path, *, suite: str = "sid") -> str:
    """Start MariaDB, Asterisk and the phones in the background; what a person needs to know, as text.

    `state` gets `acqs.toml` (mode 0600, it holds secrets) and the record for `down`. When the lab stands already its
    addresses are given again. Raises LabUnavailable and ServerFailed, having ended what was started.
    """
    with locked("up"):
        record = _Record.load(state)
        if record is not None and all(process.alive() for process in record.processes):
            say("the lab is up already")
            return record.told
        if record is not None:
            _end(record, state)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _ended_on_failure(Lab(detached=True)) as lab:
            record = _start(lab, state, suite)
            record.save(state)
        return record.told


def down(state: Path) -> None:
    """End what `up` started and remove its files; nothing else."""
    with locked("up"):
        record = _Record.load(state)
        if record is None:
            say(f"nothing to end: no lab was started with {state}")
            return
        _end(record, state)


@dataclasses.dataclass(frozen=True, slots=True)
class _Record:
    """What `up` started: processes in the order in which they are ended, directories to remove, what it printed."""

    processes: list[Identity]
    directories: list[str]
    told: str

    def save(self, state: Path) -> None:
        (state / "state.json").write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, state: Path) -> _Record | None:
        try:
            read = json.loads((state / "state.json").read_text())
        except FileNotFoundError:
            return None
        return cls([Identity(**process) for process in read["processes"]], read["directories"], read["told"])


@contextlib.contextmanager
def _ended_on_failure(lab: Lab) -> Iterator[Lab]:
    try:
        yield lab
    except BaseException:
        lab.dispose()
        raise


def _start(lab: Lab, state: Path, suite: str) -> _Record:
    with step("starting MariaDB"):
        database = lab.mariadb()
        database.create_database(_DATABASE)
    with step("starting the phones and Asterisk"):
        phones, asterisk = lab.phones(), lab.asterisk(suite)
    settings = state / "acqs.toml"
    _write_private(
        settings,
        f"""\
# Written by `python -m tests.lab up`. The secrets are drawn anew each time.
server_ip = "127.0.0.1"

[queue]
url = "{database.url(_DATABASE)}"

[asterisk]
host = "127.0.0.1"
port = {asterisk.ami_port}
listen_username = "acqs_listen"
listen_secret = "{asterisk.secret("acqs_listen")}"
send_username = "acqs_send"
send_secret = "{asterisk.secret("acqs_send")}"
""",
    )
    _make_tables(settings)
    told = f"""\
settings   {settings}
mariadb    127.0.0.1:{database.port} database {_DATABASE}, user acqs (MariaDB {database.version})
           as root: mariadb --socket={database.socket} {_DATABASE}
asterisk   127.0.0.1:{asterisk.ami_port} manager, 127.0.0.1:{asterisk.sip_port} SIP (Asterisk {asterisk.version})
           127.0.0.1:{asterisk.tls_port} manager over TLS, to be checked by {asterisk.ca}
           console: {asterisk.console}
phones     {" ".join(f"PJSIP/{name}" for name in phones.ports)}
"""
    return _Record(
        processes=[asterisk.server.identity, *phones.identities, database.server.identity],
        directories=[str(part.directory) for part in (asterisk, phones, database)],
        told=told,
    )


def _write_private(path: Path, text: str) -> None:
    """Write a file that nobody else could read at any moment."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)


def _make_tables(settings: Path) -> None:
    """Make the tables as an operator does; a lab without tables is still of use, so a failure is only said."""
    done = subprocess.run(
        [sys.executable, "-m", "acqs_core", "db", "init", "--config", str(settings)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        say(f"made the tables of database {_DATABASE}")
    else:
        said = (done.stderr or done.stdout).strip().splitlines()
        say(f"no tables were made: `acqs_core db init` ended with code {done.returncode}: {' '.join(said[-1:])}")


def _end(record: _Record, state: Path) -> None:
    with step(f"ending {len(record.processes)} processes"):
        for process in record.processes:
            process.end(10.0, signal.SIGTERM)
    for directory in record.directories:
        shutil.rmtree(directory, ignore_errors=True)
    for name in ("acqs.toml", "state.json"):
        (state / name).unlink(missing_ok=True)
