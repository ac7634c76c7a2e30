"""`demo`: the whole queue on embedded parts, SQLite and the simulated Asterisk, and whether all ended as it should."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from acqs_core.cli.common import Json, print_json, print_table
from acqs_core.cli.manual import ending


def register(app: typer.Typer) -> None:
    app.command("demo", epilog=ending("demo", "demo --actions 8 --json", codes=(1,)))(demo)


def demo(
    actions: Annotated[int, typer.Option(metavar="N", min=1, max=10000, help="How many actions.")] = 20,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="Give up after this long.")] = 60,
    json: Json = False,
) -> None:
    """Send actions through SQLite to a simulated Asterisk.

    The whole queue on embedded parts: nothing is installed, nothing is left behind, no settings are read. Ends with 1
    when a row does not end as the simulated dialplan says it must.
    """
    import asyncio

    from acqs_core.cli import logs
    from acqs_core.demo import run

    logs.start(quiet=json or not sys.stderr.isatty())
    with asyncio.Runner() as runner:
        report = runner.run(run(actions, seconds))
    if json:
        print_json(report.plain())
    else:
        print_table(("man_id", "action", "expected", "outcome", "status", ""), report.rows())
        print_table(("actions", "as expected", "p50 ms", "p99 ms", "seconds"), [report.summary()])
    if not report.good:
        raise typer.Exit(1)
