"""The whole check of one Asterisk: both users look, then listen; what they saw becomes findings, the worst first."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Collection
from pathlib import Path

from acqs_core.ami.session import Endpoint
from acqs_core.checkup import advice, conf, judge, rights, volume
from acqs_core.checkup.look import Seen, UserRole, look
from acqs_core.checkup.traffic import READ, Heard, Traffic, measure
from acqs_core.errors import AmiError
from acqs_core.listener.listener import MASK
from acqs_core.queue.types import Finding
from acqs_core.settings import Settings

_ORDER = ("error", "warning", "note", "ok")

_OF_NO_CALL = frozenset({"FullyBooted", "Shutdown"})


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What was found at one Asterisk. `manager_conf` is blank when nobody could log in."""

    place: str
    version: str
    banner: str
    findings: tuple[Finding, ...]
    traffic: Traffic | None
    manager_conf: str


async def check(
    settings: Settings,
    *,
    seconds: float,
    recent: Collection[str] = (),
    manager_conf: Path | None = None,
    on_progress: Callable[[float, int], None] = lambda seconds, events: None,
) -> Report:
    """Log in as both users of the settings and look; listen for `seconds`.

    `recent` are actions that the queue held lately. `manager_conf` is the file on this machine, read for its limits;
    None reads the usual one when Asterisk is on this machine and it can be read. Raises OSError when a file that was
    named cannot be read; what goes wrong with Asterisk is a finding.
    """
    path = manager_conf or _usual_file(settings)
    lines = conf.read(path) if path is not None else None
    endpoints: dict[UserRole, Endpoint] = {role: Endpoint.of(settings.asterisk, role) for role in ("send", "listen")}
    users = tuple(dict.fromkeys(endpoint.username for endpoint in endpoints.values()))
    sender, listener = await asyncio.gather(
        look(endpoints["send"], "send", "off", users), look(endpoints["listen"], "listen", MASK, users)
    )
    findings = [*judge.of_logins((sender, listener))]
    traffic: Traffic | None = None
    if listener.error is None and seconds > 0:
        try:
            traffic = await measure(
                endpoints["listen"], seconds, with_filter=settings.listener.filter,
                twice=listener.second_login is None, on_progress=on_progress,
            )  # fmt: skip
        except AmiError as error:
            findings.append(Finding("error", "events", str(error), "check again; Asterisk's log may say more"))
    seen = [one for one in (sender, listener) if one.error is None]
    actions = rights.queued_actions(settings, recent)
    findings += _judged(settings, seen, actions, traffic)
    findings += judge.of_limits(settings, lines, path)
    findings.sort(key=lambda finding: _ORDER.index(finding.level))
    place = endpoints["send"].place
    if not seen:
        return Report(place, "", "", tuple(findings), None, "")
    form = judge.best_form(seen)
    advised = advice.manager_conf(endpoints["send"].username, endpoints["listen"].username, actions, form)
    return Report(place, form.asterisk, seen[0].banner, tuple(findings), traffic, advised)


def _judged(settings: Settings, seen: list[Seen], actions: list[str], traffic: Traffic | None) -> list[Finding]:
    found: list[Finding] = [*judge.of_version(seen)] if seen else []
    performs: dict[str, list[str]] = {}
    for one in seen:
        if one.role == "send":
            found += judge.of_sending(one, actions)
            performs.setdefault(one.username, []).extend(actions)
        else:
            found += judge.of_listening(one, settings)
            found += judge.of_read_rights(one, seen, _heard_calls(traffic))
            performs.setdefault(one.username, []).extend(["Filter"] if settings.listener.filter else [])
    for one in {one.username: one for one in seen}.values():
        found += judge.of_needless_rights(one, performs[one.username])
    found += judge.of_console(seen)
    if traffic is not None:
        found += volume.of_traffic(traffic, with_filter=settings.listener.filter)
    return found


def _heard_calls(traffic: Traffic | None) -> bool:
    heard: list[Heard] = [one for one in (traffic.asked, traffic.everything) if one] if traffic is not None else []
    return any(name in READ - _OF_NO_CALL for one in heard for name in one.names)


def _usual_file(settings: Settings) -> Path | None:
    """The manager.conf of an Asterisk on this machine, when it may be read."""
    if settings.asterisk.host not in ("127.0.0.1", "::1", "localhost"):
        return None
    try:
        with conf.DEFAULT.open("rb"):
            return conf.DEFAULT
    except OSError:
        return None
