"""The console's own two themes: quiet, so that what needs somebody stands out."""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

from acqs_core.errors import SettingsError

MUTED = "$foreground 60%"
"""What matters less, in Content: there $text-muted would be plain white."""

DARK = Theme(
    name="acqs-dark",
    primary="#5aa9e6",
    secondary="#b48ef0",
    accent="#48c9d8",
    warning="#f2b84b",
    error="#ff6b6b",
    success="#62d26f",
    foreground="#d9e0e8",
    background="#0d1117",
    surface="#11161d",
    panel="#1a222c",
    dark=True,
)

LIGHT = Theme(
    name="acqs-light",
    primary="#1f6fb2",
    secondary="#6b3fb5",
    accent="#0c7c8c",
    warning="#9a6200",
    error="#c02626",
    success="#1d7f33",
    foreground="#1c2733",
    background="#f4f6f8",
    surface="#ffffff",
    panel="#e4e9ee",
    dark=False,
)

THEMES = (DARK, LIGHT)


def demand(name: str) -> None:
    """Refuse a theme that there is not. Raises SettingsError."""
    known = [theme.name for theme in THEMES] + sorted(BUILTIN_THEMES)
    if name not in known:
        raise SettingsError(f"console.theme: no theme is called {name!r}; there are: {', '.join(known)}")
