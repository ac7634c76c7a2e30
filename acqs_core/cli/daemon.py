"""`run`, `send`, `listen`: the engines in the foreground, for a service manager or a person."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acqs_core.cli.common import Config, ServerIp, Url, database, settings
from acqs_core.cli.manual import ending

if TYPE_CHECKING:
    from acqs_core.engine import Engine
    from acqs_core.settings import MetricsSettings

Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]


def register(app: typer.Typer) -> None:
    app.command("run", epilog=_ending("run --config /etc/acqs/acqs.toml", "run --verbose"))(run)
    app.command("send", epilog=_ending("send --server-ip 10.0.0.5"))(send)
    app.command("listen", epilog=_ending("listen --server-ip 10.0.0.5"))(listen)


def _ending(*examples: str) -> str:
    return ending(*examples, codes=(3,))


def run(config: Config = None, server_ip: ServerIp = None, url: Url = None, verbose: Verbose = False) -> None:
    """Run sender and listener; SIGTERM drains.

    It stays in the foreground, logs to stderr (JSON lines where that is no terminal), and waits for a database or an
    Asterisk that is away. Told to stop, it sends no more, gives back what was not sent, and waits up to
    response_timeout for the answers that are due; told twice, it does not wait. An Originate without Async that still
    rings then has an unknown outcome until the end of its call tells. A second engine for the same server_ip stands
    by. See also acqs.service for systemd.
    """
    _serve(config, server_ip, url, verbose)


def send(config: Config = None, server_ip: ServerIp = None, url: Url = None, verbose: Verbose = False) -> None:
    """Run the sender only.

    It claims NEW rows and delivers them; without a listener somewhere, rows stay SENT. Otherwise as `run`.
    """
    _serve(config, server_ip, url, verbose, do_listen=False)


def listen(config: Config = None, server_ip: ServerIp = None, url: Url = None, verbose: Verbose = False) -> None:
    """Run the listener only.

    It writes back what becomes of the calls, of rows that any sender sent. Otherwise as `run`.
    """
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
    from acqs_core.queue import schema

    schema.demand(database(chosen))
    logs.start(verbose=verbose)
    serve(lambda: Engine(chosen, send=do_send, listen=do_listen), chosen.metrics)


def serve(make: Callable[[], Engine], metrics: MetricsSettings) -> None:
    """Run an engine until SIGTERM or SIGINT, on uvloop where it is installed; a service manager is kept informed."""
    import asyncio
    import faulthandler
    import signal

    from acqs_core import loop, notify
    from acqs_core.control.serving import served

    async def main() -> None:
        engine = make()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, engine.stop)
        manager = notify.Manager.of_environment()
        following = asyncio.create_task(notify.follow(engine, manager)) if manager is not None else None
        async with _metrics_of(engine, metrics), served(engine):
            await engine.run()
        if following is not None:
            following.cancel()

    faulthandler.enable(2)  # whatever ends the interpreter itself, the log tells where it was
    with asyncio.Runner(loop_factory=loop.factory()) as runner:
        runner.run(main())


def _metrics_of(engine: Engine, chosen: MetricsSettings) -> contextlib.AbstractAsyncContextManager[object]:
    """Metrics served beside the engine, if they are asked for."""
    if chosen.port == 0:
        return contextlib.nullcontext()
    from acqs_core.exporter import exported

    return exported(engine, chosen)
