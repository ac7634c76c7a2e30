"""`python -m tests.matrix`: the end-to-end cases on every combination of real parts; the results in docs/matrix.md.

Options name fewer combinations, for a person who mends one of them; the page is then printed and no file is touched.
Exit codes: 0 all passed, 1 something did not pass or was skipped.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime as dt
import functools
import sys
from pathlib import Path
from typing import get_args

from tests.integration.variant import Asterisk, Isolation, Kind, Variant
from tests.matrix import report
from tests.matrix.run import CASES, FAULTS, ROOT, Result, combinations, has_faults, run

PAGE = ROOT / "docs/matrix.md"


def main() -> int:
    """Run what was asked for, all by default; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description="End-to-end cases on real parts.")
    parser.add_argument("--asterisk", choices=get_args(Asterisk), action="append")
    parser.add_argument("--isolation", choices=get_args(Isolation), action="append")
    parser.add_argument("--wire", choices=("plain", "tls"), action="append")
    parser.add_argument("--database", choices=get_args(Kind), action="append")
    parser.add_argument("--no-faults", action="store_true", help="leave out crashes, outages and take-overs")
    parser.add_argument("--jobs", type=int, default=2, help="combinations at a time; they mostly wait (default: 2)")
    parser.add_argument("--out", type=Path, help=f"where the page goes (default: {PAGE.relative_to(ROOT)})")
    asked = parser.parse_args()
    some = any((asked.asterisk, asked.isolation, asked.wire, asked.database, asked.no_faults))
    variants = list(combinations(
        tuple(asked.asterisk or get_args(Asterisk)), tuple(asked.isolation or get_args(Isolation)),
        tuple(wire == "tls" for wire in asked.wire or ("plain", "tls")), tuple(asked.database or get_args(Kind)),
    ))  # fmt: skip
    begun = dt.datetime.now(dt.UTC)
    say(f"{len(variants)} combinations, {asked.jobs} at a time ...")
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        results = list(pool.map(functools.partial(_tried, CASES), variants))
    if not asked.no_faults:
        # Crashes are told from slowness by the clock, so nothing else runs beside them.
        results = [
            result.with_more(_tried(FAULTS, result.variant)) if has_faults(result.variant) else result
            for result in results
        ]
    page = report.page(results, on=report.machine(), begun=begun, minutes=_minutes_since(begun))
    out = asked.out or (None if some else PAGE)
    if out is None:
        print(page, end="")
    else:
        report.write(out, page)
        say(f"written: {out}")
    return 0 if all(result.good for result in results) else 1


def _tried(tests: tuple[str, ...], variant: Variant) -> Result:
    result = run(variant, tests)
    counts = [f"{result.count(verdict)} {verdict}" for verdict in ("passed", "failed", "skipped")]
    faults = " (crashes and outages)" if tests is FAULTS else ""
    say(f"{report.named(variant)}{faults}: {', '.join(counts)} in {result.seconds:.0f} s {result.broken}".rstrip())
    return result


def _minutes_since(begun: dt.datetime) -> float:
    return (dt.datetime.now(dt.UTC) - begun).total_seconds() / 60


def say(text: str) -> None:
    """One line of progress on stderr, at once."""
    print(f"matrix: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
