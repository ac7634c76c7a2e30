"""What every command's `--help` ends with: examples that work as they stand, and the exit codes it may end with.

The meanings of the codes stand here once; the README's table and errors.py are tested against them.
"""

from __future__ import annotations

EXIT_CODES = {
    0: "done",
    1: "failed, or a check found errors",
    2: "wrong settings, flags or action",
    3: "database",
    4: "no such row",
    5: "refused: by the row's status, or it was not confirmed",
    6: "Asterisk",
    7: "no engine to attach to",
    8: "a console without a terminal",
    130: "interrupted",
}
"""What a command's exit code means; those of errors are `AcqsError.exit_code`."""


def ending(*examples: str, codes: tuple[int, ...]) -> str:
    """The end of a command's help: its examples, without the program's name, and its codes beside 0 and 2."""
    shown = "\n".join(f"  acqs-core {example}" for example in examples)
    return f"\b\nExamples:\n{shown}\n\n{exit_codes(0, *sorted({2, *codes}))}"


def exit_codes(*codes: int) -> str:
    """These exit codes and what they mean, or all."""
    known = "\n".join(f"  {code:<4}{EXIT_CODES[code]}" for code in codes or EXIT_CODES)
    return f"\b\nExit codes:\n{known}"
