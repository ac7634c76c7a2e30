"""The way in and out: Challenge, Login and Logoff, with every refusal that Asterisk has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from acqs_core.simulator import events, filters, security
from acqs_core.simulator.users import User
from acqs_core.simulator.wire import Request

if TYPE_CHECKING:
    from acqs_core.simulator.server import Simulator
    from acqs_core.simulator.session import Session

REFUSAL_DELAY = 1.0
"""Seconds before a refused login is answered (facts/ami.md)."""


def login(simulator: Simulator, session: Session, request: Request) -> Awaitable[None] | None:
    """Let a user in. Wrong secret, unknown user and ACL read the same (facts/ami.md); only the event tells them apart.

    Whether a user may come a second time is asked before his secret is (seen on 22.10.1).
    """
    if session.user:
        session.success(request, "Already authenticated")
        return None
    name = request.get("Username")
    user = simulator.users.get(name)
    if user is None:
        unknown = security.refused_login("InvalidAccountID", session.origin, name)
        return _refuse(simulator, session, request, unknown)
    if not user.allow_multiple and any(one.user == name for one in simulator.sessions):
        return _refuse(simulator, session, request, security.session_limit(session.origin), "Login Already In Use")
    if (fault := _fault(user, name, session, request)) is not None:
        return _refuse(simulator, session, request, fault)
    if simulator.refuse_logins:
        return _refuse(simulator, session, request, security.refused_login("InvalidPassword", session.origin, name))
    _let_in(simulator, session, request, name, user)
    return None


def _fault(user: User, name: str, session: Session, request: Request) -> events.Event | None:
    """What is wrong with a login, as the event that tells it."""
    if user.denied:
        return security.refused_login("FailedACL", session.origin, name)
    if request.get("AuthType").upper() == "MD5":
        expected, key = user.response(session.challenge), request.get("Key")
        if not session.challenge or key != expected:
            return security.wrong_response(session.origin, session.challenge, key, expected)
    elif request.get("Secret") != user.secret:
        return security.refused_login("InvalidPassword", session.origin, name)
    return None


def _let_in(simulator: Simulator, session: Session, request: Request, name: str, user: User) -> None:
    wanted = filters.mask(request.get("Events"))
    simulator.logged_in(session, name, user, filters.ALL if wanted is None else wanted)
    session.success(request, "Authentication accepted")
    if simulator.booted:
        session.deliver(events.fully_booted(simulator.uptime, simulator.since_reload), filtered=False)
    simulator.publish(security.successful_auth(session.origin))


async def _refuse(
    simulator: Simulator,
    session: Session,
    request: Request,
    told: events.Event,
    answer: str = "Authentication failed",
) -> None:
    simulator.publish(told)
    await asyncio.sleep(REFUSAL_DELAY / simulator.speed)
    session.error(request, answer)
    session.close()


def challenge(simulator: Simulator, session: Session, request: Request) -> None:
    """Give what an MD5 login must answer."""
    if request.get("AuthType").upper() != "MD5":
        session.error(request, "Must specify AuthType")
        return
    session.challenge = str(simulator.exchange.random.randrange(10**8, 10**9))
    session.respond(request, "Success", ("Challenge", session.challenge))


def logoff(simulator: Simulator, session: Session, request: Request) -> None:
    session.respond(request, "Goodbye", ("Message", "Thanks for all the fish."))
    session.close()


def deny(simulator: Simulator, session: Session, request: Request) -> None:
    """Answer what the session has no right to, or what comes before the login."""
    session.error(request, "Permission denied")
    simulator.publish(security.request_not_allowed(session.origin, request.get("Action")))


BEFORE_LOGIN = {"login": login, "challenge": challenge, "logoff": logoff}
