"""The parts of one run: each started when first asked for, kept for all who come after, ended together."""

from __future__ import annotations

from tests.lab.asterisk import Asterisk
from tests.lab.errors import LabUnavailable
from tests.lab.mariadb import MariaDB
from tests.lab.sipp import Phones


class Lab:
    """One MariaDB, one Asterisk and its phones, lazily.

    `suite` is the Debian release of the Asterisk; `detached` leaves all of them running when this process ends.

    Every method raises LabUnavailable where this machine cannot have the part, and ServerFailed when it does not start.
    """

    def __init__(self, *, suite: str = "sid", detached: bool = False) -> None:
        self._suite = suite
        self._detached = detached
        self._mariadb: MariaDB | None = None
        self._phones: Phones | None = None
        self._asterisk: Asterisk | None = None

    def mariadb(self) -> MariaDB:
        """The database server, running."""
        if self._mariadb is None:
            self._mariadb = MariaDB(detached=self._detached)
        if not self._mariadb.server.running:
            self._mariadb.start()
        return self._mariadb

    def phones(self) -> Phones:
        """The SIP phones, running."""
        phones = self._made_phones()
        if not phones.running:
            phones.start()
        return phones

    def asterisk(self) -> Asterisk:
        """The Asterisk, running; its endpoints lead to the phones, whether or not those are started yet."""
        if self._asterisk is None:
            try:
                ports = self._made_phones().ports
            except LabUnavailable:
                ports = {}  # without SIPp the Local channels still serve; whoever asks for phones is told why not
            self._asterisk = Asterisk(suite=self._suite, phones=ports, detached=self._detached)
        if not self._asterisk.server.running:
            self._asterisk.start()
        return self._asterisk

    def versions(self) -> dict[str, str]:
        """Version by name of the parts made so far, for the report of a run."""
        parts = {"MariaDB": self._mariadb, "Asterisk": self._asterisk, "SIPp": self._phones}
        return {name: part.version for name, part in parts.items() if part is not None}

    def dispose(self) -> None:
        """End every part and remove what it left."""
        for part in (self._phones, self._asterisk, self._mariadb):
            if part is not None:
                part.dispose()
        self._mariadb = self._phones = self._asterisk = None

    def _made_phones(self) -> Phones:
        if self._phones is None:
            self._phones = Phones(detached=self._detached)
        return self._phones
