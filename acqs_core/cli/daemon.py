"""`run`, `send`, `listen`: the engines in the foreground, for a service manager or a person."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acqs_core.cli.common import Config, ServerIp, Url, database, settings
from acqs_core.errors import QueueUnavailable, SchemaMissing

if TYPE_CHECKING:
    from acqs_core.engine import Engine
    from acqs_core.settings import MetricsSettings, Settings

Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]


def register(app: typer.Typer) -> None:
    app.command("run", help="Run sender and listener; SIGTERM drains.")(run)
    app.command("send", help="Run the sender only.")(send)
    app.command("listen", help="Run the listener only.")(listen)


def run(config: Config = None, server_ip: ServerIp = None, url: Url = None, verbose: Verbose = False) -> None:
    _serve(config, server_ip, url, verbose)


def send(config: Config = None, server_ip: ServerIp = None, url: Url = None, verbose: Verbose = False) -> None:
    _serve(config, server_ip, url, verbose, do_listen=False)


def listen(config: Config = None, server_ip: ServerIp = None, url: Url = None, verbose: Verbose = False) -> None:
    _serve(config, server_ip, url, verbose, do_send=False)


def _serve(
    config: Path | None,
    server_ip: str | None,
    url: str | None,
    verbose: bool,
    do_send: bool = True,
    do_listen: bool = True,
) -> None:
    chosen = settings(config, server_ip, url)

    from acqs_core.cli import logs
    from acqs_core.engine import Engine

    _refuse_missing_tables(chosen)
    logs.start(verbose=verbose)
    serve(lambda: Engine(chosen, send=do_send, listen=do_listen), chosen.metrics)


def _refuse_missing_tables(chosen: Settings) -> None:
    """A database that is away may come back, so the engine waits for it; tables that are missing will not come."""
    from acqs_core.queue import schema

    try:
        missing = schema.missing(database(chosen))
    except QueueUnavailable:
        return
    if missing:
        raise SchemaMissing(f"the database lacks {', '.join(missing)}; `acqs-core db init` makes what is missing")


def serve(make: Callable[[], Engine], metrics: MetricsSettings) -> None:
    """Run an engine until SIGTERM or SIGINT, on uvloop where it is installed; a service manager is kept informed."""
    import asyncio
    import signal

    from acqs_core import notify

    async def main() -> None:
        engine = make()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, engine.stop)
        manager = notify.Manager.of_environment()
        following = asyncio.create_task(notify.follow(engine, manager)) if manager is not None else None
        async with _metrics_of(engine, metrics):
            await engine.run()
        if following is not None:
            following.cancel()

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main())


def _metrics_of(engine: Engine, chosen: MetricsSettings) -> contextlib.AbstractAsyncContextManager[object]:
    """Metrics served beside the engine, if they are asked for."""
    if chosen.port == 0:
        return contextlib.nullcontext()
    from acqs_core.exporter import exported

    return exported(engine, chosen)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, or None for asyncio's own where it is not installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
