"""Who may log in and what for: the sections of manager.conf, so that missing rights show in a test and not on a box."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping

from acqs_core.simulator import filters
from acqs_core.simulator.wire import Pair, encode


@dataclasses.dataclass(frozen=True, slots=True)
class User:
    """One manager user. `read` and `write` are written as in manager.conf: classes parted by commas, `all`, or nothing.

    `eventfilters` are pairs of criteria and value: `("name(Hangup)", "")`, or `("", "Event: Hangup")` in the legacy
    form. `allow_multiple` is allowmultiplelogin, `denied` an ACL that lets nobody in, `variables` its setvar lines.
    Raises filters.BadFilter (a ValueError) for an eventfilter that Asterisk would not take.
    """

    secret: str = dataclasses.field(repr=False)
    read: str = "all"
    write: str = "all"
    eventfilters: tuple[Pair, ...] = ()
    allow_multiple: bool = True
    denied: bool = False
    variables: tuple[Pair, ...] = ()

    def __post_init__(self) -> None:
        self.filters()

    @property
    def read_mask(self) -> int:
        """The classes of events that it gets."""
        return filters.mask(self.read) or 0

    @property
    def write_mask(self) -> int:
        """The classes of actions that it may send."""
        return filters.mask(self.write) or 0

    def filters(self) -> list[filters.EventFilter]:
        """Its eventfilter lines, compiled."""
        return [filters.parse_filter(criteria, value) for criteria, value in self.eventfilters]

    def response(self, challenge: str) -> str:
        """The `Key:` that answers an MD5 challenge: md5(challenge + secret) in hex (facts/ami.md)."""
        return hashlib.md5(encode(challenge + self.secret), usedforsecurity=False).hexdigest()


def as_users(given: Mapping[str, str | User]) -> dict[str, User]:
    """Users by name; a plain text is the secret of one with all rights."""
    return {name: one if isinstance(one, User) else User(one) for name, one in given.items()}
