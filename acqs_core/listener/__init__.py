"""The listener hears what Asterisk says and decides what it makes of each row."""
