"""SIP phones that always do the same thing, one SIPp process for each behaviour.

A call over Local channels alone never shows what a refused, unanswered or remotely ended call looks like; these phones
do, and Asterisk's PJSIP endpoints of the same names lead to them.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import debian, scratch
from tests.lab.ports import free_udp_port
from tests.lab.processes import Identity, Server

SCENARIOS: Mapping[str, str] = {
    "ans": "answer",
    "hup": "hangup",
    "ring": "ring",
    "slow": "slow",
    "busy": "busy",
    "cong": "congestion",
    "unal": "unallocated",
}
"""Scenario by endpoint name: files in scenarios/, whose first comment says what the phone does."""

_SCENARIOS_DIR = Path(__file__).parent / "scenarios"


class Phones:
    """The phones, on 127.0.0.1. Their ports are known before they are started, as Asterisk needs them first.

    Beside those of SCENARIOS there are the endpoints `nobody` (its contact is a port where nobody listens) and
    `nocontact` (no contact at all). Raises LabUnavailable where SIPp can neither be found nor installed.
    """

    def __init__(self, *, detached: bool = False) -> None:
        debian.install(["sipp", "setpriv"])
        self.version = _version()
        self._detached = detached
        self.ports = {**{name: free_udp_port() for name in SCENARIOS}, "nobody": free_udp_port(), "nocontact": 0}
        self.directory = scratch.make(Path(tempfile.gettempdir()), "acqs-phones-")
        self._servers = {name: self._server(name, scenario, detached) for name, scenario in SCENARIOS.items()}

    def start(self) -> None:
        """Start all and return once each has its port. Raises ServerFailed with what SIPp said."""
        try:
            for name, server in self._servers.items():
                server.start(functools.partial(_is_bound, self.ports[name]))
        except BaseException:
            self.stop()
            raise
        if self._detached:
            scratch.give_to(self.directory, self.identities[0])

    def stop(self) -> None:
        """End all at once; a SIPp asked politely would first wait for its calls."""
        for server in self._servers.values():
            server.kill()

    def dispose(self) -> None:
        """Stop all and remove their logs."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether every phone runs."""
        return all(server.running for server in self._servers.values())

    @property
    def identities(self) -> list[Identity]:
        """The running processes, to be recorded."""
        return [server.identity for server in self._servers.values()]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dispose()

    def _server(self, name: str, scenario: str, detached: bool) -> Server:
        argv = [
            debian.program("sipp"),
            "-sf",
            str(_SCENARIOS_DIR / f"{scenario}.xml"),
            "-i",
            "127.0.0.1",
            "-p",
            str(self.ports[name]),
            "-mi",
            "127.0.0.1",
            "-nostdin",
            "-trace_err",
            "-error_file",
            str(self.directory / f"{name}.err"),
        ]
        # SIPp draws a screen on its output every second for ever: a file would only grow. Errors have their own.
        return Server(f"phone {name}", argv, Path("/dev/null"), detached=detached, cwd=self.directory)


def _is_bound(port: int) -> bool:
    """Whether somebody holds this UDP port of 127.0.0.1; nothing is sent, so no phone sees a stray packet."""
    wanted = f"0100007F:{port:04X}"
    return any(line.split()[1] == wanted for line in Path("/proc/net/udp").read_text().splitlines()[1:])


def _version() -> str:
    """`3.6.1` out of ` SIPp v3.6.1-SCTP-PCAP-RTPSTREAM.`; SIPp says it with exit code 99."""
    said = subprocess.run([debian.program("sipp"), "-v"], capture_output=True, text=True).stdout
    return said.split("SIPp v")[1].split("-")[0].split()[0].rstrip(".")
