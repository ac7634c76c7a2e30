"""The figures of one run as a page: what was measured, beside what, and whether it is as promised."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from tests.bench.figure import Figure
from tests.bench.promises import FIGURES

_KEPT = {True: "yes", False: "**no**", None: ""}


def page(figures: Sequence[Figure], *, on: str, begun: dt.datetime) -> str:
    """Markdown of these figures, measured on machine `on`."""
    judged = [figure for figure in figures if figure.kept is not None]
    versions = sorted({f"{part} {version}" for figure in figures for part, version in figure.versions.items()})
    return "\n".join([
        "# Figures",
        "",
        "Made by `make bench BENCH=--page`, never by hand: each figure beside a yardstick of the same run, which says "
        "what the machine can do.",
        "",
        f"- {begun:%Y-%m-%d %H:%M} UTC, {on}",
        f"- {', '.join(versions)}",
        f"- {sum(figure.kept is True for figure in judged)} of {len(judged)} promises kept",
        "",
        "| figure | | measured | yardstick | ratio | promised | kept | samples | load |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(_line, figures),
        "",
        "Measured and yardstick are medians, in the same unit; samples are how many there were and their least and "
        "greatest, the yardstick's behind the stroke. Load is the machine's load average before. What was promised is "
        "of the value, unless it says otherwise.",
        "",
    ])  # fmt: skip


def _line(figure: Figure) -> str:
    told = FIGURES[figure.bench]
    cells = (
        f"`{figure.bench}`", told.what, f"{figure.value:g} {figure.unit}",
        f"{figure.yardstick:g}: {told.yardstick}", f"{figure.ratio:g}", figure.promised, _KEPT[figure.kept],
        f"{figure.n}: {figure.spread}", f"{figure.load:g}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"
