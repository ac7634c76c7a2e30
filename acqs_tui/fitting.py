"""One line of parts that shorten and leave, the least important first, until it fits the terminal."""

from __future__ import annotations

import dataclasses

from rich.cells import cell_len

Span = tuple[str, str]
"""Text and its style."""

Spans = list[Span]


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A part of a line: its forms, the longest first. One whose last form is empty may be left out."""

    rank: int
    """The higher, the sooner it is shortened."""
    forms: tuple[Spans, ...]


def fit(parts: list[Part], width: int, gap: int = 2) -> Spans:
    """The parts in their order, so short that they fit `width` cells where that can be."""
    chosen = [0] * len(parts)
    while _length(parts, chosen, gap) > width:
        can = [number for number, part in enumerate(parts) if chosen[number] + 1 < len(part.forms)]
        if not can:
            break
        chosen[max(can, key=lambda number: (parts[number].rank, -chosen[number]))] += 1
    line: Spans = []
    for part, form in zip(parts, chosen, strict=True):
        if spans := part.forms[form]:
            line += [(" " * gap, ""), *spans] if line else spans
    return line


def _length(parts: list[Part], chosen: list[int], gap: int) -> int:
    lengths = [
        sum(cell_len(text) for text, _ in part.forms[form]) for part, form in zip(parts, chosen, strict=True)
    ]  # fmt: skip
    shown = [length for length in lengths if length]
    return sum(shown) + gap * max(0, len(shown) - 1)
