"""The command line put together. Only what `--help` needs is imported here; each command imports its own work."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from acqs_core import __version__
from acqs_core.cli import asterisk, daemon, db, demo, inject, pause, queue, simulate, watch
from acqs_core.cli.manual import exit_codes
from acqs_core.errors import AcqsError

app = typer.Typer(
    name="acqs-core",
    epilog=exit_codes(),
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"acqs-core {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    """A central queue for Asterisk Manager actions: headless sender and listener, and its tools.

    Producers INSERT actions into one table; `run` delivers them to Asterisk and writes back what became of them.
    Results go to stdout, everything else to stderr. Settings come from a file, then the environment (ACQS_QUEUE__URL),
    then flags. Each command has its own --help, with examples.
    """


daemon.register(app)
watch.register(app)
app.add_typer(inject.app, name="inject")
app.add_typer(queue.app, name="queue")
pause.register(app)
app.add_typer(db.app, name="db")
app.add_typer(asterisk.app, name="asterisk")
demo.register(app)
simulate.register(app)


def run(arguments: list[str]) -> int:
    """Run one command; gives its exit code. An error that we raised on purpose is one sentence on stderr."""
    try:
        app(arguments, prog_name="acqs-core")
    except AcqsError as error:
        print(f"acqs-core: {error}", file=sys.stderr)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except BrokenPipeError:
        # The reader of our output has left, as `| head` does.
        sys.stderr.close()
    return 0
