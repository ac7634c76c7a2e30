"""The queue for a long time under load and random faults: `make soak`, `python -m tests.soak --help`."""
