"""The central table as one object: what senders, listeners, producers and operators ask of it, a module for each."""

from __future__ import annotations

from acqs_core.queue.backlog import Backlogs
from acqs_core.queue.claim import Claims
from acqs_core.queue.deliver import Deliveries
from acqs_core.queue.overview import Overview
from acqs_core.queue.produce import Production
from acqs_core.queue.purge import Purging


class Store(Claims, Deliveries, Production, Backlogs, Overview, Purging):
    """The rows of one server_ip, with `serve_blank` also those whose server_ip is ''. Thread-safe; every call may block
    for a few seconds and raises QueueUnavailable, SchemaMissing or QueueError besides what it says itself.

    claim.py, deliver.py: the sender's guarded steps. settle.py: batches of transitions, outcomes and journal lines.
    produce.py, operate.py, backlog.py: producers and operators. browse.py, overview.py: reads. purge.py: housekeeping.
    """
