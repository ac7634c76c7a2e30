"""The whole queue in a model: producers, two engines, the database, Asterisk, operators, and whatever may befall them,
in any order that hypothesis thinks of; the laws of design §1 hold after every step (tests/faults/model)."""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.effort import effort
from tests.faults.model.machine import Machine

pytestmark = pytest.mark.timeout(600)


def test_the_laws_hold_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(Machine, settings=effort(30))
