"""`asterisk check`: what is wrong between us and Asterisk, how to mend it, and what to put into manager.conf."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acqs_core.cli.common import Config, Json, ServerIp, Url, print_json, print_table, progress, safe, settings, store
from acqs_core.cli.manual import ending, exit_codes
from acqs_core.errors import QueueError, SettingsError

if TYPE_CHECKING:
    from acqs_core.checkup.checkup import Report
    from acqs_core.checkup.traffic import Heard
    from acqs_core.settings import Settings

RECENT = 200
"""The newest rows of the queue that are looked at for actions the sender must be able to perform."""

app = typer.Typer(epilog=exit_codes(0, 1, 2, 6), no_args_is_help=True)


@app.callback()
def group() -> None:
    """Look at Asterisk."""


@app.command("check", epilog=ending("asterisk check", "asterisk check --seconds 2 --json", codes=(1,)))
def check(
    seconds: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.0, max=3600.0, help="Listen this long, with and without the filter."),
    ] = 10.0,
    manager_conf: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="manager.conf on this machine, for limits that Asterisk does not tell."),
    ] = None,
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Say what is wrong between us and Asterisk and how to mend it.

    Logs in as the sender and as the listener, compares their rights with what the settings and the newest rows need,
    counts events with and without the filter, and prints what to put into manager.conf. Ends with 1 when there is an
    error, with 0 when there are warnings only.
    """
    import asyncio

    from acqs_core.checkup import checkup

    chosen = settings(config, server_ip, url)
    with asyncio.Runner() as runner, progress() as show:
        try:
            report = runner.run(
                checkup.check(
                    chosen, seconds=seconds, recent=_recent(chosen), manager_conf=manager_conf,
                    on_progress=lambda so_far, events: show(f"listening: {so_far:.1f} s, {events} events"),
                )
            )  # fmt: skip
        except OSError as error:
            raise SettingsError(f"cannot read {manager_conf}: {error}; name another with --manager-conf") from None
    if json:
        print_json(_plain(report))
    else:
        _print(report)
    if any(finding.level == "error" for finding in report.findings):
        raise typer.Exit(1)


def _recent(chosen: Settings) -> set[str]:
    """The actions that the queue held lately; none when the database is away, which is for `db check` to say."""
    try:
        return {row.action for row in store(chosen).page(limit=RECENT).rows if row.action.isalnum()}
    except QueueError:
        return set()


def _print(report: Report) -> None:
    print_table(
        ("", "subject", "what is so", "how to mend it"),
        [(f.level, f.subject, safe(f.says), safe(f.mend)) for f in report.findings],
    )
    if report.manager_conf:
        typer.echo("\nThe least rights that serve, for manager.conf; set [listener] filter = false then:\n")
        typer.echo("".join(f"    {line}".rstrip() + "\n" for line in report.manager_conf.splitlines()), nl=False)


def _plain(report: Report) -> dict[str, Any]:
    traffic = report.traffic
    return {
        "asterisk": report.place, "version": report.version, "banner": report.banner,
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
        "events": {"as_asked": _rates(traffic.asked), "everything": _rates(traffic.everything)} if traffic else None,
        "manager_conf": report.manager_conf,
    }  # fmt: skip


def _rates(heard: Heard | None) -> dict[str, Any] | None:
    if heard is None:
        return None
    return {
        "seconds": round(heard.seconds, 3), "events": heard.events, "bytes": heard.bytes, "wanted": heard.wanted,
        "names": dict(heard.names.most_common()),
    }  # fmt: skip
