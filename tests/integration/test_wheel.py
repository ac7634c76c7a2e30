"""The wheel, as somebody gets it who has no checkout: installed into a clean environment and used from elsewhere.

Left to CI and `make test-all` (ACQS_ALL=1): building and installing takes half a minute.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gate import only_in_all

ROOT = Path(__file__).parents[2]

pytestmark = [
    only_in_all("builds and installs a wheel"),
    pytest.mark.timeout(600),
]


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ACQS_", "PYTHON"))}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with the wheel and what it needs, as tested (constraints.txt)."""
    here = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", here, ROOT, cwd=here)
    (wheel,) = here.glob("acqs-*.whl")
    run(sys.executable, "-m", "venv", here / "opt", cwd=here)
    run(here / "opt/bin/python", *pip[1:], "install", "-c", ROOT / "constraints.txt", wheel, cwd=here)
    return here / "opt"


def test_the_wheel_runs_the_demo_from_anywhere(prefix: Path, tmp_path: Path) -> None:
    report = json.loads(run(prefix / "bin/acqs-core", "demo", "--actions", "8", "--json", cwd=tmp_path))
    assert (report["actions"], report["as_expected"]) == (8, 8)
    assert list(tmp_path.iterdir()) == []


def test_the_wheel_brings_its_tables_along(prefix: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/queue.sqlite3"
    created = json.loads(run(prefix / "bin/acqs-core", "db", "init", "--url", url, "--json", cwd=tmp_path))["created"]
    code = "from acqs_core.queue import schema; print(sum('CREATE TABLE' in sql for sql in schema.creates()))"
    assert int(run(prefix / "bin/python", "-c", code, cwd=tmp_path)) == len(created) > 1


def test_the_wheel_brings_along_what_an_administrator_copies_to_its_place(prefix: Path) -> None:
    shared = {str(file.relative_to(ROOT / "deploy")) for file in (ROOT / "deploy").rglob("*") if file.is_file()}
    assert "systemd/acqs.service" in shared
    assert [name for name in sorted(shared) if not (prefix / "share/acqs" / name).is_file()] == []
    (licence,) = prefix.glob("lib/python*/site-packages/acqs-*.dist-info/licenses/LICENSE")
    assert "GNU GENERAL PUBLIC LICENSE" in licence.read_text()
    assert list(prefix.glob("lib/python*/site-packages/acqs_core/py.typed"))


def test_the_installed_program_says_its_version_and_its_manual(prefix: Path, tmp_path: Path) -> None:
    from acqs_core import __version__

    assert run(prefix / "bin/acqs-core", "--version", cwd=tmp_path) == f"acqs-core {__version__}\n"
    assert "Exit codes:" in run(prefix / "bin/acqs-core", "--help", cwd=tmp_path)
