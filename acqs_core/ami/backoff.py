"""How long to leave an Asterisk alone that took no session: one table, for whoever opens sessions with it.

What helps differs by what was wrong. A full house is over in a moment; a wrong secret waits for a person, and trying
it several times a minute gets this box's address banned (fail2ban). Pure: chance is passed in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from acqs_core.errors import AlreadyInUse, AmiError, LoginRefused, NoBanner, ShuttingDown, TlsFailed


@dataclasses.dataclass(frozen=True, slots=True)
class Steps:
    """Seconds to wait after the first failure of a kind; doubled with each further one, up to the longest."""

    first: float
    longest: float


STEPS: dict[type[AmiError], Steps] = {
    AlreadyInUse: Steps(0.5, 5.0),
    LoginRefused: Steps(30.0, 300.0),
    NoBanner: Steps(0.5, 5.0),
    ShuttingDown: Steps(0.25, 5.0),
    TlsFailed: Steps(5.0, 60.0),
    AmiError: Steps(0.25, 15.0),
}
"""By the nearest class of the error; AmiError stands for all others, such as a refused connection."""


def kind_of(error: AmiError) -> type[AmiError]:
    """The class of the table that an error falls under."""
    return next(kind for kind in type(error).__mro__ if kind in STEPS)


class Backoff:
    """The waits of one who tries again and again. Each is shortened by up to half by chance, so that several boxes do
    not come back in step; trouble of another kind begins with the first wait of its own."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._kind: type[AmiError] | None = None
        self._next = 0.0

    def after(self, error: AmiError) -> float:
        """Seconds to wait after this failure."""
        kind = kind_of(error)
        if kind is not self._kind:
            self._kind, self._next = kind, STEPS[kind].first
        wait = self._next
        self._next = min(wait * 2, STEPS[kind].longest)
        return wait * (1 - self._chance() / 2)

    def worked(self) -> None:
        """A login succeeded: the next failure is a first one."""
        self._kind = None
