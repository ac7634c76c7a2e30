"""A figure is judged by what was promised of it, a run fails when it is not kept, and the page shows it."""

from __future__ import annotations

import datetime as dt
import json
import sys

import pytest

from tests.bench import __main__ as bench
from tests.bench.figure import Figure, figure
from tests.bench.page import page
from tests.bench.promises import FIGURES

WHEN = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)


def made(bench: str, value: float, yardstick: float) -> Figure:
    return figure(bench, "ms", [value], [yardstick], load=0.1, asterisk="22.10.1")


@pytest.mark.parametrize(
    ("bench", "value", "yardstick", "kept"),
    [
        ("help", 0.39, 0.02, True),
        ("help", 0.4, 0.02, False),
        ("latency", 33, 3, True),
        ("latency", 33.1, 3, False),
        ("faults_p99", 15, 10, True),
        ("faults_p99", 15.1, 10, False),
        ("burst", 250, 1000, True),
        ("burst", 240, 1000, False),
        ("burst", 140, 500, True),  # bare sockets are slow here: 148/s is promised where they are not
        ("burst", 120, 500, False),
        ("listening_stalled_lost", 0, 5000, True),
        ("listening_stalled_lost", 1, 5000, False),
        ("child_pss", 5, 14, None),
    ],
)
def test_a_promise_is_kept_or_not_and_nothing_between(
    bench: str, value: float, yardstick: float, kept: bool | None
) -> None:
    told = json.loads(made(bench, value, yardstick).line())
    assert told["kept"] is kept
    assert bool(told["promised"]) == (kept is not None)


def test_four_times_the_original_is_promised_where_bare_sockets_reach_1000_a_second() -> None:
    (share, number) = FIGURES["burst"].promises
    assert not number.is_kept(147, 1000)
    assert number.is_kept(148, 1000)
    assert number.is_kept(10, 999)
    assert str(number) == ">= 148 where yardstick >= 1000"
    assert str(share) == ">= 0.25 x yardstick"


def test_noise_is_allowed_for_in_either_direction_and_only_when_asked() -> None:
    assert made("help", 0.6, 0.02).is_kept(0.6)
    assert not made("help", 0.7, 0.02).is_kept(0.6)
    assert made("burst", 151, 1000).is_kept(0.6)
    assert not made("burst", 149, 1000).is_kept(0.6)
    assert not made("listening_stalled_lost", 1, 5000).is_kept(0.6)


def test_a_run_with_a_missed_promise_fails_and_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = made("latency", 12, 3), made("console_key_p99", 63, 20)
    assert bench.judge([good, made("child_pss", 5, 14)]) == 0
    assert capsys.readouterr().err == ""
    assert bench.judge([good, bad]) == 1
    said = capsys.readouterr().err
    assert "missed: console_key_p99 is 63 ms, promised is < 50" in said
    assert "latency" not in said


def test_the_page_has_a_line_for_each_figure_and_says_what_was_missed() -> None:
    figures = [made("latency", 12, 3), made("console_key_p99", 63, 20), made("child_pss", 5, 14)]
    told = page(figures, on="a machine", begun=WHEN)
    assert "2026-01-02 03:04 UTC, a machine" in told
    assert "asterisk 22.10.1" in told
    assert "1 of 2 promises kept" in told
    rows = [line.split(" | ") for line in told.splitlines() if line.startswith("| `")]
    assert [(row[0], row[2], row[4], row[5], row[6]) for row in rows] == [
        ("| `latency`", "12 ms", "4", "<= 30 over yardstick", "yes"),
        ("| `console_key_p99`", "63 ms", "3.15", "< 50", "**no**"),
        ("| `child_pss`", "5 ms", "0.3571", "", ""),
    ]


@pytest.mark.parametrize("arguments", [["--page", "help"], ["nonsense"]])
def test_a_page_of_less_than_all_and_an_unknown_bench_are_refused(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == 2
