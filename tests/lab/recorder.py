"""Everything Asterisk said, kept by a witness that does nothing but read.

The promise "written once" is proved by counting what reached Asterisk, not by asking the program that wrote it. Each
asynchronous Originate that Asterisk took in ends in exactly one OriginateResponse with its ActionID (facts/ami.md), and
each call it made in one Newchannel; both are counted here.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.lab.client import AmiClient, Frame


class Recorder:
    """A session of the `admin` user in a thread of its own; every event since its start is in `events`."""

    def __init__(self, port: int, secret: str, username: str = "admin") -> None:
        self._session = AmiClient(port, username, secret, events="on")
        self._session.connection.settimeout(None)
        self._frames: list[Frame] = []
        self._changed = threading.Condition()
        self._closed = False
        self._marks = itertools.count(1)
        self._thread = threading.Thread(target=self._read, name="lab-recorder", daemon=True)
        self._thread.start()

    @property
    def events(self) -> list[Frame]:
        """The events so far, in their order; a copy."""
        with self._changed:
            return [frame for frame in self._frames if frame.event]

    @property
    def closed(self) -> bool:
        """Whether the connection has ended, e.g. because Asterisk stopped."""
        with self._changed:
            return self._closed

    def wait_for(self, wanted: Callable[[Frame], bool], timeout: float = 10.0, *, since: int = 0) -> Frame:
        """The first event after the first `since` ones for which `wanted` is true, waiting for it when need be.

        Raises TimeoutError after `timeout` seconds and ConnectionError when Asterisk closed the connection.
        """
        deadline = time.monotonic() + timeout
        seen = 0
        skipped = 0
        with self._changed:
            while True:
                for frame in self._frames[seen:]:
                    seen += 1
                    if frame.event:
                        skipped += 1
                        if skipped > since and wanted(frame):
                            return frame
                if self._closed:
                    raise ConnectionError("Asterisk closed the recorder's connection")
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"no such event within {timeout:g} s; {len(self._frames)} frames were seen")

    def wait_for_event(self, name: str, timeout: float = 10.0, **headers: str) -> Frame:
        """The first event of this name whose headers have these values."""
        return self.wait_for(
            lambda frame: frame.event == name and all(frame[key] == value for key, value in headers.items()), timeout
        )

    def settle(self, timeout: float = 10.0) -> None:
        """Return once every event Asterisk queued before now is recorded: a mark of its own came behind them."""
        mark = f"{id(self):x}-{next(self._marks)}"
        self._session.write("UserEvent", f"mark-{mark}", UserEvent="LabMark", Mark=mark)
        self.wait_for_event("UserEvent", timeout, Mark=mark)

    def channels_created(self) -> dict[str, str]:
        """Channel names by Uniqueid, from Newchannel; both halves of a Local channel are in it."""
        return {frame["Uniqueid"]: frame["Channel"] for frame in self.events if frame.event == "Newchannel"}

    def originate_responses(self) -> list[Frame]:
        """The OriginateResponse events, in their order."""
        return [frame for frame in self.events if frame.event == "OriginateResponse"]

    def originates(self) -> Counter[str]:
        """How many asynchronous Originates of each ActionID Asterisk has carried out: never more than 1 is right."""
        return Counter(frame["ActionID"] for frame in self.originate_responses())

    def hangup_cause(self, uniqueid: str) -> int | None:
        """The Q.850 cause a channel was hung up with; None while it lives."""
        causes = [frame["Cause"] for frame in self.events if frame.event == "Hangup" and frame["Uniqueid"] == uniqueid]
        return int(causes[0]) if causes else None

    def close(self) -> None:
        """End the session and its thread."""
        # The thread blocks in recv: shutting the socket down wakes it, closing it alone would not.
        with contextlib.suppress(OSError):
            self._session.connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        try:
            for frame in self._session.incoming:
                with self._changed:
                    self._frames.append(frame)
                    self._changed.notify_all()
        except OSError:
            pass  # a reset at Asterisk's end is the end of the stream, as EOF is
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
