"""`simulate`: a simulated Asterisk for people who write dialers and have none, until it is ended."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import math
import os
import secrets
import signal
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acqs_core.cli.common import Json, print_json, print_table, safe
from acqs_core.cli.manual import ending
from acqs_core.errors import SettingsError

if TYPE_CHECKING:
    from acqs_core.simulator import Dialplan, Phone, ReceivedAction, Simulator

log = logging.getLogger(__name__)

DISORDER = 0.18
"""The part of answered calls whose OriginateResponse comes before their Newstate, as on a real one (facts/ami.md)."""

_TOLD = ("Username", "Channel", "Context", "Exten", "Application", "Data", "Command", "Variable", "EventMask")
"""Headers of an action that its log line shows; never a secret or a key."""


def register(app: typer.Typer) -> None:
    examples = (
        "simulate",
        "simulate --port 0 --speed 10 --json",
        "simulate --flood 500 --read call,system --write originate,call",
    )
    app.command("simulate", epilog=ending(*examples, codes=()))(simulate)


def simulate(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 5038,
    user: Annotated[str, typer.Option(metavar="NAME", help="Manager user who may log in.")] = "acqs",
    secret_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="His secret is its first line; else one is made up and shown.")
    ] = None,
    read: Annotated[str, typer.Option(metavar="CLASSES", help="Events that he may read, as in manager.conf.")] = "all",
    write: Annotated[str, typer.Option(metavar="CLASSES", help="Actions that he may send, so too.")] = "all",
    speed: Annotated[
        float, typer.Option(metavar="TIMES", min=0.01, max=1000, help="Calls run this many times faster.")
    ] = 1.0,
    seed: Annotated[
        int, typer.Option(metavar="NUMBER", help="Chooses what Asterisk leaves open, as the order of some events.")
    ] = 0,
    flood: Annotated[
        int, typer.Option(metavar="N", min=0, max=100_000, help="Made-up events a second, as of a busy box.")
    ] = 0,
    json: Json = False,
) -> None:
    """Be an Asterisk: an AMI server with calls.

    For people who write dialers and have no Asterisk: answers, events and their odd order are those of Asterisk 22.
    Says where it listens, how to log in and what each number and phone does, then logs every action that comes, until
    Ctrl-C.
    """
    from acqs_core import loop
    from acqs_core.cli import logs
    from acqs_core.simulator import Simulator, User

    secret = _read(secret_file) if secret_file is not None else secrets.token_hex(8)
    rights = User(secret, read=_classes("--read", read), write=_classes("--write", write))
    simulator = Simulator(users={user: rights}, speed=speed, seed=seed, disorder=DISORDER, keep_actions=False)
    simulator.on_action = _tell
    with asyncio.Runner(loop_factory=loop.factory()) as runner:
        where = runner.run(_start(simulator, host, port))
        logs.start()
        _say(simulator, where, user, secret if secret_file is None else "", json)
        runner.run(_serve(simulator, flood))


def _classes(option: str, text: str) -> str:
    """Classes of manager.conf. Raises SettingsError for one that does not exist: Asterisk would pass over it."""
    from acqs_core.simulator.filters import CLASSES

    unknown = [name for name in map(str.strip, text.split(",")) if name and name not in {*CLASSES, "all"}]
    if unknown:
        raise SettingsError(
            f"{option}: there is no class {', '.join(unknown)}; the classes are {', '.join(CLASSES)}, all"
        )
    return text


def _read(path: Path) -> str:
    try:
        text = path.read_text()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the secret cannot be read from {path}: {error}; give another --secret-file") from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise SettingsError(f"{path} holds a secret and other users can read it; mend it with: chmod o= {path}")
    secret = text.partition("\n")[0].strip()
    if not secret:
        raise SettingsError(f"the first line of {path} is empty; write the secret there")
    return secret


async def _start(simulator: Simulator, host: str, port: int) -> tuple[str, int]:
    try:
        return await simulator.start(host, port)
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror  # asyncio's own text names the address again
        advice = "end what listens there, or choose another --port or --host"
        raise SettingsError(f"cannot listen on {host} port {port}: {reason}; {advice}") from None


async def _serve(simulator: Simulator, flood: int) -> None:
    """Until SIGINT or SIGTERM."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    flooding = asyncio.create_task(simulator.flood(flood, math.inf)) if flood else None
    await ended.wait()
    if flooding is not None:
        flooding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flooding
    await simulator.shutdown()


def _tell(action: ReceivedAction) -> None:
    """One line for an action that arrived."""
    shown = [f"{name}={safe(action.get(name))}" for name in _TOLD if action.get(name)]
    log.info("%s", " ".join([safe(action.name), *([safe(action.action_id)] if action.action_id else []), *shown]))


def _say(simulator: Simulator, where: tuple[str, int], user: str, secret: str, as_json: bool) -> None:
    """Where it listens, who may log in, and what can be called there."""
    host, port = where
    plan = simulator.exchange.dialplan
    numbers, phones = _numbers(plan), _phones(plan)
    if as_json:
        document: dict[str, Any] = {"host": host, "port": port, "user": user}
        document |= {"secret": secret} if secret else {}
        print_json(document | {"numbers": dict(numbers), "phones": dict(phones)})
    else:
        print(f"A simulated Asterisk {simulator.asterisk_version} listens on {host} port {port}; Ctrl-C ends it.")
        print(f"Log in as {user}" + (f" with the secret {secret}" if secret else ""))
        print_table(("Channel, or Exten@Context", "what it does"), numbers, title="\nnumbers")
        print_table(("Channel", "what it does"), phones, title="\nphones")
    sys.stdout.flush()
    if not ipaddress.ip_address(host).is_loopback:
        log.warning("it listens on %s, beyond this machine: whoever has the secret can log in from there", host)


def _numbers(plan: Dialplan) -> list[tuple[str, str]]:
    return [
        (f"Local/{exten}@{context}", ", ".join(f"{application} {data}".strip() for application, data in steps))
        for (context, exten), steps in plan.extensions.items()
    ]


def _phones(plan: Dialplan) -> list[tuple[str, str]]:
    return [(f"PJSIP/{name}", _behaviour(phone)) for name, phone in plan.phones.items()]


def _behaviour(phone: Phone) -> str:
    does = (
        ("early media after {:g} s", phone.progress),
        ("rings after {:g} s", phone.ring),
        ("answers after {:g} s", phone.answer),
        ("hangs up {:g} s after that", phone.hangup),
    )
    said = [words.format(seconds) for words, seconds in does if seconds is not None]
    if phone.refuse is not None:
        seconds, cause, status = phone.refuse
        said.append(f"refuses after {seconds:g} s (cause {cause}, SIP {status})")
    return ", ".join(said) or "says nothing at all"
