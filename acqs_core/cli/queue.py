"""`queue`: look at rows and mend them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acqs_core.action import Row, Status
from acqs_core.cli.common import (
    Config,
    Json,
    ServerIp,
    Url,
    age,
    confirm,
    operator,
    print_json,
    print_table,
    safe,
    settings,
    store,
)  # fmt: skip
from acqs_core.cli.manual import ending, exit_codes
from acqs_core.errors import Refused
from acqs_core.filter import ROW_FIELDS, of_row, parse

if TYPE_CHECKING:
    from acqs_core.queue.store import Store
    from acqs_core.queue.types import OutcomeRecord

app = typer.Typer(
    help="Look at the rows of this server_ip and mend them.", epilog=exit_codes(*range(6)), no_args_is_help=True
)

ManId = Annotated[int, typer.Argument(metavar="MAN_ID", min=1, help="The row's number.")]
CAP = 1000
"""Counts on a screen stop here: an exact count of a large table costs a hundred times as much (design §3)."""


WINDOW = 100_000
"""How many of the newest rows a filter looks at: it is no index, and a table may hold millions."""

PAGE = 1000


def _store(config: Path | None, server_ip: str | None, url: str | None) -> Store:
    return store(settings(config, server_ip, url))


@app.command("counts", epilog=ending("queue counts", "queue counts --json", codes=(3,)))
def counts(config: Config = None, server_ip: ServerIp = None, url: Url = None, json: Json = False) -> None:
    """How many rows there are of each status.

    Counting stops at 1000 (shown as 1000+): an exact count of a large table would slow the queue down.
    """
    found = _store(config, server_ip, url).counts(cap=CAP)
    if json:
        print_json({str(status): {"count": min(n, CAP), "capped": n > CAP} for status, n in found.items()})
    else:
        print_table(("status", "rows"), [(s, f"{CAP}+" if n > CAP else n) for s, n in found.items()])


@app.command(
    "list",
    epilog=ending(
        "queue list --status new",
        "queue list --unknown",
        "queue list --filter 'outcome:busy age:>60' --json",
        codes=(3,),
    ),
)
def list_(
    status: Annotated[Status | None, typer.Option(case_sensitive=False, help="Only this status.")] = None,
    unknown: Annotated[bool, typer.Option("--unknown", help="Only unknown outcomes.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=10000, help="At the most so many rows.")] = 50,
    before: Annotated[int | None, typer.Option(metavar="MAN_ID", min=1, help="Only rows older than this one.")] = None,
    filter_: Annotated[
        str, typer.Option("--filter", metavar="FILTER", help="text, /regex/, field:value, age:>60; ! before is not.")
    ] = "",
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Rows, newest first.

    --unknown shows those that were written and whose outcome nobody knows, all of them SENT: they are never sent again
    unless you say so (`queue retry`). A filter is made of terms that must all hold, and looks at the newest 100,000
    rows.
    """
    from acqs_core.queue.browse import outcome_by_now

    if unknown and status not in (None, Status.SENT):
        raise typer.BadParameter(
            f"only SENT rows have an unknown outcome, so there is none with --status {status}; leave out one of them",
            param_hint="--unknown",
        )
    chosen = settings(config, server_ip, url)
    wanted = parse(filter_, ROW_FIELDS)
    queue, older_than = store(chosen), chosen.sender.response_timeout

    def told(row: Row, record: OutcomeRecord | None) -> str:
        return str(outcome_by_now(row, record, older_than) or "")

    rows = _newest_first(queue, before, status, WINDOW if wanted else limit, unknown, older_than)
    passing = (one for one in rows if wanted(of_row(one[0], told(*one))))
    found = list(itertools.islice(passing, limit))
    if json:
        print_json([_plain(row, outcome) for row, outcome in found])
        return
    print_table(
        ("man_id", "age", "status", "answer", "outcome", "action", "caller id", "channel", "uniqueid"),
        [
            (
                row.man_id, age(row.age), row.status, row.response, told(row, outcome), safe(row.action),
                safe(row.callerid), safe(row.channel), safe(row.uniqueid),
            )
            for row, outcome in found
        ],
    )  # fmt: skip


