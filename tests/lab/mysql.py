"""One real MySQL with a data directory of its own, on loopback and a free port, from a chroot of Debian sid.

Debian releases carry MariaDB only, and the two have drifted apart: MySQL 9 knows no password but caching_sha2, is
strict by default, and words its locks, its process list and its own tables in other ways. What is promised for both is
tested on both.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.lab import chroot, debian, scratch
from tests.lab.chroot import Chroot
from tests.lab.database import DatabaseServer
from tests.lab.paths import locked
from tests.lab.ports import free_port
from tests.lab.processes import Server
from tests.lab.progress import step

_SIZES = (
    "--innodb-buffer-pool-size=64M",
    "--innodb-redo-log-capacity=48M",
    "--key-buffer-size=16M",
    "--max-connections=400",
    "--innodb-flush-log-at-trx-commit=1",
)


class MySQL(DatabaseServer):
    """A MySQL server. `sql_mode` is empty as VICIdial has it; None is MySQL's own default, which is strict.

    `options` are further arguments of mysqld. Raises LabUnavailable where no chroot can be had.
    """

    PRODUCT = "MySQL"

    def __init__(
        self,
        *,
        sql_mode: str | None = "",
        options: tuple[str, ...] = (),
        port: int | None = None,
        detached: bool = False,
    ) -> None:
        super().__init__()
        self._chroot = prepare()
        self._detached = detached
        self.port = port or free_port()
        self.directory = scratch.make(self._chroot.path / "lab", "i-")
        self._inside = Path("/lab") / self.directory.name
        shutil.copytree(_template(self._chroot), self.directory / "data")
        init = self.directory / "init.sql"
        init.write_text(f"CREATE USER IF NOT EXISTS 'acqs'@'127.0.0.1' IDENTIFIED BY '{self.password()}';\n")
        init.chmod(0o600)
        self.server = Server(
            "mysql",
            self._chroot.command(
                "mysqld",
                "--no-defaults",
                "--user=root",
                f"--datadir={self._inside / 'data'}",
                f"--socket={self._inside / 'socket'}",
                f"--port={self.port}",
                f"--pid-file={self._inside / 'pid'}",
                f"--tmpdir={self._inside}",
                f"--init-file={self._inside / 'init.sql'}",
                "--bind-address=127.0.0.1",
                "--mysqlx=OFF",
                "--secure-file-priv=NULL",
                "--skip-name-resolve",
                *([] if sql_mode is None else [f"--sql-mode={sql_mode}"]),
                *_SIZES,
                *options,
            ),
            self.directory / "log",
            detached=detached,
        )

    @property
    def version(self) -> str:
        return self._chroot.version

    @property
    def ca(self) -> Path:
        """The certificate of the authority that signed the server's own; the server made both at its first start."""
        return self.directory / "data/ca.pem"

    @property
    def root_client(self) -> list[str]:
        return self._chroot.command("mysql", "--no-defaults", f"--socket={self._inside / 'socket'}", "--user=root")

    @property
    def _tcp_client(self) -> list[str]:
        tcp = ("--protocol=tcp", "--host=127.0.0.1", f"--port={self.port}")
        return self._chroot.command("mysql", "--no-defaults", *tcp)


def prepare() -> Chroot:
    """The chroot with MySQL and its initialised data directory, built when missing (about a minute, once)."""
    built = chroot.prepare(chroot.MYSQL)
    _template(built)
    return built


def _template(built: Chroot) -> Path:
    """An initialised data directory, made when missing and kept in the chroot whose MySQL made it."""
    template = built.path / "template"
    with locked("mysql-template"):
        if not template.exists():
            building = template.with_suffix(".building")
            shutil.rmtree(building, ignore_errors=True)
            with step(f"initialising a data directory of MySQL {built.version}"):
                debian.run(
                    built.command(
                        "mysqld",
                        "--no-defaults",
                        "--user=root",
                        "--initialize-insecure",
                        f"--datadir=/{building.name}",
                        "--innodb-redo-log-capacity=48M",
                    )
                )
            building.rename(template)
    return template
