"""What the answers of an Asterisk mean for the settings, as findings. Pure: nothing is asked here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Literal

from acqs_core.ami.refusals import class_for
from acqs_core.ami.session import Form
from acqs_core.checkup import rights
from acqs_core.checkup.conf import Line
from acqs_core.checkup.look import Seen, table_of
from acqs_core.errors import AmiError, ConnectFailed, LoginRefused, NoBanner, ShuttingDown, TlsFailed
from acqs_core.listener.calls import WANTED
from acqs_core.listener.listener import MASK
from acqs_core.queue.types import Finding
from acqs_core.settings import Settings

SLOW_LOGIN = 0.5
"""Seconds; a login takes 2 to 20 ms, and seconds where somebody's slow listener holds up Asterisk (facts/ami.md)."""

BACKLOG = 10
"""Connections that wait in the kernel for Asterisk to take them; those beyond try again a second later."""

AUTHLIMIT, WRITETIMEOUT = 50, 100
"""Asterisk's defaults: connections that are not logged in, and milliseconds until a reader that does not is cut."""

Level = Literal["note", "warning", "error"]

ROLES = {"send": "sender", "listen": "listener"}


def of_logins(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Whether the users get in; an Asterisk that nobody reaches is one finding."""
    first, *others = seen
    if isinstance(first.error, ConnectFailed) and all(type(one.error) is type(first.error) for one in others):
        yield _of_error(first.error, first, "connection")
        return
    for one in seen:
        yield from of_login(one)


def of_login(seen: Seen) -> Iterator[Finding]:
    """Whether a user gets in, how fast, and a second time."""
    who = f"{ROLES[seen.role]}'s login"
    if seen.error is not None:
        yield _of_error(seen.error, seen, who)
        return
    took = f"{seen.took * 1000:.0f} ms"
    if seen.took > SLOW_LOGIN:
        yield Finding("warning", who, f"{seen.username} is logged in, but only after {took}",
                      "look for a manager client that reads slowly (`manager show connected`): it blocks every new "
                      "connection; a raised writetimeout makes that worse")  # fmt: skip
    else:
        yield Finding("ok", who, f"{seen.username} is logged in within {took}")
    if seen.second_login is not None:
        yield _single(seen, who)


def _single(seen: Seen, who: str) -> Finding:
    if not isinstance(seen.second_login, LoginRefused):
        return Finding("warning", who, f"a second session did not open beside the first: {seen.second_login}",
                       "look at authlimit and at the load of this Asterisk")  # fmt: skip
    if seen.role == "send":
        return Finding("error", who, f"{seen.username} may be logged in only once: only one action at a time gets out",
                       f"set allowmultiplelogin = yes in [general] or [{seen.username}] of manager.conf")  # fmt: skip
    return Finding("warning", who, f"{seen.username} may be logged in only once: after a cut connection the listener "
                   "has to wait until Asterisk has noticed it",
                   f"set allowmultiplelogin = yes in [{seen.username}] of manager.conf")  # fmt: skip


def _of_error(error: AmiError, seen: Seen, subject: str) -> Finding:
    """A login that failed. The messages of a refusal and of TLS end with what to do."""
    says = str(error).removesuffix("; nothing was sent").removesuffix("; is it running?")
    if not seen.username:
        return Finding("error", subject, says, f"set [asterisk] username or {seen.role}_username, and the secret")
    if isinstance(error, LoginRefused | TlsFailed):
        says, _, todo = says.rpartition("; ")
        return Finding("error", subject, says, todo)
    return Finding("error", subject, says, _MENDS.get(type(error), _MENDS[AmiError]))


_MENDS: dict[type[AmiError], str] = {
    ConnectFailed: "is Asterisk running; host and port of [asterisk]; enabled = yes and bindaddr in [general] of "
    "manager.conf; a firewall",
    NoBanner: "look for a client that reads slowly or hangs in its login (`manager show connected`, authlimit); set "
    "[asterisk] tls when the port is that of tlsbindaddr",
    ShuttingDown: "wait until it has been restarted, or `core abort shutdown`",
    AmiError: "check again; Asterisk's log may say more",
}


def of_version(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Which Asterisk this is."""
    form = best_form(seen)
    says = f"Asterisk {form.asterisk}, {seen[0].banner}" if form.asterisk else seen[0].banner
    if form.asterisk or form.is_old:
        yield Finding("ok", "version", says)
    else:
        yield Finding("note", "version", f"{says}; neither user may ask for more (CoreSettings)",
                      "with write = reporting the listener may")  # fmt: skip


def best_form(seen: Sequence[Seen]) -> Form:
    """What is known of the version by the user that may know most."""
    return max((one.form for one in seen), key=lambda form: bool(form.asterisk))


def of_sending(sender: Seen, actions: Collection[str]) -> Iterator[Finding]:
    """Whether the sender's user may perform what is queued."""
    yield from _of_actions(sender, actions, "error", "their rows are refused and become DEAD", "")


def of_listening(listener: Seen, settings: Settings) -> Iterator[Finding]:
    """Whether the listener's user may perform what the listener does beside hearing."""
    yield from _of_actions(listener, [listener.form.channel_list], "error", "calls that ended unheard stay UPDATED", "")
    if settings.listener.filter and listener.form.filters:
        yield from _of_actions(
            listener,
            ["Filter"],
            "warning",
            "every event of its classes comes",
            "put eventfilter into manager.conf (below) and set [listener] filter = false, or ",
        )


def _of_actions(seen: Seen, actions: Collection[str], level: Level, harm: str, instead: str) -> Iterator[Finding]:
    subject, user = f"{ROLES[seen.role]}'s rights", seen.username
    if seen.listing is None:
        yield Finding("note", subject, f"Asterisk did not list what {user} may do (ListCommands)",
                      f"look at its write = yourself; needed are {', '.join(actions)}")  # fmt: skip
        return
    lacking = [action for action in actions if action.lower() not in seen.listing]
    strange = [action for action in lacking if class_for(action, seen.form) is None]
    known = [action for action in lacking if action not in strange]
    if known:
        classes = ", ".join(rights.write_classes(known, seen.form))
        yield Finding(level, subject, f"{user} may not perform {', '.join(known)}: {harm}",
                      f"{instead}add {classes} to write = in {_reloaded(user)}")  # fmt: skip
    if strange:
        yield Finding(level, subject, f"{user} may not perform {', '.join(strange)}, or this Asterisk has none such: "
                      f"{harm}", f"ask Asterisk which class it needs: `manager show command {strange[0]}`")  # fmt: skip
    if not lacking:
        yield Finding("ok", subject, f"{user} may perform {', '.join(actions)}")


def _reloaded(user: str) -> str:
    return f"[{user}] of manager.conf, then `manager reload` and a new login"


def of_needless_rights(seen: Seen, actions: Collection[str]) -> Iterator[Finding]:
    """Rights with which a stolen secret does more harm than it must. `actions` are those that the user performs."""
    if seen.listing is None:
        return
    unknown = [action.lower() for action in actions if class_for(action, seen.form) is None]
    needed = {cls for action in unknown for cls in seen.listing.get(action, frozenset())}
    needed.update(rights.write_classes(actions, seen.form))
    broad = [name for name in rights.BROAD if name in rights.classes_of(seen.listing) - needed]
    if broad:
        yield Finding("note", f"{ROLES[seen.role]}'s rights", f"{seen.username} may write {', '.join(broad)}, which "
                      "nothing here needs", f"take it out of write = in [{seen.username}] of manager.conf")  # fmt: skip


def of_read_rights(listener: Seen, seen: Sequence[Seen], heard_calls: bool) -> Iterator[Finding]:
    """Whether the listener's user hears what the listener reads: `call` and `system`."""
    subject, user = "listener's rights", listener.username
    read = {part.strip() for part in table_of(_shown_user(user, seen)).get("read perm", "").split(",")} - {""}
    give = f"set read = {MASK} in {_reloaded(user)}"
    if heard_calls or read & {"call", "all"}:
        yield Finding("ok", subject, f"{user} hears the events of calls")
    elif read:
        yield Finding("error", subject, f"{user} may not read call: no row ever becomes UPDATED, or DEAD when its call "
                      "ends", give)  # fmt: skip
    else:
        yield Finding("note", subject, f"whether {user} may read call is not known: no call was made while we "
                      "listened, and neither user may run `manager show user`",
                      f"check again while calls are made (--seconds); else {give}")  # fmt: skip
    if not listener.booted and listener.form.says_booted:
        yield Finding("warning", subject, f"{user} was not told FullyBooted: whenever Asterisk was away, the sender "
                      "waits 20 s for it", f"{give}; let FullyBooted through its eventfilter")  # fmt: skip


def _shown_user(user: str, seen: Sequence[Seen]) -> str:
    """What `manager show user` printed of a user; empty where nobody may run it."""
    command = f"manager show user {user}"
    return next((one.console[command] for one in seen if command in one.console), "")


def of_console(seen: Sequence[Seen]) -> Iterator[Finding]:
    """What `manager show settings` and `manager show user` tell, where one of the users may run commands."""
    for one in seen:
        variables = _shown_user(one.username, seen).partition("Variables:")[2].strip()  # one a line below that word
        if one.role == "send" and variables:
            yield Finding("warning", "setvar", f"[{one.username}] has setvar=, which on some versions (13, 16) "
                          "throws away the Variable lines of an Originate",
                          f"take setvar= out of [{one.username}]")  # fmt: skip
    settings = next((table_of(one.console["manager show settings"]) for one in seen if one.console), {})
    disabled = {name.strip() for name in settings.get("disabled events", "").split(",")}
    gone = sorted(name.decode() for name in WANTED if name.decode() in disabled)
    if gone:
        yield Finding("error", "disabledevents", f"manager.conf disables {', '.join(gone)}, which the listener reads",
                      "take them out of disabledevents in [general] of manager.conf")  # fmt: skip
    if settings.get("web manager (ami/http)", "").lower() == "yes":
        yield Finding("note", "webenabled", "the manager is served over HTTP too, which ACQS does not use",
                      "set webenabled = no in [general] of manager.conf unless another program needs it")  # fmt: skip


def of_limits(settings: Settings, lines: Sequence[Line] | None, path: Path | None) -> Iterator[Finding]:
    """Logins at a time against what Asterisk and the kernel let wait, and a writetimeout that somebody raised.

    `lines` is None where manager.conf could not be read: Asterisk tells nobody over AMI.
    """
    logins = settings.sender.max_logins
    if logins > BACKLOG:
        yield Finding("warning", "max_logins", f"is {logins}; Asterisk lets only {BACKLOG} connections wait to be "
                      "taken, and each one beyond loses a second",
                      f"set [sender] max_logins to {BACKLOG} or less")  # fmt: skip
    authlimit = next((int(line.value) for line in lines or () if line.name == "authlimit" and line.value.isdecimal()),
                     AUTHLIMIT)  # fmt: skip
    if logins >= authlimit:
        yield Finding("error", "authlimit", f"is {authlimit} and max_logins {logins}: Asterisk turns logins away "
                      "without a word, everybody's", f"set [sender] max_logins well below {authlimit}")  # fmt: skip
    elif lines is not None:
        yield Finding("ok", "authlimit", f"is {authlimit}, above max_logins ({logins})")
    if lines is None:
        yield Finding("note", "writetimeout", "cannot be seen from here; Asterisk tells it and authlimit to nobody "
                      "over AMI", "make sure that no section of manager.conf sets writetimeout, or give that "
                      "file with --manager-conf")  # fmt: skip
        return
    yield from _writetimeout(lines, path)


def _writetimeout(lines: Sequence[Line], path: Path | None) -> Iterator[Finding]:
    raised = False
    for line in lines:
        if line.name == "writetimeout" and line.value.isdecimal() and int(line.value) > WRITETIMEOUT:
            raised = True
            yield Finding("warning", "writetimeout", f"[{line.section}] sets {line.value} ms ({path}, line "
                          f"{line.number}): one client that stops reading holds up every login for so long, and on 1.4 "
                          "calls too", "take the line out; a reader that is cut off connects again")  # fmt: skip
    if not raised:
        yield Finding("ok", "writetimeout", f"is nowhere above {WRITETIMEOUT} ms in {path}")
