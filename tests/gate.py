"""What takes too long for `make test` and is left to `make test-all`, which sets ACQS_ALL=1; CI runs some of it by name
(.ci/run)."""

from __future__ import annotations

import os

import pytest

ALL = os.environ.get("ACQS_ALL") == "1"


def only_in_all(why: str) -> pytest.MarkDecorator:
    """Marks a test, or a parameter of one; `why` says what is slow or what else covers it."""
    return pytest.mark.skipif(not ALL, reason=f"{why}; not in `make test`")
