"""What the measured traffic means. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from acqs_core.checkup.traffic import Heard, Traffic
from acqs_core.queue.types import Finding

ENOUGH = 20
"""Events from which on a share says something."""

MUCH_UNWANTED = 0.2
"""The share of events that nobody reads from which on it is worth filtering them away at Asterisk."""

LOST = 0.1
"""The share of wanted events that may differ between two sessions that do not start in the same instant."""


def of_traffic(traffic: Traffic, *, with_filter: bool) -> Iterator[Finding]:
    """How much comes, how much of it is of use, and whether asking for less loses anything."""
    asked, everything = traffic.asked, traffic.everything
    if everything is not None and not everything.events and not asked.events:
        yield Finding("note", "events", f"none came within {asked.seconds:.0f} s: nothing can be said of the filter",
                      "check again while calls are made")  # fmt: skip
        return
    says = f"as asked for: {_rate(asked)}"
    if everything is not None:
        says += f"; all that the user may read: {_rate(everything)}"
    yield Finding("ok", "events", says)
    if everything is not None and everything.wanted >= ENOUGH and asked.wanted < everything.wanted * (1 - LOST):
        lost = sorted(name for name in everything.names if asked.names[name] < everything.names[name])
        yield Finding("error", "filter", f"only {asked.wanted} of {everything.wanted} wanted events came through "
                      f"the filter (fewer {', '.join(lost[:5])})",
                      "set [listener] filter = false and check again")  # fmt: skip
    if with_filter and everything is not None and everything.wanted == everything.events >= ENOUGH:
        yield Finding("note", "filter", "nothing unwanted comes without our Filter either: an eventfilter of "
                      "manager.conf does its work", "set [listener] filter = false, and take system out of the user's "
                      "write = where nothing else needs it")  # fmt: skip
    unwanted = asked.events - asked.wanted
    if asked.events >= ENOUGH and unwanted > MUCH_UNWANTED * asked.events:
        mend = "put eventfilter into manager.conf (below)"
        yield Finding("warning", "filter", f"{unwanted} of {asked.events} events are read and thrown away "
                      f"({', '.join(_most_unwanted(asked))})",
                      mend if with_filter else f"{mend}, or set [listener] filter = true")  # fmt: skip


def _rate(heard: Heard) -> str:
    return f"{heard.per_second:.1f} events/s, {heard.kilobytes_per_second:.1f} kB/s"


def _most_unwanted(heard: Heard) -> list[str]:
    return [f"{name} {count}" for name, count in heard.unwanted_names.most_common(3)]
