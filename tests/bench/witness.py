"""When each call began, told by Asterisk and by nobody who is being measured.

A session in a thread of its own that stamps what it reads and does nothing else until it is asked: frames are cut and
read only afterwards, so that the witness takes as little as can be from the two that it compares.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Self

from acqs_core.action import channel_id
from tests.lab.asterisk import Asterisk
from tests.lab.client import AmiClient, parse

FILTER = "^Event: (Newchannel|OriginateResponse)[[:cntrl:]]"
"""All that it asks Asterisk for: the call that began, and the one answer that each Originate gets in the end."""


class Witness:
    """Hears of every call from now on. Times are time.monotonic() at the read that completed the event."""

    def __init__(self, asterisk: Asterisk) -> None:
        self._session: AmiClient = asterisk.connect(events="call")
        added = self._session.ask("Filter", Operation="Add", Filter=FILTER)
        if added["Response"] != "Success":
            raise ConnectionError(f"Asterisk took no filter: {added['Message']}")
        self._session.connection.settimeout(None)
        self._chunks: list[tuple[float, bytes]] = []
        self._read_up_to = 0
        self._pending = b""
        self._changed = threading.Condition()
        self._closed = False
        self.began: defaultdict[str, list[float]] = defaultdict(list)
        """When the channels of this Uniqueid were made: one time, or something is wrong."""
        self.answers: Counter[str] = Counter()
        """How many OriginateResponse of this Uniqueid's action came: Asterisk sends one for each Originate it took."""
        self._thread = threading.Thread(target=self._listen, name="bench-witness", daemon=True)
        self._thread.start()

    def await_calls(self, uniqueids: Collection[str], seconds: float = 60.0) -> None:
        """Return once each of these has begun and has its answer. Blocks; raises TimeoutError or ConnectionError."""
        wanted = set(uniqueids)
        self._wait_for(lambda: wanted <= self.began.keys() and wanted <= self.answers.keys(), seconds)

    def only_once(self, uniqueids: Collection[str]) -> bool:
        """Whether each of these reached Asterisk exactly once, refused duplicates of a living channel included."""
        return all(len(self.began[one]) == 1 and self.answers[one] == 1 for one in uniqueids)

    def close(self) -> None:
        """End the session and its thread."""
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

    def _wait_for(self, satisfied: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                self._read()
                if satisfied():
                    return
                if self._closed:
                    raise ConnectionError("Asterisk closed the witness's connection")
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(
                        f"within {seconds:g} s Asterisk told of {len(self.began)} calls and {len(self.answers)} answers"
                    )

    def _read(self) -> None:
        for at, chunk in self._chunks[self._read_up_to :]:
            *whole, self._pending = (self._pending + chunk).split(b"\r\n\r\n")
            for raw in whole:
                frame = parse(raw)
                if frame.event == "Newchannel":
                    self.began[frame["Uniqueid"]].append(at)
                elif frame.event == "OriginateResponse":
                    # By ActionID, `<uniqueid>-<4 hex>`: a refused duplicate carries the Uniqueid of whatever lives.
                    named = frame["ActionID"].rpartition("-")[0]
                    ours = named.removeprefix("acqs-")
                    self.answers[channel_id(int(ours)) if ours.isdecimal() else named] += 1
        self._read_up_to = len(self._chunks)

    def _listen(self) -> None:
        receive = self._session.connection.recv
        try:
            while chunk := receive(1 << 18):
                at = time.monotonic()
                with self._changed:
                    self._chunks.append((at, chunk))
                    self._changed.notify_all()
        except OSError:
            pass  # a reset is the end of the stream, as EOF is
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
