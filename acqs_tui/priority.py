"""Calls come before their picture: the console takes what processor time the engine, the database and Asterisk leave.

On a box whose cores are all busy a console at equal rights took a quarter of a burst's rate (make bench). What the
console starts, an engine, must not stand back with it, and nobody but root can give priority back once it is given up.
So one thread keeps it, and starts what is to be started: Linux gives each thread a priority of its own.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

BEHIND = 10
"""By how much: nice 10 has a tenth of the weight of nice 0, and all of it where nobody else is waiting."""

_ahead = ThreadPoolExecutor(1, thread_name_prefix="ahead")


def step_back() -> None:
    """Let everything else go first from now on, for this thread and those that it makes."""
    _ahead.submit(int).result()  # its thread is made while there is priority to inherit
    me = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, me, os.getpriority(os.PRIO_PROCESS, me) + BEHIND)


async def ahead(start: Callable[..., T], *given: Any, **named: Any) -> T:
    """What this starts has the priority that the console itself was started with."""
    return await asyncio.get_running_loop().run_in_executor(_ahead, functools.partial(start, *given, **named))
