"""`make screenshots`: the console's pictures in screenshots/, as SVG and PNG, of the scripted night (scene.py).

They are the same on every machine, so that a picture changes only when the console does. The PNG are drawn from the SVG
by rsvg-convert, which is installed where it is missing; where it cannot be only the SVG are made, and that is said.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.lab import debian
from tests.lab.errors import LabUnavailable
from tests.tui.pictures import Size, picture, showing
from tests.tui.ways import PAUSED, SCREENS, told

FOLDER = Path(__file__).parents[2] / "screenshots"

WIDE, SMALL = (160, 48), (80, 24)

PICTURES: dict[str, tuple[str, Size, str]] = {
    "console": ("main", WIDE, "acqs-dark"),
    "console-light": ("main", WIDE, "acqs-light"),
    "detail": ("detail", WIDE, "acqs-dark"),
    "inject": ("inject", WIDE, "acqs-dark"),
    "paused": ("paused", WIDE, "acqs-dark"),
    "resume": ("resume", WIDE, "acqs-dark"),
    "servers": ("servers", WIDE, "acqs-dark"),
    "80x24": ("main", SMALL, "acqs-dark"),
}
"""A picture's name: the screen, its size, its theme."""

PIXELS = {WIDE: 1600, SMALL: 1000}
"""Width of a PNG."""


async def main() -> None:
    """Make all of them."""
    FOLDER.mkdir(exist_ok=True)
    convert = await asyncio.to_thread(converter)
    for name, (screen, size, theme) in PICTURES.items():
        async with showing(size, theme=theme, paused=screen in PAUSED) as pilot:
            await (SCREENS | PAUSED)[screen](pilot)
            await told(pilot)
            drawn = await picture(pilot)
        path = FOLDER / f"{name}.svg"
        await asyncio.to_thread(path.write_text, drawn)
        if convert:
            await asyncio.to_thread(to_png, convert, path, PIXELS[size])
        print(path.relative_to(FOLDER.parent))


def converter() -> str:
    """What makes PNG of SVG; empty, and said why, where it is not to be had."""
    try:
        debian.install(["rsvg-convert"])
        return debian.program("rsvg-convert")
    except LabUnavailable as error:
        print(f"no PNG: {error}", file=sys.stderr)
        return ""


def to_png(convert: str, svg: Path, width: int) -> None:
    """Beside it."""
    subprocess.run([convert, "-w", str(width), "-o", str(svg.with_suffix(".png")), str(svg)], check=True)


if __name__ == "__main__":
    asyncio.run(main())
