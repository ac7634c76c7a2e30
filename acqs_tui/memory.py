"""How seldom Python looks for reference cycles while 100,000 rows are held.

One look at all objects stops the console for 0.3 s with so many (measured, Python 3.11), and they came several times a
second before a crowd. Rows and events are in no cycle and go by themselves; what is closed, a screen, is.
"""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 5_000, 3, 200
"""New objects before a look at them; how many such looks before one at what outlived them; how many of those before
one at all. The middle one, at 15,000 objects, takes some milliseconds."""


def look_seldom() -> None:
    """From now on, in this process."""
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def keep() -> None:
    """Never look again at what is held now: a page of rows that has come."""
    gc.freeze()
