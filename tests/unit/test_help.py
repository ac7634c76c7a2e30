"""`--help` is the manual: every command has one, what it shows works, and what it says of exit codes is so."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from acqs_core import __version__, errors
from acqs_core.cli import app
from acqs_core.cli.manual import EXIT_CODES

ROOT = Path(__file__).parents[2]


def commands(of: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below this one, by its words."""
    for name, command in getattr(of, "commands", {}).items():
        below = list(commands(command, (*path, name)))
        yield from below or [((*path, name), command)]


ALL = dict(commands(typer.main.get_command(app.app)))


@pytest.fixture(scope="module", params=list(ALL), ids=" ".join)
def words(request: pytest.FixtureRequest) -> tuple[str, ...]:
    words: tuple[str, ...] = request.param
    return words


@pytest.fixture(scope="module")
def page(words: tuple[str, ...]) -> str:
    """What a person at a terminal of 80 columns reads."""
    with pytest.MonkeyPatch.context() as terminal, contextlib.redirect_stdout(io.StringIO()) as out:
        terminal.setenv("COLUMNS", "80")
        assert app.run([*words, "--help"]) == 0
    return out.getvalue()


def test_every_command_has_a_manual_that_fits_a_terminal(words: tuple[str, ...], page: str) -> None:
    paragraphs = [part for part in page.split("\n\n") if part.startswith("  ")]
    assert len(paragraphs) >= 2, "a sentence, then a description"
    assert max(len(line) for line in page.splitlines()) <= 80
    left = re.findall(r"--[\w-]+ (<[^>|]*>)", page)
    assert left == [], "an option's value has a name, not a type"


def test_every_example_is_one_that_the_command_takes(words: tuple[str, ...], page: str) -> None:
    examples = re.findall(r"^    acqs-core (.+)$", page, re.MULTILINE)
    assert examples
    for example in examples:
        given = shlex.split(example)
        assert tuple(given[: len(words)]) == words
        with ALL[words].make_context(words[-1], given[len(words) :]) as context:
            assert context.params


def test_every_exit_code_in_a_manual_means_the_same_everywhere(page: str) -> None:
    shown = re.findall(r"^    (\d+) +(.+)$", page[page.index("Exit codes:") :], re.MULTILINE)
    assert {0, 2} <= {int(code) for code, _ in shown}
    assert all(EXIT_CODES[int(code)] == meaning for code, meaning in shown)


def test_the_exit_codes_are_those_of_the_errors_and_of_the_readme() -> None:
    classes = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.AcqsError)]
    assert {error.exit_code for error in classes} <= set(EXIT_CODES)
    told = re.search(r"^Exit codes: (.+?)\.$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert told is not None
    listed = dict(part.split(" ", 1) for part in " ".join(told[1].split()).split("; "))
    assert listed == {str(code): meaning for code, meaning in EXIT_CODES.items()}


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out == f"acqs-core {__version__}\n"


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which `acqs-core` is a command."""
    program = tmp_path / "acqs-core"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m acqs_core "$@"\n')
    program.chmod(0o755)
    return os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}


def test_bash_completes_commands_and_options(installed: dict[str, str], tmp_path: Path) -> None:
    session = r"""
        eval "$(acqs-core --show-completion)"
        completes=$(complete -p acqs-core | sed 's/.*-F \([^ ]*\).*/\1/')
        ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); $completes acqs-core; echo "${COMPREPLY[*]}"; }
        ask acqs-core qu; ask acqs-core queue dis; ask acqs-core queue list --unk
    """
    script = tmp_path / "session.sh"
    script.write_text(session)
    done = subprocess.run(["bash", str(script)], env=installed, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["queue", "discard", "--unknown"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered_in_their_own_form(installed: dict[str, str], shell: str) -> None:
    asked = {"_ACQS_CORE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "acqs-core inject re"}
    asked["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    done = subprocess.run(["acqs-core"], env=installed | asked, capture_output=True, text=True, timeout=60, check=True)
    assert "redirect" in done.stdout
    assert "hangup" not in done.stdout
