"""What to put into manager.conf: the two users with the least rights that the settings need, in the words of a version.

A filter in manager.conf is better than one asked for over AMI: it holds from the first event on, and a user that need
not ask for it needs no `write = system`.
"""

from __future__ import annotations

from collections.abc import Collection

from acqs_core.checkup.rights import write_classes
from acqs_core.listener.calls import WANTED
from acqs_core.listener.listener import FILTER, MASK

NAMED_FILTERS_SINCE = {18: (18, 26), 20: (20, 11), 21: (21, 6), 22: (22, 1)}
"""The first version of each branch whose eventfilter can name an event (facts/ami.md)."""

FIRST_FILTERS = (1, 1)
"""The manager interface's version in Asterisk 1.8, the first with eventfilter; 1.6 had 1.1 as well, and ignores it."""


def manager_conf(
    send_user: str, listen_user: str, actions: Collection[str], version: str, ami_version: tuple[int, ...]
) -> str:
    """The sections of both users; one section with the rights of both when they are one user. Secrets are left out.

    They are meant for `[listener] filter = false`. `version` and `ami_version` as in `eventfilter`.
    """
    sending = write_classes(actions, ami_version)
    listening = write_classes(["CoreShowChannels"], ami_version)
    filters = eventfilter(version, ami_version)
    if send_user == listen_user:
        return _section(listen_user, MASK, sorted({*sending, *listening}), filters)
    return _section(send_user, "", sending, []) + "\n" + _section(listen_user, MASK, listening, filters)


def eventfilter(version: str, ami_version: tuple[int, ...]) -> list[str]:
    """The lines that let through what the listener reads and nothing else; none where there is no eventfilter.

    `version` is Asterisk's own, blank when it is not known: then the form that every version since 1.8 takes.
    """
    if ami_version < FIRST_FILTERS:
        return []
    if names_events(version):
        return [f"eventfilter(action(include),name({name.decode()})) =" for name in sorted(WANTED)]
    return [f"eventfilter = {FILTER}"]


def names_events(version: str) -> bool:
    """Whether this Asterisk's eventfilter can name an event instead of searching its text."""
    numbers = numbers_of(version)
    if not numbers:
        return False
    since = NAMED_FILTERS_SINCE.get(numbers[0])
    return numbers >= since if since else numbers[0] > max(NAMED_FILTERS_SINCE)


def numbers_of(version: str) -> tuple[int, ...]:
    """`22.10.1+dfsg` as (22, 10, 1); `certified/18.9` and unknown ones as ()."""
    numbers: list[int] = []
    for part in version.split("."):
        digits = part[: next((i for i, c in enumerate(part) if not c.isdecimal()), len(part))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def _section(user: str, read: str, write: list[str], more: list[str]) -> str:
    lines = (
        f"[{user or 'acqs'}]",
        "secret = …",
        "deny = 0.0.0.0/0.0.0.0",
        "permit = …",
        f"read = {read}",
        f"write = {','.join(write)}",
        *more,
    )
    return "\n".join(line.rstrip() for line in lines) + "\n"
