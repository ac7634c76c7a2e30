"""`asterisk check` against a real Asterisk, with users of different rights, while calls are made."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from acqs_core.checkup.checkup import Report, check
from acqs_core.settings import Settings
from tests.integration.headless import ROOT
from tests.lab.asterisk import Asterisk

LISTEN = 1.5
"""Seconds: long enough for the calls that a test makes when the listening has begun."""


def settings(asterisk: Asterisk, *, send: str, listen: str, **more: Any) -> Settings:
    users = {
        "host": "127.0.0.1", "port": asterisk.ami_port,
        "send_username": send, "send_secret": asterisk.secret(send),
        "listen_username": listen, "listen_secret": asterisk.secret(listen),
    }  # fmt: skip
    return Settings.model_validate({"asterisk": users, **more})


def calls(asterisk: Asterisk) -> Callable[[float, int], None]:
    """Makes calls as soon as the check listens."""
    made: list[str] = []

    def on_progress(_seconds: float, _events: int) -> None:
        if not made:
            with asterisk.connect() as admin:
                for _ in range(4):
                    made.append(admin.originate("Local/600@default", "610")["Response"])

    return on_progress


def levels(report: Report) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for finding in report.findings:
        found.setdefault(finding.level, set()).add(finding.subject)
    return found


async def test_users_with_the_rights_they_need_have_no_errors_and_a_filter_spares_most_events(
    quiet_asterisk: Asterisk,
) -> None:
    report = await check(
        settings(quiet_asterisk, send="acqs_send", listen="admin"), seconds=LISTEN, on_progress=calls(quiet_asterisk)
    )
    assert "error" not in levels(report), report.findings
    assert report.version.startswith(quiet_asterisk.version.split("+")[0].split("~")[0])
    assert report.traffic is not None
    assert report.traffic.everything is not None
    asked, everything = report.traffic.asked, report.traffic.everything
    assert asked.wanted == everything.wanted > 20
    assert not asked.unwanted_names
    assert everything.events > 2 * asked.events


async def test_what_manager_conf_filters_already_is_noticed(quiet_asterisk: Asterisk) -> None:
    report = await check(
        settings(quiet_asterisk, send="acqs_send", listen="acqs_listen"), seconds=LISTEN,
        on_progress=calls(quiet_asterisk),
    )  # fmt: skip
    assert "error" not in levels(report), report.findings
    assert any("eventfilter of manager.conf does its work" in finding.says for finding in report.findings)


async def test_every_missing_right_is_named_with_the_class_that_gives_it(asterisk: Asterisk) -> None:
    report = await check(
        settings(asterisk, send="call_only", listen="call_only", sender={"allow_actions": ["Originate", "Hangup"]}),
        seconds=0,
    )
    told = {(finding.level, finding.subject): finding for finding in report.findings}
    assert told["error", "sender's rights"].says.startswith("call_only may not perform Originate:")
    assert "add originate to write = in [call_only]" in told["error", "sender's rights"].mend
    assert "CoreShowChannels" in told["error", "listener's rights"].says
    warned = [one.says for one in report.findings if one.level == "warning"]
    assert any("Filter" in says for says in warned)
    assert any("FullyBooted" in says for says in warned)


async def test_the_advised_lines_make_users_with_whom_all_is_well(quiet_asterisk: Asterisk) -> None:
    await _advice_serves(quiet_asterisk)


async def test_the_advised_lines_serve_an_asterisk_16_as_well(asterisk_16: Asterisk) -> None:
    try:
        await _advice_serves(asterisk_16)
    finally:
        asterisk_16.hang_up_all()


async def _advice_serves(asterisk: Asterisk) -> None:
    """Pasted into manager.conf it gives two users without a needless right, and the listener only what it reads."""
    report = await check(settings(asterisk, send="acqs_send", listen="admin"), seconds=0)
    ours = report.manager_conf.replace("[acqs_send]", "[fresh_send]").replace("[admin]", "[fresh_listen]")
    ours = ours.replace("secret = …", "secret = test").replace("permit = …", "permit = 127.0.0.1/255.255.255.255")
    conf = asterisk.directory / "etc/manager.conf"
    before = conf.read_text()
    try:
        conf.write_text(f"{before}\n{ours}")
        asterisk.cli("manager reload")
        users = {
            "port": asterisk.ami_port, "send_username": "fresh_send", "send_secret": "test",
            "listen_username": "fresh_listen", "listen_secret": "test",
        }  # fmt: skip
        fresh = Settings.model_validate({"asterisk": users, "listener": {"filter": False}})
        again = await check(fresh, seconds=LISTEN, manager_conf=conf, on_progress=calls(asterisk))
    finally:
        conf.write_text(before)
        asterisk.cli("manager reload")
    assert levels(again).keys() == {"ok"}, again.findings
    assert again.traffic is not None
    assert again.traffic.asked.wanted == again.traffic.asked.events > 20


@pytest.mark.parametrize(
    ("extra", "code", "subject"),
    [
        ({}, 0, ""),
        ({"ACQS_ASTERISK__SEND_SECRET": "not-the-one"}, 1, "sender's login"),
        ({"ACQS_ASTERISK__PORT": "1"}, 1, "connection"),
    ],
)
def test_the_command_ends_with_1_when_something_is_wrong_and_prints_no_secret(
    asterisk: Asterisk, extra: dict[str, str], code: int, subject: str
) -> None:
    environment = {
        "ACQS_QUEUE__URL": "mysql://acqs@127.0.0.1:1/none", "ACQS_ASTERISK__PORT": str(asterisk.ami_port),
        "ACQS_ASTERISK__SEND_USERNAME": "acqs_send", "ACQS_ASTERISK__SEND_SECRET": asterisk.secret("acqs_send"),
        "ACQS_ASTERISK__LISTEN_USERNAME": "acqs_listen",
        "ACQS_ASTERISK__LISTEN_SECRET": asterisk.secret("acqs_listen"), **extra,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "acqs_core", "asterisk", "check", "--seconds", "0", "--json"],
        env=environment, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    report = json.loads(done.stdout)
    errors = [one["subject"] for one in report["findings"] if one["level"] == "error"]
    assert (done.returncode, errors) == (code, [subject] if subject else [])
    assert not any(environment[name] in done.stdout + done.stderr for name in environment if "SECRET" in name)
