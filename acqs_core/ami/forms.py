"""What differs between the Asterisks, as facts of a version: so that nobody else compares version numbers.

Asterisk's first line tells the version of its manager interface, which is enough to talk to it; its own version, which
decides how it filters events, is told by CoreSettings to those who may ask (write = system or reporting).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

Version = tuple[int, ...]

_FILTERS_BY_NAME: dict[int, Version] = {18: (18, 26), 20: (20, 11), 21: (21, 6), 22: (22, 1)}
"""The first of each branch whose filters compare an event's name and need no expression (facts/ami.md)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """The words that one Asterisk speaks. Made of a banner by `of_banner`; `asterisk` is empty while it is not known.

    Recorded or run were 1.4.44, 16.28.0 and 22.10.1; what lies between is told apart by the source's history.
    """

    ami: Version
    """The version of the manager interface: (1, 0) in Asterisk 1.2 and 1.4, (11, 0, 0) in 22."""
    asterisk: str = ""
    """AsteriskVersion as CoreSettings writes it: `22.10.1~dfsg+~cs6.16.60671435-2`."""

    @classmethod
    def of_banner(cls, banner: str) -> Form:
        """The form that Asterisk's first line tells: `Asterisk Call Manager/11.0.0`."""
        return cls(_numbers(banner.partition("/")[2]))

    @property
    def version(self) -> Version:
        """Asterisk's own version, (22, 10, 1); empty while it is not known."""
        return _numbers(self.asterisk)

    @property
    def is_old(self) -> bool:
        """Whether it is Asterisk 1.4 or older, which has words of its own for what happens to channels."""
        return (0,) < self.ami < (1, 1)

    @property
    def knows_channel_id(self) -> bool:
        """Whether it takes a ChannelId: Asterisk 12.2 and later."""
        return self.ami >= (2, 2)

    @property
    def says_booted(self) -> bool:
        """Whether it says FullyBooted, which Asterisk 1.4 does not."""
        return not self.is_old

    @property
    def filters(self) -> bool:
        """Whether it knows eventfilter and the Filter action: Asterisk 1.8 and later."""
        return not self.is_old

    @property
    def filters_by_name(self) -> bool:
        """Whether a filter can name an event: from 18.26, 20.11, 21.6 and 22.1 on; before that it is an expression."""
        version = self.version
        if not version:
            return False
        first = _FILTERS_BY_NAME.get(version[0])
        return version >= first if first is not None else version[0] > max(_FILTERS_BY_NAME)

    @property
    def channel_list(self) -> str:
        """The list action that tells what channels live. Asterisk 1.4 has only Status, which needs write = call."""
        return "Status" if self.is_old else "CoreShowChannels"

    def event_filters(self, names: Iterable[bytes]) -> list[tuple[str, str]]:
        """Filters that let only these events through, as (criteria, text): `eventfilter(criteria) = text` in
        manager.conf, `MatchCriteria: criteria` and `Filter: text` in the Filter action. Empty criteria are left out."""
        if self.filters_by_name:
            return [(f"name({name.decode()})", "") for name in sorted(names)]
        return [("", expression(names))] if self.filters else []


def expression(names: Iterable[bytes]) -> str:
    """The filter that lets only these events through, in the form that every Asterisk since 1.8 takes.

    It is matched against the whole event and not anchored by itself (facts/ami.md, keeping the flood away).
    """
    return f"^Event: ({'|'.join(sorted(name.decode() for name in names))})[[:cntrl:]]"


def _numbers(text: str) -> Version:
    found = re.match(r"[0-9]+(\.[0-9]+)*", text.strip())
    return tuple(int(part) for part in found[0].split(".")) if found is not None else ()
