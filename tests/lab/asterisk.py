"""One real Asterisk, started from the chroot on loopback and free ports.

Each instance has its own directory inside the chroot, so several run side by side and each may be killed, restarted or
frozen without touching the others.
"""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.lab import chroot, scratch
from tests.lab.client import AmiClient
from tests.lab.config import CA_FILE, InstanceConfig, manager_users
from tests.lab.part import Part
from tests.lab.ports import free_port, free_udp_port
from tests.lab.processes import Server
from tests.lab.recorder import Recorder


class Asterisk(Part):
    """An Asterisk on 127.0.0.1. `phones` are contact ports by PJSIP endpoint name (sipp.Phones.ports).

    `general` are further settings of manager.conf's general section (`authlimit`). `systemname` makes Uniqueids longer:
    `<systemname>-<seconds>.<number>` (31 characters with one of 15).
    Raises LabUnavailable where no chroot can be had.
    """

    GRACE = 10.0

    def __init__(
        self,
        *,
        suite: str = "sid",
        phones: Mapping[str, int] | None = None,
        systemname: str = "",
        general: Mapping[str, str] | None = None,
        ami_port: int | None = None,
        detached: bool = False,
    ) -> None:
        self._chroot = chroot.prepare(suite=suite)
        self._detached = detached
        self.directory = scratch.make(self._chroot.path / "lab", "i-")
        self.users = manager_users()
        self.ami_port = ami_port or free_port()
        self.tls_port = free_port()
        self.sip_port = free_udp_port()
        inside = Path("/lab") / self.directory.name
        self._settings = InstanceConfig(
            inside,
            self._chroot.release,
            self.ami_port,
            self.tls_port,
            self.sip_port,
            self.users,
            dict(phones or {}),
            systemname,
            general or {},
        )
        self._settings.write(self.directory)
        self._inside = self._chroot.command("asterisk", "-C", str(inside / "etc/asterisk.conf"))
        self.server = Server("asterisk", [*self._inside, "-f", "-q"], self.directory / "log/console", detached=detached)

    @property
    def version(self) -> str:
        """Its version, e.g. `22.10.1`."""
        return self._chroot.version

    @property
    def log(self) -> Path:
        """Its log of notices, warnings and errors."""
        return self.directory / "log/messages"

    @property
    def ca(self) -> Path:
        """The CA that signed the certificate of its manager's TLS port."""
        return self.directory / "keys" / CA_FILE

    @property
    def console(self) -> str:
        """The command that opens its console in a terminal, for a person (as root)."""
        return " ".join([*self._inside, "-r"])

    def secret(self, username: str) -> str:
        """The secret of a manager user: acqs_send, acqs_listen, admin, call_only, acqs_once or acqs_denied."""
        return self.users[username].secret

    def stop_gracefully(self) -> None:
        """`core stop gracefully`: returns once it refuses whatever it is asked. It ends when its last call does."""
        command = [*self._inside, "-rx", "core stop gracefully"]
        with self.connect() as admin:
            # This console stays until the end, so somebody else waits for it.
            threading.Thread(
                target=subprocess.run, args=(command,), kwargs={"capture_output": True}, daemon=True
            ).start()
            while admin.ask("Ping")["Response"] != "Error":
                time.sleep(0.01)

    def cli(self, command: str) -> str:
        """What a CLI command prints, e.g. `core show channels count`. Raises CalledProcessError when it is not up."""
        return subprocess.run(
            [*self._inside, "-rx", command], check=True, capture_output=True, text=True, timeout=30
        ).stdout

    def has_exten(self, exten: str, context: str = "default") -> bool:
        """Whether a call to this number would find something in the dialplan, patterns included."""
        return "There is no existence of" not in self.cli(f"dialplan show {exten}@{context}")

    def active_channels(self) -> int:
        """Channels that live now."""
        return int(self.cli("core show channels count").split()[0])

    def connect(self, username: str = "admin", *, events: str = "off") -> AmiClient:
        """A logged-in plain AMI client."""
        return AmiClient(self.ami_port, username, self.secret(username), events=events)

    def record(self) -> Recorder:
        """A witness of every event from now on; close it, or use it in a `with`."""
        return Recorder(self.ami_port, self.secret("admin"))

    def hang_up_all(self, timeout: float = 10.0) -> None:
        """End every call and return once none is left, so that one test's calls are not the next one's."""
        with self.record() as recorder, self.connect() as admin:
            admin.ask("Hangup", Channel="/.*/")
            deadline = time.monotonic() + timeout
            while True:
                seen = len(recorder.events)
                if not self.active_channels():
                    return
                recorder.wait_for(lambda frame: frame.event == "Hangup", deadline - time.monotonic(), since=seen)

    def _ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.ami_port), 1.0).close()
        except OSError:
            return False
        asked = subprocess.run([*self._inside, "-rx", "core waitfullybooted"], capture_output=True, text=True)
        return asked.returncode == 0 and "fully booted" in asked.stdout
