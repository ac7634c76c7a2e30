"""Figures on real parts, each beside a yardstick measured in the same run: `python -m tests.bench [name…]`."""
