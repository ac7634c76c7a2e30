"""`pause` and `resume`: stop and start the queue of this server_ip, for every program, until told otherwise."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from acqs_core.cli.common import (
    Config,
    Json,
    ServerIp,
    Url,
    age,
    confirm,
    operator,
    print_json,
    progress,
    settings,
    store,
)
from acqs_core.cli.manual import ending
from acqs_core.errors import QueueError

if TYPE_CHECKING:
    from acqs_core.queue.store import Store
    from acqs_core.queue.types import Waiting


def register(app: typer.Typer) -> None:
    app.command("pause", epilog=ending("pause", "pause 'carrier is down'", codes=(3,)))(pause)
    resumed = ending("resume --dry-run", "resume --discard-older-than 300", codes=(3, 5, 130))
    app.command("resume", epilog=resumed)(resume)


def pause(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why, for the next one who looks.")] = "",
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Stop sending for this server_ip; rows stay NEW.

    The pause stands in the table: it holds at once, for every program, and outlives them all until `resume`. What is
    claimed and not written yet goes back to NEW; what is written stays.
    """
    chosen = settings(config, server_ip, url)
    store(chosen).pause(actor=operator(), reason=reason)
    if json:
        print_json({"server_ip": chosen.server_ip, "paused": True, "reason": reason})
    else:
        typer.echo(f"sending for {chosen.server_ip} is paused; `acqs-core resume` starts it again")


def resume(
    discard: Annotated[
        float | None,
        typer.Option("--discard-older-than", metavar="SECONDS", min=0.0, max=3.2e9, help="Discard older rows first."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what waits; change nothing.")] = False,
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Send again; says first what has been waiting.

    Calls that are hours late surprise those who answer them: look at the backlog by age with --dry-run, and discard
    what is stale before the first one goes out. At a terminal it asks when something waits for more than a minute.
    Discards are made while the queue is paused; cut short, by Ctrl+C too, it stays paused.
    """
    import sys

    chosen = settings(config, server_ip, url)
    queue = store(chosen)
    waiting = _counted(queue)
    if not json:
        oldest = f", the oldest {age(waiting.oldest)} old" if waiting.total else ""
        typer.echo(f"{waiting.total} NEW rows wait for {chosen.server_ip}{oldest}")
        typer.echo("".join(f"  {name}: {count}\n" for name, count in waiting.by_age().items() if count), nl=False)
    asks = not dry_run and discard is None and not json and sys.stdin.isatty()
    if asks and (waiting.oldest or 0) > 60:
        confirm("Send them all?")
    discarded = 0
    if not dry_run:
        discarded = _discarded(queue, discard, chosen.server_ip) if discard is not None else 0
        queue.resume(actor=operator())
    if json:
        print_json({
            "server_ip": chosen.server_ip, "paused": queue.control().paused, "backlog": waiting.total,
            "oldest": waiting.oldest, "ages": waiting.by_age(), "discarded": discarded,
        })  # fmt: skip
    elif not dry_run:
        typer.echo(f"sending for {chosen.server_ip} goes on; {discarded} rows were discarded")


def _counted(queue: Store) -> Waiting:
    with progress() as show:
        for waiting in queue.waiting():
            show(f"{waiting.total} NEW rows so far")
    return waiting


def _discarded(queue: Store, seconds: float, server_ip: str) -> int:
    """Discard what is stale while nothing goes out. Cut short, by anybody or anything, it leaves the queue paused."""
    discarded = 0
    stays = f"sending for {server_ip} stays paused; do the same again, or `acqs-core resume`"
    if not queue.control().paused:
        queue.pause(actor=operator(), reason=f"rows older than {seconds:g} s are being discarded")
    try:
        with progress() as show, _noticed() as interrupted:
            for batch in queue.discard_older(seconds, actor=operator()):
                discarded += batch
                show(f"{discarded} rows discarded")
                if interrupted():
                    break
            if not interrupted():
                return discarded
    except QueueError as error:
        raise type(error)(f"{discarded} rows were discarded, then: {error}; {stays}") from error
    typer.echo(f"acqs-core: interrupted: {discarded} rows were discarded; {stays}", err=True)
    raise typer.Exit(130)


@contextlib.contextmanager
def _noticed() -> Iterator[Callable[[], bool]]:
    """Have Ctrl+C wait for the end of a batch: inside a statement nobody would know whether it took effect."""
    import signal

    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
