"""`simulate` as a person uses it who has no Asterisk: started, called, ended with Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acqs_core.cli import app
from tests.lab.client import AmiClient

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


@contextlib.contextmanager
def simulating(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`acqs-core simulate` on a free port. Ended with SIGINT unless the test did so."""
    command = [sys.executable, "-m", "acqs_core", "simulate", "--port", "0", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, text=True, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def logged(process: subprocess.Popen[str]) -> list[str]:
    """What its log said until its end, which comes with SIGINT."""
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    return [json.loads(line)["message"] for line in errors.splitlines()]


def test_it_says_where_and_how_to_log_in_takes_calls_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    with simulating(tmp_path, "--json", "--speed", "20", "--user", "dialer") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["numbers"]["Local/600@default"] == "Ringing, Wait 1, Answer, Wait 5"
        assert told["phones"]["PJSIP/busy"] == "rings after 0.1 s, refuses after 0.4 s (cause 17, SIP 486)"
        with AmiClient(told["port"], "dialer", told["secret"], events="call") as client:
            client.write("Originate", "mine", Channel="Local/610@default/n", Application="Wait", Data="1", Async="true")
            assert next(frame for frame in client.incoming if frame.event == "OriginateResponse")["Reason"] == "4"
        lines = logged(process)
    assert "Originate mine Channel=Local/610@default/n Application=Wait Data=1" in lines
    assert told["secret"] not in str(lines)


def test_a_secret_of_ones_own_is_read_from_a_file_and_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("open sesame\n")
    (tmp_path / "secret").chmod(0o600)
    with simulating(tmp_path, "--json", "--secret-file", "secret", "--flood", "500", "--write", "call") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "sesame" not in first
        with AmiClient(json.loads(first)["port"], "acqs", "open sesame", events="dialplan") as client:
            assert next(client.incoming).event in ("Newexten", "VarSet")
            assert client.originate("Local/610@default")["Message"] == "Permission denied"
        assert "sesame" not in str(logged(process))


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [(0o600, "", "is empty"), (0o644, "s\n", "chmod o="), (None, "", "cannot be read")],
)
def test_a_secret_file_that_will_not_do_is_refused_with_what_to_do(
    tmp_path: Path, mode: int | None, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "secret"
    if mode is not None:
        path.write_text(text)
        path.chmod(mode)
    assert app.run(["simulate", "--secret-file", str(path)]) == 2
    assert said in capsys.readouterr().err


def test_a_port_in_use_is_refused_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert app.run(["simulate", "--port", port]) == 2
    assert capsys.readouterr().err == (
        f"acqs-core: cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "end what listens there, or choose another --port or --host\n"
    )


def test_a_class_that_does_not_exist_is_refused_with_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["simulate", "--write", "originate,calls"]) == 2
    assert "--write: there is no class calls; the classes are system, call, log" in capsys.readouterr().err
