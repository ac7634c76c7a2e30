"""The variables in which Dial() writes down how it went: half of the events of a dialled call are about these."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from acqs_core.simulator.channel import Channel

if TYPE_CHECKING:
    from acqs_core.simulator.exchange import Exchange

_TIMES = ("ANSWEREDTIME", "DIALEDTIME", "RINGTIME", "PROGRESSTIME")


class DialRecord:
    """One run of Dial() on a channel; all times are of the dialplan (cases `redirect_bridged`, `local_optimized`)."""

    def __init__(self, exchange: Exchange, ch: Channel, string: str) -> None:
        self._exchange, self._ch, self._string = exchange, ch, string
        self._begun = self._answered = self._now()
        self._set("DIALSTATUS", "")
        self._set("DIALEDPEERNUMBER", "")
        self._set("DIALEDPEERNAME", "")
        for name in _TIMES:
            self._set(name, "")
            self._set(f"{name}_MS", "")

    def rings(self) -> None:
        """The other side rings."""
        self._took("RINGTIME", self._begun)

    def answered(self, called: Channel) -> None:
        """The other side has answered."""
        self._answered = self._now()
        self._set("DIALSTATUS", "ANSWER")
        self._set("DIALEDPEERNAME", called.name)
        self._set("DIALEDPEERNUMBER", self._string)

    def over(self) -> None:
        """The two have talked."""
        self._took("ANSWEREDTIME", self._answered)
        self._took("DIALEDTIME", self._begun)
        self._set("DIALSTATUS", "ANSWER")

    def failed(self, status: str) -> None:
        """Nobody has answered. In no recording."""
        self._set("DIALSTATUS", status)

    def _took(self, name: str, since: float) -> None:
        took = (self._now() - since) * self._exchange.speed
        self._set(name, str(int(took)))
        self._set(f"{name}_MS", str(int(took * 1000)))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _set(self, name: str, value: str) -> None:
        self._exchange.set_variable(self._ch, name, value)
