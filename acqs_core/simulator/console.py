"""The Command action: the few console commands that a client of a queue sends, in the 22.10.1 form of their answers."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from acqs_core.simulator import filters, listing
from acqs_core.simulator.wire import Request

if TYPE_CHECKING:
    from acqs_core.simulator.server import Simulator
    from acqs_core.simulator.session import Session

_BLACKLIST = ("module load", "module unload", "restart gracefully")
"""What nobody may do over AMI, whatever his rights (Asterisk 22, main/manager.c)."""


def command(simulator: Simulator, session: Session, request: Request) -> Awaitable[None] | None:
    """Run one console command. `core restart now` ends Asterisk before it has answered (case `restart`)."""
    text = request.get("Command")
    words = " ".join(text.split())
    if words.lower() == "core restart now":
        return simulator.crash()
    if not text:
        session.error(request, "No command provided")
    elif words.lower().startswith(_BLACKLIST):
        session.error(request, "Command blacklisted")
    elif (lines := _console(simulator, words)) is not None:
        _answer(session, request, "Success", lines)
    else:
        _answer(session, request, "Error", _failure(simulator, words))
    return None


def _answer(session: Session, request: Request, outcome: str, lines: list[str]) -> None:
    session.respond(request, outcome, ("Message", "Command output follows"), *(("Output", line) for line in lines))


def _console(simulator: Simulator, words: str) -> list[str] | None:
    exchange = simulator.exchange
    match words.lower().split(" "):
        case ["core", "show", "channels"]:
            return listing.channels_table(exchange.newest_first(), exchange.calls, exchange.calls_processed)
        case ["core", "show", "channels", "concise"]:
            return [listing.concise(ch) for ch in exchange.newest_first()] or [""]
        case ["core", "show", "version"]:
            return [f"Asterisk {simulator.asterisk_version} (simulated)"]
        case ["core", "show", "uptime"]:
            spans = (("System uptime", simulator.uptime), ("Last reload", simulator.since_reload))
            return [listing.uptime(label, seconds) for label, seconds in spans]
        case ["core", "show", "settings"]:
            return _table("PBX Core settings", ("Version", simulator.asterisk_version), ("Maximum calls", "Not set"))
        case ["manager", "show", "settings"]:
            host, port = simulator.address
            bound = ("TCP Bindaddress", f"{host}:{port}")
            return _table("Global Settings:", ("Manager (AMI)", "Yes"), bound, ("Timestamp events", "No"))
        case ["manager", "show", "user", _]:
            return _user(simulator, words.rpartition(" ")[2])
        case ["manager", "show", "command", _]:
            name = words.rpartition(" ")[2]
            return ["", f"  -= Info about Manager Command '{name}' =- ", "", "[Synopsis]", "(a simulated action)"]
        case ["dialplan", "show", where]:
            return _dialplan(simulator, where)
    return None


def _failure(simulator: Simulator, words: str) -> list[str]:
    """What a console command prints that cannot be carried out."""
    match words.split(" "):
        case ["dialplan", "show", where]:
            context = where.partition("@")[2]
            known = any(one == context for one, _ in simulator.exchange.dialplan.extensions)
            missing = f"{where} extension" if known else f"'{context}' context"
            return [f"There is no existence of {missing}", f"Command '{words}' failed."]
    tried = " ".join(words.split(" ")[:2])
    return [f"No such command '{words}' (type 'core show help {tried}' for other possible commands)"]


def _table(title: str, *rows: tuple[str, str]) -> list[str]:
    return ["", title, "-" * len(title), *(f"  {name + ':':<27}{value}" for name, value in rows), ""]


def _user(simulator: Simulator, name: str) -> list[str]:
    user = simulator.users.get(name)
    if user is None:
        return [f"There is no manager called {name}"]
    rows = (
        ("username", name),
        ("secret", "<Set>"),
        ("ACL", "yes" if user.denied else "no"),
        ("read perm", filters.told(user.read_mask)),
        ("write perm", filters.told(user.write_mask)),
        ("displayconnects", "yes"),
        ("allowmultiplelogin", "yes" if user.allow_multiple else "no"),
        ("Variables", ""),
    )
    return ["", *(f"{key:>18}: {said}" for key, said in rows), *(f"  {key} = {said}" for key, said in user.variables)]


def _dialplan(simulator: Simulator, where: str) -> list[str] | None:
    exten, _, context = where.partition("@")
    steps = simulator.exchange.dialplan.steps(context, exten)
    if not steps:
        return None
    shown = [f"{number}. {application}({data})" for number, (application, data) in enumerate(steps, 1)]
    heads = [f"  '{exten}' =>", *[""] * (len(steps) - 1)]
    lines = [f"{head:<20}{step}" for head, step in zip(heads, shown, strict=True)]
    title = f"[ Context '{context}' created by 'simulator' ]"
    return [title, *lines, "", f"-= 1 extension ({len(steps)} priorities) in 1 context. =-"]
