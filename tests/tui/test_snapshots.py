"""Every screen as it was when somebody looked at it and was content, at both sizes, dark, light and without colours.

`ACQS_ALL=1 pytest tests/tui/test_snapshots.py --snapshot-update` takes what is there now; look at each that changed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion

from tests.gate import only_in_all
from tests.tui.pictures import Size, picture, showing
from tests.tui.ways import PAUSED, READ_ONLY, SCREENS, told

ALL = SCREENS | PAUSED | READ_ONLY

LARGE, SMALL = (160, 48), (80, 24)

THEMES = ("dark", "light", "grey")


QUICK = {(name, THEMES[number % 3], (LARGE, SMALL)[number % 2]) for number, name in enumerate(ALL)}
"""Each screen in one look. The others take two minutes."""


def looks() -> Iterator[ParameterSet]:
    """Every screen in every look."""
    for look in itertools.product(ALL, THEMES, (LARGE, SMALL)):
        late = () if look in QUICK else (only_in_all("every screen is compared in another look"),)
        yield pytest.param(*look, id=f"{look[0]}-{look[1]}-{look[2][0]}", marks=late)


@pytest.mark.parametrize(("name", "theme", "size"), looks())
async def test_a_screen_looks_as_it_was_approved(
    name: str, theme: str, size: Size, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    if theme == "grey":
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    chosen = "acqs-light" if theme == "light" else "acqs-dark"
    async with showing(size, theme=chosen, paused=name in PAUSED, read_only=name in READ_ONLY) as pilot:
        await ALL[name](pilot)
        await told(pilot)
        assert await picture(pilot) == snapshot.use_extension(SVGImageExtension)
