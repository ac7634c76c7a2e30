"""The terminal operations console: a Textual app over a running engine, seen through its control socket."""
