"""What to put into manager.conf: the two users with the least rights that the settings need, in the words of a version.

A filter in manager.conf is better than one asked for over AMI: it holds from the first event on, and a user that need
not ask for it needs no `write = system`.
"""

from __future__ import annotations

from collections.abc import Collection

from acqs_core.ami.session import Form
from acqs_core.checkup.rights import write_classes
from acqs_core.listener.calls import WANTED
from acqs_core.listener.listener import MASK


def manager_conf(send_user: str, listen_user: str, actions: Collection[str], form: Form) -> str:
    """The sections of both users; one section with the rights of both when they are one user. Secrets are left out.

    They are meant for `[listener] filter = false`. `actions` are those that are queued.
    """
    sending = write_classes(actions, form)
    listening = write_classes([form.channel_list], form)
    filters = eventfilter(form)
    if send_user == listen_user:
        return _section(listen_user, MASK, sorted({*sending, *listening}), filters)
    return _section(send_user, "", sending, []) + "\n" + _section(listen_user, MASK, listening, filters)


def eventfilter(form: Form) -> list[str]:
    """The lines that let through what the listener reads and nothing else; none where there is no eventfilter.

    Where Asterisk's version is not known they have the form that every version since 1.8 takes.
    """
    filters = form.event_filters(WANTED)
    return [
        f"eventfilter(action(include),{criteria}) = {text}" if criteria else f"eventfilter = {text}"
        for criteria, text in filters
    ]


def _section(user: str, read: str, write: list[str], more: list[str]) -> str:
    lines = (
        f"[{user or 'acqs'}]",
        "secret = …",
        "deny = 0.0.0.0/0.0.0.0",
        "permit = …",
        f"read = {read}",
        f"write = {','.join(write)}",
        *more,
    )
    return "\n".join(line.rstrip() for line in lines) + "\n"
