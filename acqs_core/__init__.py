"""ACQS core: the headless queue engine. Importing this package loads nothing else, so `--help` stays fast."""

__version__ = "0.1.0"
