"""One real MariaDB with a data directory of its own, on loopback and a free port.

The queue's promises rest on what a real server locks, times out and forgets. A server of our own may be killed, frozen
or run in another SQL mode without touching the machine's; an initialised data directory is kept as a template, because
initialising takes longer than all the rest.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tests.lab import debian, scratch
from tests.lab.database import DatabaseServer
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
    "--myisam-recover-options=BACKUP,FORCE",  # as `db check` advises; else a kill may leave an index that is corrupt
)


class MariaDB(DatabaseServer):
    """A MariaDB server. `sql_mode` is empty as VICIdial has it, or STRICT; `engine` is the default storage engine;
    `options` are further arguments of mariadbd. Raises LabUnavailable where MariaDB can neither be found nor installed.
    """

    PRODUCT = "MariaDB"

    def __init__(
        self,
        *,
        sql_mode: str = "",
        engine: str = "InnoDB",
        options: tuple[str, ...] = (),
        port: int | None = None,
        detached: bool = False,
    ) -> None:
        super().__init__()
        debian.install(NEEDED)
        self._version = _version()
        self._detached = detached
        self.port = port or free_port()
        self.directory = scratch.make(Path(tempfile.gettempdir()), "acqs-mariadb-")
        self.socket = self.directory / "socket"
        data = self.directory / "data"
        shutil.copytree(_template(self.version), data)
        init = self.directory / "init.sql"
        # root keeps its empty password on the socket, whose directory is ours alone, and has no way in by TCP.
        init.write_text(
            "DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1';\n"
            f"CREATE USER IF NOT EXISTS 'acqs'@'127.0.0.1' IDENTIFIED BY '{self.password()}';\n"
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
            self.directory / "log",
            detached=detached,
        )

    @property
    def version(self) -> str:
        return self._version

    @property
    def root_client(self) -> list[str]:
        return [debian.program("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=root"]

    @property
    def _tcp_client(self) -> list[str]:
        tcp = ("--protocol=tcp", "--host=127.0.0.1", f"--port={self.port}")
        return [debian.program("mariadb"), "--no-defaults", *tcp]


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
