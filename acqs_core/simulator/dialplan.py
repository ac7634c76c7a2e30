"""The dialplan and the phones, as data: which number does what, so that a test or a demo knows how a call must end."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

Steps = tuple[tuple[str, str], ...]
"""Applications with their data, by priority from 1: `(("Answer", ""), ("Wait", "3"))`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Phone:
    """How a PJSIP phone behaves. Times are in seconds from the moment it is called, hang-up from its answer."""

    ring: float | None = None
    answer: float | None = None
    progress: float | None = None
    """When it sends early media (183)."""
    hangup: float | None = None
    refuse: tuple[float, int, int] | None = None
    """When it refuses, the Q.850 cause and the SIP status."""


class Dialplan:
    """Extensions by context and number (or pattern, as in `_91NXXNXXXXXX`), and phones by their PJSIP name."""

    def __init__(self, extensions: Mapping[tuple[str, str], Steps], phones: Mapping[str, Phone] | None = None) -> None:
        self._exact = {key: steps for key, steps in extensions.items() if not key[1].startswith("_")}
        self._patterns = [
            (context, _compile(exten), steps) for (context, exten), steps in extensions.items() if exten.startswith("_")
        ]
        self.extensions = dict(extensions)
        self.phones = dict(phones or {})

    def steps(self, context: str, exten: str) -> Steps:
        """What runs there; empty when the extension does not exist."""
        found = self._exact.get((context, exten))
        if found is not None:
            return found
        for where, pattern, steps in self._patterns:
            if where == context and pattern.fullmatch(exten):
                return steps
        return ()

    def step(self, context: str, exten: str, priority: int) -> tuple[str, str] | None:
        """The application and data of one priority, None past the end."""
        steps = self.steps(context, exten)
        return steps[priority - 1] if 0 < priority <= len(steps) else None


_SIGNS = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}


def _compile(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\[[^\]]*\]|.", pattern[1:])
    return re.compile("".join(_SIGNS.get(part.upper(), part if part[0] == "[" else re.escape(part)) for part in parts))


def _plan(text: str) -> Steps:
    """`Answer; Wait 3; Hangup` as steps."""
    parts = (step.strip().partition(" ") for step in text.split(";"))
    return tuple((application, data) for application, _, data in parts)


def standard(
    more: Mapping[tuple[str, str], Steps] | None = None, phones: Mapping[str, Phone] | None = None
) -> Dialplan:
    """The numbers and phones of the recorded streams, and the demo's (seed step 1: 8600011@demo, 91 and ten digits).

    `more` extensions and `phones` of one's own are added, or take the place of those of their name.
    """
    default = {
        "600": "Ringing; Wait 1; Answer; Wait 5",
        "601": "Answer; Wait 30",
        "602": "Ringing; Wait 60",
        "603": "Ringing; Wait 1; Busy 2",
        "604": "Congestion 2",
        "607": "Answer; Wait 20",
        "609": "Answer; Dial PJSIP/slow,20,tTK",
        "610": "Answer; Wait 3; Hangup",
        "615": "Answer; Dial PJSIP/ans,20,tT",
        "617": "Dial Local/620@default/n,20",
        "618": "Answer; Dial Local/620@default/n,20",
        "620": "Answer; Milliwatt",
        "630": "Answer; Hangup",
        "_91NXXNXXXXXX": "Answer; Wait 1; Hangup",
    }
    extensions = {("default", exten): _plan(text) for exten, text in default.items()}
    extensions["demo", "8600011"] = _plan("Ringing; Wait 0.2; Answer; Wait 2; Hangup")
    refusing_number = Phone(refuse=(0.05, 1, 404))
    known = {
        "ans": Phone(ring=0.1, answer=0.6),
        "slow": Phone(ring=0.1, answer=0.6),
        "early": Phone(progress=0.1, answer=0.6),
        "hup": Phone(ring=0.1, answer=0.6, hangup=1.0),
        "ring": Phone(ring=0.1),
        "busy": Phone(ring=0.1, refuse=(0.4, 17, 486)),
        "cong": Phone(refuse=(0.05, 34, 503)),
        "unal": refusing_number,
        "unalloc": refusing_number,
        "nobody": Phone(),
    }
    return Dialplan(extensions | dict(more or {}), known | dict(phones or {}))
