"""The parts of one run: each started when first asked for, kept for all who come after, ended together."""

from __future__ import annotations

from tests.lab.asterisk import Asterisk
from tests.lab.errors import LabUnavailable
from tests.lab.mariadb import MariaDB
from tests.lab.mysql import MySQL
from tests.lab.sipp import Phones


class Lab:
    """One MariaDB, one MySQL, one Asterisk of each Debian release asked for, and the phones they share, lazily.

    `detached` leaves all of them running when this process ends.

    Every method raises LabUnavailable where this machine cannot have the part, and ServerFailed when it does not start.
    """

    def __init__(self, *, detached: bool = False) -> None:
        self._detached = detached
        self._mariadb: MariaDB | None = None
        self._mysql: MySQL | None = None
        self._phones: Phones | None = None
        self._asterisks: dict[str, Asterisk] = {}

    def mariadb(self) -> MariaDB:
        """The database server, running."""
        if self._mariadb is None:
            self._mariadb = MariaDB(detached=self._detached)
        if not self._mariadb.server.running:
            self._mariadb.start()
        return self._mariadb

    def mysql(self) -> MySQL:
        """The other database server, running."""
        if self._mysql is None:
            self._mysql = MySQL(detached=self._detached)
        if not self._mysql.server.running:
            self._mysql.start()
        return self._mysql

    def phones(self) -> Phones:
        """The SIP phones, running."""
        phones = self._made_phones()
        if not phones.running:
            phones.start()
        return phones

    def asterisk(self, suite: str = "sid") -> Asterisk:
        """The Asterisk of a Debian release, running; its endpoints lead to the phones, whether or not those run yet."""
        if suite not in self._asterisks:
            try:
                ports = self._made_phones().ports
            except LabUnavailable:
                ports = {}  # without SIPp the Local channels still serve; whoever asks for phones is told why not
            self._asterisks[suite] = Asterisk(suite=suite, phones=ports, detached=self._detached)
        asterisk = self._asterisks[suite]
        if not asterisk.server.running:
            asterisk.start()
        return asterisk

    def versions(self) -> list[str]:
        """Name and version of the parts made so far, for the report of a run."""
        said = [f"Asterisk {asterisk.version}" for asterisk in self._asterisks.values()]
        databases = (self._mariadb, self._mysql)
        said += [f"{database.PRODUCT} {database.version}" for database in databases if database is not None]
        if self._phones is not None:
            said.append(f"SIPp {self._phones.version}")
        return said

    def dispose(self) -> None:
        """End every part and remove what it left."""
        for part in (self._phones, *self._asterisks.values(), self._mariadb, self._mysql):
            if part is not None:
                part.dispose()
        self._mariadb = self._mysql = self._phones = None
        self._asterisks = {}

    def _made_phones(self) -> Phones:
        if self._phones is None:
            self._phones = Phones(detached=self._detached)
        return self._phones
