"""How hard hypothesis tries: a bounded, always equal search in `make test`, a new and longer one in each round of
`make fuzz` (ACQS_FUZZ=1), which prints its seed."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

LONGER = 20
"""How many times as many examples a round of `make fuzz` tries."""

FUZZING = os.environ.get("ACQS_FUZZ") == "1"


def effort(examples: int, steps: int = 50) -> settings:
    """So many examples in `make test`, of a state machine each of so many steps."""
    return settings(
        max_examples=examples * (LONGER if FUZZING else 1),
        derandomize=not FUZZING,
        database=None,
        deadline=None,
        print_blob=FUZZING,
        # What is always the same is not made smaller: that takes minutes, and `make fuzz` does it.
        phases=list(Phase) if FUZZING else [Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        stateful_step_count=steps,
    )
