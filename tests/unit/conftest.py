"""What the tests of the simulator say at their end: what their comparison with Asterisk leaves out."""

from __future__ import annotations

import pytest

from tests.simulated import coverage


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, [])]
    if any("test_simulator_traces" in getattr(one, "nodeid", "") for one in reports):
        terminalreporter.section("the simulator beside Asterisk")
        for line in coverage.lines():
            terminalreporter.write_line(line)
