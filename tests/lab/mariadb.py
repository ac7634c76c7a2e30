"""One real MariaDB with a data directory of its own, on loopback and a free port.

The queue's promises rest on what a real server locks, times out and forgets. A server of our own may be killed, frozen
or run in another SQL mode without touching the machine's; an initialised data directory is kept as a template, because
initialising takes longer than all the rest.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import debian, scratch
from tests.lab.paths import cache_dir, locked
from tests.lab.ports import free_port
from tests.lab.processes import Server
from tests.lab.progress import step

NEEDED = ("mariadbd", "mariadb-install-db", "mariadb", "setpriv")
"""Programs without which there is no MariaDB."""

STRICT = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"
"""MariaDB's own default sql_mode. VICIdial's servers run with an empty one, which is the lab's default."""

_SIZES = (
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=48M",
    "--key-buffer-size=16M",
    "--max-connections=400",
    "--innodb-flush-log-at-trx-commit=1",
)


class MariaDB:
    """A MariaDB server on 127.0.0.1 with the user `acqs`, who has every right on databases made here.

    `sql_mode` is empty as VICIdial has it, or STRICT; `engine` is the default storage engine; `options` are further
    arguments of mariadbd. Raises LabUnavailable where MariaDB can neither be found nor installed.
    """

    def __init__(
        self,
        *,
        sql_mode: str = "",
        engine: str = "InnoDB",
        options: tuple[str, ...] = (),
        port: int | None = None,
        detached: bool = False,
    ) -> None:
        debian.install(NEEDED)
        self.version = _version()
        self._detached = detached
        self.port = port or free_port()
        self.directory = scratch.make(Path(tempfile.gettempdir()), "acqs-mariadb-")
        self.socket = self.directory / "socket"
        self.log = self.directory / "log"
        self._passwords = {"acqs": secrets.token_hex(8)}
        self._numbers = itertools.count(1)
        data = self.directory / "data"
        shutil.copytree(_template(self.version), data)
        init = self.directory / "init.sql"
        # root keeps its empty password on the socket, whose directory is ours alone, and has no way in by TCP.
        init.write_text(
            "DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1';\n"
            f"CREATE USER IF NOT EXISTS 'acqs'@'127.0.0.1' IDENTIFIED BY '{self._passwords['acqs']}';\n"
        )
        init.chmod(0o600)
        self.server = Server(
            "mariadb",
            [
                debian.program("mariadbd"),
                "--no-defaults",
                f"--datadir={data}",
                f"--socket={self.socket}",
                f"--port={self.port}",
                f"--pid-file={self.directory / 'pid'}",
                f"--tmpdir={self.directory}",
                f"--init-file={init}",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                f"--sql-mode={sql_mode}",
                f"--default-storage-engine={engine}",
                *_as_root(),
                *_SIZES,
                *options,
            ],
            self.log,
            detached=detached,
        )

    def start(self) -> None:
        """Start it and return once it takes connections. Raises ServerFailed with the end of its log."""
        self.server.start(self._greets)
        if self._detached:
            scratch.give_to(self.directory, self.server.identity)

    def stop(self) -> None:
        """End it in order; SIGKILL when that takes over 20 s."""
        self.server.stop(20.0, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self.server.kill()

    def restart(self) -> None:
        """Stop it when it runs, and start it again on the same port with the same data."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self.server.freeze()

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        self.server.thaw()

    def dispose(self) -> None:
        """End it at once, since nobody needs its data any more, and remove its directory."""
        self.server.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str = "asterisk", user: str = "acqs") -> str:
        """`mysql://user:password@127.0.0.1:port/database`, as `acqs.toml` takes it. Raises KeyError: no such user."""
        return f"mysql://{user}:{self._passwords[user]}@127.0.0.1:{self.port}/{database}"

    def password(self, user: str = "acqs") -> str:
        """The password of a user made here."""
        return self._passwords[user]

    def client(self, sql: str, database: str = "", *, user: str = "") -> str:
        """What the real `mariadb` client prints for these statements: tab-separated rows without column names.

        As root unless a `user` made here is named. Raises CalledProcessError, whose `stderr` says why.
        """
        argv = [
            debian.program("mariadb"),
            "--no-defaults",
            "--batch",
            "--skip-column-names",
            "--unbuffered",
            "--default-character-set=utf8mb4",
        ]
        environment = dict(os.environ)
        if user:
            argv += ["--protocol=tcp", "--host=127.0.0.1", f"--port={self.port}", f"--user={user}"]
            environment["MYSQL_PWD"] = self._passwords[user]
        else:
            argv += [f"--socket={self.socket}", "--user=root"]
        return subprocess.run(
            [*argv, *([database] if database else [])],
            input=sql,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout

    def create_database(self, name: str, charset: str = "utf8mb4") -> str:
        """Make an empty database on which `acqs` has every right; its url."""
        self.client(f"CREATE DATABASE `{name}` CHARACTER SET {charset};GRANT ALL ON `{name}`.* TO 'acqs'@'127.0.0.1'")
        return self.url(name)

    def fresh_database(self, charset: str = "utf8mb4") -> str:
        """The name of an empty database that no other test uses."""
        name = f"t{os.getpid()}_{next(self._numbers)}"
        self.create_database(name, charset)
        return name

    def create_user(self, name: str, grants: str = "") -> None:
        """Make a user who may do nothing but what the statements in `grants` say; they name `'<name>'@'127.0.0.1'`."""
        self._passwords[name] = secrets.token_hex(8)
        self.client(f"CREATE OR REPLACE USER '{name}'@'127.0.0.1' IDENTIFIED BY '{self._passwords[name]}';{grants}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dispose()

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as probe:
                return len(probe.recv(5)) == 5
        except OSError:
            return False


def _version() -> str:
    """`10.11.19` out of `mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu ...`."""
    return debian.run([debian.program("mariadbd"), "--version"]).split("Ver ")[1].split("-")[0].split()[0]


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _template(version: str) -> Path:
    """An initialised data directory of this version, made when missing."""
    template = cache_dir() / f"mariadb-{version}"
    with locked("mariadb"):
        if template.exists():
            return template
        building = template.with_suffix(f"{template.suffix}.building")
        if building.exists():
            shutil.rmtree(building)
        with step(f"initialising a data directory of MariaDB {version}"):
            # The server's options come after the script's own; a small redo log keeps the copies small.
            debian.run(
                [
                    debian.program("mariadb-install-db"),
                    "--no-defaults",
                    f"--datadir={building}",
                    *_as_root(),
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    "--skip-name-resolve",
                    "--innodb-log-file-size=48M",
                ]
            )
        building.rename(template)
    return template
