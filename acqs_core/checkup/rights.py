"""Which rights the settings need of a manager user, and which it has.

A user's write classes are not told to it, but `ListCommands`, which everybody may perform, lists exactly the actions
that its write classes allow, each with the classes that allow it (run on 16.28 and 22.10, and so in the source of 1.4).
So rights are read and never tried: trying an action could carry it out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from acqs_core import harmless
from acqs_core.ami.refusals import class_for
from acqs_core.ami.session import AmiMessage, Form
from acqs_core.settings import Settings

Listing = Mapping[str, frozenset[str]]
"""The actions that a user may perform, in lower case, each with the write classes of which any allows it."""

USUAL = ("Originate", "Redirect", "Hangup")
"""What a dialer queues, where nobody has chosen `allow_actions`."""

BROAD = ("command", "config", "system")
"""Classes with which a user can run programs or change the configuration: worth a word where nothing needs them."""

_PRIVILEGES = re.compile(r"\(Priv: ([^()]*)\)\s*$")


def listing_of(response: AmiMessage) -> Listing | None:
    """What a ListCommands response lists; None when it is a refusal or lists nothing."""
    found: dict[str, frozenset[str]] = {}
    for name, value in response.headers():
        classes = _PRIVILEGES.search(value)
        if classes is not None:
            found[name.lower()] = frozenset(classes[1].split(",")) - {"all", "<none>"}
    return found if response.success and found else None


def classes_of(listing: Listing) -> set[str]:
    """The write classes that a user surely has: those without which something would not be in its list."""
    return {next(iter(classes)) for classes in listing.values() if len(classes) == 1}


def queued_actions(settings: Settings, recent: Collection[str]) -> list[str]:
    """The actions that the sender must be able to perform: those it may send, else the usual and the recent ones."""
    allowed = settings.sender.allow_actions
    named = {name.lower(): name for name in (*recent, *USUAL)}
    chosen = allowed != harmless.ACTIONS and harmless.ALL not in allowed
    return sorted(allowed) if chosen else sorted(named.values())


def write_classes(actions: Collection[str], form: Form) -> list[str]:
    """The classes for a `write =` line, for the actions whose class is known."""
    return sorted({found for action in actions if (found := class_for(action, form))})
