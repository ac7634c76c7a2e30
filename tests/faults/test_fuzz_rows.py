"""Whatever stands in a row, in every column at once: it is read, told of, filtered, shown and screened, it is one
action or none, and the row beside it is none the worse."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqs_core import filter as filters
from acqs_core import story
from acqs_core.action import LINE_COLUMNS, NewAction, Row, Status
from acqs_core.ami.transmission import refuse_unless_one_action
from acqs_core.control.wire import RowView, decode, encode
from acqs_core.queue import schema
from acqs_core.queue.types import Grant
from acqs_core.sender.child import blocking_time
from acqs_core.sender.screening import Screening
from acqs_core.settings import SenderSettings
from acqs_tui.records import Window
from acqs_tui.rows import SORTS, RowRecord, unpack
from tests.contract.backend import SERVER_IP, Backend
from tests.faults.effort import effort

COLUMNS = ("action", "callerid", "status", "response", "channel", "uniqueid", "entry_date", *LINE_COLUMNS)

text = st.text(st.characters(codec="utf-8"), max_size=30)
values = st.one_of(
    st.none(),
    text,
    st.binary(max_size=30),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.sampled_from(["Originate", "Hangup", "Redirect", "NEW", "QUEUE", "Y", "0000-00-00 00:00:00",
                     "9999-12-31 23:59:59", "2024-01-01T00:00:00+14:00", "Async: true", "ActionID: x", "ActionID: ",
                     "Channel: a\nAction: Logoff",
                     "Timeout: " + "9" * 900, "Timeout: ٣", "x" * 2000, "\0", "A:" * 600,
                     *(f"Variable: {(piece * 1022)[:1011]}(" for piece in ("_", ",(", "a", "a=,"))]),
)  # fmt: skip
rows = st.fixed_dictionaries(dict.fromkeys(COLUMNS, values))


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    made = Backend("sqlite", f"sqlite:///{tmp_path_factory.mktemp('rows') / 'queue.sqlite3'}")
    schema.init(made.db)
    yield made
    made.close()


@pytest.fixture(scope="module")
def grant(backend: Backend) -> Grant:
    return backend.grant()


LONGEST_JUDGED = 0.1
"""Seconds of processor that judging one row may take; it takes a few thousandths, and all other rows wait for it."""


def judge(row: Row) -> None:
    """Everything that is done with a row without writing it, and that it takes no time to speak of."""
    if _judge(row) >= LONGEST_JUDGED:
        assert _judge(row) < LONGEST_JUDGED, "twice: the first may have collected garbage"


def _judge(row: Row) -> float:
    begun = time.thread_time()
    screening = Screening(SenderSettings(expire_new_after=60))
    if screening.refusal(row, {row.callerid}) is None:
        message = screening.compose(row, "beef", True)
        refuse_unless_one_action(message.encode())
        assert blocking_time(message) >= 0
    record = filters.of_row(row, "answered")
    for term in ("x", "/x/", 'callerid:""', "age:>5", "!status:=new"):
        filters.parse(term, filters.ROW_FIELDS)(record)
    return time.thread_time() - begun


def show(views: list[RowView]) -> None:
    """What a console does with rows that come over the socket."""
    packed = decode(encode({"is": views}))["is"]
    records = unpack(packed, 1.0)
    assert [record.view.row.man_id for record in records] == [view.row.man_id for view in views]
    window: Window[RowRecord] = Window(10)
    for sort in SORTS.values():
        window.show(lambda record: "x" in record.folded or True, sort)
        window.put(records)
        assert len(window.visible()) == len(records)
    for record in records:
        for name in filters.ROW_FIELDS:
            assert isinstance(record.field(name), str)


@effort(60)
@given(given_row=rows)
def test_a_row_of_anything_is_one_action_or_none_and_its_neighbour_is_served(
    backend: Backend, grant: Grant, given_row: dict[str, Any]
) -> None:
    store = backend.store()
    backend.sql(
        f"INSERT INTO vicidial_manager (server_ip, {', '.join(COLUMNS)}) VALUES (?{', ?' * len(COLUMNS)})",
        SERVER_IP, *given_row.values(),
    )  # fmt: skip
    odd = int(backend.sql("SELECT MAX(man_id) FROM vicidial_manager")[0][0])
    good = store.insert(NewAction("Ping", "V1", ("Data: x",)))
    try:
        for row in store.by_ids([odd]):
            judge(row)
        for told in store.timelines([odd, good]):
            says = story.why(told, story.around(store, told.row))
            assert says.endswith(".")
        page = store.page(limit=10)
        show([RowView(row) for row in store.by_ids([odd, good])])
        claimed = store.claim(grant.token, 10)
        assert good in [row.man_id for row in claimed]
        assert good in [row.man_id for row in page.rows]
        store.dead_callerids({row.callerid for row in claimed})
        store.candidates({row.callerid for row in claimed})
        assert store.mark_sent(good, grant.token)
        list(store.alive()), store.unknown(0.0), store.unanswered_callerids(), list(store.waiting()), store.depth(100)
    finally:
        backend.sql("DELETE FROM vicidial_manager")


anything = st.builds(
    Row, st.integers(1, 2**31), st.text(max_size=20), st.text(max_size=20),
    st.lists(st.text(max_size=40), max_size=10).map(tuple), st.sampled_from(list(Status)), st.sampled_from("YN"),
    st.text(max_size=10), st.text(max_size=10), st.text(max_size=10), st.none() | st.datetimes(),
    st.none() | st.floats(allow_nan=False),
)  # fmt: skip


@effort(100)
@given(anything)
def test_a_row_as_the_database_may_give_it_goes_over_the_socket_unchanged(row: Row) -> None:
    judge(row)
    show([RowView(row)])
    (packed,) = decode(encode({"is": [RowView(row)]}))["is"]
    assert RowView.unpack(packed).row == row
