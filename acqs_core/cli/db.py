"""`db init` and `db check`: make what is missing, say what is wrong."""

from __future__ import annotations

import dataclasses

import typer

from acqs_core.cli.common import Config, Json, ServerIp, Url, database, print_json, print_table, settings
from acqs_core.cli.manual import ending, exit_codes

app = typer.Typer(help="Make and check the tables.", epilog=exit_codes(0, 1, 2, 3), no_args_is_help=True)


@app.command("init", epilog=ending("db init", "db init --url sqlite:////tmp/queue.sqlite3", codes=(3,)))
def init(config: Config = None, url: Url = None, json: Json = False) -> None:
    """Create the tables that are missing.

    Never alters one that is there: VICIdial's own vicidial_manager is used as it is. The database user needs the right
    to CREATE for this command only; sql/schema.sql, run by an administrator, does the same.
    """
    from acqs_core.queue import schema

    made = schema.init(database(settings(config, url=url)))
    if json:
        print_json({"created": made})
    else:
        typer.echo(f"created: {', '.join(made)}" if made else "nothing is missing, nothing was changed")


@app.command("check", epilog=ending("db check", "db check --json", codes=(1, 3)))
def check(config: Config = None, server_ip: ServerIp = None, url: Url = None, json: Json = False) -> None:
    """Say what is wrong with the database and how to mend it.

    Looks at tables, columns, indexes, rights and what a power cut could take back; changes nothing. Ends with 1 when
    there is an error, with 0 when there are warnings only.
    """
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
