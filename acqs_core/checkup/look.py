"""What Asterisk says to one manager user: greeted, logged in, asked for its rights and its version.

Only asked are actions that change nothing: ListCommands, CoreSettings, and console commands that show settings.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from typing import Literal

from acqs_core.ami.session import Endpoint, Form, Session
from acqs_core.checkup.rights import Listing, listing_of
from acqs_core.errors import AmiError

UserRole = Literal["send", "listen"]

BOOT_WAIT = 1.0
"""Seconds in which FullyBooted must come after a login; it comes in the same packet (run on 16.28 and 22.10)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What one user saw. Of a login that failed only `error` is known."""

    role: UserRole
    username: str
    error: AmiError | None = None
    banner: str = ""
    form: Form = dataclasses.field(default_factory=lambda: Form(()))
    """Its version, whole where the user may ask for it."""
    took: float = 0.0
    """Seconds from connecting to the answered login."""
    listing: Listing | None = None
    booted: bool = False
    """FullyBooted came, which only a user with read = system hears."""
    console: dict[str, str] = dataclasses.field(default_factory=dict)
    """What console commands printed, where the user may run them."""
    second_login: AmiError | None = None
    """Why the user could not log in a second time."""


async def look(endpoint: Endpoint, role: UserRole, mask: str, users: tuple[str, ...]) -> Seen:
    """Log in as this user with the event mask `mask` and ask. `users` are those whose rights the console may show.

    Never raises AmiError: it is in the answer.
    """
    booted = asyncio.Event()
    started = time.monotonic()
    try:
        session = await Session.open(
            endpoint, events=mask, wanted=frozenset([b"FullyBooted"]), on_event=lambda event: booted.set()
        )
    except AmiError as error:
        return Seen(role, endpoint.username, error)
    took = time.monotonic() - started
    try:
        listing = listing_of(await session.ask("ListCommands"))
        seen = Seen(
            role, endpoint.username, banner=session.banner, form=await session.learn_form(), took=took, listing=listing,
            console=await _console(session, users) if listing and "command" in listing else {},
            second_login=await _second_login(endpoint),
        )  # fmt: skip
        if mask != "off":
            await _wait(booted)
        return dataclasses.replace(seen, booted=booted.is_set())
    except AmiError as error:
        return Seen(role, endpoint.username, error)
    finally:
        await session.logoff()


async def _second_login(endpoint: Endpoint) -> AmiError | None:
    try:
        second = await Session.open(endpoint)
    except AmiError as error:
        return error
    await second.logoff()
    return None


async def _wait(booted: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(BOOT_WAIT):
            await booted.wait()
    except TimeoutError:
        pass


async def _console(session: Session, users: tuple[str, ...]) -> dict[str, str]:
    # A name with a blank would be two words of a command, and is no name that manager.conf can hold anyway.
    commands = ["manager show settings", *(f"manager show user {u}" for u in users if re.fullmatch(r"[\w.@-]+", u))]
    return {command: (await session.ask("Command", f"Command: {command}")).content for command in commands}


def table_of(printed: str) -> dict[str, str]:
    """`name: value` lines that a console command printed, names in lower case."""
    found = {}
    for line in printed.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip().lower()] = value.strip()
    return found