def _newest_first(
    queue: Store, before: int | None, status: Status | None, most: int, unknown: bool, older_than: float
) -> Iterator[tuple[Row, OutcomeRecord | None]]:
    """Rows with their outcomes, page by page, as many as are taken from it."""
    while most > 0:
        size = min(most, PAGE)
        page = queue.page(before=before, limit=size, status=status, unknown=unknown, older_than=older_than)
        known = queue.outcomes([row.man_id for row in page.rows])
        yield from ((row, known.get(row.man_id)) for row in page.rows)
        if page.next_before is None:
            return
        before, most = page.next_before, most - len(page.rows)


@app.command("show", epilog=ending("queue show 42", "queue show 42 --json", codes=(3, 4)))
def show(man_id: ManId, config: Config = None, server_ip: ServerIp = None, url: Url = None, json: Json = False) -> None:
    """One row, and everything that happened to it.

    Says in one sentence why the row is where it is, then its lines, then its timeline from the journal.
    """
    from acqs_core import story

    queue = _store(config, server_ip, url)
    timeline = queue.timeline(man_id)
    why = story.why(timeline, story.around(queue, timeline.row))
    if json:
        entries = [dataclasses.asdict(entry) for entry in timeline.journal]
        print_json(_plain(timeline.row, timeline.outcome) | {"why": why, "journal": entries})
        return
    row = timeline.row
    typer.echo(f"row {man_id} {row.status} answer {row.response} server_ip {safe(row.server_ip) or '(blank)'}")
    typer.echo(safe(why))
    typer.echo(f"\nAction: {safe(row.action)}\n" + "\n".join(safe(line) for line in row.lines if line))
    print_table(
        ("at (UTC)", "event", "actor", "detail"),
        [
            (f"{entry.at:%Y-%m-%d %H:%M:%S.%f}" if entry.at else "", entry.event, entry.actor, entry.detail)
            for entry in timeline.journal
        ],
        title="\ntimeline",
    )


@app.command("retry", epilog=ending("queue retry 42", "queue retry 42 --may-call-twice", codes=(3, 4, 5)))
def retry(
    man_id: ManId,
    may_call_twice: Annotated[
        bool, typer.Option("--may-call-twice", help="Also when it was written and its outcome is not known.")
    ] = False,
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """End a row and insert a copy of it as NEW.

    A row that was written and whose outcome is not known may have made its call: it is refused (5) unless you accept
    with --may-call-twice that somebody is called twice.
    """
    new = _store(config, server_ip, url).retry(man_id, actor=operator(), force=may_call_twice)
    if json:
        print_json({"retried": man_id, "man_id": new})
    else:
        typer.echo(f"row {man_id} has ended, row {new} is its copy and NEW")


@app.command("discard", epilog=ending("queue discard 42", codes=(3, 4, 5)))
def discard(
    man_id: ManId, config: Config = None, server_ip: ServerIp = None, url: Url = None, json: Json = False
) -> None:
    """End a NEW, QUEUE or SENT row for good.

    It becomes DEAD and is never sent (again). A call that is already up is not hung up by this; `inject hangup` does
    that.
    """
    _store(config, server_ip, url).discard(man_id, actor=operator())
    if json:
        print_json({"discarded": man_id})
    else:
        typer.echo(f"row {man_id} is DEAD, discarded")


@app.command("purge", epilog=ending("queue purge --older-than 90", "queue purge --older-than 90 --yes", codes=(3, 5)))
def purge(
    days: Annotated[float, typer.Option("--older-than", metavar="DAYS", min=0.0, max=36_500.0, help="Age in days.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking; needed without a terminal.")] = False,
    config: Config = None,
    server_ip: ServerIp = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Delete old rows that are final, in small batches.

    With them go their outcomes and their journal. Rows that may still change are never deleted, however old.
    """
    import sys

    chosen = settings(config, server_ip, url)
    if not yes:
        if not sys.stdin.isatty():
            raise Refused("purge deletes rows; say --yes to do it without being asked")
        confirm(f"Delete final rows of {chosen.server_ip} older than {days:g} days?")
    deleted = 0
    for batch in store(chosen).purge(days):
        deleted += batch
        typer.echo(f"{deleted} rows deleted", err=True)
    if json:
        print_json({"deleted": deleted})
    else:
        typer.echo(f"{deleted} rows deleted")


def _plain(row: Row, outcome: OutcomeRecord | None) -> dict[str, Any]:
    return dataclasses.asdict(row) | {"outcome": dataclasses.asdict(outcome) if outcome is not None else None}
