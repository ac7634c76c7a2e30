"""`status` and `events`: what the console shows, for a program, a pipe, or a terminal that is none."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acqs_core.cli.common import Config, Json, ServerIp, age, print_json, print_table, safe, settings
from acqs_core.cli.manual import ending
from acqs_core.errors import ControlError

if TYPE_CHECKING:
    from acqs_core.control.client import Client
    from acqs_core.settings import Settings


def register(app: typer.Typer) -> None:
    app.command("status", epilog=ending("status", "status --watch --json", codes=(7, 130)))(status)
    shown = ending("events --follow", "events --follow --filter event:Hangup", codes=(7, 130))
    app.command("events", epilog=shown)(events)


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Say it again whenever it has changed.")] = False,
    config: Config = None,
    server_ip: ServerIp = None,
    json: Json = False,
) -> None:
    """What the engine that runs here is doing.

    Asks it over its socket, as members of the group acqs may. --watch says it again whenever it has changed, until
    interrupted.
    """
    show = print_json if json else _print_status
    _with_engine(settings(config, server_ip), lambda engine: _watch(engine, "status", lambda m: show(m["is"]), watch))


def events(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
    filter_: Annotated[
        str, typer.Option("--filter", metavar="FILTER", help="text, /regex/, header:value; ! before is not.")
    ] = "",
    config: Config = None,
    server_ip: ServerIp = None,
    json: Json = False,
) -> None:
    """AMI events as the listener reads them, one a line.

    Without --follow, what the engine still remembers of them. Events that came faster than they could be shown are
    counted on stderr.
    """
    from acqs_core.filter import Fields, parse

    wanted = parse(filter_)

    def show(message: dict[str, Any]) -> None:
        if message["missed"]:
            print(f"acqs-core: {message['missed']} events were not shown", file=sys.stderr)
        for at, text in message["items"]:
            headers = headers_of(text)
            if wanted(Fields((name.lower(), value) for name, value in headers.items())):
                (print_json if json else _print_event)({"at": at, **headers})
        sys.stdout.flush()

    _with_engine(settings(config, server_ip), lambda engine: _watch(engine, "events", show, follow))


def headers_of(text: str) -> dict[str, str]:
    """The headers of an event's text; of a repeated one the last."""
    return dict(line.split(": ", 1) for line in text.split("\r\n") if ": " in line)


def _with_engine(chosen: Settings, work: Callable[[Client], Awaitable[None]]) -> None:
    from acqs_core.control.client import Client

    async def main() -> None:
        async with await Client.attach(chosen.server_ip, chosen.control.folder, read_only=True) as engine:
            await work(engine)

    asyncio.run(main())


async def _watch(engine: Client, feed: str, show: Callable[[dict[str, Any]], None], follow: bool) -> None:
    """Show a feed's first news, or all that come until the engine ends."""
    came = asyncio.Event()

    def take(message: dict[str, Any]) -> None:
        if message["feed"] == feed and (follow or not came.is_set()):
            show(message)
            came.set()

    engine.on_feed = take
    await engine.follow(*{feed, "status"})  # by its status an engine that hangs is told from one that has no events
    if follow:
        raise ControlError(await engine.gone() or "the engine is gone")
    try:
        async with asyncio.timeout(2.0):
            await came.wait()
    except TimeoutError:
        if feed == "status":
            raise ControlError("the engine does not tell its status; is it overloaded?") from None


def _print_event(event: dict[str, Any]) -> None:
    at = dt.datetime.fromtimestamp(event.pop("at"))
    print(f"{at:%H:%M:%S.%f} " + " ".join(f"{safe(name)}={safe(value)}" for name, value in event.items() if value))


def _print_status(now: dict[str, Any]) -> None:
    depth = now["depth"] or {"counts": {}, "oldest_new_age": 0.0}
    counts = {name: f"{count - 1}+" if count > 1000 else count for name, count in depth["counts"].items()}
    leases = ", ".join(role for role, token in now["leases"].items() if token is not None) or "none"
    counters = now["counters"]
    print_table(
        ("server_ip", "state", "leases", *counts, "oldest NEW", "sent", "answered", "unknown", "events"),
        [(
            now["server_ip"], now["state"], leases, *counts.values(), age(depth["oldest_new_age"]), counters["sent"],
            counters["answered"], counters["unknown"], counters["events"],
        )],
    )  # fmt: skip
    for trouble in now["trouble"]:
        typer.echo(f"  ! {trouble}")
