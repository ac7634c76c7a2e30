"""`python -m tests.faults.fuzz MINUTES`: the model and the fuzz tests again and again, each round longer than in
`make test` and with a new seed, which is printed first: `ACQS_FUZZ_SEED=n make fuzz` begins with that round again.

Exit codes: 0 nothing was found, else pytest's own of the round that found something.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
TESTS = [str(path) for path in (*sorted(HERE.glob("test_fuzz_*.py")), HERE / "test_model.py")]


def main(minutes: float) -> int:
    """Rounds until so many minutes are over, the last one cut short; the exit code."""
    until = time.monotonic() + minutes * 60
    seed = int(os.environ.get("ACQS_FUZZ_SEED") or random.randrange(2**31))
    rounds = 0
    while time.monotonic() < until:
        print(f"fuzz: round {rounds + 1}, ACQS_FUZZ_SEED={seed}", flush=True)
        environment = {**os.environ, "ACQS_FUZZ": "1", "ACQS_FUZZ_SEED": str(seed)}
        command = (sys.executable, "-m", "pytest", "-q", "-x", "--timeout=0", f"--hypothesis-seed={seed}", *TESTS)
        try:
            done = subprocess.run(command, env=environment, timeout=until - time.monotonic(), check=False)
        except subprocess.TimeoutExpired:
            print("fuzz: the time is over in the middle of this round, which had found nothing so far")
            break
        if done.returncode:
            print(f"fuzz: found with ACQS_FUZZ_SEED={seed}")
            return done.returncode
        rounds, seed = rounds + 1, seed + 1
    print(f"fuzz: {rounds} whole rounds in {minutes:g} minutes found nothing")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
