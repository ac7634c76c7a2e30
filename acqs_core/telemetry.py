"""Counters of what the engine has done since it started: for its log, its status and, later, its console."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(slots=True)
class Counters:
    """Only ever raised; each by the one part that does what it counts."""

    claimed: int = 0
    """Rows taken from NEW to QUEUE."""
    sent: int = 0
    """Actions written to Asterisk."""
    answered: int = 0
    """Actions that Asterisk answered, refusals included."""
    refused: int = 0
    """Actions answered with an Error."""
    rejected: int = 0
    """Rows ended without being sent: invalid, not allowed, expired, dead call."""
    given_back: int = 0
    """Rows returned to NEW because they were certainly not written."""
    unknown: int = 0
    """Actions written whose answer did not come."""
    logins_failed: int = 0
    """Connections and logins that Asterisk did not take."""
    changes: int = 0
    """Row changes that the listener decided."""
    listener_connects: int = 0
    """Times that the listener has connected."""
