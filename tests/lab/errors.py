"""The one way in which the lab says that a machine cannot have a part, so that a test is skipped with its reason."""

from __future__ import annotations


class LabUnavailable(Exception):
    """A part cannot be had here; the text says what is missing and how to mend it."""
