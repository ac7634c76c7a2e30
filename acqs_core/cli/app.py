"""The command line put together. Only what `--help` needs is imported here; each command imports its own work."""

from __future__ import annotations

import sys

import typer

from acqs_core.cli import asterisk, daemon, db, demo, inject, pause, queue, watch
from acqs_core.errors import AcqsError

EXIT_CODES = """Exit codes: 0 done; 1 failed or a check found errors; 2 wrong settings, flags or action; 3 database;
4 no such row; 5 refused by the row's status; 6 Asterisk; 7 no engine to attach to;
130 interrupted."""

app = typer.Typer(
    name="acqs-core",
    help="A central queue for Asterisk Manager actions: headless sender and listener, and its tools.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
daemon.register(app)
watch.register(app)
app.add_typer(inject.app, name="inject")
app.add_typer(queue.app, name="queue")
pause.register(app)
app.add_typer(db.app, name="db")
app.add_typer(asterisk.app, name="asterisk")
demo.register(app)


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
