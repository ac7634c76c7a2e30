"""Running the cases on one combination, and what came of it.

Each combination is a pytest process of its own: its parts are started afresh, and one that hangs or dies is a result
like any other instead of the end of them all.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args
from xml.etree import ElementTree

from tests.integration.variant import Asterisk, Isolation, Kind, Variant

ROOT = Path(__file__).parents[2]

LONG_UNIQUEID = "tests/integration/test_listening.py::test_a_uniqueid_wider_than_its_column_still_matches_its_hangup"

CASES = (*(f"tests/integration/test_{name}.py" for name in ("seed", "calls_end_to_end", "poison")), LONG_UNIQUEID)
"""Every kind of call and every poisoned row, as arguments of pytest: on all combinations."""

FAULTS = (
    *(f"tests/integration/test_{name}.py" for name in ("outages", "crash", "two_engines", "stops", "listening")),
    f"--deselect={LONG_UNIQUEID}",
)
"""Crashes, outages and take-overs: minutes each, so on combinations that together have every part and every kind of
table once."""

WITH_FAULTS = (
    Variant("22", "task", False, ("mysql",)),
    Variant("22", "process", False, ("myisam",)),
    Variant("16", "process", True, ("innodb",)),
)
"""Those combinations. `make test` has injected the faults into the default one."""

LONGEST = 900.0
"""Seconds after which a combination is ended and counts as failed."""

Verdict = Literal["passed", "failed", "skipped"]


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One test on one combination. `why` is empty when it passed."""

    name: str
    verdict: Verdict
    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What came of one combination."""

    variant: Variant
    cases: tuple[Case, ...]
    seconds: float
    versions: frozenset[str] = frozenset()
    """What it ran on, e.g. `Asterisk 16.28.0`."""
    broken: str = ""
    """Why the run as a whole counts as failed, whatever its cases say: it died, hung or tested nothing."""

    def count(self, verdict: Verdict) -> int:
        """How many cases ended so."""
        return sum(case.verdict == verdict for case in self.cases)

    def with_more(self, other: Result) -> Result:
        """This and what came of another run on the same combination."""
        return Result(
            self.variant, self.cases + other.cases, self.seconds + other.seconds, self.versions | other.versions,
            "; ".join(filter(None, (self.broken, other.broken))),
        )  # fmt: skip

    @property
    def good(self) -> bool:
        """Whether all was tested and all passed. A skipped case was not tested."""
        return not self.broken and bool(self.cases) and self.count("passed") == len(self.cases)


def combinations(
    asterisks: tuple[Asterisk, ...] = get_args(Asterisk),
    isolations: tuple[Isolation, ...] = get_args(Isolation),
    wires: tuple[bool, ...] = (False, True),
    kinds: tuple[Kind, ...] = get_args(Kind),
) -> Iterator[Variant]:
    """Every combination of these."""
    for asterisk, isolation, tls, kind in itertools.product(asterisks, isolations, wires, kinds):
        yield Variant(asterisk, isolation, tls, (kind,))


def has_faults(variant: Variant) -> bool:
    """Whether the faults are injected into this combination too."""
    return variant in WITH_FAULTS


def run(variant: Variant, tests: tuple[str, ...], *, longest: float = LONGEST) -> Result:
    """Run these tests, named as to pytest, on a combination; never raises for what they do."""
    parts = ("asterisk", *(("asterisk16",) if variant.asterisk == "16" else ()))
    database = "mysql" if variant.kinds == ("mysql",) else "mariadb"
    environ = {**os.environ, **variant.environ(), "ACQS_REQUIRE": ",".join((*parts, database))}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="acqs-matrix-") as directory:
        report = Path(directory) / "report.xml"
        code, output = _pytest([*tests, f"--junitxml={report}", "-q", "-p", "no:cacheprovider"], environ, longest)
        cases = read(report.read_text(), variant) if report.exists() else ()
    found = re.search(r"^lab: (.*)$", output, re.MULTILINE)
    return Result(
        variant, cases, time.monotonic() - begun,
        frozenset(found[1].split(", ")) if found else frozenset(),
        broken_by(code, cases, output, longest),
    )  # fmt: skip


def read(xml: str, variant: Variant) -> tuple[Case, ...]:
    """The cases of a JUnit report, each once: a test whose teardown failed stands there twice."""
    cases: dict[str, Case] = {}
    for element in ElementTree.fromstring(xml).iter("testcase"):
        name = _plain(element.get("name", ""), variant)
        case = Case(name, *_verdict(element))
        if name not in cases or case.verdict == "failed":
            cases[name] = case
    return tuple(cases.values())


def _verdict(element: ElementTree.Element) -> tuple[Verdict, str]:
    for tag in ("failure", "error", "skipped"):
        found = element.find(tag)
        if found is not None:
            why = " ".join((found.get("message") or tag).split())
            return ("skipped" if tag == "skipped" else "failed"), why
    return "passed", ""


def _plain(name: str, variant: Variant) -> str:
    """`test_a_call[mysql-jos\\xe9]`, as pytest writes it, is the case `a call (josé)` of every combination."""
    test, _, parameters = name.encode("latin-1").decode("unicode_escape").removesuffix("]").partition("[")
    kept = [part for part in parameters.split("-") if part and part not in variant.kinds]
    return test.removeprefix("test_").replace("_", " ") + (f" ({'-'.join(kept)})" if kept else "")


def _pytest(arguments: list[str], environ: Mapping[str, str], longest: float) -> tuple[int | None, str]:
    """Its exit code (None: it was ended after `longest` seconds) and all that it said."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=longest, text=True, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
        return None, said.decode(errors="replace") if isinstance(said, bytes) else said
    return done.returncode, done.stdout


def broken_by(code: int | None, cases: tuple[Case, ...], output: str, longest: float) -> str:
    """Why a run is no answer, from pytest's exit code (None: ended) and what its report holds; empty when it is one."""
    tail = " | ".join(line for line in output.splitlines()[-3:] if line.strip())
    if code is None:
        return f"ended after {longest:g} s: {tail}"
    if not cases or code not in (0, 1) or (code == 1 and all(case.verdict != "failed" for case in cases)):
        return f"pytest ended with code {code}: {tail}"
    return ""
