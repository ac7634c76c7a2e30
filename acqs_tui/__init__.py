"""The terminal operations console: a Textual app over a running engine, seen through its control socket."""

import os

os.environ.setdefault("TEXTUAL_FPS", "120")  # before Textual is imported: what a key changed waits half as long
