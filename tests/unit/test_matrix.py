"""The table of results shows what did not pass, and nothing that was not tested counts as passed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import get_args

from tests.integration.variant import Asterisk, Isolation, Variant
from tests.matrix.report import page
from tests.matrix.run import (
    CASES,
    FAULTS,
    LONG_UNIQUEID,
    ROOT,
    Case,
    Result,
    broken_by,
    combinations,
    has_faults,
    read,
    run,
)  # fmt: skip

MYSQL = Variant("16", "process", True, ("mysql",))
WHEN = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)

REPORT = r"""<testsuites><testsuite>
<testcase name="test_a_call_ends[mysql]"/>
<testcase name="test_a_name_is_matched[mysql-x|y]"><failure message="assert 1 == 2&#10;more">trace</failure></testcase>
<testcase name="test_a_name_is_matched[jos\xe9-mysql]"><skipped message="no phones here"/></testcase>
<testcase name="test_it_stops"/>
<testcase name="test_it_stops"><error message="failed on teardown">trace</error></testcase>
</testsuite></testsuites>"""


def shown(*results: Result) -> str:
    return page(results, on="a machine", begun=WHEN, minutes=17.4)


def test_a_case_has_one_name_on_every_combination_and_one_verdict() -> None:
    assert read(REPORT, MYSQL) == (
        Case("a call ends", "passed"),
        Case("a name is matched (x|y)", "failed", "assert 1 == 2 more"),
        Case("a name is matched (josé)", "skipped", "no phones here"),
        Case("it stops", "failed", "failed on teardown"),
    )


def test_all_combinations_are_two_times_two_times_two_times_three() -> None:
    variants = list(combinations())
    assert len(set(variants)) == len(variants) == 24
    assert MYSQL in variants


def test_faults_are_injected_where_every_part_and_every_kind_of_table_is_met() -> None:
    chosen = [variant for variant in combinations() if has_faults(variant)]
    assert {variant.asterisk for variant in chosen} == set(get_args(Asterisk))
    assert {variant.isolation for variant in chosen} == set(get_args(Isolation))
    assert {variant.tls for variant in chosen} == {False, True}
    assert sorted(variant.kinds for variant in chosen) == [("innodb",), ("myisam",), ("mysql",)]


def test_every_test_that_is_named_exists_and_no_combination_runs_one_twice() -> None:
    named = {part.removeprefix("--deselect=").partition("::")[::2] for part in (*CASES, *FAULTS)}
    for file, test in named:
        assert not test or f"def {test}(" in (ROOT / file).read_text()
    assert (ROOT / LONG_UNIQUEID.partition("::")[0]).is_file()
    assert LONG_UNIQUEID in CASES
    assert f"--deselect={LONG_UNIQUEID}" in FAULTS
    assert not set(CASES) & set(FAULTS)


def test_only_what_was_tested_and_passed_is_good() -> None:
    passed, skipped = Case("one", "passed"), Case("two", "skipped", "why")
    assert Result(MYSQL, (passed,), 1.0).good
    assert not Result(MYSQL, (passed, skipped), 1.0).good
    assert not Result(MYSQL, (), 1.0).good
    assert not Result(MYSQL, (passed,), 1.0, broken="ended after 900 s").good


def test_two_runs_on_one_combination_are_good_only_if_both_are() -> None:
    one, two = Result(MYSQL, (Case("one", "passed"),), 1.0), Result(MYSQL, (Case("two", "passed"),), 2.0)
    both = one.with_more(two)
    assert (both.good, both.count("passed"), both.seconds) == (True, 2, 3.0)
    assert not one.with_more(Result(MYSQL, (), 900.0, broken="ended after 900 s")).good
    assert not Result(MYSQL, (), 0.1, broken="pytest ended with code 4").with_more(two).good


def test_the_page_shows_each_failure_in_the_table_and_in_its_own_words() -> None:
    told = shown(
        Result(Variant(kinds=("innodb",)), (Case("a call ends", "passed"),), 40.4, frozenset({"Asterisk 22.10.1"})),
        Result(MYSQL, read(REPORT, MYSQL), 61.0, frozenset({"MySQL 9.7.4"})),
        Result(Variant(kinds=("mysql",)), (), 900.0, broken="ended after 900 s: it | hung"),
    )
    assert "2026-01-02 03:04 UTC, a machine" in told
    assert "Asterisk 22.10.1, MySQL 9.7.4" in told
    assert "1 of 3 combinations passed, 5 cases were run in 17 minutes" in told
    assert "| | MariaDB, InnoDB | MySQL, InnoDB |" in told
    assert "| Asterisk 22, task, plain | 1 passed, 40 s | **BROKEN**, 900 s |" in told
    assert "| Asterisk 16, process, TLS | — | **2 failed and 1 skipped** of 4, 61 s |" in told
    assert "| a call ends | 2 | 2 |  |" in told
    assert "| it stops | 1 | 0 | **1 failed** |" in told
    assert "- Asterisk 16, process, TLS, MySQL, InnoDB: it stops: failed: failed on teardown" in told
    assert r"a name is matched (x\|y): failed: assert 1 == 2 more" in told
    assert r"ended after 900 s: it \| hung" in told


def test_a_page_without_failures_has_no_chapter_of_them() -> None:
    assert "did not pass" not in shown(Result(MYSQL, (Case("a call ends", "passed"),), 1.0))


def test_a_run_that_tests_nothing_or_never_ends_is_broken(tmp_path: Path) -> None:
    assert broken_by(4, (), "ERROR: no such file", 900) == "pytest ended with code 4: ERROR: no such file"
    assert broken_by(1, (Case("one", "passed"),), "an error at the end", 900)
    assert not broken_by(1, (Case("one", "failed"),), "1 failed", 900)
    ended = run(MYSQL, (str(tmp_path),), longest=0.2)  # no interpreter has loaded pytest by then
    assert not ended.good
    assert ended.broken.startswith("ended after 0.2 s")
