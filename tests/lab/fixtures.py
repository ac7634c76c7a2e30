"""The lab as pytest fixtures: a test names the real part it needs and gets it running, or is skipped with the reason.

In `ACQS_REQUIRE` (e.g. `mariadb,asterisk`, for CI) stand the parts that must be there: without them a test fails
instead of being skipped, so that a green run cannot be one that tested nothing. What takes too long for every day is
tested with `ACQS_ALL=1` only (`make test-all`), or when ACQS_REQUIRE names it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tests.gate import ALL
from tests.lab import chroot, debian, mariadb, mysql
from tests.lab.asterisk import Asterisk
from tests.lab.errors import LabUnavailable
from tests.lab.mariadb import MariaDB
from tests.lab.mysql import MySQL
from tests.lab.session import Lab
from tests.lab.sipp import Phones

Part = TypeVar("Part")

_VERSIONS = pytest.StashKey[list[str]]()


def obtain(name: str, make: Callable[[], Part]) -> Part:
    """The part, or the end of the test: skipped, or failed when ACQS_REQUIRE lists `name`."""
    try:
        return make()
    except LabUnavailable as reason:
        if name in _required():
            pytest.fail(f"{name} is required by ACQS_REQUIRE: {reason}", pytrace=False)
        pytest.skip(f"no {name} here: {reason}")


def asked_for(name: str) -> bool:
    """Whether this run is to test a part that is left out of the quick one, such as `mysql`."""
    return ALL or name in _required()


def _required() -> list[str]:
    return os.environ.get("ACQS_REQUIRE", "").replace(",", " ").split()


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> Iterator[Lab]:
    """The parts of this run, ended with it."""
    parts = Lab()
    try:
        yield parts
    finally:
        pytestconfig.stash[_VERSIONS] = parts.versions()
        parts.dispose()


@pytest.fixture(scope="session")
def mariadb_server(lab: Lab) -> MariaDB:
    """A running MariaDB in VICIdial's non-strict mode. Use `fresh_database()` for a database of one's own."""
    return obtain("mariadb", lab.mariadb)


@pytest.fixture(scope="session")
def mysql_server(lab: Lab) -> MySQL:
    """A running MySQL 9 in the same non-strict mode. Part `mysql` of ACQS_REQUIRE."""
    if not asked_for("mysql"):
        pytest.skip("MySQL is tested by `make test-all`")
    return obtain("mysql", lab.mysql)


@pytest.fixture(scope="session")
def asterisk(lab: Lab) -> Asterisk:
    """A running Asterisk. A test that stops it must start it again, or use `quiet_asterisk`."""
    return obtain("asterisk", lab.asterisk)


@pytest.fixture(scope="session")
def asterisk_16(lab: Lab) -> Asterisk:
    """A running Asterisk 16, for what was different then. Part `asterisk16` of ACQS_REQUIRE."""
    if not asked_for("asterisk16"):
        pytest.skip("Asterisk 16 is tested by `make test-all`")
    return obtain("asterisk16", lambda: lab.asterisk("bullseye"))


@pytest.fixture
def quiet_asterisk(lab: Lab, asterisk: Asterisk) -> Iterator[Asterisk]:
    """The running Asterisk, without a call before this test and after it; started again when a test stopped it."""
    lab.asterisk().hang_up_all()
    yield asterisk
    lab.asterisk().hang_up_all()


@pytest.fixture(scope="session")
def phones(lab: Lab) -> Phones:
    """The running SIP phones: `PJSIP/<name>` in Asterisk, with the names of sipp.SCENARIOS. Part of `asterisk`."""
    return obtain("asterisk", lab.phones)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Install and build before the first test begins, outside its time limit and with progress to be seen."""
    if session.config.option.collectonly:
        return
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    steps: dict[str, Callable[[], object]] = {
        "mariadb_server": lambda: debian.install(mariadb.NEEDED),
        "asterisk": chroot.prepare,
        "phones": lambda: debian.install(["sipp"]),
    }
    if asked_for("asterisk16"):
        steps["asterisk_16"] = lambda: chroot.prepare(suite="bullseye")
    if asked_for("mysql"):
        steps |= dict.fromkeys(("mysql_server", "own_server"), mysql.prepare)
    capture = session.config.pluginmanager.getplugin("capturemanager")
    shown = capture.global_and_fixture_disabled() if capture is not None else contextlib.nullcontext()
    with shown:
        for name, prepare in steps.items():
            if name in wanted:
                # The fixture meets the same refusal and skips or fails its test with it.
                with contextlib.suppress(LabUnavailable):
                    prepare()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which real versions this run was judged by."""
    versions = config.stash.get(_VERSIONS, [])
    if versions:
        terminalreporter.write_line(f"lab: {', '.join(versions)}")
