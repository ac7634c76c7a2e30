"""`pause` and `resume`: stop and start the queue of this server_ip, for every program, until told otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from acqs_core.action import Status
from acqs_core.cli.common import Config, Json, ServerIp, Url, age, operator, print_json, settings, store
from acqs_core.cli.manual import ending
from acqs_core.errors import NotFound, Refused

if TYPE_CHECKING:
    from acqs_core.queue.store import Store


def register(app: typer.Typer) -> None:
    app.command("pause", epilog=ending("pause", "pause 'carrier is down'", codes=(3,)))(pause)
    resumed = ending("resume --dry-run", "resume --discard-older-than 300", codes=(1, 3))
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
    """
    import sys

    chosen = settings(config, server_ip, url)
    queue = store(chosen)
    backlog = queue.backlog()
    ages = buckets(backlog.ages)
    plus = "+" if backlog.capped else ""
    if not json:
        oldest = f", the oldest {age(backlog.oldest_age)} old" if backlog.count else ""
        typer.echo(f"{backlog.count}{plus} NEW rows wait for {chosen.server_ip}{oldest}")
        typer.echo("".join(f"  {name}: {count}\n" for name, count in ages.items() if count), nl=False)
    asks = not dry_run and discard is None and not json and sys.stdin.isatty()
    if asks and (backlog.oldest_age or 0) > 60:
        typer.confirm("Send them all?", abort=True)
    discarded = 0
    if not dry_run:
        discarded = _discard_stale(queue, discard) if discard is not None else 0
        queue.resume(actor=operator())
    if json:
        print_json({
            "server_ip": chosen.server_ip, "paused": queue.control().paused, "backlog": backlog.count,
            "oldest": backlog.oldest_age, "ages": ages, "discarded": discarded,
        })  # fmt: skip
    elif not dry_run:
        typer.echo(f"sending for {chosen.server_ip} goes on; {discarded} rows were discarded")


def buckets(ages: Iterable[float]) -> dict[str, int]:
    """How many of these ages (seconds) are of which order."""
    found = {"under 1 min": 0, "under 10 min": 0, "under 1 h": 0, "older": 0}
    for one in ages:
        found[next((name for name, end in zip(found, (60, 600, 3600), strict=False) if one < end), "older")] += 1
    return found


def _discard_stale(queue: Store, seconds: float) -> int:
    """Discard NEW rows older than this, page by page; those that went on meanwhile are left."""
    discarded, before = 0, None
    while True:
        page = queue.page(before=before, limit=500, status=Status.NEW)
        for row in page.rows:
            if row.age is not None and row.age > seconds:
                try:
                    queue.discard(row.man_id, actor=operator(), expect=Status.NEW)
                except (NotFound, Refused) as error:
                    typer.echo(str(error), err=True)
                else:
                    discarded += 1
        before = page.next_before
        if before is None:
            return discarded
