"""`python -m tests.bench [NAME…]`: the figures of NAMES, or of all, as JSON lines on stdout; all else on stderr.

With --page all of them also become docs/figures.md.
Exit codes: 0 every promise is kept, 1 one is not, or a real part is not to be had here.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import sys
from collections.abc import AsyncIterator, Sequence

from acqs_core import loop
from tests.bench import burst, console, idle, latency, listening, page, processes, start
from tests.bench.figure import Figure, say
from tests.bench.scene import Scene
from tests.integration.headless import ROOT
from tests.lab.errors import LabUnavailable
from tests.lab.processes import ServerFailed
from tests.lab.session import Lab
from tests.matrix import report

NAMES = ("burst", "latency", "idle", "processes", "listening", "help", "console")


PAGE = ROOT / "docs/figures.md"


def main() -> int:
    """Measure what was asked for, all by default; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Figures, each beside a yardstick.")
    parser.add_argument("name", nargs="*", help=f"which of {', '.join(NAMES)}; all when none is named")
    parser.add_argument("--page", action="store_true", help=f"write {PAGE.relative_to(ROOT)} of all of them")
    asked = parser.parse_args()
    if unknown := set(asked.name) - set(NAMES):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    if asked.page and asked.name:
        parser.error("--page is of a whole run: name no bench beside it")
    begun = dt.datetime.now(dt.UTC)
    with asyncio.Runner(loop_factory=loop.factory()) as runner:
        try:
            figures = runner.run(_printed(asked.name or list(NAMES)))
        except (LabUnavailable, ServerFailed) as error:
            say(f"bench: {error}")
            return 1
    if asked.page:
        report.write(PAGE, page.page(figures, on=report.machine(), begun=begun))
        say(f"written: {PAGE}")
    return judge(figures)


def judge(figures: Sequence[Figure]) -> int:
    """Say which promises are not kept; the exit code."""
    missed = [figure for figure in figures if figure.kept is False]
    for figure in missed:
        say(
            f"bench: missed: {figure.bench} is {figure.value:g} {figure.unit}, promised is {figure.promised} "
            f"(yardstick {figure.yardstick:g}, ratio {figure.ratio:g}, load before {figure.load:g})"
        )
    return 1 if missed else 0


async def _printed(names: list[str]) -> list[Figure]:
    figures = []
    async for figure in _figures(names):
        print(figure.line(), flush=True)
        figures.append(figure)
    return figures


async def _figures(names: list[str]) -> AsyncIterator[Figure]:
    if "help" in names:
        yield start.measure()
    if names == ["help"]:
        return
    lab = Lab()
    try:
        scene = Scene(lab)
        for name in names:
            say(f"bench: {name}")
            if name == "burst":
                yield await burst.measure(scene)
            elif name == "latency":
                yield await latency.measure(scene)
            elif name == "processes":
                yield await burst.measure(scene, isolation="process")
                yield await processes.memory(scene)
                yield await processes.faults(scene)
            elif name == "listening":
                for figure in await listening.measure(scene):
                    yield figure
            elif name == "console":
                for figure in await console.measure():
                    yield figure
                yield await console.attached(scene)
            elif name == "idle":
                for figure in await idle.measure(scene):
                    yield figure
    finally:
        lab.dispose()


if __name__ == "__main__":
    sys.exit(main())
