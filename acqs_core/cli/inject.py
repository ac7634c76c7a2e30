"""`inject`: put one test action into the queue by hand, as a producer would."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from acqs_core import action
from acqs_core.action import NewAction, Row
from acqs_core.cli.common import Config, Json, ServerIp, Url, operator, print_json, safe, settings, store
from acqs_core.cli.manual import ending, exit_codes
from acqs_core.errors import AcqsError

app = typer.Typer(help="Insert a test action as a NEW row.", epilog=exit_codes(0, 1, 2, 3), no_args_is_help=True)

CallerId = Annotated[
    str, typer.Option("--callerid", metavar="ID", help="Caller id of the row, by which readers find it.")
]
Context = Annotated[str, typer.Option(metavar="NAME", help="Dialplan context.")]
Wait = Annotated[float, typer.Option("--wait", metavar="SECONDS", help="Follow the row to its end, at most this long.")]


@app.command(
    "call",
    epilog=ending(
        "inject call PJSIP/100 --exten 600 --wait 60",
        "inject call Local/8600011@demo --application Playback --data beep",
        "inject call PJSIP/100 --exten 600 --variable lead=7 --json",
        codes=(1, 3),
    ),
)
def call(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Whom to call: PJSIP/100, Local/8600011@demo …")],
    exten: Annotated[str, typer.Option(metavar="EXTEN", help="Extension to connect to.")] = "",
    context: Context = "default",
    priority: Annotated[str, typer.Option(metavar="N", help="Priority in the extension.")] = "1",
    application: Annotated[
        str, typer.Option(metavar="NAME", help="Application to connect to, instead of an extension.")
    ] = "",
    data: Annotated[str, typer.Option(metavar="TEXT", help="The application's data.")] = "",
    callerid: CallerId = "",
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long to let it ring.")] = 30.0,
    variable: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A channel variable; may be repeated.")
    ] = None,
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
    wait: Wait = 0,
) -> None:
    """A test call to --exten or --application.

    Inserts an Originate as a producer would. With --wait it prints the row's steps as they come, and ends with 1 when
    the row has not ended in that time.
    """
    new = action.call(
        channel, context=context, exten=exten, priority=priority, application=application, data=data,
        callerid=callerid, timeout=timeout, variables=variable or (),
    )  # fmt: skip
    _insert(new, config, server_ip, url, json, wait)


@app.command("redirect", epilog=ending("inject redirect acqs-0000000042 --exten 610", codes=(1, 3)))
def redirect(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Channel name, Uniqueid or ChannelId.")],
    exten: Annotated[str, typer.Option(metavar="EXTEN", help="Extension to move it to.")],
    context: Context = "default",
    priority: Annotated[str, typer.Option(metavar="N", help="Priority in the extension.")] = "1",
    callerid: CallerId = "",
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
    wait: Wait = 0,
) -> None:
    """Move a live channel to another extension.

    The channel of a row is in its `channel` column (`queue show`); a call of ours is known by its ChannelId too.
    """
    new = action.redirect(channel, context=context, exten=exten, priority=priority, callerid=callerid)
    _insert(new, config, server_ip, url, json, wait)


@app.command("hangup", epilog=ending("inject hangup PJSIP/100-00000007 --cause 16", codes=(1, 3)))
def hangup(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Channel name, Uniqueid or ChannelId.")],
    cause: Annotated[int | None, typer.Option(metavar="N", min=0, max=127, help="Q.850 cause.")] = None,
    callerid: CallerId = "",
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
    wait: Wait = 0,
) -> None:
    """End a live channel.

    Asterisk refuses it when there is no such channel (any more); the row's outcome says so.
    """
    _insert(action.hangup(channel, cause=cause, callerid=callerid), config, server_ip, url, json, wait)


@app.command("command", epilog=ending("inject command 'core show channels' --wait 5", codes=(1, 3)))
def command(
    text: Annotated[str, typer.Argument(metavar="COMMAND", help="Such as 'core show channels'.")],
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
    wait: Wait = 0,
) -> None:
    """Run a command of Asterisk's console.

    Its output goes to the row's journal (`queue show`). The sender's manager user needs write = command.
    """
    _insert(action.command(text), config, server_ip, url, json, wait)


@app.command("raw", epilog=ending("inject raw UserEvent 'UserEvent: Test' 'Key: value'", codes=(1, 3)))
def raw(
    name: Annotated[str, typer.Argument(metavar="ACTION", help="AMI action.")],
    lines: Annotated[list[str] | None, typer.Argument(metavar="LINE…", help="Header lines as they stand.")] = None,
    callerid: CallerId = "",
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
    wait: Wait = 0,
) -> None:
    """Any action, with its headers as they stand.

    A header that holds CR, LF or NUL is refused: it would be a second action.
    """
    _insert(action.raw(name, lines or (), callerid=callerid), config, server_ip, url, json, wait)


def _insert(
    new: NewAction, config: Path | None, server_ip: str | None, url: str | None, json: bool, wait: float
) -> None:
    chosen = settings(config, server_ip, url)
    queue = store(chosen)
    man_id = queue.insert(new, actor=operator())
    result: dict[str, object] = {"man_id": man_id, "server_ip": chosen.server_ip, "action": new.action}
    if wait > 0:
        result |= _follow(queue, man_id, wait, quiet=json)
    if json:
        print_json(result)
    elif wait <= 0:
        typer.echo(f"row {man_id} is NEW for {chosen.server_ip}; `acqs-core queue show {man_id}` follows it")
    if wait > 0 and not result["ended"]:
        raise AcqsError(f"row {man_id} is {result['status']} after {wait:g} s; see `acqs-core queue show {man_id}`")


def _follow(queue, man_id: int, seconds: float, *, quiet: bool) -> dict[str, object]:  # type: ignore[no-untyped-def]
    """Print the row's steps as they come, until it has ended or the time is over."""
    until = time.monotonic() + seconds
    seen: Row | None = None
    while True:
        timeline = queue.timeline(man_id)
        row, known = timeline.row, timeline.outcome
        outcome = str(known.outcome) if known is not None and known.outcome is not None else ""
        if not quiet and (seen is None or (row.status, row.channel) != (seen.status, seen.channel)):
            typer.echo(f"row {man_id} {row.status:8} {safe(row.channel)} {outcome}".rstrip())
        seen = row
        if row.is_final or time.monotonic() >= until:
            return {"status": str(row.status), "outcome": outcome, "channel": row.channel, "ended": row.is_final}
        time.sleep(0.05)
