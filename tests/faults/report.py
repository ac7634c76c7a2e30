"""What the faults did, as a page: what is promised, then a line for each fault, then whatever broke a promise."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import statistics
from collections.abc import Sequence

from tests.faults.account import GRACE
from tests.faults.catalogue import Fault
from tests.faults.ground import SENDER
from tests.faults.kills import Injection

PROMISED = (
    "An action is written to Asterisk at most once: **sent twice** is 0.",
    "Every row ends, or is held as an *unknown outcome* and shown as that (`acqs-core queue list --unknown`, the "
    "console): **lost** is 0. Unknown are only actions that were marked SENT and whose answer was not written back "
    "when the fault came: no more at each death or cut than can be on their way at once (**at most**), and none where "
    "nothing came between a write and its answer. What the listener hears later, or finds alive, settles them; nothing "
    "sends them again by itself.",
    "Another engine that stands by listens and sends within 5 s of its holder's kill, stop or cut: by then Asterisk "
    "has carried out an action that its holder had not sent.",
    "The rows of Asterisk's calls are settled within 10 s of its return.",
)


@dataclasses.dataclass(slots=True)
class Outcome:
    """One fault and all its injections."""

    fault: Fault
    done: list[Injection] = dataclasses.field(default_factory=list)
    broken: list[str] = dataclasses.field(default_factory=list)
    """Injections that did not come to an end, each in its words."""

    @property
    def wrong(self) -> list[str]:
        """Every promise that did not hold, in words."""
        found = list(self.broken)
        for injection in self.done:
            told = [injection.wrong] if injection.wrong else []
            told += [f"lost: {row}" for row in injection.account.lost]
            told += [f"sent twice: row {man_id}" for man_id in injection.account.twice]
            if (unknown := injection.account.unknown) > injection.doubtful:
                told.append(f"{unknown} rows are in doubt, {injection.doubtful} at the most may be")
            if self.fault.within is not None and (injection.seconds or 0) > self.fault.within:
                told.append(f"{self.fault.until} after {injection.seconds:.1f} s, {self.fault.within:g} s are promised")
            found += [f"{injection.kind}: {text}" for text in told]
        return found


def page(outcomes: Sequence[Outcome], *, on: str, versions: Sequence[str], begun: dt.datetime, minutes: float) -> str:
    """Markdown of these outcomes, made on machine `on` in so many minutes."""
    injections = sum(len(outcome.done) + len(outcome.broken) for outcome in outcomes)
    rows = sum(injection.account.rows for outcome in outcomes for injection in outcome.done)
    wrong = [(outcome.fault, text) for outcome in outcomes for text in outcome.wrong]
    lines = [
        "# What becomes of actions when things break",
        "",
        "Made by `make faults` (`python -m tests.faults`), never by hand: real engines, real MariaDB and real Asterisk "
        "(where it says simulated, ours), half of each fault on InnoDB as we make it, half on MyISAM as VICIdial does.",
        "",
        f"- {begun:%Y-%m-%d %H:%M} UTC, {on}",
        f"- {', '.join(versions)}",
        f"- {len(outcomes)} faults, injected {injections} times in {minutes:.0f} minutes, {rows:,} actions; engines of "
        f"{SENDER['max_sessions']} sessions with response_timeout {SENDER['response_timeout']:g} s",
        f"- {'every promise held' if not wrong else f'**{len(wrong)} promises did not hold**, see the end'}",
        "",
        "## What is promised",
        "",
        *(f"{number}. {text}" for number, text in enumerate(PROMISED, 1)),
        "",
        "What cannot be promised: a process that is stopped for longer than its deadlines between SENT and the write "
        "may write that one action, once, when it wakes; a power cut on MyISAM, or on InnoDB with "
        "innodb_flush_log_at_trx_commit other than 1, can revert a committed SENT (`acqs-core db check` says which).",
        "",
        "## What happened",
        "",
        "Settled, unknown, lost and twice count actions; unknown are those that were so still "
        f"{GRACE:g} s later. The time to recover is in seconds, median and worst.",
    ]
    for group, of in itertools.groupby(outcomes, key=lambda outcome: outcome.fault.group):
        lines += ["", f"### {group}", "", *_table(list(of))]
    if wrong:
        lines += ["", "## What did not hold", ""]
        lines += [f"- {fault.group}: {fault.name}: {_safe(text)}" for fault, text in wrong]
    return "\n".join(lines) + "\n"


def _table(outcomes: Sequence[Outcome]) -> list[str]:
    lines = [
        "| fault | times | actions | settled | unknown | at most | lost | twice | recovered when | median | worst "
        "| promised | |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|--:|---|",
    ]
    for outcome in outcomes:
        done, fault = outcome.done, outcome.fault
        seconds = [injection.seconds for injection in done if injection.seconds is not None]
        cells = [
            fault.name,
            len(done) + len(outcome.broken),
            sum(injection.account.rows for injection in done),
            sum(injection.account.settled for injection in done),
            sum(injection.account.unknown for injection in done),
            sum(injection.doubtful for injection in done),
            sum(len(injection.account.lost) for injection in done),
            sum(len(injection.account.twice) for injection in done),
            fault.until,
            f"{statistics.median(seconds):.1f}" if seconds else "",
            f"{max(seconds):.1f}" if seconds else "",
            f"{fault.within:g}" if fault.within is not None else "",
            "" if not outcome.wrong else f"**{len(outcome.wrong)} not held**",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def _safe(text: str, most: int = 400) -> str:
    """Text that cannot end a line of the page."""
    return " ".join(text.split())[:most]
