"""The results as a page: a table to be seen at a glance, then every case, then every failure in its own words."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from tests.integration.variant import Kind, Variant
from tests.matrix.run import Result, Verdict

TABLES: dict[Kind, str] = {
    "innodb": "MariaDB, InnoDB",
    "myisam": "MariaDB, MyISAM (VICIdial's table)",
    "mysql": "MySQL, InnoDB",
}


def machine() -> str:
    """What the results were measured on, in words that say nothing of whose it is."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return f"{os.cpu_count()} processors, {gigabytes:.0f} GB, {system}, Python {platform.python_version()}"


def page(results: Sequence[Result], *, on: str, begun: dt.datetime, minutes: float) -> str:
    """Markdown of these results, made on machine `on` in so many minutes."""
    good = sum(result.good for result in results)
    versions = sorted(set().union(*(result.versions for result in results)))
    return "\n".join([
        "# What passes where",
        "",
        "Made by `make test-all` (`python -m tests.matrix`), never by hand: the end-to-end cases with real servers and "
        "real SIP phones, on every combination.",
        "",
        f"- {begun:%Y-%m-%d %H:%M} UTC, {on}",
        f"- {', '.join(versions) or 'no server was started'}",
        f"- {good} of {len(results)} combinations passed, {sum(len(result.cases) for result in results)} cases were "
        f"run in {minutes:.0f} minutes",
        "",
        *_grid(results),
        "",
        *_cases(results),
        *_failures(results),
        "",
    ])  # fmt: skip


def named(variant: Variant) -> str:
    """A combination in words."""
    return ", ".join((_parts(variant), *(TABLES[kind] for kind in variant.kinds)))


def _parts(variant: Variant) -> str:
    return f"Asterisk {variant.asterisk}, {variant.isolation}, {'TLS' if variant.tls else 'plain'}"


def _grid(results: Sequence[Result]) -> list[str]:
    """One row for what stands before the database, one column for each kind of table."""
    kinds = [kind for kind in TABLES if any(result.variant.kinds == (kind,) for result in results)]
    cells: dict[str, dict[Kind, str]] = {}
    for result in results:
        cells.setdefault(_parts(result.variant), {})[result.variant.kinds[0]] = _cell(result)
    lines = [f"| | {' | '.join(TABLES[kind] for kind in kinds)} |", "|---|" + "---|" * len(kinds)]
    lines += [f"| {row} | {' | '.join(of.get(kind, '—') for kind in kinds)} |" for row, of in cells.items()]
    return [*lines, "", "A cell: cases passed, and the seconds they took with starting the servers."]


def _cell(result: Result) -> str:
    took = f"{result.seconds:.0f} s"
    if result.broken:
        return f"**BROKEN**, {took}"
    if result.good:
        return f"{result.count('passed')} passed, {took}"
    bad = [f"{result.count(verdict)} {verdict}" for verdict in ("failed", "skipped") if result.count(verdict)]
    return f"**{' and '.join(bad)}** of {len(result.cases)}, {took}"


def _cases(results: Sequence[Result]) -> list[str]:
    names = list(dict.fromkeys(case.name for result in results for case in result.cases))
    lines = ["| case | combinations | passed | |", "|---|---|---|---|"]
    for name in names:
        of = [case.verdict for result in results for case in result.cases if case.name == name]
        lines.append(f"| {_safe(name)} | {len(of)} | {of.count('passed')} | {_bad(of)} |")
    return lines


def _bad(verdicts: Sequence[Verdict]) -> str:
    return ", ".join(f"**{verdicts.count(bad)} {bad}**" for bad in ("failed", "skipped") if bad in verdicts)


def _failures(results: Sequence[Result]) -> list[str]:
    lines: list[str] = []
    for result in results:
        where = named(result.variant)
        if result.broken:
            lines.append(f"- {where}: {_safe(result.broken)}")
        lines += [
            f"- {where}: {_safe(case.name)}: {case.verdict}: {_safe(case.why)}"
            for case in result.cases
            if case.verdict != "passed"
        ]
    return ["", "## What did not pass", "", *lines] if lines else []


def _safe(text: str, most: int = 300) -> str:
    """Text that cannot end a cell or a line of the table."""
    return " ".join(text.split()).replace("|", "\\|")[:most]


def write(path: Path, text: str) -> None:
    """Write the page, and make its directory when it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
