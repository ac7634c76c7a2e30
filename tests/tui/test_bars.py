"""The lines above the panes: what they say, and what they leave out where a terminal is narrow."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from rich.cells import cell_len

from acqs_tui.bars import clock, flow_parts, in_words, row_parts, status_parts
from acqs_tui.fitting import Part, Spans, fit
from acqs_tui.rates import Growth, Quantiles, Rate, sparkline

NOW = dt.datetime(2026, 3, 1, 3, 0, 0).timestamp()


def status(**given: Any) -> dict[str, Any]:
    """What a healthy engine says."""
    told: dict[str, Any] = {
        "state": "RUNNING",
        "ready": True,
        "up": {"database": True, "asterisk": True},
        "database": "db.example:3306/asterisk",
        "asterisk": {"version": "22.10.1", "banner": "Asterisk Call Manager/11.0.0", "since": NOW - 3600},
        "holders": {"sender": "box:4711:abc", "listener": "box:4711:abc"},
        "paused": False,
        "pause": None,
        "trouble": [],
        "warnings": [],
        "unknown": 0,
        "depth": {"counts": {"NEW": 3, "DEAD": 1001}, "oldest_new_age": 4.0},
        "latencies": {"claim_to_sent": {"bounds": [0.1, 1.0], "counts": [0, 0, 0]}},
    }
    return told | given


def text(spans: Spans) -> str:
    return "".join(span for span, _ in spans)


def line(told: dict[str, Any], width: int, *, problem: str = "", how: str = "ATTACHED") -> str:
    return text(fit(status_parts(told, {"profile": "acqs"}, "10.0.0.5", problem, how, [], NOW), width))


def test_a_wide_status_line_tells_all() -> None:
    assert line(status(), 160) == (
        " ● RUNNING  10.0.0.5  acqs  ATTACHED  ✓ database db.example:3306/asterisk  "
        "✓ Asterisk 22.10.1 since 02:00:00  lease box:4711"
    )


def test_a_narrow_one_leaves_out_what_matters_least() -> None:
    assert line(status(), 80) == " ● RUNNING  10.0.0.5  ATTACHED  ✓ database db.example:3306/asterisk  ✓ Asterisk"
    assert line(status(), 60) == " ● RUNNING  10.0.0.5  ATTACHED  ✓ database  ✓ Asterisk"


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_every_line_fits(width: int) -> None:
    counts = dict.fromkeys(("NEW", "QUEUE", "SENT", "UPDATED", "DEAD"), 1001)
    busy = status(depth={"counts": counts, "oldest_new_age": 86400.0}, unknown=1001)
    rate = Rate()
    for second in range(70):
        rate.tell(second, second * 12345)
    lines = (
        status_parts(busy, {"profile": "acqs"}, "10.0.0.5", "", "ATTACHED", [], NOW),
        row_parts(busy, True) if width >= 80 else [],
        flow_parts(busy, rate, rate, Quantiles(), "loading 99,000…"),
    )
    assert all(cell_len(text(fit(parts, width - 1))) < width for parts in lines)


def test_what_is_away_says_so_and_who_stands_by_says_who_serves() -> None:
    away = status(ready=False, up={"database": False, "asterisk": False}, asterisk=None, trouble=["gone: \x1b[2J"])
    assert "✕ away: database db.example:3306/asterisk  ✕ away: Asterisk" in line(away, 160)
    assert in_words(away, NOW) == "gone: \\x1b[2J"
    two = status(state="STANDBY", holders={"sender": "one:1:a", "listener": "two:2:b"})
    assert line(two, 160).endswith("lease sender one:1, listener two:2")
    assert line(status(holders={"sender": ""}), 160).endswith("lease nobody's")


def test_without_an_engine_nothing_is_said_of_one() -> None:
    assert line(status(), 160, problem="gone", how="ATTACHED READ-ONLY") == (
        " ✕ NO ENGINE  10.0.0.5  acqs  ATTACHED  READ-ONLY"
    )


def test_a_pause_is_told_with_who_when_and_why() -> None:
    at = dt.datetime.fromtimestamp(NOW - 125, dt.UTC).isoformat()
    paused = status(state="PAUSED", paused=True, pause={"actor": "ann", "at": at, "reason": "dead\nline"})
    assert in_words(paused, NOW) == "sending is paused by ann since 02:57:55 (2m): dead\\nline"
    assert in_words(status(paused=True), NOW) == "sending is paused"
    assert in_words(status(), NOW) == ""
    assert in_words(status(warnings=["few rights"]), NOW) == "few rights"


def test_the_oldest_new_row_alarms_when_it_is_old_and_when_it_only_rises() -> None:
    assert text(fit(row_parts(status(), False), 120)).endswith("? unknown 0  oldest NEW 4s")
    assert text(fit(row_parts(status(), True), 120)).endswith("oldest NEW ▲ 4s rising")
    old = status(depth={"counts": {}, "oldest_new_age": 31.0})
    assert text(fit(row_parts(old, False), 120)).endswith("oldest NEW ▲ 31s")
    assert "✕ DEAD 1000+" in text(fit(row_parts(status(), False), 120))


def test_an_age_that_falls_does_not_grow() -> None:
    growth = Growth()
    for second in range(12):
        growth.tell(second, 3.0 + second)
    assert growth.grows
    growth.tell(12, 1.0)
    assert not growth.grows
    for second in range(13, 40):
        growth.tell(second, 2.0)
    assert not growth.grows, "rows come and go, and the oldest is always as old"


def test_a_rate_begins_anew_with_another_engine() -> None:
    rate = Rate()
    for second, total in enumerate((0, 10, 30, 5, 6)):
        rate.tell(float(second), total)
    assert list(rate.points) == [10, 20, 1]
    assert sparkline(rate.points, 5) == "  ▅█▁"
    assert sparkline([0.0, 0.0], 2) == "▁▁"


def test_latencies_are_those_of_the_last_half_minute() -> None:
    took = Quantiles()
    assert took.quantile(0.5, [0.1, 1.0]) is None
    took.tell(0, [0, 0, 0])
    took.tell(1, [99, 0, 1])
    assert (took.quantile(0.5, [0.1, 1.0]), took.quantile(0.995, [0.1, 1.0])) == (0.1, float("inf"))
    took.tell(40, [99, 0, 1])
    took.tell(80, [99, 2, 1])
    assert took.quantile(0.99, [0.1, 1.0]) == 1.0


def test_the_least_important_part_is_shortened_first_and_equals_by_turns() -> None:
    parts = [Part(1, ([("aaaa", "")], [("a", "")])), Part(2, ([("bbbb", "")], [("bb", "")], [])),
             Part(2, ([("cccc", "")], [("cc", "")], []))]  # fmt: skip
    assert [text(fit(parts, width)) for width in (16, 14, 12, 9, 4, 1)] == [
        "aaaa  bbbb  cccc", "aaaa  bb  cccc", "aaaa  bb  cc", "aaaa  cc", "aaaa", "a",
    ]  # fmt: skip


def test_a_time_of_another_day_has_its_day() -> None:
    assert (clock(NOW - 60, NOW), clock(NOW - 86400, NOW)) == ("02:59:00", "2026-02-28 03:00")
