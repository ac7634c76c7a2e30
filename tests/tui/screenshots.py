"""`make screenshots`: the console's pictures in screenshots/, as SVG and PNG, of the scripted night (scene.py).

They are the same on every machine, so that a picture changes only when the console does. The PNG are drawn from the SVG
by rsvg-convert (Debian: librsvg2-bin, fonts-dejavu-core); where it is missing only the SVG are made, and that is said.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

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
    for name, (screen, size, theme) in PICTURES.items():
        async with showing(size, theme=theme, paused=screen in PAUSED) as pilot:
            await (SCREENS | PAUSED)[screen](pilot)
            await told(pilot)
            drawn = await picture(pilot)
        path = FOLDER / f"{name}.svg"
        await asyncio.to_thread(path.write_text, drawn)
        await asyncio.to_thread(to_png, path, PIXELS[size])
        print(path.relative_to(FOLDER.parent))


def to_png(svg: Path, width: int) -> None:
    """Beside it, where there is a converter."""
    converter = shutil.which("rsvg-convert")
    if converter is None:
        print(f"{svg.name}: no PNG, install librsvg2-bin and fonts-dejavu-core", file=sys.stderr)
        return
    subprocess.run([converter, "-w", str(width), "-o", str(svg.with_suffix(".png")), str(svg)], check=True)


if __name__ == "__main__":
    asyncio.run(main())
