"""What is on a terminal's screen now, as a person sees it: text by line, whatever came when and in which colour.

Textual moves the cursor and writes; no more of a terminal is imitated than that asks for.
"""

from __future__ import annotations

import codecs
import re

from rich.cells import get_character_cell_size

from tests.tui.terminal import PATIENCE, Terminal

_TOKEN = re.compile(
    r"\x1b\[(?P<line>\d+);(?P<column>\d+)H"
    r"|(?P<clear>\x1b\[2J)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # colours, modes: nothing that moves text
    r"|\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[^\[\]P]"
    r"|(?P<end>\r?\n)"
    r"|(?P<text>[^\x1b\r\n]+|\r)"
)


class Screen:
    """The cells of a terminal, and waiting for what they show."""

    def __init__(self, terminal: Terminal, size: tuple[int, int]) -> None:
        self._terminal = terminal
        self._width, self._height = size
        self._cells = [[" "] * self._width for _ in range(self._height)]
        self._line = self._column = 0
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._seen = 0
        self._held = ""
        self._was_put = False
        """The cursor was moved, and nothing was written since."""

    def text(self) -> str:
        """All of it, line by line."""
        self._take(self._decode.decode(bytes(self._terminal.written[self._seen :])))
        self._seen = len(self._terminal.written)
        return "\n".join("".join(line).rstrip() for line in self._cells)

    async def shows(self, *patterns: str, seconds: float = PATIENCE) -> list[re.Match[str]]:
        """Wait until each of these is on it, at the same moment; ^ and $ are a line's ends."""
        found: list[re.Match[str] | None] = []

        def all_there() -> bool:
            now = self.text()
            found[:] = [re.search(pattern, now, re.MULTILINE) for pattern in patterns]
            return None not in found

        try:
            await self._terminal.until(all_there, seconds)
        except TimeoutError:
            missing = [pattern for pattern, match in zip(patterns, found, strict=False) if match is None]
            raise AssertionError(f"{missing} did not come within {seconds:g} s:\n{self.text()}") from None
        return [match for match in found if match is not None]

    async def types_at(self, pattern: str, seconds: float = PATIENCE) -> None:
        """Wait until the focus was moved to this line: each painting ends by putting the cursor, though it is hidden,
        where the focus is, but for a focus that was there before the first."""

        def is_there() -> bool:
            lines = self.text().split("\n")
            return self._was_put and re.search(pattern, lines[min(self._line, self._height - 1)]) is not None

        try:
            await self._terminal.until(is_there, seconds)
        except TimeoutError:
            raise AssertionError(f"the focus is not at {pattern!r} after {seconds:g} s:\n{self.text()}") from None

    def _take(self, text: str) -> None:
        text, at = self._held + text, 0
        while at < len(text) and (token := _TOKEN.match(text, at)):
            at = token.end()
            self._was_put = bool(token["line"])
            if token["line"]:
                self._line, self._column = int(token["line"]) - 1, int(token["column"]) - 1
            elif token["clear"]:
                self._cells = [[" "] * self._width for _ in range(self._height)]
            elif token["end"]:
                self._line, self._column = self._line + 1, 0
            elif token["text"]:
                self._write(token["text"])
        self._held = text[at:]  # the beginning of a sequence whose end is on its way

    def _write(self, text: str) -> None:
        for character in text:
            cells = get_character_cell_size(character)
            if self._line < self._height and self._column + cells <= self._width:
                # The second cell of a wide character holds nothing of its own.
                self._cells[self._line][self._column : self._column + cells] = [character, *[""] * (cells - 1)][:cells]
            self._column += cells
