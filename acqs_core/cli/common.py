"""What every command shares: its options, its settings, its way to the table, and how it prints."""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acqs_core.errors import Refused

if TYPE_CHECKING:
    from acqs_core.queue.database import Database
    from acqs_core.queue.store import Store
    from acqs_core.settings import Settings

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Settings file; else ./acqs.toml or /etc/acqs/acqs.toml."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
ServerIp = Annotated[
    str | None, typer.Option("--server-ip", metavar="ADDRESS", help="Another server_ip than the settings'.")
]
Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Another database than [queue] url; ps shows a password here."),
]


def settings(config: Path | None, server_ip: str | None = None, url: str | None = None) -> Settings:
    """The settings with these flags on top. Raises SettingsError."""
    from acqs_core.settings import load

    flags: dict[str, Any] = {}
    if server_ip is not None:
        flags["server_ip"] = server_ip
    if url is not None:
        flags["queue"] = {"url": url}
    return load(config, flags=flags)


def database(chosen: Settings) -> Database:
    """The database of one command."""
    from acqs_core.queue.database import Database

    return Database.of(chosen.queue, pool_size=1)


def store(chosen: Settings) -> Store:
    """A way to the table for one command."""
    from acqs_core.queue.store import Store

    return Store(database(chosen), chosen.server_ip, serve_blank=chosen.serve_blank)


def operator() -> str:
    """Who does this deed, for the journal: the person behind sudo where there is one."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def confirm(question: str) -> None:
    """Ask at the terminal. Raises Refused for any answer but yes, also when there is none (Ctrl+C, Ctrl+D)."""
    try:
        answer = typer.confirm(question)
    except typer.Abort:
        typer.echo(err=True)
        answer = False
    if not answer:
        raise Refused("it was not confirmed; nothing was changed")


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """A readable table on stdout; no colours when it is not a terminal or NO_COLOR is set."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    wide = None if sys.stdout.isatty() else 200
    Console(width=wide, highlight=False).print(table)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Shows on a terminal how far a long deed is: one line on stderr, written over, and wiped at the end."""
    shown = sys.stderr.isatty()

    def show(text: str) -> None:
        if shown:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        show("")


def age(seconds: float | None) -> str:
    """Seconds as a person says them: 4s, 3m, 2h, 5d."""
    if seconds is None:
        return ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


def safe(text: str) -> str:
    """Text from a row with control characters shown, so that it cannot drive the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
