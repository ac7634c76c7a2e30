"""What every real server of the lab can be made to do: start, stop, crash, hang, and leave nothing behind."""

from __future__ import annotations

import abc
import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.lab import scratch
from tests.lab.processes import Server


class Part(abc.ABC):
    """One server on 127.0.0.1 with a directory of its own. `server`, `directory` and `_detached` are set by its class.

    A detached one outlives this interpreter, and its directory belongs to it.
    """

    GRACE: ClassVar[float]
    """Seconds in which it must end when it is asked to."""

    server: Server
    directory: Path
    _detached: bool

    @property
    @abc.abstractmethod
    def version(self) -> str:
        """Its version, e.g. `22.10.1`."""

    @abc.abstractmethod
    def _ready(self) -> bool:
        """Whether it serves."""

    def start(self) -> None:
        """Start it and return once it serves. Raises ServerFailed with the end of its log."""
        self.server.start(self._ready)
        if self._detached:
            scratch.give_to(self.directory, self.server.identity)

    def stop(self) -> None:
        """End it as an administrator would; SIGKILL when that takes longer than GRACE."""
        self.server.stop(self.GRACE, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as a crash: no goodbye to anybody."""
        self.server.kill()

    def restart(self) -> None:
        """Stop it when it runs, and start it again: same ports, secrets and data."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self.server.freeze()

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        self.server.thaw()

    def dispose(self) -> None:
        """Stop it and remove its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dispose()
