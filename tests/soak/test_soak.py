"""A soak of a few seconds, so that the long one is known to work, and its measures."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from tests.gate import only_in_all
from tests.lab.mariadb import MariaDB
from tests.soak.measure import Sample, growth
from tests.soak.report import KILLS, faults_of, page
from tests.soak.run import Report, soak

SECONDS, RATE = 15.0, 40.0


@only_in_all("half a minute of load")
@pytest.mark.timeout(300)
async def test_every_action_of_a_short_soak_is_accounted_for(mariadb_server: MariaDB) -> None:
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        report = await soak(mariadb_server, Path(folder), seconds=SECONDS, rate=RATE, seed=5, logins=False)
    assert faults_of(report) == []
    assert report.outcomes["answered"] > report.inserted * 0.8
    assert report.troubles.total() >= 1


def test_a_slope_is_found_in_the_noise_and_only_in_the_second_half() -> None:
    def at(second: int, mb: float) -> Sample:
        return Sample(second * 100, mb, 10, 5)

    warming = [at(second, 50.0 + second) for second in range(50)]
    flat = [at(second, 100.0 + second % 2) for second in range(50, 100)]
    rising = [at(second, 100.0 + second * 0.05 + second % 2) for second in range(50, 100)]
    assert growth([*warming, *flat]) == pytest.approx(0.0, abs=0.2)
    assert growth([*warming, *rising]) == pytest.approx(5.0, abs=0.2)
    assert growth([*warming, *rising], warm=5500) == pytest.approx(5.0, abs=0.5)
    assert growth([*warming, *rising], warm=9000) is None, "too little is left"
    assert growth([]) is None


def _report(inserted: int = 60_000) -> Report:
    """One in which all is well."""
    report = Report(600.0, 100.0, Counter({KILLS: 2}), inserted=inserted)
    for engine in report.engines.values():
        engine.before, engine.after = Sample(0, 80.0, 20, 10), Sample(0, 90.0, 22, 12)
        engine.samples = [Sample(number * 1000, 80.0, 20, 10) for number in range(100)]
    report.open_after, report.lives = 3, {"steady": 1, "killed": 3, "processes": 1}
    return report


def test_a_promise_that_did_not_hold_is_told_and_fails_the_run() -> None:
    assert faults_of(_report()) == []
    report = _report(inserted=53_000)
    report.open_after, report.lives = 40, {"steady": 2, "killed": 4, "processes": 2}
    report.engines["steady"].samples = [Sample(number * 1000, 80.0 + number, 20, 10) for number in range(100)]
    report.engines["killed"].samples.append(Sample(0, 250.0, 20, 10))
    report.engines["killed"].after = None
    report.engines["processes"].after = Sample(0, 90.0, 200, 150)
    report.wrong, report.held_back, report.held = ["row 7 was written 2 times"], 7_000, Counter({"killed": 200})
    told = faults_of(report)
    words = (
        "written 2 times", "7,000 were held back", "killed held back for 100 of 600 s", "memory of steady grows",
        "killed held 250 MB", "what killed holds", "processes holds 140 sockets more", "connections to Asterisk",
        "steady had 2 lives", "killed had 4 lives", "processes had 2 lives",
    )  # fmt: skip
    assert all(word in text for word, text in zip(words, told, strict=True)), told
    written = page(report, versions="one", seed=1, begun=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert all(text in written for text in told)
