"""Tests: a package, so that the lab is one plugin and not a copy a folder."""
