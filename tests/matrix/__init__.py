"""The end-to-end cases on every combination of real parts, one run of pytest each, as one table of results."""
