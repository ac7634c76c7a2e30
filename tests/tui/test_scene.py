"""The scripted night holds together: whoever looks closely at a picture finds nothing that cannot be."""

from __future__ import annotations

import datetime as dt

import pytest

from acqs_core.action import MAX_CALLERID, Status
from acqs_core.control.wire import RowView
from acqs_tui.events import EventRecord
from acqs_tui.related import ids_of
from acqs_tui.rows import RowRecord
from tests.tui import scene
from tests.tui.pictures import plain


def entered(view: RowView) -> float:
    """When the row was inserted, a time of day in seconds."""
    return scene.BEGAN.timestamp() + scene.NOW - (view.row.age or 0.0)


@pytest.mark.parametrize("paused", [False, True])
def test_every_step_and_event_of_a_row_comes_after_its_insertion_and_before_the_picture(paused: bool) -> None:
    views, now = scene.rows(scene.STOPPED if paused else scene.KINDS), scene.BEGAN + dt.timedelta(seconds=scene.NOW)
    events = [EventRecord(number, at, raw.decode()) for number, (at, raw) in enumerate(scene.events(views))]
    found = 0
    for view in views:
        assert len(view.row.callerid) <= MAX_CALLERID
        at = [entry.at for entry in scene.journal(view) if entry.at is not None]
        assert at == sorted(at)
        assert all(one <= now for one in at)
        ids = ids_of(RowRecord(view, 0.0), "")
        own = [event for event in events if event.field("uniqueid") in ids]
        assert all(entered(view) < event.at <= now.timestamp() for event in own)
        found += len(own)
    assert found == len(events) > 20


def test_nothing_was_sent_since_the_queue_was_paused() -> None:
    for view in scene.rows(scene.STOPPED):
        waits = (view.row.age or 0.0) < scene.PAUSED
        assert (view.row.status is Status.NEW) is waits


def test_only_a_call_ends_as_dead_by_itself_and_what_is_answered_stays_sent() -> None:
    for view in scene.rows():
        if view.row.action in ("Hangup", "Command", "Monitor") and view.outcome is None:
            assert (view.row.status, view.row.response) == (Status.SENT, "Y")


def test_backgrounds_of_a_picture_touch_without_a_seam() -> None:
    assert "rect:not([rx]) { shape-rendering: crispEdges }" in plain("<svg><style>\n</style></svg>")
