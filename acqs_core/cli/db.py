"""`db init` and `db check`: make what is missing, say what is wrong."""

from __future__ import annotations

import dataclasses

import typer

from acqs_core.cli.common import Config, Json, ServerIp, Url, database, print_json, print_table, settings

app = typer.Typer(help="Make and check the tables.", no_args_is_help=True)


@app.command("init", help="Create the tables that are missing. Never alters one that is there.")
def init(config: Config = None, url: Url = None, json: Json = False) -> None:
    from acqs_core.queue import schema

    made = schema.init(database(settings(config, url=url)))
    if json:
        print_json({"created": made})
    else:
        typer.echo(f"created: {', '.join(made)}" if made else "nothing is missing, nothing was changed")


@app.command("check", help="Say what is wrong with the database and how to mend it. Exit 1 when there is an error.")
def check(config: Config = None, server_ip: ServerIp = None, url: Url = None, json: Json = False) -> None:
    from acqs_core.queue.check import check as findings_of

    chosen = settings(config, server_ip, url)
    findings = findings_of(database(chosen), chosen.server_ip)
    if json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        print_table(
            ("", "subject", "what is so", "how to mend it"), [(f.level, f.subject, f.says, f.mend) for f in findings]
        )
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)
