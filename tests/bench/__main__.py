"""`python -m tests.bench [NAME…]`: the figures of NAMES, or of all, as JSON lines on stdout; all else on stderr.

Exit codes: 0 done, 1 a real part is not to be had here.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator

from acqs_core import loop
from tests.bench import burst, console, idle, latency, listening, processes, start
from tests.bench.figure import Figure, say
from tests.bench.scene import Scene
from tests.lab.errors import LabUnavailable
from tests.lab.processes import ServerFailed
from tests.lab.session import Lab

NAMES = ("burst", "latency", "idle", "processes", "listening", "help", "console")


def main() -> int:
    """Measure what was asked for, all by default; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Figures, each beside a yardstick.")
    parser.add_argument("name", nargs="*", help=f"which of {', '.join(NAMES)}; all when none is named")
    names = parser.parse_args().name or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    with asyncio.Runner(loop_factory=loop.factory()) as runner:
        try:
            runner.run(_print(list(names)))
        except (LabUnavailable, ServerFailed) as error:
            say(f"bench: {error}")
            return 1
    return 0


async def _print(names: list[str]) -> None:
    async for figure in _figures(names):
        print(figure.line(), flush=True)


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
