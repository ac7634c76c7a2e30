"""The systemd unit against systemd's own judgement, and against what the program really does."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import annotated_types
import pytest

from acqs_core import notify
from acqs_core.errors import SettingsError
from acqs_core.settings import SenderSettings

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
EXPOSURE = 15
"""The worst that `systemd-analyze security` may say, in tenths: 0 is a sandbox that can do nothing, 100 none at all."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture
def service() -> configparser.SectionProxy:
    """The [Service] section; of settings that are given twice, the last."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(SYSTEMD / "acqs.service")
    return unit["Service"]


def analyze(*arguments: str) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = (SYSTEMD / "acqs.service").read_text()
    here = tmp_path / "acqs.service"
    here.write_text(unit.replace("/opt/acqs/bin/acqs-core", sys.executable))
    assert analyze("verify", "--man=no", str(here)) == ""


@needs_systemd
def test_the_unit_is_as_closed_as_the_readme_says() -> None:
    analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(SYSTEMD / "acqs.service"))


def test_the_unit_gives_the_program_what_it_may_need(service: configparser.SectionProxy) -> None:
    sessions = SenderSettings.model_fields["max_sessions"].metadata
    most = next(int(limit.le) for limit in sessions if isinstance(limit, annotated_types.Le))  # type: ignore[call-overload]
    assert int(service["LimitNOFILE"]) > 2 * most, "a socket to Asterisk and one to its process"
    assert int(service["TasksMax"]) > most, "a process for each session"
    assert float(service["TimeoutStartSec"]) > notify.START_PATIENCE
    assert float(service["WatchdogSec"]) >= notify.STUCK_AFTER, "no lawful database job takes longer"
    assert service["RestartPreventExitStatus"] == str(SettingsError.exit_code)
