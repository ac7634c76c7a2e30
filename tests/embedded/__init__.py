"""Whole programs on embedded parts: SQLite, the simulated Asterisk, and nothing installed."""
