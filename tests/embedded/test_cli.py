"""The command line as a person and a program use it, on SQLite."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from acqs_core.cli import app, queue


@dataclasses.dataclass(frozen=True)
class Result:
    """What one command said, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs acqs-core in an empty directory, with a queue of its own in SQLite."""
    for name in [name for name in os.environ if name.startswith("ACQS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ACQS_QUEUE__URL", f"sqlite:///{tmp_path}/queue.sqlite3")
    monkeypatch.setenv("ACQS_SERVER_IP", "10.1.1.1")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **extra: str) -> Result:
        with monkeypatch.context() as patch:
            for name, value in extra.items():
                patch.setenv(name, value)
            code = app.run(list(arguments))
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    assert run("db", "init").returncode == 0
    return run


def told(result: Result) -> Any:
    """What a program reads: stdout is one JSON document, and nothing else."""
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_an_injected_call_is_a_new_row_as_a_producer_would_write_it(run: Run) -> None:
    made = told(run("inject", "call", "PJSIP/100", "--exten", "600", "--callerid", "T1", "--json"))
    (row,) = told(run("queue", "list", "--json"))
    assert made["man_id"] == row["man_id"]
    assert (row["status"], row["response"], row["server_ip"], row["action"], row["callerid"]) == (
        "NEW", "N", "10.1.1.1", "Originate", "T1")  # fmt: skip
    assert row["lines"][:4] == ["Channel: PJSIP/100", "Context: default", "Exten: 600", "Priority: 1"]
    assert told(run("queue", "counts", "--json"))["NEW"] == {"count": 1, "capped": False}


@pytest.mark.parametrize(
    ("arguments", "action", "line"),
    [
        (("redirect", "PJSIP/1-0", "--exten", "610"), "Redirect", "Exten: 610"),
        (("hangup", "acqs-7", "--cause", "16"), "Hangup", "Cause: 16"),
        (("command", "core show channels"), "Command", "Command: core show channels"),
        (("raw", "UserEvent", "UserEvent: Test", "Key: value"), "UserEvent", "Key: value"),
        (("call", "Local/1@x", "--application", "Playback", "--data", "beep"), "Originate", "Application: Playback"),
    ],
)
def test_every_template_can_be_injected(run: Run, arguments: tuple[str, ...], action: str, line: str) -> None:
    told(run("inject", *arguments, "--json"))
    (row,) = told(run("queue", "list", "--json"))
    assert row["action"] == action
    assert line in row["lines"]


def test_a_discarded_row_is_dead_and_says_who_did_it(run: Run) -> None:
    man_id = told(run("inject", "command", "core show uptime", "--json"))["man_id"]
    told(run("queue", "discard", str(man_id), "--json", SUDO_USER="margaret"))
    shown = told(run("queue", "show", str(man_id), "--json"))
    assert (shown["status"], shown["outcome"]["outcome"]) == ("DEAD", "discarded")
    assert "margaret" in [entry["actor"] for entry in shown["journal"]]
    again = run("queue", "discard", str(man_id))
    assert again.returncode == 5
    assert "DEAD" in again.stderr


def test_a_retried_row_ends_and_its_copy_is_new(run: Run) -> None:
    old = told(run("inject", "call", "PJSIP/100", "--exten", "600", "--json"))["man_id"]
    new = told(run("queue", "retry", str(old), "--json"))["man_id"]
    rows = {row["man_id"]: row for row in told(run("queue", "list", "--json"))}
    assert (rows[old]["status"], rows[new]["status"]) == ("DEAD", "NEW")
    assert rows[old]["lines"] == rows[new]["lines"]


def test_a_pause_stays_and_a_resume_says_what_waits(run: Run) -> None:
    assert told(run("pause", "maintenance", "--json"))["paused"] is True
    told(run("inject", "command", "core show uptime", "--json"))
    resumed = told(run("resume", "--json"))
    assert (resumed["paused"], resumed["backlog"]) == (False, 1)


def test_a_resume_can_discard_what_is_stale_and_can_only_show_it(run: Run) -> None:
    run("pause")
    man_id = told(run("inject", "command", "core show uptime", "--json"))["man_id"]
    shown = told(run("resume", "--dry-run", "--json"))
    assert (shown["paused"], shown["ages"]["under 1 min"], shown["discarded"]) == (True, 1, 0)
    assert told(run("resume", "--discard-older-than", "3600", "--json"))["discarded"] == 0
    time.sleep(1.1)  # entry_date counts whole seconds
    resumed = told(run("resume", "--discard-older-than", "0", "--json"))
    assert (resumed["paused"], resumed["discarded"]) == (False, 1)
    assert told(run("queue", "show", str(man_id), "--json"))["outcome"]["outcome"] == "discarded"


def test_numbers_out_of_all_reason_are_refused_as_wrong_usage(run: Run) -> None:
    assert run("queue", "purge", "--older-than", "1e300", "--yes").returncode == 2
    assert run("queue", "list", "--before", "-5").returncode == 2
    assert run("inject", "call", "PJSIP/1", "--exten", "6", "--timeout", "nan").returncode == 2


def test_a_purge_asks_first_and_deletes_only_final_rows(run: Run) -> None:
    man_id = told(run("inject", "command", "core show uptime", "--json"))["man_id"]
    told(run("inject", "command", "core show version", "--json"))
    told(run("queue", "discard", str(man_id), "--json"))
    assert run("queue", "purge", "--older-than", "0").returncode == 5
    assert told(run("queue", "purge", "--older-than", "0", "--yes", "--json"))["deleted"] == 1
    assert [row["status"] for row in told(run("queue", "list", "--json"))] == ["NEW"]


def test_a_filter_looks_through_older_rows_until_it_has_found_enough(run: Run) -> None:
    for number in range(6):
        run("inject", "call", f"PJSIP/10{number}", "--exten", "600", "--callerid", f"V{number % 2}")
    listed = told(run("queue", "list", "--filter", "callerid:=v1 !pjsip/105", "--limit", "2", "--json"))
    assert [row["man_id"] for row in listed] == [4, 2]
    assert told(run("queue", "list", "--unknown", "--filter", "V1", "--json")) == []
    wrong = run("queue", "list", "--filter", "calerid:V1")
    assert (wrong.returncode, "did you mean callerid:?" in wrong.stderr) == (2, True)


def test_unknown_outcomes_are_listed_page_by_page_as_all_rows_are(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PAGE", 2)
    with closing(sqlite3.connect(tmp_path / "queue.sqlite3")) as plain, plain:
        plain.executemany(
            "INSERT INTO vicidial_manager (entry_date, status, response, server_ip, action, callerid) "
            "VALUES ('2026-01-01 00:00:00', ?, ?, '10.1.1.1', 'Ping', ?)",
            [("SENT", "N", "V1")] * 3 + [("SENT", "Y", "V1"), ("DEAD", "N", "V1")] + [("SENT", "N", "V2")] * 4,
        )

    def listed(*arguments: str) -> list[int]:
        return [row["man_id"] for row in told(run("queue", "list", "--unknown", *arguments, "--json"))]

    assert listed() == [9, 8, 7, 6, 3, 2, 1]
    assert listed("--before", "8", "--limit", "3") == [7, 6, 3]
    assert listed("--status", "sent") == listed()
    assert listed("--filter", "callerid:=V1") == [3, 2, 1]
    assert listed("--filter", "callerid:=V1 outcome:unknown", "--before", "3", "--limit", "1") == [2]
    refused = run("queue", "list", "--unknown", "--status", "dead", "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "only SENT rows have an unknown outcome" in " ".join(refused.stderr.split())


def test_tables_for_people_show_text_from_rows_without_letting_it_drive_the_terminal(run: Run) -> None:
    told(run("inject", "raw", "UserEvent", "UserEvent: x", "--callerid", "\x1b[2Jgone", "--json"))
    listed = run("queue", "list")
    assert listed.returncode == 0
    assert "\x1b" not in listed.stdout
    assert r"\x1b[2Jgone" in listed.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("queue", "show", "99"), 4, "99"),
        (("inject", "call", "PJSIP/1"), 2, "--exten"),
        (("inject", "raw", "Ping", "Key: one\r\nAction: Hangup"), 2, "CR, LF or NUL"),
        (("inject", "call"), 2, "CHANNEL"),
        (("queue", "list", "--status", "GONE"), 2, "GONE"),
        (("run", "--config", "missing.toml"), 2, "missing.toml"),
        (("run", "--url", "sqlite:///nothing-in-it.sqlite3"), 3, "db init"),
        (("queue", "counts", "--url", "mysql://nobody@127.0.0.1:9/none"), 3, "127.0.0.1:9"),
        (("queue", "counts", "--url", "mysql://u@h/db?password=x"), 2, "leave them out"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_bad_input_is_one_clear_sentence_with_its_exit_code(
    run: Run, arguments: tuple[str, ...], code: int, says: str
) -> None:
    result = run(*arguments)
    assert result.returncode == code, result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_metrics_port_that_another_has_keeps_the_daemon_from_starting(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run("run", ACQS_METRICS__PORT=str(port))
    assert result.returncode == 2
    assert f"[metrics] 127.0.0.1:{port} cannot be served" in result.stderr
    assert "Traceback" not in result.stderr


def test_db_check_says_what_is_missing_and_fails(tmp_path: Path, run: Run) -> None:
    result = run("db", "check", "--json", "--url", f"sqlite:///{tmp_path}/empty.sqlite3")
    assert result.returncode == 1
    errors = [finding for finding in json.loads(result.stdout) if finding["level"] == "error"]
    assert any(finding["subject"] == "vicidial_manager" and "db init" in finding["mend"] for finding in errors)


def test_the_demo_ends_every_action_as_the_simulated_dialplan_says(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acqs_core", "demo", "--actions", "20", "--json"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    assert result.returncode == 0, result
    report = json.loads(result.stdout)
    assert (report["actions"], report["as_expected"]) == (20, 20)
    assert sum(report["by_status"].values()) == sum(report["outcomes"].values()) == 20
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]


@pytest.mark.parametrize(
    ("program", "never"),
    [("acqs_core.engine", ("textual", "rich")), ("acqs_tui.app", ("sqlalchemy", "panoramisk", "acqs_core.engine"))],
    ids=["a daemon draws nothing", "a console sends nothing"],
)
def test_a_program_loads_nothing_of_the_other(program: str, never: tuple[str, ...]) -> None:
    code = f"import sys, {program}; print([m for m in {never} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"


def test_without_an_engine_status_and_events_say_how_to_start_one(run: Run, tmp_path: Path) -> None:
    for command in ("status", "events"):
        told = run(command, ACQS_CONTROL__FOLDER=str(tmp_path))
        assert told.returncode == 7
        assert "no engine that serves 10.1.1.1 can be reached here: start one with acqs-core run" in told.stderr
