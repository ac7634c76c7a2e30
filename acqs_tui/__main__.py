"""`acqs-tui` and `python -m acqs_tui`."""

from __future__ import annotations

import sys

from acqs_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
