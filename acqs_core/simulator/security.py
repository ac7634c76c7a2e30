"""The security events: who came in, who was kept out, and which request was refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time

from acqs_core.simulator.events import Event, lines
from acqs_core.simulator.wire import Pair


@dataclasses.dataclass(slots=True)
class Origin:
    """Whom a security event speaks of. `addresses` are the local and the remote one as `host/port`.

    `since` is in Unix seconds and 0 until the login, `account` empty.
    """

    session: str
    addresses: tuple[str, str]
    account: str = ""
    since: float = 0.0

    def where(self) -> tuple[Pair, ...]:
        """The session and its two ends."""
        local, remote = self.addresses
        ends = (("LocalAddress", f"IPV4/TCP/{local}"), ("RemoteAddress", f"IPV4/TCP/{remote}"))
        return (("SessionID", self.session), *ends)


def successful_auth(origin: Origin) -> Event:
    """Someone logged in."""
    shown = (("AccountID", origin.account), *origin.where(), ("UsingPassword", "0"), _since(origin))
    return _event("SuccessfulAuth", "Informational", *shown)


def session_limit(origin: Origin) -> Event:
    """A user logs in who is in already and may be only once (case `login_twice_single`)."""
    return _event("SessionLimit", "Error", ("AccountID", origin.account), *origin.where(), _since(origin))


def request_bad_format(origin: Origin, action: str) -> Event:
    """A logged-in session sent an action that does not exist, or none at all (`NONE`)."""
    request = ("RequestType", f"Action: {action}")
    return _event("RequestBadFormat", "Error", *origin.where(), request, _since(origin), ("AccountID", origin.account))


# The ones below are in no recording; their headers were read off a 22.10.1.


def refused_login(name: str, origin: Origin, account: str) -> Event:
    """FailedACL, InvalidAccountID or InvalidPassword."""
    version = "2" if name == "InvalidPassword" else "1"
    return _event(name, "Error", ("AccountID", account), *origin.where(), _since(origin), version=version)


def wrong_response(origin: Origin, challenge: str, response: str, expected: str) -> Event:
    """A wrong answer to an MD5 challenge; Asterisk does tell the right one to whoever may read `security`."""
    told = (("Challenge", challenge), ("Response", response), ("ExpectedResponse", expected))
    shown = (("AccountID", origin.account), *origin.where(), *told, _since(origin))
    return _event("ChallengeResponseFailed", "Error", *shown)


def request_not_allowed(origin: Origin, action: str) -> Event:
    """A request without the right to it."""
    request = ("RequestType", f"Action: {action}")
    shown = (("AccountID", origin.account), *origin.where(), request, _since(origin))
    return _event("RequestNotAllowed", "Error", *shown)


def _event(name: str, severity: str, *shown: Pair, version: str = "1") -> Event:
    head = (("EventTV", _when(time.time())), ("Severity", severity), ("Service", "AMI"), ("EventVersion", version))
    return Event(name, "security", lines(*head, *shown))


def _since(origin: Origin) -> Pair:
    return "SessionTV", _when(origin.since)


def _when(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
