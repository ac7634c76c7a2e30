"""`pause` and `resume`: stop and start the queue of this server_ip, for every program, until told otherwise."""

from __future__ import annotations

from typing import Annotated

import typer

from acqs_core.cli.common import Config, Json, ServerIp, Url, age, operator, print_json, settings, store


def register(app: typer.Typer) -> None:
    app.command("pause", help="Stop sending for this server_ip; rows stay NEW. It outlives every program.")(pause)
    app.command("resume", help="Send again; says first what has been waiting.")(resume)


def pause(
    reason: Annotated[str, typer.Argument(help="Why, for the next one who looks.")] = "",
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
) -> None:
    chosen = settings(config, server_ip, url)
    store(chosen).pause(actor=operator(), reason=reason)
    if json:
        print_json({"server_ip": chosen.server_ip, "paused": True, "reason": reason})
    else:
        typer.echo(f"sending for {chosen.server_ip} is paused; `acqs-core resume` starts it again")


def resume(config: Config = None, server_ip: ServerIp = None, url: Url = None, json: Json = False) -> None:
    chosen = settings(config, server_ip, url)
    queue = store(chosen)
    backlog = queue.backlog()
    queue.resume(actor=operator())
    if json:
        print_json(
            {"server_ip": chosen.server_ip, "paused": False, "backlog": backlog.count, "oldest": backlog.oldest_age}
        )
    else:
        plus = "+" if backlog.capped else ""
        oldest = f", the oldest {age(backlog.oldest_age)} old" if backlog.count else ""
        typer.echo(f"sending for {chosen.server_ip} goes on: {backlog.count}{plus} NEW rows{oldest}")
