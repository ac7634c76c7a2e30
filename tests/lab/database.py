"""What MariaDB and MySQL have in common in the lab: users, databases, and the real command-line client.

Tests that name a `DatabaseServer` hold on either.
"""

from __future__ import annotations

import abc
import itertools
import os
import secrets
import socket
import subprocess
from typing import ClassVar

from tests.lab.part import Part


class DatabaseServer(Part):
    """A database server on 127.0.0.1 with the user `acqs`, who has every right on databases made here."""

    GRACE = 20.0

    PRODUCT: ClassVar[str]
    """What it calls itself: MariaDB or MySQL."""

    port: int

    def __init__(self) -> None:
        self._passwords = {"acqs": secrets.token_hex(8)}
        self._numbers = itertools.count(1)

    @property
    @abc.abstractmethod
    def root_client(self) -> list[str]:
        """The command of its own client as root, who has no password but can only use the socket."""

    @property
    @abc.abstractmethod
    def _tcp_client(self) -> list[str]:
        """The command of its own client over TCP, for `--user`."""

    def dispose(self) -> None:
        """End it at once, since nobody needs its data any more, and remove its directory."""
        self.kill()
        super().dispose()

    def url(self, database: str = "asterisk", user: str = "acqs") -> str:
        """`mysql://user:password@127.0.0.1:port/database`, as `acqs.toml` takes it. Raises KeyError: no such user."""
        return f"mysql://{user}:{self._passwords[user]}@127.0.0.1:{self.port}/{database}"

    def password(self, user: str = "acqs") -> str:
        """The password of a user made here."""
        return self._passwords[user]

    def client(self, sql: str, database: str = "", *, user: str = "") -> str:
        """What its real client prints for these statements: tab-separated rows without column names.

        As root unless a `user` made here is named. Raises CalledProcessError, whose `stderr` says why.
        """
        argv, environment = self.root_client, dict(os.environ)
        if user:
            argv = [*self._tcp_client, f"--user={user}"]
            environment["MYSQL_PWD"] = self._passwords[user]
        options = ["--batch", "--skip-column-names", "--unbuffered", "--default-character-set=utf8mb4"]
        return subprocess.run(
            [*argv, *options, *([database] if database else [])],
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
        user = f"'{name}'@'127.0.0.1'"
        self.client(f"DROP USER IF EXISTS {user}; CREATE USER {user} IDENTIFIED BY '{self._passwords[name]}';{grants}")

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as probe:
                return len(probe.recv(5)) == 5
        except OSError:
            return False
